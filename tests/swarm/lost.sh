# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# A worker loses its power, and gets it back.

fault_lost() {
  fault_begins
  swarm_stop 3
  away 3 "swarm-1 ready" "swarm-2 ready" "swarm-3 down"
  alerts_name 3 SwarmNodeDown NodeMissing
  returned=$(now)
  swarm_start 3
  row lost "swarm-3: power off and on" "node; its tasks were started anew"
  alerts_are_over 3 SwarmNodeDown NodeMissing
}
