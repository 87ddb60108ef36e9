# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# The engine of a worker is restarted while a service on it writes some 800 lines a second; once as systemctl does, once killed.

fault_engine() {
  local signal
  for signal in TERM KILL; do
    cat >"$work/shop/load.yml" <<Y
version: "3.8"
services:
  load:
    image: test/busybox:1
    command: [sh, -c, "trap 'exit 0' TERM; i=0; while :; do i=\$\$((i+1)); echo numbered \$\$HOSTNAME \$\$i; [ \$\$((i % 200)) != 0 ] || sleep 0.2; done"]
    stop_grace_period: 2s
    deploy: {endpoint_mode: dnsrr, placement: {constraints: [node.hostname == swarm-2]}}
Y
    swarm_docker "$swarm_manager" stack deploy --detach=true --resolve-image never -c "$work/shop/load.yml" load >/dev/null
    wrote_from=()
    until_true "the load begins" wrote_on 2 10000
    fault_begins
    swarm_engine_restart 2 "$signal"
    returned=$(now)
    until_true "the load goes on" load_runs
    wrote_from=()
    until_true "the load goes on" wrote_on 2 10000
    # A service without tasks has no containers either, and no logs to compare with.
    written
    swarm_docker "$swarm_manager" service scale --detach load_load=0 >/dev/null
    row "engine ($signal)" "swarm-2: dockerd gets SIG$signal while a service writes some 800 lines/s; started again" "engine; its tasks were started anew"
  done
}
load_runs() {
  why=$(swarm_docker "$swarm_manager" service ps load_load 2>&1)
  [ -n "$(container_of 2 load_load)" ]
}
