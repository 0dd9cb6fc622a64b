#!/usr/bin/env bash
# Builds the programs and measures whole backups by the size of chunks.
#
#   tests/benchmark/chunk_study/run.sh [ARGUMENT of whole_study.py]...
#
# Wants nothing else to run, and free disk for four times the files.
set -euo pipefail
here="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source tests/phases.sh

bazel build --disk_cache="$DISK_CACHE" -- \
  //client/cli:cairn //services/cairnd //tests/harness:py_proto >&2
bin="$(bazel info bazel-bin 2>/dev/null)"
root="$PWD"
export PYTHONPATH="$root/tests/harness:$root/tests/benchmark:$bin/tests/harness"
export PYTHONDONTWRITEBYTECODE=1
cd "$here"
# Debian's gRPC for Python belongs to Debian's Python.
exec /usr/bin/python3 "$root/tests/benchmark/chunk_study/whole_study.py" \
  --binaries="$bin" "$@"
