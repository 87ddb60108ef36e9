# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# Each agent is replaced on one node after the other.

fault_updated() {
  local agent
  for agent in node-exporter container-exporter log-router; do
    fault_begins
    swarm_docker "$swarm_manager" service update --detach --force "swarmscope_$agent" >/dev/null
    until_true "the update of $agent is complete" updated "swarmscope_$agent"
    row "$agent updated" "rolling update, one node after the other" "all three tasks are new"
  done
}
updated() {
  why=$(swarm_docker "$swarm_manager" service inspect --format '{{json .UpdateStatus}}' "$1")
  grep -qF '"State":"completed"' <<<"$why" && awk -v began="$began" -v at="$(date +%s -d "$(jq -r .StartedAt <<<"$why")")" 'BEGIN { exit !(at >= began - 1) }'
}
