#!/usr/bin/env bash
# Prints the Secrets that the pods mount, from the certificates of
# deploy/pki.sh, for `kubectl apply -f -`.
#
#   deploy/kubernetes/secrets.sh [OPTION]... [PKI_DIR]
#
#   --namespace=NAME   default: cairn
#   --client=NAME      instead of these the Secret `cairn-client`, of the
#                      client NAME, for pods that back up or restore
#   PKI_DIR            the --dir of pki.sh; default: $CAIRN_PKI_DIR, else
#                      deploy/tls
#
# Of services/ingest, index, chunk_storage and maintenance, and, for the jobs,
# of clients/cairn-job:  deploy/pki.sh client cairn-job --role=operator
# Called again after `pki.sh renew`, it renews: pods see new files within two
# minutes, and no connection breaks. With cert-manager nothing of this is
# needed.
set -euo pipefail

NAMESPACE=cairn
CLIENT=""
DIR="${CAIRN_PKI_DIR:-$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../tls}"

fail() {
  echo "secrets: $*" >&2
  exit 1
}

print_help() {
  sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

# print_secret NAME FOLDER
print_secret() {
  local file
  for file in ca.crt tls.crt tls.key; do
    [[ -r "$2/$file" ]] || fail "no $2/$file; deploy/pki.sh makes it"
  done
  cat <<END
---
apiVersion: v1
kind: Secret
metadata:
  name: $1
  namespace: $NAMESPACE
  labels:
    app.kubernetes.io/part-of: cairn
type: kubernetes.io/tls
data:
  ca.crt: $(base64 -w 0 "$2/ca.crt")
  tls.crt: $(base64 -w 0 "$2/tls.crt")
  tls.key: $(base64 -w 0 "$2/tls.key")
END
}

main() {
  local argument name
  for argument in "$@"; do
    case "$argument" in
      --namespace=?*) NAMESPACE="${argument#*=}" ;;
      --client=?*) CLIENT="${argument#*=}" ;;
      -h | --help)
        print_help
        exit 0
        ;;
      -*)
        echo "secrets: unknown option $argument; see $0 --help" >&2
        exit 2
        ;;
      *) DIR="$argument" ;;
    esac
  done
  if [[ -n "$CLIENT" ]]; then
    print_secret cairn-client "$DIR/clients/$CLIENT"
    return
  fi
  for name in ingest index chunk_storage maintenance; do
    print_secret "cairn-${name/_/-}-tls" "$DIR/services/$name"
  done
  print_secret cairn-job-tls "$DIR/clients/cairn-job"
}

main "$@"
