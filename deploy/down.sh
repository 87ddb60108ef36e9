#!/usr/bin/env bash
# Removes exactly what up.sh made: stack, volumes, network, configs, secrets, images,
# generated files, and the Swarm if up.sh had initialised it. Engine, installed packages,
# pulled images and the download cache stay.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=lib/engine.sh
. "$DEPLOY/lib/engine.sh"

of_stack=(--filter "label=com.docker.stack.namespace=$STACK")

containers_gone() { [ -z "$(docker ps -aq "${of_stack[@]}")" ]; }

wait_gone() {
  local i
  for ((i = 0; i < 240; i++)); do
    containers_gone && return
    sleep 0.5
  done
  die "containers of stack $STACK are still there after 120 s" "see: docker ps -a --filter label=com.docker.stack.namespace=$STACK"
}

# names KIND: what the stack still has of them.
names() { docker "$1" ls -q "${of_stack[@]}"; }

remove() { # KIND
  local list
  list=$(names "$1")
  # shellcheck disable=SC2086 # a list of ids
  [ -z "$list" ] || docker "$1" rm $list >/dev/null
}

remove_network() {
  local i
  [ "$(docker network inspect --format '{{index .Labels "io.swarmscope.made-by"}}' "$NETWORK" 2>/dev/null)" = make-up ] || return 0
  say "    network $NETWORK"
  # Swarm lets go of a network a moment after its last task.
  for ((i = 0; i < 240; i++)); do
    docker network rm "$NETWORK" >/dev/null 2>&1 && return
    sleep 0.5
  done
  die "the network '$NETWORK' is still in use" "see: docker network inspect $NETWORK"
}

{ command -v docker >/dev/null && engine_answers; } || die "no Docker engine answers" "nothing was removed; start it (make up) and try again"

if [ "$(swarm_state)" = active ]; then
  [ "$(docker info --format '{{.Swarm.ControlAvailable}}')" = true ] || die "this node is a worker of its Swarm" "run this on a manager"
  step "stack $STACK"
  if [ -n "$(names service)" ]; then docker stack rm "$STACK" >/dev/null; fi
  wait_gone
  remove config
  remove secret
  remove_network
  [ "$(docker node ls -q | wc -l)" -eq 1 ] || say "    volumes on other nodes stay there: docker volume prune --filter label=com.docker.stack.namespace=$STACK"
  for node in $(docker node ls -q); do
    if [ -n "$(docker node inspect --format '{{index .Spec.Labels "io.swarmscope.storage"}}' "$node")" ]; then
      docker node update --label-rm io.swarmscope.storage "$node" >/dev/null
    fi
  done
fi

step "volumes and images"
remove volume
if [ -f "$STATE/images" ]; then
  while read -r image; do
    if docker image inspect "$image" >/dev/null 2>&1; then
      docker image rm "$image" >/dev/null && say "    removed $image"
    fi
  done <"$STATE/images"
fi
prune_images

if [ "$(swarm_state)" = active ] && we_initialised_swarm; then
  step "leaving the Swarm that make up had initialised"
  docker swarm leave --force >/dev/null
fi

rm -rf "$STATE"
rmdir "$DEPLOY/.state" 2>/dev/null || true
say ""
say "Removed. The Docker engine goes on, and downloads stay in $CACHE."
