#!/usr/bin/env bash
# Installs what Debian 12 needs to build and test this tree.
#
#   deploy/install_packages.sh [build|image|test|all|benchmark]  default: all
#
#   build       compiler, Bazel, libraries: enough for `bazel build //...`
#   image       build, and what the root of an image is made with
#   test        what tests and checks call besides
#   all         image and test
#   benchmark   the tools that tests/benchmark/compare.sh compares with; one
#               that is not to be had is told, and is no failure
#
# Asks dpkg first and installs only what is missing, so that a second call
# changes nothing and needs no network. Uses sudo if it is not root. Starts no
# daemon that a package brings along, and no Prometheus at the next boot: it
# would have the port of the one of compose.yaml.
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

readonly IMAGE_PACKAGES=(
  binutils
  ca-certificates
  python3
  tzdata
)

readonly TEST_PACKAGES=(
  aardvark-dns
  acl
  attr
  catatonit
  clang-format-14
  e2fsprogs
  git
  iproute2
  iptables
  netavark
  openssl
  patch
  podman
  podman-compose
  prometheus
  python3-grpcio
  python3-jsonschema
  python3-pip
  python3-protobuf
  python3-yaml
  runc
  spin
  strace
  systemd
  time
  xfsprogs
  yamllint
)

# The schemas of Kubernetes' API, which the manifests are held against: a
# Python package of which only the data are read. Not in Debian.
readonly SCHEMAS_FOLDER=/usr/local/share/cairn-test
readonly SCHEMAS="kubernetes-validate==1.37.0"
readonly SCHEMAS_SHA256=\
85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9

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

# Fetches the schemas unless they are there. Where PyPI is not reached, the
# test that needs them skips and says so.
fetch_schemas() {
  local name="kubernetes_validate-${SCHEMAS##*=}-py3-none-any.whl"
  local wheel="$SCHEMAS_FOLDER/$name"
  if [[ -e "$wheel" ]]; then return; fi
  local scratch
  scratch="$(mktemp -d)"
  if echo "$SCHEMAS --hash=sha256:$SCHEMAS_SHA256" >"$scratch/wanted" &&
    /usr/bin/python3 -m pip download -q --no-deps --only-binary=:all: \
      --require-hashes -r "$scratch/wanted" -d "$scratch"; then
    as_root install -D -m 644 "$scratch"/*.whl "$wheel"
    echo "fetched $SCHEMAS"
  else
    echo "not to be had here: $SCHEMAS of PyPI" >&2
  fi
  rm -r "$scratch"
}

main() {
  local packages=()
  case "${1:-all}" in
    build) packages=("${BUILD_PACKAGES[@]}") ;;
    image) packages=("${BUILD_PACKAGES[@]}" "${IMAGE_PACKAGES[@]}") ;;
    test) packages=("${TEST_PACKAGES[@]}") ;;
    all)
      packages=("${BUILD_PACKAGES[@]}" "${IMAGE_PACKAGES[@]}"
        "${TEST_PACKAGES[@]}")
      ;;
    benchmark) packages=("${BENCHMARK_PACKAGES[@]}") ;;
    *)
      echo "usage: $0 [build|image|test|all|benchmark], got: $1" >&2
      exit 2
      ;;
  esac

  local missing
  mapfile -t missing < <(missing_packages "${packages[@]}")
  if ((${#missing[@]} == 0)); then
    echo "all ${#packages[@]} packages are installed"
  else
    install_missing "${1:-all}" "${missing[@]}"
  fi
  case "${1:-all}" in test | all) fetch_schemas ;; esac
}

# install_missing SET PACKAGE...
install_missing() {
  local missing=("${@:2}")
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  forbid_daemons
  local apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update
  if [[ "$1" == benchmark ]]; then
    mapfile -t missing < <(available_packages "${missing[@]}")
    ((${#missing[@]})) || return 0
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    "${apt[@]}" install --no-install-recommends "${missing[@]}"
  # One that was there before is somebody's.
  if [[ " ${missing[*]} " == *" prometheus "* ]]; then
    as_root systemctl --quiet disable prometheus.service
  fi
}

main "$@"
