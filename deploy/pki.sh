#!/usr/bin/env bash
# A private certificate authority for Cairn: certificates of the services and
# of clients, and their renewal. Calls openssl and nothing else.
#
#   deploy/pki.sh [OPTION]... init
#       The authority, and a certificate for each of the four services. What
#       is there is kept: a second call changes nothing.
#   deploy/pki.sh [OPTION]... service NAME...
#       Of ingest, index, chunk_storage or maintenance alone.
#   deploy/pki.sh [OPTION]... client NAME --role=ROLE
#       ROLE: reader (lists and restores), backup (reader of its own groups,
#       and backs up; deletes nothing), operator (all groups; prune, gc,
#       verify, jobs), admin (all). A NAME is letters, digits, `.`, `_` and
#       `-`, at most 64.
#   deploy/pki.sh [OPTION]... renew [NAME]...
#       New keys and certificates, of the same names, for those named, or all.
#       With --if-days-left=N: where fewer than N days are left. Processes see
#       the new files within 60 s, at once on SIGHUP; no connection breaks.
#   deploy/pki.sh [OPTION]... list
#       One line each: kind, name, role or service, days left, folder.
#
#   --dir=DIR          where all is kept; default: $CAIRN_PKI_DIR, else the
#                      folder `tls` beside this script
#   --days=N           of a new service or client certificate; default: 90
#                      and 365
#   --ca-days=N        of a new authority; default: 3650
#   --san=NAME,...     further names (DNS) or addresses (IP) of a service;
#                      always there: NAME, cairn-NAME, localhost, 127.0.0.1, ::1.
#                      A certificate that is there without one is an error:
#                      remove its folder first
#   --owner=UID:GID    of the files, so that who runs with them may read the
#                      key. Default for root: of services 65532:65532, the user
#                      of the image. Without root the files are yours; under
#                      rootless podman call `podman unshare deploy/pki.sh ...`.
#
#   DIR/ca/ca.crt, ca.key               the authority; keep the key offline
#   DIR/services/NAME/{ca,tls}.crt, tls.key
#   DIR/clients/NAME/{ca,tls}.crt, tls.key
#
# A folder's three names are links through `..data`, which is replaced as one:
# nobody ever sees a certificate with the key of another.
set -euo pipefail

readonly SERVICES=(ingest index chunk_storage maintenance)
readonly ROLES=(reader backup operator admin)
readonly SERVICE_DAYS=90
readonly CLIENT_DAYS=365

DIR="${CAIRN_PKI_DIR:-$(dirname "$(realpath "${BASH_SOURCE[0]}")")/tls}"
DAYS=""
CA_DAYS=3650
SANS=""
OWNER=""
ROLE=""
IF_DAYS_LEFT=""
WORDS=()
WORK=""

fail() {
  echo "pki: $*" >&2
  exit 1
}

usage_error() {
  echo "pki: $*; see $0 --help" >&2
  exit 2
}

