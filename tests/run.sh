#!/usr/bin/env bash
# The check that people and CI run: packages, format, house rules, build, tests.
#
#   tests/run.sh [--config=asan|tsan] [BAZEL ARGUMENT or TARGET]...
#
# Without a target: all of them, except tests tagged `soak` or `manual`.
# CAIRN_TEST_SEED=N repeats randomised tests with a seed that one printed.
# Exits with 0 only if every phase passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/phases.sh

main() {
  local arguments=() targets=()
  for argument in "$@"; do
    case "$argument" in
      -*) arguments+=("$argument") ;;
      *) targets+=("$argument") ;;
    esac
  done
  ((${#targets[@]})) || targets=(//...)

  phase packages bash deploy/install_packages.sh all
  phase format check_format
  phase tidy python3 tests/tidy/tidy_test.py
  phase tests bazel_test "${arguments[@]}" -- "${targets[@]}"
  phase cache trim_disk_cache
  echo "all phases passed, $SECONDS s"
}

main "$@"
