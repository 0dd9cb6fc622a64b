#!/usr/bin/env bash
# Builds the programs and compares them with restic, borg and casync.
#
#   tests/benchmark/compare.sh [ARGUMENT of compare.py]...
#
# A try: --size=64 --rounds=1. Wants nothing else to run and 12 GiB of disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/phases.sh
source tests/benchmark/programs.sh

bash deploy/install_packages.sh benchmark >&2 ||
  echo "$0: goes on without the tools that could not be installed" >&2
PROGRAMS+=(//tests/benchmark:stage_benchmark)
measure tests/benchmark/compare.py "$@"