# Prints the lines of the comment at the top of this file.
print_help() {
  sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

parse_arguments() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      --dir=?*) DIR="${argument#*=}" ;;
      --days=*) DAYS="$(days_of "$argument")" ;;
      --ca-days=*) CA_DAYS="$(days_of "$argument")" ;;
      --if-days-left=*) IF_DAYS_LEFT="$(days_of "$argument")" ;;
      --san=?*) SANS="${argument#*=}" ;;
      --owner=*)
        OWNER="${argument#*=}"
        [[ "$OWNER" =~ ^[0-9]+:[0-9]+$ ]] ||
          usage_error "--owner is \"$OWNER\", expected UID:GID in numbers"
        ;;
      --role=*)
        ROLE="${argument#*=}"
        contains "$ROLE" "${ROLES[@]}" ||
          usage_error "role is \"$ROLE\", allowed are ${ROLES[*]}"
        ;;
      -h | --help)
        print_help
        exit 0
        ;;
      -*) usage_error "unknown option $argument" ;;
      *) WORDS+=("$argument") ;;
    esac
  done
  ((${#WORDS[@]})) || usage_error "no command"
}

# days_of --OPTION=N: prints N.
days_of() {
  [[ "${1#*=}" =~ ^[1-9][0-9]{0,4}$ ]] ||
    usage_error "${1%%=*} is \"${1#*=}\", allowed are 1 to 99999 days"
  echo "${1#*=}"
}

# contains WORD LIST...
contains() {
  local word
  for word in "${@:2}"; do
    [[ "$word" != "$1" ]] || return 0
  done
  return 1
}

check_name() {
  [[ "$1" =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] ||
    usage_error "name is \"$1\", allowed are letters, digits, \`.\`, \`_\`" \
      "and \`-\`, at most 64, the first a letter or a digit"
}

# openssl without its chatter, which is shown where it fails.
quietly() {
  local text
  text="$(openssl "$@" 2>&1)" || fail "openssl $1: $text"
}

new_key() {
  quietly genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

make_authority() {
  mkdir -p "$DIR"
  [[ ! -e "$DIR/ca/ca.key" ]] || return 0
  [[ ! -e "$DIR/ca" ]] || fail "$DIR/ca has no ca.key; if it is kept" \
    "elsewhere, put it back for this call"
  mkdir "$WORK/ca"
  new_key "$WORK/ca/ca.key"
  quietly req -x509 -new -key "$WORK/ca/ca.key" -days "$CA_DAYS" \
    -sha256 -subj "/CN=Cairn authority" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
    -addext keyUsage=critical,keyCertSign,cRLSign \
    -out "$WORK/ca/ca.crt"
  chmod 700 "$WORK/ca"
  chmod 600 "$WORK/ca/ca.key"
  chmod 644 "$WORK/ca/ca.crt"
  mv "$WORK/ca" "$DIR/ca"
  echo "made the authority $DIR/ca/ca.crt"
}

is_address() {
  [[ "$1" =~ ^[0-9.]+$ || "$1" == *:* ]]
}

# Subject alternative names of a service, as openssl writes them.
service_names() {
  local names=("URI:spiffe://cairn/service/$1") name dashed="${1//_/-}"
  local hosts=("$dashed" "cairn-$dashed" localhost 127.0.0.1 ::1)
  local more
  IFS=, read -r -a more <<<"$SANS"
  for name in "${hosts[@]}" "${more[@]}"; do
    if is_address "$name"; then
      names+=("IP:$name")
    else
      names+=("DNS:$name")
    fi
  done
  local IFS=,
  echo "${names[*]}"
}

# names_of FOLDER: those of the certificate that is there.
names_of() {
  openssl x509 -in "$1/tls.crt" -noout -ext subjectAltName |
    sed -n '2,$s/^ *//p' | sed 's/IP Address:/IP:/g; s/, /,/g'
}

# bears FOLDER NAME: whether the certificate that is there has that name of
# --san. openssl writes addresses in a way of its own, and compares them.
bears() {
  if is_address "$2"; then
    openssl x509 -in "$1/tls.crt" -noout -checkip "$2" |
      grep -q "does match"
  else
    [[ ",$(names_of "$1")," == *",DNS:$2,"* ]]
  fi
}

# check_names FOLDER: a certificate that is kept has all names of --san.
check_names() {
  local name more
  IFS=, read -r -a more <<<"$SANS"
  for name in "${more[@]}"; do
    bears "$1" "$name" || fail "$1 is there without the name $name; to make" \
      "it anew remove that folder first"
  done
}

# issue FOLDER COMMON_NAME NAMES USAGE DAYS OWNER: makes or replaces a
# folder's key and certificate.
issue() {
  local folder="$1" version new
  version="..$(date --utc +%Y%m%dT%H%M%SZ)-$(openssl rand -hex 4)"
  mkdir -p "$folder"
  new="$folder/$version"
  mkdir "$new"
  new_key "$new/tls.key"
  printf '%s\n' "basicConstraints=critical,CA:FALSE" \
    "keyUsage=critical,digitalSignature" "extendedKeyUsage=$4" \
    "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" \
    "subjectAltName=$3" >"$WORK/extensions"
  quietly req -new -key "$new/tls.key" -subj "/CN=$2" -out "$WORK/request"
  quietly x509 -req -in "$WORK/request" -CA "$DIR/ca/ca.crt" \
    -CAkey "$DIR/ca/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -days "$5" -sha256 -extfile "$WORK/extensions" -out "$new/tls.crt"
  cp "$DIR/ca/ca.crt" "$new/ca.crt"
  chmod 644 "$new/ca.crt" "$new/tls.crt"
  chmod 600 "$new/tls.key"
  chmod 700 "$new" "$folder"
  [[ -z "$6" ]] || chown -R "$6" "$folder"
  take_over "$folder" "$version"
  echo "made $folder: $(names_of "$folder")"
}

# take_over FOLDER VERSION: one rename turns all three files over; what was
# there before goes.
take_over() {
  local folder="$1" file old
  ln -s "$2" "$folder/..new"
  mv -T "$folder/..new" "$folder/..data"
  for file in ca.crt tls.crt tls.key; do
    [[ -L "$folder/$file" ]] || ln -s "..data/$file" "$folder/$file"
  done
  for old in "$folder"/..[0-9]*; do
    [[ "$old" == "$folder/$2" ]] || rm -rf "$old"
  done
}

issue_service() {
  local owner="$OWNER"
  if [[ -z "$owner" ]] && ((EUID == 0)); then owner=65532:65532; fi
  issue "$DIR/services/$1" "$1" "$2" serverAuth,clientAuth \
    "${DAYS:-$SERVICE_DAYS}" "$owner"
}

issue_client() {
  issue "$DIR/clients/$1" "$1" "$2" clientAuth "${DAYS:-$CLIENT_DAYS}" "$OWNER"
}

make_services() {
  local name
  for name in "$@"; do
    contains "$name" "${SERVICES[@]}" ||
      usage_error "service is \"$name\", allowed are ${SERVICES[*]}"
  done
  for name in "$@"; do
    [[ ! -e "$DIR/services/$name/tls.crt" ]] ||
      check_names "$DIR/services/$name"
  done
  make_authority
  for name in "$@"; do
    [[ -e "$DIR/services/$name/tls.crt" ]] ||
      issue_service "$name" "$(service_names "$name")"
  done
}

make_client() {
  (($# == 1)) || usage_error "client: give one name"
  [[ -n "$ROLE" ]] || usage_error "client: give --role"
  check_name "$1"
  make_authority
  local names="URI:spiffe://cairn/$ROLE/$1" folder="$DIR/clients/$1"
  if [[ ! -e "$folder/tls.crt" ]]; then
    issue_client "$1" "$names"
  elif [[ "$(names_of "$folder")" != "$names" ]]; then
    fail "client $1 is there as $(names_of "$folder"); to change its role" \
      "remove $folder first"
  fi
}

# days_left FOLDER: whole days until the certificate expires.
days_left() {
  local end
  end="$(openssl x509 -in "$1/tls.crt" -noout -enddate)"
  echo $((($(date --date="${end#*=}" +%s) - $(date +%s)) / 86400))
}

# Prints the folders of all, or of those named.
folders() {
  local folder name found
  for name in "${@:-*}"; do
    [[ "$name" == '*' ]] || check_name "$name"
    found=""
    # The name is a pattern here only where it is `*`.
    for folder in "$DIR"/services/$name "$DIR"/clients/$name; do
      if [[ -e "$folder/tls.crt" ]]; then
        echo "$folder"
        found=yes
      fi
    done
    [[ -n "$found" || "$name" == '*' ]] || fail "no certificate of $name" \
      "in $DIR"
  done
}

renew() {
  [[ -e "$DIR/ca/ca.key" ]] || fail "no $DIR/ca/ca.key to sign with"
  local folder all names
  all="$(folders "$@")"
  for folder in $all; do
    if [[ -n "$IF_DAYS_LEFT" ]] &&
      (($(days_left "$folder") >= IF_DAYS_LEFT)); then
      continue
    fi
    names="$(names_of "$folder")"
    # Whoever can read it now can read the next one.
    ((EUID != 0)) || OWNER="$(stat --format=%u:%g "$folder")"
    if [[ "$folder" == "$DIR"/services/* ]]; then
      issue_service "$(basename "$folder")" "$names"
    else
      issue_client "$(basename "$folder")" "$names"
    fi
  done
}

list() {
  local folder all identity kind
  all="$(folders)"
  for folder in $all; do
    identity="$(names_of "$folder" | grep -o 'spiffe://cairn/[^,]*')"
    identity="${identity#spiffe://cairn/}"
    kind=client
    [[ "$folder" != "$DIR"/services/* ]] || kind=service
    printf '%-8s %-20s %-10s %5d days  %s\n' "$kind" "${identity#*/}" \
      "${identity%%/*}" "$(days_left "$folder")" "$folder"
  done
}

main() {
  umask 077
  parse_arguments "$@"
  local command="${WORDS[0]}" names=("${WORDS[@]:1}")
  mkdir -p "$DIR"
  chmod 755 "$DIR"
  DIR="$(realpath "$DIR")"
  [[ "$DIR" != *[[:space:]]* ]] || fail "$DIR has a space in its name"
  # One call at a time.
  exec {lock}>"$DIR/.lock"
  flock "$lock"
  # On the same file system, for renames.
  WORK="$(mktemp -d "$DIR/.work.XXXXXX")"
  trap 'rm -rf "$WORK"' EXIT
  case "$command" in
    init)
      ((${#names[@]} == 0)) || usage_error "init takes no name"
      make_services "${SERVICES[@]}"
      ;;
    service)
      ((${#names[@]})) || usage_error "service: give a name"
      make_services "${names[@]}"
      ;;
    client) make_client "${names[@]}" ;;
    renew) renew "${names[@]}" ;;
    list) list ;;
    *) usage_error "unknown command $command" ;;
  esac
}

main "$@"
