#!/usr/bin/env bash
# Takes out one sync, pin or fence at a time; the tests must go red.
#
#   tests/fault/mutate.sh [PATCH]...       default: all of mutations/
#
# A patch starts with the tests that must fail, and with what it takes out:
#
#   # red: //services/index/engine:publish_test
#   # out: the sync of the publish batch
#
# The tree is copied; first all named tests must pass there, then each patch
# is applied alone and each of its tests must fail (not fail to build). Prints
# a table, and exits with 0 only if every line of it says red.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/phases.sh

readonly TREE="$PWD"
# Outside of the copy, so that it lives as long as this run.
WORK="$(mktemp -d "${TMPDIR:-/tmp}/cairn-mutate-XXXXXX")"
readonly WORK

clean_up() {
  (cd "$WORK/tree" 2>/dev/null &&
    bazel --output_base="$WORK/bazel" shutdown) >/dev/null 2>&1 || true
  chmod -R u+w "$WORK" 2>/dev/null || true
  rm -rf "$WORK"
}
trap clean_up EXIT

# header NAME PATCH: the text behind "# NAME: " at the top of the patch.
header() {
  sed -n "/^[^#]/q; s/^# $1: *//p" "$2"
}

copy_tree() {
  mkdir "$WORK/tree"
  git -c safe.directory="$TREE" ls-files -z --cached --others \
    --exclude-standard |
    while IFS= read -r -d '' file; do
      if [[ -e "$file" ]]; then printf '%s\0' "$file"; fi
    done | tar --null -T - -c | tar -C "$WORK/tree" -x
}

# run_tests LOG TARGET...: bazel's exit code; 0 all passed, 3 some failed.
run_tests() {
  local log="$1" code=0
  shift
  (cd "$WORK/tree" &&
    bazel --output_base="$WORK/bazel" test --disk_cache="$DISK_CACHE" \
      --test_tag_filters= --test_summary=short --test_output=errors \
      --keep_going -- "$@") >"$log" 2>&1 || code=$?
  return "$code"
}

# Which of the targets did not fail, or "".
still_green() {
  local log="$1" target
  shift
  for target in "$@"; do
    grep -Eq "^${target//./\\.} +(FAILED|TIMEOUT)" "$log" || echo "$target"
  done
}

check_patch() {
  local patch="$1" log="$WORK/log" code=0 verdict=red start="$SECONDS"
  local targets green
  read -r -a targets <<<"$(header red "$patch")"
  if ! (cd "$WORK/tree" && patch -s -p1 --no-backup-if-mismatch) \
    <"$patch" >"$log" 2>&1; then
    verdict="DOES NOT APPLY"
  else
    run_tests "$log" "${targets[@]}" || code=$?
    green="$(still_green "$log" "${targets[@]}")"
    if ((code != 3)); then
      verdict="NOT RED (bazel exit code $code)"
    elif [[ -n "$green" ]]; then
      verdict="GREEN: ${green//$'\n'/ }"
    fi
    (cd "$WORK/tree" && patch -s -R -p1 --no-backup-if-mismatch) <"$patch"
  fi
  printf '%-40s | %-50s | %s, %d s\n' "$(basename "$patch" .patch)" \
    "$(header out "$patch")" "$verdict" "$((SECONDS - start))"
  if [[ "$verdict" != red ]]; then
    tail -n 40 "$log"
    return 1
  fi
}

main() {
  local patches=("$@") patch bad=0 all=()
  if ((${#patches[@]} == 0)); then
    patches=("$TREE"/tests/fault/mutations/*.patch)
  fi
  for patch in "${patches[@]}"; do
    if [[ -z "$(header red "$patch")" ]]; then
      echo "$patch: does not start with '# red: TARGET...'" >&2
      exit 2
    fi
    read -r -a targets <<<"$(header red "$patch")"
    all+=("${targets[@]}")
  done
  mapfile -t all < <(printf '%s\n' "${all[@]}" | sort -u)
  copy_tree
  echo "without a patch: ${#all[@]} targets"
  if ! run_tests "$WORK/log" "${all[@]}"; then
    tail -n 60 "$WORK/log"
    echo "not green without a patch" >&2
    exit 1
  fi
  for patch in "${patches[@]}"; do
    check_patch "$(realpath "$patch")" || bad=$((bad + 1))
  done
  echo "$((${#patches[@]} - bad)) of ${#patches[@]} mutations turn the tests red"
  ((bad == 0))
}

main "$@"
