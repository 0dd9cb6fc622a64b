#!/usr/bin/env bash
# Long tests: the targets tagged `soak`, with CAIRN_SOAK=1, one at a time.
#
#   tests/soak.sh [--runs=N] [--config=asan|tsan] [BAZEL ARGUMENT or TARGET]...
#
#   --runs=N   runs each target N times (default 1). Every run draws its own
#              seed and prints it; CAIRN_TEST_SEED=N repeats one.
#
# Without a target: all that are tagged, and then every mutation of
# tests/fault/mutations. //tests/model:exhaustive, which is tagged, searches the
# large configurations of the protocol's models and takes up to 12 GiB of
# memory. A run that passed is never taken from the cache. Exits with 0 only if
# something ran and all of it passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/phases.sh

readonly TIMEOUT_SECONDS=14400

main() {
  local arguments=() targets=() runs=1
  while (($#)); do
    case "$1" in
      --runs=*) runs="${1#--runs=}" ;;
      --runs)
        runs="${2:-}"
        shift
        ;;
      -*) arguments+=("$1") ;;
      *) targets+=("$1") ;;
    esac
    shift || true
  done
  if [[ ! "$runs" =~ ^[1-9][0-9]{0,5}$ ]]; then
    echo "--runs is '$runs', allowed is 1 to 999999" >&2
    exit 2
  fi

  phase packages bash deploy/install_packages.sh all
  local everything=0
  if ((${#targets[@]} == 0)); then
    everything=1
    mapfile -t targets < <(bazel query --noshow_progress \
      'attr(tags, "[\[ ]soak[,\]]", tests(//...))')
  fi
  if ((${#targets[@]} == 0)); then
    echo "no target is tagged soak" >&2
    exit 1
  fi
  phase soak bazel_test --test_tag_filters= --test_env=CAIRN_SOAK=1 \
    --runs_per_test="$runs" --nocache_test_results --local_test_jobs=1 \
    --test_timeout="$TIMEOUT_SECONDS" "${arguments[@]}" -- "${targets[@]}"
  if ((everything)); then phase mutations bash tests/fault/mutate.sh; fi
  echo "all phases passed, $SECONDS s"
}

main "$@"
