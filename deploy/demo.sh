#!/usr/bin/env bash
# Something to look at: deploys the stacks db, backend, infra and demo beside the running stack. `demo.sh down` removes
# them, their networks and images.
set -euo pipefail
# The one program that an image is made of here.
AGENTS=demo
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
DOCKERFILE=$DEPLOY/demo/Dockerfile
for lib in install engine images wait; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
DEMO_STACKS="db backend infra demo"
NETWORKS="demo-backend:10.84.0.0/22 proxy:10.84.4.0/22"
STATE=$STATE/demo
STACKS=demo

stack_file() { if [ "$1" = demo ]; then echo "$DEPLOY/demo.yml"; else echo "$DEPLOY/demo/$1.yml"; fi; }

up() {
  local s n
  mkdir -p "$CACHE" "$STATE"
  step "1/4 Docker engine and Swarm"
  ensure_engine
  ensure_swarm
  step "2/4 images"
  build_images
  resolve_images
  step "3/4 stacks"
  for n in $NETWORKS; do
    docker network inspect "${n%%:*}" >/dev/null 2>&1 ||
      docker network create --driver overlay --attachable --subnet "${n#*:}" --label io.swarmscope.made-by=make-demo "${n%%:*}" >/dev/null ||
      die "cannot create the network ${n%%:*} with the subnet ${n#*:}" "remove what has it, see: docker network ls"
  done
  HAPROXY_CFG_HASH=$(hash_files "$DEPLOY/demo/haproxy.cfg")
  export VERSION IMAGE_PREFIX DEMO_BUILD HAPROXY_IMAGE HAPROXY_CFG_HASH DOCKER_SOCKET
  for s in $DEMO_STACKS; do
    if [ "$s" = infra ] && left_out haproxy; then say "    infra is left out: there is no image of haproxy"; continue; fi
    docker stack deploy --resolve-image never -c "$(stack_file "$s")" "$s" >"$CACHE/demo-$s.log" 2>&1 ||
      { cat "$CACHE/demo-$s.log" >&2; die "docker stack deploy of $s failed"; }
    say "    $s: $(grep -cE '^(Creating|Updating) service' "$CACHE/demo-$s.log") services"
  done
  step "4/4 waiting until what works does"
  DEADLINE=$((SECONDS + WAIT_SECONDS))
  until_true "the service, its database and its client run" well_ones_run || die "they do not run within WAIT_SECONDS=$WAIT_SECONDS" "see: docker service ls"
  say ""
  say "Running. Services that fail on purpose: deploy/demo.yml. To remove all: make demo-down"
}

well_ones_run() {
  WAITING_FOR=$(for s in db backend infra; do
    docker service ls --filter "label=com.docker.stack.namespace=$s" --format '{{.Name}} {{.Replicas}}'
  done | while read -r name replicas _; do [ "${replicas%/*}" = "${replicas#*/}" ] || echo "$name"; done | tr '\n' ' ')
  [ -z "$WAITING_FOR" ]
}

gone() {
  local s
  for s in $DEMO_STACKS; do
    [ -z "$(docker ps -aq --filter "label=com.docker.stack.namespace=$s")" ] || { WAITING_FOR="containers of $s"; return 1; }
  done
}

networks_gone() {
  local n
  for n in $NETWORKS; do
    n=${n%%:*}
    [ "$(docker network inspect --format '{{index .Labels "io.swarmscope.made-by"}}' "$n" 2>/dev/null)" != make-demo ] ||
      docker network rm "$n" >/dev/null 2>&1 || { WAITING_FOR="network $n"; return 1; }
  done
}

down() {
  local s image
  engine_answers || die "no Docker engine answers" "nothing was removed"
  for s in $DEMO_STACKS; do
    # The files' stacks only: another stack may have the name of one of ours.
    [ -z "$(docker service ls -q --filter "label=com.docker.stack.namespace=$s")" ] || docker stack rm "$s" >/dev/null
  done
  DEADLINE=$((SECONDS + 120))
  until_true "containers are gone" gone || die "containers are still there after 120 s" "see: docker ps -a"
  until_true "networks are gone" networks_gone || die "a network is still in use" "see: docker network ls"
  if [ -f "$STATE/images" ]; then
    while read -r image; do docker image rm "$image" >/dev/null 2>&1 || true; done <"$STATE/images"
  fi
  rm -rf "$STATE"
}

case ${1:-up} in
  up) up ;;
  down) down ;;
  *) die "demo.sh: unknown word '$1'" "right: up or down" ;;
esac
