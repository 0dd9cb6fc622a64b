#!/usr/bin/env bash
# Builds the programs and measures whole backups and restores.
#
#   tests/benchmark/run.sh [ARGUMENT of end_to_end.py]...
#
# Wants nothing else to run, 12 GiB of free disk and 6 GiB of free memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/phases.sh

readonly TARGETS=(
  //client/cli:cairn
  //services/cairnd
  //services/chunk_storage
  //services/index
  //services/ingest
  //services/maintenance
  //tests/harness:py_proto
)

bazel build --disk_cache="$DISK_CACHE" -- "${TARGETS[@]}" >&2
bin="$(bazel info bazel-bin 2>/dev/null)"
export PYTHONPATH="tests/harness:$bin/tests/harness" PYTHONDONTWRITEBYTECODE=1
# Debian's gRPC for Python belongs to Debian's Python.
exec /usr/bin/python3 tests/benchmark/end_to_end.py --binaries="$bin" "$@"
