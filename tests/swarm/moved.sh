# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# The stores move to another node with their volumes, and back: what is stopped, copied and started there has its past.

fault_moved() {
  local by_hand="nothing: moved by hand, each with its past"
  fault_begins
  move_stores 1 2
  until_true "Prometheus knows what was before the move" knows_before "$began"
  row moved "Prometheus, Alertmanager, Elasticsearch: stopped, volumes copied from swarm-1 to swarm-2, label moved, started" "$by_hand"
  fault_begins
  move_stores 2 1
  until_true "Prometheus knows what was before the move" knows_before "$began"
  row "moved back" "the same from swarm-2 to swarm-1" "$by_hand"
}
knows_before() {
  why="no samples of before"
  [ -n "$(samples 'up{job="prometheus"}' "$(awk -v at="$1" 'BEGIN { printf "%.3f", at - 60 }')" "$1")" ]
}

# As an operator does it: services down, volumes to the other node, the label after them, services up.
move_stores() { # from, to
  local stores=(prometheus alertmanager elasticsearch) store
  # shellcheck disable=SC2046 # words
  swarm_docker "$swarm_manager" service scale --detach $(printf 'swarmscope_%s=0 ' "${stores[@]}") >/dev/null
  until_true "the stores have stopped" stopped "$1" "${stores[@]}"
  prometheus_away=$(now)
  for store in "${stores[@]}"; do
    swarm_docker "$2" volume create "swarmscope_$store" --label com.docker.stack.namespace=swarmscope >/dev/null
    rm -rf "$(swarm_data "$2")/volumes/swarmscope_$store/_data"
    cp -a "$(swarm_data "$1")/volumes/swarmscope_$store/_data" "$(swarm_data "$2")/volumes/swarmscope_$store/_data"
  done
  change_node "$swarm_manager" update --label-rm io.swarmscope.storage "swarm-$1"
  change_node "$swarm_manager" update --label-add io.swarmscope.storage=true "swarm-$2"
  storage=$2
  # shellcheck disable=SC2046 # words
  swarm_docker "$swarm_manager" service scale --detach $(printf 'swarmscope_%s=1 ' "${stores[@]}") >/dev/null
  returned=$(now)
}
stopped() { # node, service...
  local service
  for service in "${@:2}"; do
    why=$(container_of "$1" "swarmscope_$service")
    [ -z "$why" ] || return 1
  done
}
