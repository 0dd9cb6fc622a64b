#!/usr/bin/env bash
# Builds the programs and measures whole backups and restores.
#
#   tests/benchmark/run.sh [ARGUMENT of end_to_end.py]...
#
# Wants nothing else to run, 12 GiB of free disk and 6 GiB of free memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/phases.sh
source tests/benchmark/programs.sh

measure tests/benchmark/end_to_end.py "$@"
