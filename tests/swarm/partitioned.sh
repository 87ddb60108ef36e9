# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# A worker's cable is pulled and put back; its tasks go on all the while.

fault_partitioned() {
  local tasks
  fault_begins
  tasks=$(tasks_of 3)
  swarm_unplug 3
  away 3 "swarm-1 ready" "swarm-2 ready" "swarm-3 down"
  alerts_name 3 SwarmNodeDown
  returned=$(now)
  swarm_plug_in 3
  row partitioned "swarm-3: cable pulled and put back" "node; $(tasks_now 3 "$tasks")"
  alerts_are_over 3 SwarmNodeDown
}
