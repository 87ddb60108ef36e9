# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# The only manager loses its power, and with it all that is stored. The workers go on; nobody can tell until it is back.

fault_manager() {
  local tasks2 tasks3
  fault_begins
  tasks2=$(tasks_of 2) tasks3=$(tasks_of 3)
  swarm_stop 1
  prometheus_away=$(now)
  wrote_from=()
  # Long enough for every buffer between a writer and a store that is not there.
  until_true "the workers write on" workers_wrote_on 500
  [ "$(tasks_of 2) $(tasks_of 3)" = "$tasks2 $tasks3" ] || { echo "error: workers' tasks have changed" >&2; return 1; }
  alert_told="nobody to tell: Prometheus and Alertmanager were on it, Watchdog fell silent"
  returned=$(now)
  swarm_start 1
  row manager "swarm-1, the only manager, with all stores: power off and on" "Swarm, stores, new tasks on it; workers: $(
    tasks_now 2 "$tasks2")"
}
workers_wrote_on() { # lines
  local node enough=0
  # Each is asked every time: it counts from the first time on.
  for node in 2 3; do wrote_on "$node" "$1" || enough=1; done
  return $enough
}

# Whether a node's writers have written so many lines since the fault was prepared or began.
wrote_on() { # node, lines
  local lines
  lines=$(find "$(swarm_data "$1")/containers" -name '*-json.log' -exec cat {} + | grep -c numbered)
  : "${wrote_from[$1]:=$lines}"
  why="$((lines - wrote_from[$1])) of $2 lines"
  ((lines - wrote_from[$1] >= $2))
}
declare -A wrote_from=()
