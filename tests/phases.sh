# Shared by run.sh and soak.sh: timed phases, and bazel test with a summary.
# Sourced, with `set -euo pipefail`, in the top folder of the tree.

# The cache outlives the clone, which makes a build in a fresh one fast.
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
readonly DISK_CACHE="$HOME/.cache/cairn-bazel"
readonly DISK_CACHE_DAYS=14

# phase NAME COMMAND...: runs the command and prints how long it took. The
# first command that fails ends the script with its exit code.
phase() {
  local name="$1" start="$SECONDS" code=0
  shift
  echo "=== $name"
  "$@" || code=$?
  local verdict=ok
  ((code == 0)) || verdict="FAILED (exit code $code)"
  echo "=== $name: $verdict, $((SECONDS - start)) s"
  ((code == 0)) || exit "$code"
}

# Every clang-formatted file that git tracks and that is still there.
source_files() {
  local file
  git -c safe.directory="$PWD" ls-files -- '*.cc' '*.h' |
    while IFS= read -r file; do
      if [[ -f "$file" ]]; then echo "$file"; fi
    done
}

# Prints the files whose layout is not what .clang-format says.
check_format() {
  local files bad
  files="$(source_files)"
  if [[ -z "$files" ]]; then
    echo "no C++ files"
    return 0
  fi
  bad="$(xargs -r -d '\n' -n 20 -P "$(nproc)" sh -c '
    for file; do
      clang-format-14 --dry-run -Werror "$file" 2>/dev/null || echo "$file"
    done' sh <<<"$files" | sort)"
  if [[ -n "$bad" ]]; then
    echo "not formatted; run clang-format-14 -i on:"
    echo "$bad"
    return 1
  fi
  echo "$(wc -l <<<"$files") files are formatted"
}

# Entries that no build has used lately; losing one costs its rebuild.
trim_disk_cache() {
  if [[ -d "$DISK_CACHE" ]]; then
    find "$DISK_CACHE" -type f -mtime "+$DISK_CACHE_DAYS" -delete || true
  fi
}

# bazel_test ARGUMENTS...: bazel test, then how many tests ran.
bazel_test() {
  local events code=0
  events="$(mktemp)"
  bazel test --disk_cache="$DISK_CACHE" \
    --build_event_json_file="$events" \
    ${CAIRN_TEST_SEED:+"--test_env=CAIRN_TEST_SEED=$CAIRN_TEST_SEED"} \
    "$@" || code=$?
  python3 tests/count_tests.py "$events" || code=$((code ? code : 1))
  rm -f "$events"
  return "$code"
}
