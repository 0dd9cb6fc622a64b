#!/usr/bin/env bash
# Builds container images with podman or docker, the same twice from one
# commit.
#
#   deploy/build_image.sh [OPTION]... [IMAGE]...         default: cairn
#
#   cairn        all programs of the suite, without a shell
#   tools        the same with a shell: the jobs of compose.yaml, and a place
#                to look around in
#   prometheus   Debian's Prometheus, where no registry has one for you; it is
#                taken from the package `prometheus` of this machine
#
#   --engine=podman|docker    default: podman, or docker where it is not there
#   --compile=container|host  where the programs are compiled, see below
#   --base=IMAGE              of a Debian 12 to compile in; default:
#                             docker.io/library/debian:12
#   --programs=DIR            a bazel-bin folder with all programs built; as
#                             --compile=host, and nothing is compiled
#   --repository=NAME         before the name of the image; default: localhost
#   --tag=TAG                 instead of the version and `latest`
#   --bill-of-materials=DIR   where IMAGE-VERSION.spdx.json is put as well;
#                             default: nowhere, it is in the image, at
#                             /usr/share/cairn/sbom.spdx.json
#
# Where the programs come from:
#   container   in a stage of deploy/image/Containerfile, on --base. If no
#               registry has it, mmdebstrap makes it of Debian's packages.
#   host        on this machine, a Debian 12, with its Bazel cache; they and
#               the libraries that they load become the base image.
# By default `container` where the engine has or can pull --base, else `host`.
# What is in the image comes out of the same program, deploy/image/make_root.py,
# both times, and the last line says which way it was.
#
# SOURCE_DATE_EPOCH is the time of every file, by default that of the commit.
# Outside a clone it must be set, and CAIRN_REVISION names the commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
readonly DISK_CACHE="$HOME/.cache/cairn-bazel"
readonly TARGETS=(//client/cli:cairn //tests/harness:servers)

ENGINE=""
COMPILE=""
BASE=docker.io/library/debian:12
PROGRAMS=""
REPOSITORY=localhost
TAG=""
BILL_DIR=""
IMAGES=()
WORK=""
IMPORTED=""
BUILT=""

fail() {
  echo "build_image: $*" >&2
  exit 1
}

# engine ARGUMENT...: without its chatter, which is shown where it fails.
engine() {
  "$ENGINE" "$@" >"$WORK/said" 2>&1 && return
  cat "$WORK/said" >&2
  fail "$ENGINE $1 failed"
}

clean_up() {
  local image
  for image in $IMPORTED $BUILT; do
    "$ENGINE" rmi -f "$image" >/dev/null 2>&1 || true
  done
  [[ -z "$WORK" ]] || rm -rf "$WORK"
}

# Prints the lines of the comment at the top of this file.
print_help() {
  sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

parse_arguments() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      --engine=podman | --engine=docker) ENGINE="${argument#*=}" ;;
      --compile=container | --compile=host) COMPILE="${argument#*=}" ;;
      --base=?*) BASE="${argument#*=}" ;;
      --programs=?*) PROGRAMS="$(realpath "${argument#*=}")" ;;
      --repository=?*) REPOSITORY="${argument#*=}" ;;
      --tag=?*) TAG="${argument#*=}" ;;
      --bill-of-materials=?*) BILL_DIR="${argument#*=}" ;;
      cairn | tools | prometheus) IMAGES+=("$argument") ;;
      -h | --help)
        print_help
        exit 0
        ;;
      *)
        echo "build_image: unknown argument $argument; see $0 --help" >&2
        exit 2
        ;;
    esac
  done
  ((${#IMAGES[@]})) || IMAGES=(cairn)
}

find_engine() {
  local engine
  for engine in ${ENGINE:-podman docker}; do
    if command -v "$engine" >/dev/null; then
      ENGINE="$engine"
      return
    fi
  done
  fail "neither podman nor docker is installed; deploy/install_packages.sh" \
    "all installs podman"
}

# Sets VERSION, REVISION, EPOCH and CREATED.
find_version() {
  VERSION="$(sed -n 's/.*kVersion\[\] = "\(.*\)";/\1/p' \
    common/config/version.h)"
  REVISION="${CAIRN_REVISION:-}"
  EPOCH="${SOURCE_DATE_EPOCH:-}"
  if [[ -z "$EPOCH" ]]; then
    EPOCH="$(git log -1 --format=%ct)" ||
      fail "not a clone: set SOURCE_DATE_EPOCH, and CAIRN_REVISION"
  fi
  if [[ -z "$REVISION" ]] && REVISION="$(git rev-parse HEAD 2>/dev/null)"; then
    [[ -z "$(git status --porcelain)" ]] || REVISION+=-changed
  fi
  REVISION="${REVISION:-unknown}"
  CREATED="$(date --utc --date="@$EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
}

# Whether the base is there, or comes from a registry.
have_base() {
  "$ENGINE" image inspect "$BASE" >/dev/null 2>&1 ||
    timeout 300 "$ENGINE" pull --quiet "$BASE" >/dev/null 2>&1
}

choose_where_to_compile() {
  if [[ -n "$PROGRAMS" ]]; then
    [[ "$COMPILE" != container ]] ||
      fail "--programs and --compile=container exclude each other"
    COMPILE=host
  elif [[ -z "$COMPILE" ]]; then
    COMPILE=host
    if have_base; then COMPILE=container; fi
  fi
}

# A Debian 12 of its packages, under a name of our own.
make_base() {
  command -v mmdebstrap >/dev/null ||
    fail "no registry has $BASE, and mmdebstrap, which could make one," \
      "is not installed"
  BASE=localhost/cairn-debian:12
  echo "no registry: mmdebstrap makes $BASE" >&2
  SOURCE_DATE_EPOCH="$EPOCH" mmdebstrap --quiet --variant=minbase bookworm - |
    "$ENGINE" import - "$BASE" >/dev/null
}

# What is tracked, as it is now: nothing else can get into an image.
make_context() {
  mkdir "$WORK/context"
  git ls-files -z | tar --null --files-from=- -cf - |
    tar -C "$WORK/context" -xf -
}

compile_on_host() {
  if [[ -z "$PROGRAMS" ]]; then
    bash deploy/install_packages.sh image >&2
    bazel build --disk_cache="$DISK_CACHE" "${TARGETS[@]}" >&2
    PROGRAMS="$(bazel info --disk_cache="$DISK_CACHE" bazel-bin 2>/dev/null)"
  fi
}

# import_root IMAGE: makes the base image that has IMAGE's root in /out, and
# sets IMPORTED.
import_root() {
  mkdir "$WORK/$1"
  python3 -B deploy/image/make_root.py "$1" --programs="${PROGRAMS:-.}" \
    --version="$VERSION" --epoch="$EPOCH" --prefix=out/ >"$WORK/$1/root.tar"
  IMPORTED="localhost/cairn-root-$1:$$"
  engine import "$WORK/$1/root.tar" "$IMPORTED"
  rm "$WORK/$1/root.tar"
}

# build IMAGE CONTEXT ROOT: one image under its names; sets NAME.
build() {
  NAME="$REPOSITORY/cairn"
  [[ "$1" == cairn ]] || NAME+="-$1"
  BUILT="localhost/cairn-built-$1:$$"
  local options=() names=() tag
  for tag in ${TAG:-"$VERSION" latest}; do
    names+=("$NAME:$tag")
  done
  if [[ "$ENGINE" == podman ]]; then
    # HEALTHCHECK is in Docker's format only.
    options+=(--format docker --timestamp "$EPOCH")
    # What is compiled is worth keeping; of a copy nothing is.
    [[ "$3" == compiled ]] || options+=(--layers=false)
  else
    export DOCKER_BUILDKIT=1
  fi
  engine build "${options[@]}" --target "$1" --tag "$BUILT" \
    --file deploy/image/Containerfile --build-arg "ROOT=$3" \
    --build-arg "BASE=$BASE" --build-arg "IMAGE=$1" \
    --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" \
    --build-arg "CREATED=$CREATED" \
    --build-arg "SOURCE_DATE_EPOCH=$EPOCH" "$2"
  engine save --output "$WORK/built.tar" "$BUILT"
  engine rmi -f "$BUILT"
  BUILT=""
  python3 -B deploy/image/settle_image.py "$WORK/built.tar" "${names[@]}" \
    >"$WORK/settled.tar"
  engine load --input "$WORK/settled.tar"
  rm "$WORK/built.tar" "$WORK/settled.tar"
}

# save_bill IMAGE: beside the image, what is in it.
save_bill() {
  mkdir -p "$BILL_DIR"
  local container
  container="$("$ENGINE" create "$NAME:${TAG:-$VERSION}" 2>"$WORK/said")"
  engine cp "$container:/usr/share/cairn/sbom.spdx.json" \
    "$BILL_DIR/$1-$VERSION.spdx.json"
  engine rm "$container"
}

build_on_host() {
  [[ "$1" == prometheus ]] || compile_on_host
  import_root "$1"
  mkdir -p "$WORK/empty"
  build "$1" "$WORK/empty" "$IMPORTED"
  engine rmi -f "$IMPORTED"
  IMPORTED=""
}

main() {
  parse_arguments "$@"
  find_engine
  find_version
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/cairn-image.XXXXXX")"
  trap clean_up EXIT
  choose_where_to_compile
  local image from id size
  for image in "${IMAGES[@]}"; do
    # Of Debian's package: there is nothing to compile.
    if [[ "$COMPILE" == host || "$image" == prometheus ]]; then
      from="on this machine"
      build_on_host "$image"
    else
      have_base || make_base
      [[ -d "$WORK/context" ]] || make_context
      build "$image" "$WORK/context" compiled
      from="in $BASE"
    fi
    [[ -z "$BILL_DIR" ]] || save_bill "$image"
    "$ENGINE" image inspect --format '{{.Id}} {{.Size}}' \
      "$NAME:${TAG:-$VERSION}" >"$WORK/facts"
    read -r id size <"$WORK/facts"
    echo "$NAME:${TAG:-$VERSION} $id $((size / 1000000)) MB, made $from"
  done
}

main "$@"
