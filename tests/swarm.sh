#!/usr/bin/env bash
# `make test-swarm`: the whole stack on a Swarm of three nodes with a newer engine, broken on purpose. Prints a table of
# what each fault cost and what came back by itself; docs/swarm-test.md shows it and says what is asserted.
#
#   FAULTS="lost hung"   only these, in this order
#   BINARIES=FOLDER      static binaries to take instead of building them
#   SWARM_INDEX=62       60 to 255: several runs on one machine take different ones
#   LIMIT_SECONDS=900    how long a condition may take
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm/lib
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Each is a file of tests/swarm with a function fault_NAME.
ALL_FAULTS="
lost         a worker is switched off and on
hung         everything on a worker stands still
partitioned  a worker's cable is pulled
drained      a worker is drained and returned
manager      the only manager, with all stores, is switched off and on
managers     the leader of three managers is switched off and on
killed       Elasticsearch, then Prometheus
moved        the stores move to another node with their volumes, and back
updated      a rolling update of each agent
engine       a worker's engine is restarted, and killed, under load
"

names=$(awk 'NF { print $1 }' <<<"$ALL_FAULTS")
chosen=${FAULTS:-$names}
for fault in $chosen; do
  grep -qx "$fault" <<<"$names" || { printf 'error: FAULTS: no fault %s; there are:%s\n' "$fault" "$ALL_FAULTS" >&2; exit 2; }
done

bash tests/prepare.sh
# shellcheck source=tests/lab/node/swarm.sh
. tests/lab/node/swarm.sh
for part in tests/swarm/lib/*.sh tests/swarm/*.sh; do
  # shellcheck source=/dev/null
  . "$part"
done

work=$(mktemp -d)
state=$work/state
engine_version=
: >"$work/written"
: >"$work/rows"
lines_written=0
finish() {
  local code=$? node
  if ((code != 0)); then
    for node in "${!swarm_pids[@]}"; do
      echo "--- swarm-$node" >&2
      tail -n 5 "$swarm_folder/$node/log" >&2 || true
    done
    printf '\nwhat was seen before the error:\n' >&2
    table >&2
  fi
  swarm_down
  rm -rf "$work"
}
trap finish EXIT

binaries=${BINARIES:-}
if [ -z "$binaries" ]; then
  cargo build --release --locked -p node-exporter -p container-exporter -p log-router
  binaries=$(dirname "$(find "$PWD/target" -path '*/release/log-router' -type f | head -n 1)")
fi

step "three nodes and a registry"
swarm_up 3
engine_version=$(swarm_docker 1 version -f '{{.Server.Version}}')
echo "Docker $engine_version"
node_ids=()
for node in $(seq "$swarm_count"); do node_ids[node]=$(swarm_docker "$node" info -f '{{.Swarm.NodeID}}'); done
swarm_registry

step "the stack: make up"
stack_up

step "all targets by tasks.*, each node's name, network and containers"
whole
cat "$work/targets"
column -t "$work/told"
host_network
share_images
conserved
echo "$lines_written lines written, $lines_missing missing, $lines_twice twice"

for fault in $chosen; do
  step "$fault: $(sed -nE "s/^$fault +//p" <<<"$ALL_FAULTS")"
  "fault_$fault"
done

step "what was seen"
table
