# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# A worker is drained, and returned. A drained node runs no agents either: it is missed as one that is lost.

fault_drained() {
  fault_begins
  change_node "$swarm_manager" update --availability drain swarm-2
  until_true "no task is left on swarm-2" no_tasks 2
  until_true "the other targets are up" targets_up 2
  until_true "every container once" once
  alerts_name 2 NodeMissing
  returned=$(now)
  change_node "$swarm_manager" update --availability active swarm-2
  row drained "swarm-2: drained, returned" "agents and global tasks; replicated tasks stay where they went"
  alerts_are_over 2 NodeMissing
}
no_tasks() {
  why=$(swarm_docker "$1" ps --format '{{.Names}}')
  [ -z "$why" ]
}
