#!/usr/bin/env bash
# Looks at the running Swarm as an operator would and tells what is wrong and what to do (docs/doctor.md). Changes nothing.
# Exit codes: 0 nothing, 1 something is wrong, 2 it cannot look.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=deploy/lib/images.sh
. "$DEPLOY/lib/images.sh"

cannot() {
  printf 'error: %s\n       %s\n' "$1" "$2" >&2
  exit 2
}

command -v docker >/dev/null || cannot "the docker client is missing" "make up installs it"
docker version >/dev/null 2>&1 || cannot "no Docker engine answers${DOCKER_HOST:+ at DOCKER_HOST=$DOCKER_HOST}" \
  "start it, or name another by DOCKER_HOST"

service_exists() { docker service inspect "${STACK}_$1" >/dev/null 2>&1; }

# The image that a service runs, else the one that make images makes.
image_of() {
  docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' "${STACK}_$1" 2>/dev/null ||
    echo "$IMAGE_PREFIX$1:$VERSION"
}

# Runs a doctor; remembers who found something.
SICK=()
doctor() { # NAME COMMAND…
  local name=$1 rc=0
  shift
  printf '== %s doctor\n' "$name"
  "$@" || rc=$?
  printf '\n'
  [ "$rc" -eq 0 ] || SICK+=("$name")
  return "$rc"
}

# A container of its own rather than one of the agents': it works where no agent does. Its lines are read by nobody.
in_swarm() { # NETWORK
  local socket=${DOCKER_SOCKET:-} scheme=http options=() arguments=(doctor "--network=$NETWORK")
  case ${DOCKER_HOST:-} in unix://*) socket=${socket:-${DOCKER_HOST#unix://}} ;; esac
  # The part tls: who answers must have a certificate of the stack's authority.
  if docker service inspect --format '{{json .Spec}}' "${STACK}_prometheus" 2>/dev/null | grep -q '"tls_ca.crt"'; then scheme=https; fi
  if [ -s "$STATE/tls/tls_ca.crt" ]; then
    options+=(-v "$STATE/tls/tls_ca.crt:/tls_ca.crt:ro")
    arguments+=(--ca-file=/tls_ca.crt)
  fi
  if [ "$1" = "$NETWORK" ]; then
    if service_exists prometheus; then arguments+=("--prometheus.url=${PROMETHEUS_URL:-$scheme://prometheus:9090}"); fi
    if service_exists alertmanager; then arguments+=("--alertmanager.url=${ALERTMANAGER_URL:-$scheme://alertmanager:9093}"); fi
  fi
  if [ -s "$STATE/admin_password" ]; then arguments+=(--password-file=-); fi
  docker run --rm -i --network "$1" --read-only --cap-drop ALL --user 0:0 --log-driver local -e LOGSPOUT=ignore \
    -v "${socket:-/var/run/docker.sock}:/var/run/docker.sock:ro" "${options[@]}" "$(image_of container-exporter)" "${arguments[@]}" \
    < <(cat "$STATE/admin_password" 2>/dev/null)
}

# With the flags and in the place of the agent that runs on this node.
on_node() { # AGENT
  local id arguments
  id=$(docker ps -q --filter "label=com.docker.swarm.service.name=${STACK}_$1" | head -n 1)
  if [ -z "$id" ]; then
    if service_exists "$1"; then
      printf '== %s doctor\nno task of %s runs on this node: docker service ps --no-trunc %s\n\n' "$1" "$1" "${STACK}_$1"
      SICK+=("$1")
    fi
    return 0
  fi
  mapfile -t arguments < <(docker inspect --format '{{range .Args}}{{println .}}{{end}}' "$id" | sed '/^$/d')
  doctor "$1" docker exec "$id" "/$1" doctor "${arguments[@]}" || true
}

rc=0
doctor container-exporter in_swarm "$NETWORK" || rc=$?
if [ "$rc" -gt 2 ]; then
  # Docker itself could not start it: most often because the network has no address left.
  say "no container can join the network $NETWORK; once more without it"
  SICK=()
  doctor container-exporter in_swarm none || true
fi
on_node node-exporter
on_node log-router

if [ ${#SICK[@]} -eq 0 ]; then
  echo "make doctor: no problems."
else
  echo "make doctor: problems, found by ${SICK[*]}. What each finding means: docs/doctor.md"
  exit 1
fi
