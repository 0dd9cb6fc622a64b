#!/usr/bin/env bash
# Many runs of the simulator, side by side on all cores.
#
#   tests/simulator/simulator.sh [SEEDS [FIRST_SEED]]
#
# Default: a million from 1. Prints what each part of them did, and stops with
# the trace of the first seed that something is wrong in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/phases.sh

readonly SEEDS="${1:-1000000}" FIRST="${2:-1}"
# Seeds of one process: the end of a part is the sign that it goes on.
readonly PART=1000

main() {
  if [[ ! "$SEEDS" =~ ^[1-9][0-9]{0,9}$ || ! "$FIRST" =~ ^[1-9][0-9]{0,9}$ ]]
  then
    echo "SEEDS and FIRST_SEED are numbers above 0" >&2
    exit 2
  fi
  bazel build --disk_cache="$DISK_CACHE" //tests/simulator
  local binary
  binary="$(bazel info bazel-bin)/tests/simulator/simulator"
  local end=$((FIRST + SEEDS)) first
  for ((first = FIRST; first < end; first += PART)); do
    local left=$((end - first))
    echo "--first-seed=$first --seeds=$((left < PART ? left : PART))"
  done | xargs -P "$(nproc)" -L 1 sh -c '"$0" "$@" || exit 255' "$binary"
}

main
