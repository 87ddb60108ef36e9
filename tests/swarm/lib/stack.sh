# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# The whole stack by the project's own files, the services that write lines, and what is true of them when all is well.

of_machine() { # target of the Makefile, VARIABLE=value...
  # A cache of its own: another run on this machine may be making the same images.
  env XDG_CACHE_HOME="$work/cache" DOCKER_HOST="unix://$swarm_folder/1/docker.sock" DOCKER_SOCKET=/var/run/docker.sock STATE_DIR="$state" \
    SKIP_BUILD=1 BINARIES="$binaries" REGISTRY="$swarm_registry/swarmscope" WAIT_SECONDS="$limit" "${@:2}" make -s "$1"
}

stack_up() {
  local node
  mkdir -p "$work"/busybox/bin "$work/shop"
  cp /bin/busybox "$work/busybox/bin/"
  ln -s busybox "$work/busybox/bin/sh"
  for node in $(seq "$swarm_count"); do
    swarm_image "$node" test/busybox:1 "$work/busybox" 'ENTRYPOINT ["/bin/busybox"]'
  done
  of_machine up
  writers
  until_true "every service runs" services_run
}

# Each line has the container that wrote it and a number.
writers() {
  cat >"$work/shop/shop.yml" <<'Y'
version: "3.8"
x-writer: &writer
  image: test/busybox:1
  command:
    - sh
    - -c
    - trap 'exit 0' TERM; i=0; while :; do i=$$((i+1)); echo numbered $$HOSTNAME $$i; sleep $$PAUSE & wait; done
  stop_grace_period: 2s
services:
  front:
    <<: *writer
    environment: {PAUSE: "1"}
    deploy: {replicas: 6, endpoint_mode: dnsrr, resources: {limits: {memory: 64M}}}
  logger:
    <<: *writer
    environment: {PAUSE: "0.2"}
    deploy: {mode: global, endpoint_mode: dnsrr}
Y
  swarm_docker 1 stack deploy --detach=true --resolve-image never -c "$work/shop/shop.yml" shop >/dev/null
}

services_run() {
  why=$(swarm_docker "$swarm_manager" service ls --format '{{.Name}} {{.Mode}} {{.Replicas}}' |
    awk -v nodes="$swarm_count" '{ split($3, n, "/") } n[1] != n[2] || ($2 == "global" && n[1] < nodes)') || return 1
  [ -z "$why" ]
}

# Job, name and state of each target, with how many there are.
targets() {
  prometheus 'targets?state=active' |
    jq -r '.data.activeTargets[] | "\(.scrapePool) \(.discoveredLabels.__meta_dns_name) \(.health)"' |
    sort | uniq -c | awk '{ print $2, $3, $4, $1 }'
}
# The same as it must be by the jobs of prometheus.yml and the services of the stack.
wanted_targets() { # nodes
  local job name mode replicas
  awk '/job_name:/ { job = $3 } /names: \[tasks\./ { gsub(/.*\[tasks\.|\].*/, ""); print job, $0 }' "$state/prometheus.yml" |
    while read -r job name; do
      read -r mode replicas < <(swarm_docker "$swarm_manager" service ls --filter "name=swarmscope_$name" \
        --format '{{.Name}} {{.Mode}} {{.Replicas}}' | awk -v name="swarmscope_$name" '$1 == name { print $2, $3 }') || continue
      if [ "$mode" = global ]; then replicas=$1; else replicas=${replicas#*/}; fi
      [ "$replicas" = 0 ] || echo "$job tasks.$name up $replicas"
    done | sort
}
targets_up() { # nodes
  why="Prometheus does not answer"
  targets >"$work/targets" || return 1
  wanted_targets "$1" >"$work/wanted" || return 1
  why=$(diff "$work/targets" "$work/wanted")
}

# When Prometheus was last away. What ended meanwhile it did not see end: for its five minutes it goes on to answer with the
# last sample, so only samples since then count.
prometheus_away=0
seen() { echo "($1 and timestamp($1) > $prometheus_away)"; }

# The names that node-exporter tells are those of the nodes, each once.
names_are() { # node...
  why="node_meta and node_uname_info: $(query "$(seen node_meta)" | jq -r '.metric.node_name' | sort | tr '\n' ' '); $(
    query "$(seen node_uname_info)" | jq -r '.metric.nodename' | sort | tr '\n' ' ')"
  [ "$why" = "node_meta and node_uname_info: $(printf 'swarm-%s ' "$@"); $(printf 'swarm-%s ' "$@")" ]
}

