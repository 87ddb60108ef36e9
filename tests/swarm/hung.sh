# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# Everything on a worker stands still, engine and tasks; then it goes on.

fault_hung() {
  local tasks
  fault_begins
  tasks=$(tasks_of 2)
  swarm_hang 2
  away 2 "swarm-1 ready" "swarm-2 down" "swarm-3 ready"
  alerts_name 2 SwarmNodeDown
  returned=$(now)
  swarm_resume 2
  row hung "swarm-2: all processes frozen, then thawed" "node; $(tasks_now 2 "$tasks")"
  alerts_are_over 2 SwarmNodeDown
}
