#!/usr/bin/env bash
# Runs `cairn` in the network of compose.yaml, with podman or docker, and ends
# with its exit code.
#
#   deploy/compose/cairn.sh [--as=NAME] [--volume=HOST:CONTAINER]...
#                           ARGUMENT...
#
#   --as=NAME    with the certificate clients/NAME of deploy/pki.sh, as the
#                user whose file its key is; default: operator
#   --volume     what a backup reads or a restore writes
#
#   deploy/compose/cairn.sh status
#   deploy/compose/cairn.sh prune --job nightly-prune --wait \
#       --request-id="prune-$(date +%F)"
#   deploy/compose/cairn.sh --as=web1 --volume=/etc:/etc-of-host:ro \
#       backup host/web1 etc.tar:/etc-of-host
#
# Reads ../.env as compose does; what the environment says goes before it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# podman's networks call iptables, which is not in cron's PATH.
export PATH="$PATH:/usr/sbin:/sbin"

# setting NAME DEFAULT: of the environment, of .env, or the default.
setting() {
  local value="${!1:-}"
  if [[ -z "$value" && -f .env ]]; then
    value="$(sed -n "s/^$1=//p" .env | tail -n 1)"
  fi
  echo "${value:-$2}"
}

main() {
  local as=operator options=()
  while (($#)); do
    case "$1" in
      --as=?*) as="${1#*=}" ;;
      --volume=?*) options+=("$1") ;;
      *) break ;;
    esac
    shift
  done
  local engine=podman tls
  command -v podman >/dev/null || engine=docker
  tls="$(realpath "$(setting CAIRN_TLS_DIR ./tls)")/clients/$as"
  if [[ ! -e "$tls/tls.key" ]]; then
    echo "cairn.sh: no key in $tls; deploy/pki.sh client makes one" >&2
    exit 2
  fi
  local user
  user="$(stat --dereference --format=%u:%g "$tls/tls.key")"
  # Who runs as root reads files of all users, as a backup must; it may do
  # nothing else that another user may not.
  [[ "$user" != 0:* ]] || options+=(--cap-add=DAC_READ_SEARCH)
  exec "$engine" run --rm --interactive --read-only --cap-drop=ALL \
    --security-opt=no-new-privileges --no-healthcheck \
    --tmpfs=/tmp:mode=1777 --env=HOME=/tmp \
    --user="$user" \
    --network="$(setting CAIRN_NETWORK cairn)" \
    --env=CAIRN_SERVER=tls:ingest:9440 \
    --env=CAIRN_MAINTENANCE_SERVER=tls:maintenance:9443 \
    --env=CAIRN_TLS_CA=/etc/cairn/tls/ca.crt \
    --env=CAIRN_TLS_CERT=/etc/cairn/tls/tls.crt \
    --env=CAIRN_TLS_KEY=/etc/cairn/tls/tls.key \
    --volume="$tls:/etc/cairn/tls:ro" "${options[@]}" \
    "$(setting CAIRN_IMAGE localhost/cairn:latest)" /usr/bin/cairn "$@"
}

main "$@"
