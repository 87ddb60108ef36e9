#!/usr/bin/env bash
# One machine without Swarm: brings compose.yml up and waits until it works; `compose.sh down` removes what that made.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install engine images tls secrets deploy wait search table; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
STATE=$STATE/one-machine
COMPOSE_PARTS='agents metrics logs'
NODE_COUNT=1

# COMPOSE: the words that start Docker Compose 2.
find_compose() {
  local words
  for words in "${COMPOSE:-}" 'docker compose' docker-compose; do
    # shellcheck disable=SC2086 # several words
    if [ -n "$words" ] && $words version --short 2>/dev/null | grep -qE '^v?([2-9]|[1-9][0-9])\.'; then COMPOSE=$words; return; fi
  done
  die "Docker Compose 2 is missing" "install docker-compose-plugin (Docker's packages) or docker-compose (Debian 13), or name the command: COMPOSE=…"
}

compose() {
  local part profiles=()
  for part in $STACKS; do profiles+=(--profile "$part"); done
  # shellcheck disable=SC2086 # several words
  (
    set -a
    # shellcheck disable=SC1091 # written below
    . "$STATE/env"
    exec $COMPOSE -f "$DEPLOY/compose.yml" "${profiles[@]}" "$@"
  )
}

check_parts() {
  local part wrong=0
  for part in $STACKS; do
    case " $COMPOSE_PARTS " in *" $part "*) ;; *) say "error: STACKS='$STACKS': '$part' is not in compose.yml; right: some of $COMPOSE_PARTS"; wrong=1 ;; esac
  done
  [ "$wrong" = 0 ] || exit 2
}

# A copy for each user: Compose mounts the files as they are.
copy_secrets() {
  local user file
  while read -r user file; do
    mkdir -p "$STATE/compose/$user"
    install -m 0400 -o "$user" -g 0 "$STATE/$file" "$STATE/compose/$user/$file"
  done <<<"0 admin_password
472 admin_password
1000 admin_password
1000 kibana.yml
65534 admin_password
65534 web.yml"
}

write_environment() {
  local v
  SECRETS_DIR=$STATE NODE_NAME=${NODE_NAME:-$(docker info --format '{{.Name}}')}
  for v in $(variables_of "$DEPLOY/compose.yml"); do
    [ -z "${!v:-}" ] || printf '%s=%q\n' "$v" "${!v}"
  done >"$STATE/env"
}

# There is no view of the cluster.
part_targets() {
  ! has_part agents || echo "node:1 cadvisor:1"
  ! has_part metrics || echo "prometheus:1 alertmanager:1"
  ! has_part logs || echo "log-router:1"
}

services_ready() {
  local service
  WAITING_FOR=$(for service in $(compose config --services); do
    left_out "$service" || [ "$(docker inspect --format '{{.State.Running}}' "$(container_of "$service")" 2>/dev/null)" = true ] || echo "$service"
  done | tr '\n' ' ')
  [ -z "$WAITING_FOR" ]
}
container_of() { docker ps -q --filter label=com.docker.compose.project=swarmscope --filter "label=com.docker.compose.service=$1" | sed -n 1p; }
check_updates() { :; }
explain_failure() { compose ps -a >&2; compose logs --tail 10 >&2; }

up() {
  local scale=()
  check_settings
  check_parts
  mkdir -p "$CACHE" "$STATE"
  step "1/5 Docker engine and Compose"
  ensure_engine
  find_compose
  ACCESS_HOST=${ACCESS_HOST:-127.0.0.1}
  install_missing "asking the services" curl:curl
  step "2/5 images"
  build_images
  resolve_images
  step "3/5 password and secrets"
  [ "$(id -u)" = 0 ] || die "only root can hand secrets to the users of the services" "run this as root"
  ensure_secrets
  copy_secrets
  write_environment
  step "4/5 deployment"
  ! left_out grafana || scale+=(--scale grafana=0)
  ! left_out kibana || scale+=(--scale kibana=0)
  compose up -d --pull never --remove-orphans "${scale[@]}" >"$CACHE/compose.log" 2>&1 || { cat "$CACHE/compose.log" >&2; die "docker compose up failed"; }
  step "5/5 waiting until it works"
  wait_for_stack
  compose ps --format 'table {{.Service}}\t{{.State}}\t{{.Ports}}\t{{.Image}}'
  say ""
  say "User admin; the password: $STATE/admin_password"
}

down() {
  local image
  [ -f "$STATE/env" ] || die "nothing of make compose is here ($STATE)" "on another engine? DOCKER_HOST=…"
  find_compose
  STACKS=$COMPOSE_PARTS
  compose down --volumes --remove-orphans
  while read -r image; do docker image rm "$image" >/dev/null 2>&1 || true; done <"$STATE/images"
  rm -rf "$STATE"
}

case ${1:-up} in
  up) up ;;
  down) down ;;
  *) die "compose.sh: unknown word '$1'" "right: up or down" ;;
esac
