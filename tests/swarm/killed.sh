# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# The search engine and Prometheus are killed; the Swarm starts them again with their volumes.

fault_killed() {
  local service id
  for service in elasticsearch prometheus; do
    fault_begins
    id=$(container_of "$storage" "swarmscope_$service")
    swarm_docker "$storage" kill -s KILL "$id" >/dev/null
    [ "$service" != prometheus ] || prometheus_away=$(now)
    until_true "another task of $service" another "$service" "$id"
    row "$service killed" "its process gets SIGKILL" "a new task on the same volume"
  done
}
another() {
  why=$(swarm_docker "$swarm_manager" service ps "swarmscope_$1" 2>&1)
  ! grep -qxF "$2" < <(container_of "$storage" "swarmscope_$1") && [ -n "$(container_of "$storage" "swarmscope_$1")" ]
}
