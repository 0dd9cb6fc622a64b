#!/usr/bin/env bash
# Builds the programs and compares them with restic, borg and casync.
#
#   tests/benchmark/compare.sh [ARGUMENT of compare.py]...
#
# A try: --size=64 --rounds=1. Wants nothing else to run and 12 GiB of disk.
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
  //tests/benchmark:stage_benchmark
  //tests/harness:py_proto
)

bash deploy/install_packages.sh benchmark >&2 ||
  echo "$0: goes on without the tools that could not be installed" >&2
bazel build --disk_cache="$DISK_CACHE" -- "${TARGETS[@]}" >&2
bin="$(bazel info bazel-bin 2>/dev/null)"
export PYTHONPATH="tests/harness:$bin/tests/harness" PYTHONDONTWRITEBYTECODE=1
# Debian's gRPC for Python belongs to Debian's Python.
exec /usr/bin/python3 tests/benchmark/compare.py --binaries="$bin" "$@"