# Lines of `task service node`, as the manager has them running on nodes that are ready, and as Prometheus has them.
real() {
  local id status
  swarm_docker "$swarm_manager" node ls --format '{{.ID}} {{.Status}}' | while read -r id status; do
    [ "$status" = Ready ] || continue
    swarm_docker "$swarm_manager" node ps --no-trunc --filter desired-state=running --format '{{.Name}}.{{.ID}} {{.CurrentState}}' "$id" |
      awk -v node="$id" '$2 == "Running" { split($1, part, "."); print $1, part[1], node }'
  done | sort
}
told() {
  query "count by (container_label_com_docker_swarm_task_name, container_label_com_docker_swarm_service_name,
    container_label_com_docker_swarm_node_id) ($(seen 'container_last_seen{container_label_com_docker_swarm_task_name!=""}'))" |
    jq -r '"\(.metric.container_label_com_docker_swarm_task_name) \(.metric.container_label_com_docker_swarm_service_name) \(
      .metric.container_label_com_docker_swarm_node_id)\(if .value[1] == "1" then "" else " \(.value[1]) times" end)"' | sort
}
# Every container of every service once, and none that is gone.
once() {
  real >"$work/real" && told >"$work/told" || return 1
  why="manager <, Prometheus >"$'\n'$(diff "$work/real" "$work/told") && [ -s "$work/real" ]
}

# What the cluster view says of the nodes: `name state`.
nodes_are() { # "name state"...
  query swarm_cluster_node_info | jq -r '"\(.metric.node_name) \(.metric.state)"' | sort >"$work/nodes" || return 1
  why=$(printf '%s\n' "$@" | diff "$work/nodes" -)
}

# The bytes that a node's own interface received, as node-exporter tells them from inside a task: between what the node
# itself counted before and after the scrape. The task has an eth0 too, which is another.
host_network() {
  local node before after told
  for node in $(seq "$swarm_count"); do
    before=$(swarm_in "$node" cat /sys/class/net/eth0/statistics/rx_bytes)
    until_true "a new scrape of swarm-$node" scraped_since "$(now)" "node_meta{node_name=\"swarm-$node\"}"
    told=$(query "node_network_receive_bytes_total{device=\"eth0\"} * on (instance) group_left () node_meta{node_name=\"swarm-$node\"}" |
      jq -r '.value[1]')
    after=$(swarm_in "$node" cat /sys/class/net/eth0/statistics/rx_bytes)
    printf 'swarm-%s eth0: %s bytes, before %s, after %s\n' "$node" "$told" "$before" "$after"
    ((before <= told && told <= after)) || { echo "error: not the host's network" >&2; return 1; }
  done
}
scraped_since() { # time, series
  local at
  at=$(query "timestamp($2)" | jq -r '.value[1]')
  why="last scrape $at, wanted after $1"
  [ -n "$at" ] && awk -v at="$at" -v since="$1" 'BEGIN { exit !(at > since) }'
}

# All is as it was at the beginning.
whole() {
  until_true "three nodes are ready" nodes_ready "$swarm_count"
  until_true "every service runs" services_run
  until_true "all targets are up" targets_up "$swarm_count"
  whole_at=$(now)
  until_true "every container once" once
  # shellcheck disable=SC2046 # numbers
  until_true "three host names" names_are $(seq "$swarm_count")
}
nodes_ready() {
  why=$(swarm_docker "$swarm_manager" node ls 2>&1) || return 1
  [ "$(grep -c Ready <<<"$why")" = "$1" ]
}

# A node is away: its targets and its containers' series are gone, the managers know it.
away() { # node, "name state"...
  until_true "swarm-$1 is down" node_down "$1"
  until_true "the other targets are up" targets_up "$((swarm_count - 1))"
  until_true "every container of the others once" once
  until_true "the cluster view knows" nodes_are "${@:2}"
  until_true "no series of it is left" none_left "$1"
}
none_left() { # node
  why=$(query "{node_id=\"${node_ids[$1]}\",job=~\"node|cadvisor|log-router\"}" | jq -c .metric) && [ -z "$why" ]
}
node_down() {
  why=$(swarm_docker "$swarm_manager" node ls 2>&1)
  grep "swarm-$1 " <<<"$why" | grep -q Down
}

# No registry has the stores' images: an operator would load them where the stores may move to.
share_images() {
  local node images
  images=$(swarm_docker 1 image ls --format '{{.Repository}}:{{.Tag}}' 'swarmscope-offline/*')
  for node in $(seq 2 "$swarm_count"); do
    # shellcheck disable=SC2086 # a list of names
    swarm_copy_image 1 "$node" $images
  done
}
