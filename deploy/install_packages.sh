#!/usr/bin/env bash
# Installs what Debian 12 needs to build and test this tree.
#
#   deploy/install_packages.sh [build|test|all|benchmark]      default: all
#
#   build       compiler, Bazel, libraries: enough for `bazel build //...`
#   test        what tests and checks call besides
#   all         build and test
#   benchmark   the tools that tests/benchmark/compare.sh compares with; one
#               that is not to be had is told, and is no failure
#
# Asks dpkg first and installs only what is missing, so that a second call
# changes nothing and needs no network. Uses sudo if it is not root. Starts no
# daemon that a package brings along.
set -euo pipefail

readonly BUILD_PACKAGES=(
  bazel-bootstrap
  g++
  libabsl-dev
  libacl1-dev
  libarchive-dev
  libattr1-dev
  libbenchmark-dev
  libcli11-dev
  libgmock-dev
  libgrpc++-dev
  libgtest-dev
  libprotobuf-dev
  libre2-dev
  librocksdb-dev
  libssl-dev
  libyaml-cpp-dev
  libzstd-dev
  nlohmann-json3-dev
  pkg-config
  prometheus-cpp-dev
  protobuf-compiler
  protobuf-compiler-grpc
)

readonly TEST_PACKAGES=(
  acl
  attr
  clang-format-14
  e2fsprogs
  git
  openssl
  patch
  prometheus
  python3-grpcio
  python3-protobuf
  spin
  strace
  time
  tzdata
  xfsprogs
)

readonly BENCHMARK_PACKAGES=(
  borgbackup
  casync
  e2fsprogs
  openssl
  python3-grpcio
  python3-protobuf
  restic
  time
  tzdata
  zstd
)

# Prints the packages among its arguments that are not fully installed.
missing_packages() {
  local package
  for package in "$@"; do
    if [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" \
      2>/dev/null)" != installed ]]; then
      echo "$package"
    fi
  done
}

# Prints the packages among its arguments that can be installed, and tells
# of the others.
available_packages() {
  local package
  for package in "$@"; do
    # All of it is read: cut off, apt-cache would fail the pipeline.
    if LC_ALL=C apt-cache policy "$package" |
      grep '^  Candidate: [^(]' >/dev/null; then
      echo "$package"
    else
      echo "not to be had here: $package" >&2
    fi
  done
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

# While this file exists and exits with 101, packages start no services.
readonly POLICY=/usr/sbin/policy-rc.d
forbid_daemons() {
  if [[ ! -e "$POLICY" ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
    trap 'as_root rm -f "$POLICY"' EXIT
  fi
}

main() {
  local packages=()
  case "${1:-all}" in
    build) packages=("${BUILD_PACKAGES[@]}") ;;
    test) packages=("${TEST_PACKAGES[@]}") ;;
    all) packages=("${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}") ;;
    benchmark) packages=("${BENCHMARK_PACKAGES[@]}") ;;
    *)
      echo "usage: $0 [build|test|all|benchmark], got: $1" >&2
      exit 2
      ;;
  esac

  local missing
  mapfile -t missing < <(missing_packages "${packages[@]}")
  if ((${#missing[@]} == 0)); then
    echo "all ${#packages[@]} packages are installed"
    return
  fi
  echo "installing ${#missing[@]} of ${#packages[@]} packages: ${missing[*]}"
  forbid_daemons
  local apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update
  if [[ "${1:-all}" == benchmark ]]; then
    mapfile -t missing < <(available_packages "${missing[@]}")
    ((${#missing[@]})) || return 0
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    "${apt[@]}" install --no-install-recommends "${missing[@]}"
}

main "$@"
