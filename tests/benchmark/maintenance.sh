#!/usr/bin/env bash
# Builds the programs and measures the figures of maintenance.
#
#   tests/benchmark/maintenance.sh [ARGUMENT of maintenance.py]...
#
# Wants nothing else to run, 25 GiB of disk and 8 GiB of free memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/phases.sh
source tests/benchmark/programs.sh

bash deploy/install_packages.sh benchmark >&2 ||
  echo "$0: goes on without the tools that could not be installed" >&2
PROGRAMS+=(//tests/benchmark:stage_benchmark //tests/benchmark:fill_index)
measure tests/benchmark/maintenance.py "$@"
