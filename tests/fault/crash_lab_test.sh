#!/usr/bin/env bash
# One slice, or with CAIRN_SOAK=1 the whole, of the crash lab.
#   crash_lab_test.sh SLICE SOAK ARGUMENT...
# SLICE and SOAK are numbers of faults; the rest goes to crash_lab.py.
set -euo pipefail

slice="$1" soak="$2"
shift 2
runs="$slice"
if [[ "${CAIRN_SOAK:-0}" == 1 ]]; then runs="$soak"; fi

# Debian's gRPC for Python belongs to Debian's Python.
# mkfs and its like are there, which a test's PATH may lack.
export PATH="$PATH:/usr/sbin:/sbin"
export PYTHONPATH="tests/harness:${PYTHONPATH:-}"
exec /usr/bin/python3 tests/fault/crash_lab.py --binaries=. --runs="$runs" "$@"
