#!/usr/bin/env bash
# `make test-swarm`: a Swarm of three nodes with a newer engine, each with a container-exporter as a task, all scraped by
# one Prometheus. Every task is told once, with its service, task, stack and node; what was on a node that is switched off
# is gone, its successors are there and the cluster view says that it is down;
# a node that comes back is told again. BINARIES names a folder with a static binary to take instead of building it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/lab/node/swarm.sh
. tests/lab/node/swarm.sh

step() { printf '\n==> %s\n' "$*"; }
work=$(mktemp -d)
prometheus=
failed=0
finish() {
  local code=$? node
  if ((code != 0)); then
    for node in "${!swarm_pids[@]}"; do tail -n 5 "$swarm_folder/$node/log" >&2 || true; done
  fi
  [ -z "$prometheus" ] || { kill "$prometheus" && wait "$prometheus"; } 2>/dev/null || true
  swarm_down
  rm -rf "$work"
}
trap finish EXIT

if [ -n "${BINARIES:-}" ]; then
  binary=$BINARIES/container-exporter
else
  cargo build --release --locked -p container-exporter
  target=$(cargo metadata --no-deps --format-version 1 | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
  binary=$(find "$target" -path '*/release/container-exporter' -type f | head -n 1)
fi

step "three nodes"
swarm_up 3
swarm_docker 1 version -f 'Docker {{.Server.Version}}'
mkdir -p "$work"/{busybox/bin,agent}
cp /bin/busybox "$work/busybox/bin/"
ln -s busybox "$work/busybox/bin/sh"
cp "$binary" "$work/agent/container-exporter"
for node in 1 2 3; do
  swarm_image $node test/busybox:1 "$work/busybox" 'ENTRYPOINT ["/bin/busybox"]'
  swarm_image $node test/container-exporter:1 "$work/agent" 'ENTRYPOINT ["/container-exporter"]'
done
cat >"$work/shop.yml" <<'Y'
version: "3.8"
services:
  front:
    image: test/busybox:1
    command: ["sleep", "100000"]
    stop_grace_period: 1s
    deploy: {replicas: 6, endpoint_mode: dnsrr, resources: {limits: {memory: 64M}}}
  logger:
    image: test/busybox:1
    command: ["sleep", "100000"]
    stop_grace_period: 1s
    deploy: {mode: global, endpoint_mode: dnsrr}
  container-exporter:
    image: test/container-exporter:1
    command: ["--path.procfs=/host/proc", "--path.sysfs=/host/sys"]
    environment: {NODE_NAME: "{{.Node.Hostname}}", NODE_ID: "{{.Node.ID}}"}
    read_only: true
    cap_drop: [ALL]
    volumes: ["/proc:/host/proc:ro", "/sys:/host/sys:ro", "/var/run/docker.sock:/var/run/docker.sock:ro"]
    ports: [{target: 8080, published: 8080, mode: host}]
    deploy: {mode: global, endpoint_mode: dnsrr}
  cluster:
    image: test/container-exporter:1
    command: [cluster, "--docker=unix:///var/run/docker.sock", "--web.listen-address=:8081"]
    read_only: true
    cap_drop: [ALL]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
    ports: [{target: 8081, published: 8081, mode: host}]
    deploy: {endpoint_mode: dnsrr, placement: {constraints: ["node.role == manager"]}}
Y
swarm_docker 1 stack deploy --detach=true --resolve-image never -c "$work/shop.yml" shop

step "Prometheus"
targets=$(for node in 1 2 3; do printf "'%s:8080', " "$(swarm_address $node)"; done)
cat >"$work/prometheus.yml" <<Y
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - {job_name: cadvisor, static_configs: [{targets: [$targets]}]}
  - {job_name: swarm-cluster, static_configs: [{targets: ['$(swarm_address 1):8081']}]}
Y
listen=127.0.0.1:${PORT:-19301}
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address="$listen" 2>"$work/prometheus.log" &
prometheus=$!

# Lines of `task service stack node`, as the manager has them running and as Prometheus has them.
real() {
  local id
  swarm_docker 1 node ls --format '{{.ID}} {{.Status}}' | while read -r id status; do
    [ "$status" = Ready ] || continue
    swarm_docker 1 node ps --no-trunc --filter desired-state=running --format '{{.Name}}.{{.ID}} {{.CurrentState}}' "$id" |
      awk -v node="$id" '$2 == "Running" { split($1, part, "."); print $1, part[1], "shop", node }'
  done | sort
}
query() { curl --silent --fail --get "http://$listen/api/v1/query" --data-urlencode "query=$1"; }
told() {
  query 'count by (container_label_com_docker_swarm_task_name, container_label_com_docker_swarm_service_name,
    container_label_com_docker_stack_namespace, container_label_com_docker_swarm_node_id, instance)
    (container_last_seen{container_label_com_docker_swarm_task_name!=""})' |
    grep -o '"metric":{[^}]*},"value":\[[^]]*\]' |
    sed -E 's/.*stack_namespace":"([^"]*)".*node_id":"([^"]*)".*service_name":"([^"]*)".*task_name":"([^"]*)".*,"([0-9]+)"\]/\4 \3 \1 \2 \5/' |
    awk '{ print $1, $2, $3, $4 ($5 == 1 ? "" : " " $5 " times") }' | sort
}
same() { # how many
  for _ in $(seq 120); do
    real >"$work/real"
    told >"$work/told" || true
    if [ "$(wc -l <"$work/real")" = "$1" ] && cmp -s "$work/real" "$work/told"; then
      column -t "$work/told"
      return 0
    fi
    sleep 1
  done
  echo "error: not the same $1 tasks (manager <, Prometheus >):" >&2
  diff "$work/real" "$work/told" >&2 || true
  failed=1
}

# The nodes as the cluster view has them, `name state`; waits until they are as wanted.
nodes() { # line...
  for _ in $(seq 60); do
    query 'swarm_cluster_node_info' | grep -o '"metric":{[^}]*}' |
      sed -E 's/.*"node_name":"([^"]*)".*"state":"([^"]*)".*/\1 \2/' | sort >"$work/nodes" || true
    if printf '%s\n' "$@" | cmp -s - "$work/nodes"; then
      cat "$work/nodes"
      return 0
    fi
    sleep 1
  done
  echo "error: swarm_cluster_node_info says:" >&2
  cat "$work/nodes" >&2
  failed=1
}

step "every task once, with its service, stack and node"
same 13
nodes "swarm-1 ready" "swarm-2 ready" "swarm-3 ready"
lost=$(swarm_docker 3 info -f '{{.Swarm.NodeID}}')

step "node 3 is switched off"
swarm_stop 3
swarm_ready 2
same 11
nodes "swarm-1 ready" "swarm-2 ready" "swarm-3 down"
left=$(query "{job=\"cadvisor\",container_label_com_docker_swarm_node_id=\"$lost\"}" | grep -o '"result":.*')
case $left in
  '"result":[]'*) echo "no series of $lost is left" ;;
  *) echo "error: left of the lost node: $left" >&2; failed=1 ;;
esac

step "node 3 is switched on again"
swarm_start 3
swarm_ready 3
same 13
nodes "swarm-1 ready" "swarm-2 ready" "swarm-3 ready"
((failed == 0))
