# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# One of three managers is lost, the one that leads. The others elect another; what needs managers goes on.

fault_managers() {
  local lost other
  change_node 1 promote swarm-2 swarm-3
  # Makes another one lead than the node that keeps the data.
  swarm_manager=2
  until_true "swarm-2 is a manager" reachable_managers 3
  change_node 2 demote swarm-1
  until_true "two managers" reachable_managers 2
  change_node 2 promote swarm-1
  until_true "three managers" reachable_managers 3
  whole
  lost=$(leader)
  other=$((5 - lost))
  fault_begins
  swarm_stop "$lost"
  swarm_manager=1
  until_true "another manager leads" led_by_another "$lost"
  away "$lost" "swarm-1 ready" "swarm-$lost down" "swarm-$other ready"
  until_true "the cluster view misses a manager" manager_missed "swarm-$lost"
  # The managers that are left can decide.
  swarm_docker 1 service scale --detach shop_front=5 >/dev/null
  until_true "five tasks of shop_front on the other nodes" tasks_elsewhere shop_front 5 "swarm-$lost"
  alerts_name "$lost" SwarmNodeDown SwarmManagerUnreachable
  swarm_docker 1 service scale --detach shop_front=6 >/dev/null
  returned=$(now)
  swarm_start "$lost"
  until_true "three managers" reachable_managers 3
  row managers "swarm-$lost, leader of three managers: power off and on" "another leader at once; node; its tasks were started anew"
  alerts_are_over "$lost" SwarmNodeDown SwarmManagerUnreachable
  # As it was.
  change_node 1 demote swarm-2 swarm-3
  until_true "one manager" reachable_managers 1
  whole
}

leader() { swarm_docker "$swarm_manager" node ls --format '{{.Hostname}} {{.ManagerStatus}}' | sed -n 's/^swarm-\(.*\) Leader$/\1/p'; }
led_by_another() {
  why=$(swarm_docker 1 node ls 2>&1)
  [ -n "$(leader)" ] && [ "$(leader)" != "$1" ]
}
reachable_managers() {
  why=$(swarm_docker "$swarm_manager" node ls 2>&1)
  [ "$(grep -cE 'Leader|Reachable' <<<"$why")" = "$1" ]
}
manager_missed() {
  why=$(query swarm_cluster_manager_reachable | jq -c '[.metric.node_name, .value[1]]')
  grep -qF "[\"$1\",\"0\"]" <<<"$why"
}
# The engine's own count (7/5) has those of the lost node, which nobody can stop.
tasks_elsewhere() { # service, how many, lost node
  why=$(swarm_docker 1 service ps --filter desired-state=running --format '{{.Node}} {{.CurrentState}}' "$1")
  [ "$(grep -v "^$3 " <<<"$why" | grep -c ' Running ')" = "$2" ] && ! grep -q "^$3 " <<<"$why"
}
