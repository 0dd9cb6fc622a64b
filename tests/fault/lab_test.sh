#!/usr/bin/env bash
# One slice, or with CAIRN_SOAK=1 the whole, of a lab of this folder.
#   lab_test.sh LAB OPTION SLICE SOAK ARGUMENT...
# OPTION of LAB takes SLICE, or SOAK; the rest goes to LAB as it is.
set -euo pipefail

lab="$1" option="$2" amount="$3"
if [[ "${CAIRN_SOAK:-0}" == 1 ]]; then amount="$4"; fi
shift 4

exec tests/harness/run_python.sh "tests/fault/$lab" --binaries=. \
  "$option=$amount" "$@"
