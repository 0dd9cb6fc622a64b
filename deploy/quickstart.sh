#!/usr/bin/env bash
# From nothing to a proven restore: installs what the build needs, builds,
# starts cairnd, backs a directory up twice, restores it and compares.
#
#   deploy/quickstart.sh [DIRECTORY]            default: /usr/share/doc
#
# Everything it writes, the data directory too, is below
# $CAIRN_QUICKSTART_DIR (default: a new folder in /tmp, removed at the end;
# a folder that you name is kept). CAIRN_QUICKSTART_BINARIES=DIR skips the
# build and takes `cairn` and `cairnd` from there.
# Exits with 0 only if the restored tree is the one that was backed up, and
# the second backup stored less than 2 % of what the first did.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly SOURCE="$(realpath "${1:-/usr/share/doc}")"
readonly MOST_PERCENT=2

export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
readonly DISK_CACHE="$HOME/.cache/cairn-bazel"

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
fail() {
  printf '\nquickstart: %s\n' "$*" >&2
  exit 1
}

WORK=""
CAIRND_PID=""

stop_cairnd() {
  if [[ -n "$CAIRND_PID" ]]; then
    kill -TERM "$CAIRND_PID" 2>/dev/null || true
    wait "$CAIRND_PID" 2>/dev/null || true
    CAIRND_PID=""
  fi
}

clean_up() {
  local code=$?
  stop_cairnd
  if ((code != 0)) && [[ -f "$WORK/cairnd.log" ]]; then
    echo "--- the last lines of cairnd's log:" >&2
    tail -n 20 "$WORK/cairnd.log" >&2
  fi
  if [[ -n "$WORK" && -z "${CAIRN_QUICKSTART_DIR:-}" ]]; then
    rm -rf "$WORK"
  fi
  exit "$code"
}

make_work_directory() {
  if [[ -n "${CAIRN_QUICKSTART_DIR:-}" ]]; then
    mkdir -p "$CAIRN_QUICKSTART_DIR"
    WORK="$(realpath "$CAIRN_QUICKSTART_DIR")"
    [[ -z "$(ls -A "$WORK")" ]] ||
      fail "$WORK is not empty; name a new folder in CAIRN_QUICKSTART_DIR"
  else
    WORK="$(mktemp -d /tmp/cairn-quickstart.XXXXXX)"
  fi
  chmod 700 "$WORK"
}

# Sets CAIRN and CAIRND.
build() {
  if [[ -n "${CAIRN_QUICKSTART_BINARIES:-}" ]]; then
    CAIRN="$(realpath "$CAIRN_QUICKSTART_BINARIES/cairn")"
    CAIRND="$(realpath "$CAIRN_QUICKSTART_BINARIES/cairnd")"
    return
  fi
  say "installing the packages that the build needs"
  bash deploy/install_packages.sh build
  say "building cairn and cairnd (some minutes the first time)"
  bazel build --disk_cache="$DISK_CACHE" \
    //client/cli:cairn //services/cairnd:cairnd
  local folder
  folder="$(bazel info --disk_cache="$DISK_CACHE" bazel-bin 2>/dev/null)"
  CAIRN="$folder/client/cli/cairn"
  CAIRND="$folder/services/cairnd/cairnd"
}

start_cairnd() {
  say "starting cairnd on $WORK/data"
  export CAIRN_SERVER="unix:$WORK/cairnd.sock"
  "$CAIRND" --data-dir="$WORK/data" --listen="$CAIRN_SERVER" \
    --metrics-listen= >"$WORK/cairnd.log" 2>&1 &
  CAIRND_PID=$!
  local attempt
  for attempt in {1..300}; do
    if "$CAIRN" status >"$WORK/status.txt" 2>"$WORK/status.err"; then
      cat "$WORK/status.txt"
      return
    fi
    kill -0 "$CAIRND_PID" 2>/dev/null || fail "cairnd has ended"
    sleep 0.1
  done
  fail "cairnd is not ready after 30 s: $(cat "$WORK/status.err")"
}

# backup_once NAME: backs the source up, the report goes to NAME.json.
backup_once() {
  local code=0
  "$CAIRN" backup host/quickstart "tree.tar:$SOURCE" --notes "$1" \
    --output-format json >"$WORK/$1.json" || code=$?
  # 3: a file changed while it was read; the comparison decides.
  ((code == 0 || code == 3)) || fail "the $1 backup ended with code $code"
}

# number FILE FIELD: the first number of that name in a report; the snapshot
# comes first in it.
number() {
  sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p" "$1" | head -n 1
}

# What tar does not carry is left out: access and change times, inode
# numbers, and the sizes of directories.
describe_metadata() {
  (cd "$1" &&
    find . -type d -printf '%y %m %U:%G %T@ %p\n' -o \
      ! -type s -printf '%y %m %U:%G %T@ %s %n %l %p\n' | sort -k 1)
}

compare() {
  say "comparing the restored tree with $SOURCE"
  diff -r --no-dereference "$SOURCE" "$WORK/restored" ||
    fail "the restored files differ"
  if ((EUID == 0)); then
    diff <(describe_metadata "$SOURCE") <(describe_metadata "$WORK/restored") ||
      fail "the restored metadata differs"
    echo "content, owners, modes, times and links are the same"
  else
    echo "content is the same (owners are compared only for root)"
  fi
}

main() {
  [[ -d "$SOURCE" ]] || fail "$SOURCE is not a directory"
  make_work_directory
  trap clean_up EXIT
  build
  start_cairnd

  say "first backup of $SOURCE"
  backup_once first
  # Two snapshots of a group differ by a second at least.
  sleep 1.1
  say "second backup of the same"
  backup_once second
  say "snapshots"
  "$CAIRN" snapshot list host/quickstart

  say "restoring the second"
  "$CAIRN" restore host/quickstart/latest tree.tar "$WORK/restored"
  compare

  local first second size
  size="$(number "$WORK/first.json" size_bytes)"
  first="$(number "$WORK/first.json" stored_bytes)"
  second="$(number "$WORK/second.json" stored_bytes)"
  ((first > 0)) || fail "the first backup stored nothing"
  say "deduplication"
  awk -v size="$size" -v first="$first" -v second="$second" 'BEGIN {
    printf "one backup is        %12d bytes\n", size
    printf "the first stored     %12d bytes (%.1f %%)\n", first,
           100 * first / size
    printf "the second stored    %12d bytes (%.3f %% of the first)\n", second,
           100 * second / first
  }'
  ((second * 100 < first * MOST_PERCENT)) ||
    fail "the second backup stored $MOST_PERCENT % of the first or more"

  "$CAIRN" status
  say "stopping cairnd"
  stop_cairnd
  say "all is well: backed up, restored, compared ($SECONDS s)"
}

main "$@"
