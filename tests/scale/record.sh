#!/usr/bin/env bash
# Records what node-exporter, container-exporter and log-router say of a node with 20 containers: twice, SECONDS_APART
# (120), into tests/scale/nodes/recorded. On an engine of its own; the containers do some work, so that counters have rates.
# Needs root. BINARIES names a folder with the agents, instead of building them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lib/engine.sh
. tests/lib/engine.sh

apart=${SECONDS_APART:-120} recorded=tests/scale/nodes/recorded port=${PORT:-19301}
work=$(mktemp -d)
agents=()
finish() {
  [[ ${#agents[@]} = 0 ]] || kill -KILL "${agents[@]}" 2>/dev/null || true
  engine_stop
  rm -rf "$work"
}
trap finish EXIT

if [[ -z ${BINARIES:-} ]]; then
  cargo build --quiet --release --locked -p node-exporter -p container-exporter -p log-router
  target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  BINARIES=$(dirname "$(find "$target" -path '*/release/node-exporter' -type f | head -n 1)")
fi
engine_start swscale 62

# IDs as Swarm has them; those of tasks and of the node become others on each simulated node.
letters() { printf '%s' "$1" | sha256sum | tr -dc a-z0-9 | cut -c1-25; }
node=$(letters node)
engine docker network create overlay >/dev/null

# Stack, service and its tasks: what a node of a small shop runs.
services="
shop front 4
shop api 4
shop db 2
shop cache 2
proxy haproxy 2
infra jobs 2
infra mail 2
infra metrics 2
"
# shellcheck disable=SC2016 # the container's shell expands it
script() { # of a service
  case $1 in
    front) echo 'while :; do echo "GET /products 200 12ms"; usleep 200000; done' ;;
    api) echo 'mkdir /www; echo hello >/www/index.html; httpd -p 8080 -h /www; while :; do i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo "level=info msg=done"; usleep 300000; done' ;;
    db) echo 'while :; do dd if=/dev/zero of=/data bs=64k count=16 conv=fsync 2>/dev/null; sleep 2; done' ;;
    cache) echo 'sleep 1000000' ;;
    haproxy) echo 'while :; do wget -qO- http://api:8080/; echo "front api/1 0/0/1/200"; usleep 500000; done' ;;
    jobs) echo 'while :; do i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo "WARN slow"; sleep 3; done' ;;
    mail) echo 'while :; do echo "ERROR: cannot connect" >&2; sleep 10; done' ;;
    metrics) echo 'while :; do cat /proc/meminfo >/dev/null; sleep 1; done' ;;
  esac
}
started=0
while read -r stack service tasks; do
  [[ -n $stack ]] || continue
  for ((slot = 1; slot <= tasks; slot++)); do
    task=$(letters "$stack$service$slot")
    name=${stack}_$service.$slot.$task
    # Half of them are limited.
    limits=()
    ((slot % 2)) || limits=(--memory 64m --cpus 0.5)
    engine docker run -d --name "$name" --stop-signal KILL --network overlay --network-alias "$service" "${limits[@]}" \
      --label "com.docker.swarm.node.id=$node" --label "com.docker.swarm.service.id=$(letters "$stack$service")" \
      --label "com.docker.swarm.service.name=${stack}_$service" --label com.docker.swarm.task= \
      --label "com.docker.swarm.task.id=$task" --label "com.docker.swarm.task.name=$name" \
      --label "com.docker.stack.namespace=$stack" "$ENGINE_IMAGE" sh -c "$(script "$service")" >/dev/null
    started=$((started + 1))
  done
done <<<"$services"
[[ $started = 20 ]] || { echo "$started containers, not 20" >&2; exit 1; }

export NODE_NAME=node-0000 NODE_ID=$node
# A receiver that takes everything.
busybox nc -ll -p $((port + 3)) -e sh -c 'cat >/dev/null' >/dev/null 2>&1 &
agents+=($!)
# shellcheck disable=SC2154 # engine.sh sets it
docker=--docker=unix://$engine_folder/docker.sock
start() { # agent index flags...
  "$BINARIES/$1" "--web.listen-address=127.0.0.1:$((port + $2))" "${@:3}" 2>"$work/$1.log" &
  agents+=($!)
}
# Of a PID namespace and with the /sys of the engine's network it sees the devices of a node whose engine this is.
# shellcheck disable=SC2016,SC2154 # the inner shell expands it; engine.sh sets it
nsenter "--net=/run/netns/$engine_name" unshare --fork --pid --kill-child --mount-proc bash -c 'mount -t sysfs sysfs /sys; exec "$@"' - \
  "$BINARIES/node-exporter" "--web.listen-address=$engine_address:$port" 2>"$work/node-exporter.log" &
agents+=($!)
start container-exporter 1 "$docker"
start log-router 2 "$docker" --state.path="$work/state" "syslog+tcp://127.0.0.1:$((port + 3))"
sleep 20

mkdir -p "$recorded"
record() { # 1|2
  local agent index=0 host=$engine_address
  for agent in node cadvisor log-router; do
    # This machine's name is nobody's matter, and what tests have mounted below /tmp no node has.
    curl -sf "$host:$((port + index))/metrics" | grep -v 'mountpoint="/tmp/' | sed "s/\b$(uname -n)\b/node-0000/g; s/\be2ee[0-9]*s[0-9]*\b/eth0/g" |
      gzip -9n >"$recorded/$agent-$1.gz"
    index=$((index + 1)) host=127.0.0.1
  done
}
record 1
sleep "$apart"
record 2
for agent in node cadvisor log-router; do
  printf '%-12s %6d series, %8d bytes\n' "$agent" "$(zcat "$recorded/$agent-2.gz" | grep -vc '^#')" "$(zcat "$recorded/$agent-2.gz" | wc -c)"
done
