#!/usr/bin/env bash
# Puts Cairn on a machine that systemd runs.
#
#   deploy/systemd/install.sh embedded|split --programs=DIR [--root=DIR]
#
#   embedded          cairnd: everything in one process; and, for `rebuild`
#                     alone (deploy/RECOVERY.md), the programs of index and
#                     chunk_storage
#   split             the four services, and cairn.target for all of them
#   --programs=DIR    a folder with the built programs, as Bazel lays them out:
#                     services/index/index, client/cli/cairn, ...
#   --root=DIR        where it is put, instead of /
#
# Programs go to /usr/bin, units to /usr/lib/systemd/system, the user `cairn`
# to /usr/lib/sysusers.d, settings to /etc/cairn. Settings that are there stay,
# but `embedded` removes the client.env of `split`, which the jobs would follow.
# Starts nothing.
set -euo pipefail

usage_error() {
  echo "install: $*; see $0 --help" >&2
  exit 2
}

print_help() {
  sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

# put MODE FILE TARGET: a copy of the file, also where FILE is a link.
put() {
  install -D -m "$1" "$2" "$ROOT/$3"
}

put_jobs() {
  local name
  for name in prune gc verify; do
    put 644 "cairn-$name.service" "$UNITS/cairn-$name.service"
    put 644 "cairn-$name.timer" "$UNITS/cairn-$name.timer"
  done
}

# put_service PROGRAM NAME: NAME is that of the folder and of the settings.
put_service() {
  put 755 "$PROGRAMS/services/$2/$2" "usr/bin/$1"
  put 644 "$1.service" "$UNITS/$1.service"
  put_settings "$2.yaml"
}

# Without the four services the jobs would ask for sockets that are not there.
drop_client_settings() {
  local file=etc/cairn/client.env
  [[ -e "$ROOT/$file" ]] || return 0
  if cmp --silent etc/client.env "$ROOT/$file"; then
    rm "$ROOT/$file"
    echo "removed, it is for the four services: /$file"
  else
    echo "stays as it is, look whether its servers are those of cairnd: /$file"
  fi
}

put_settings() {
  if [[ -e "$ROOT/etc/cairn/$1" ]]; then
    echo "stays as it is: /etc/cairn/$1"
  else
    put 644 "etc/$1" "etc/cairn/$1"
  fi
}

main() {
  ROOT="" PROGRAMS="" FORM=""
  readonly UNITS=usr/lib/systemd/system
  local argument name
  for argument in "$@"; do
    case "$argument" in
      embedded | split) FORM="$argument" ;;
      --programs=?*) PROGRAMS="$(realpath "${argument#*=}")" ;;
      --root=?*) ROOT="$(realpath "${argument#*=}")" ;;
      -h | --help)
        print_help
        exit 0
        ;;
      *) usage_error "unknown argument $argument" ;;
    esac
  done
  [[ -n "$FORM" ]] || usage_error "say embedded or split"
  [[ -n "$PROGRAMS" ]] || usage_error "say --programs"
  cd "$(dirname "${BASH_SOURCE[0]}")"

  put 755 "$PROGRAMS/client/cli/cairn" usr/bin/cairn
  put 644 cairn.sysusers usr/lib/sysusers.d/cairn.conf
  put 644 README.md usr/share/doc/cairn/README.md
  put 644 cairn-.service.d/10-sandbox.conf \
    "$UNITS/cairn-.service.d/10-sandbox.conf"
  put_jobs
  if [[ "$FORM" == embedded ]]; then
    put_service cairnd cairnd
    for name in index chunk_storage; do
      put 755 "$PROGRAMS/services/$name/$name" "usr/bin/cairn-${name/_/-}"
    done
    put 644 cairn-.service.d/10-sandbox.conf \
      "$UNITS/cairnd.service.d/10-sandbox.conf"
    drop_client_settings
  else
    put 644 cairn.target "$UNITS/cairn.target"
    for name in index chunk_storage maintenance ingest; do
      put_service "cairn-${name/_/-}" "$name"
    done
    put_settings client.env
  fi
}

main "$@"
