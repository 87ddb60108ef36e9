# shellcheck shell=bash
# The Docker engine and the Swarm: found, started, initialised.

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

ensure_engine() {
  if [ -n "${DOCKER_HOST:-}" ]; then
    # Somebody named an engine: it is used as it is.
    command -v docker >/dev/null || die "the docker client is missing" "DOCKER_HOST is set, so nothing is installed"
    engine_answers || die "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST" "start it, or unset DOCKER_HOST to use this machine's own"
  elif ! command -v docker >/dev/null || ! engine_answers; then
    install_engine
    start_engine
  fi
  DOCKER_ROOT=${DOCKER_ROOT:-$(docker info --format '{{.DockerRootDir}}')}
  case ${DOCKER_HOST:-} in
    unix://*) DOCKER_SOCKET=${DOCKER_SOCKET:-${DOCKER_HOST#unix://}} ;;
    *) DOCKER_SOCKET=${DOCKER_SOCKET:-/var/run/docker.sock} ;;
  esac
  say "    Docker $(docker version --format '{{.Server.Version}}'), data in $DOCKER_ROOT, socket $DOCKER_SOCKET"
}

install_engine() {
  local pairs=(dockerd:docker.io)
  # From Debian 13 on the client is a package of its own.
  if ! command -v docker >/dev/null && apt-cache show docker-cli >/dev/null 2>&1; then pairs+=(docker:docker-cli); fi
  # Where the kernel has AppArmor the engine cannot start a container without its tools.
  if grep -qs Y /sys/module/apparmor/parameters/enabled; then pairs+=(apparmor_parser:apparmor); fi
  install_missing "the Docker engine" "${pairs[@]}"
  install_missing "the Docker client" docker:docker.io
}

# What this script was started with stays open in the engine for as long as that runs: a lock would never be let go.
close_inherited() {
  local fd
  for fd in /proc/"$BASHPID"/fd/*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ]; then exec {fd}>&-; fi
  done
}

start_engine() {
  local log=$CACHE/dockerd.log i
  engine_answers && return
  [ "$(id -u)" = 0 ] || die "no Docker engine answers and only root can start it" "run this as root, or: sudo systemctl start docker"
  if [ -d /run/systemd/system ] && systemctl cat docker.service >/dev/null 2>&1; then
    say "    starting the engine: systemctl start docker"
    systemctl start docker || die "the engine does not start" "see: journalctl -u docker"
  else
    mkdir -p "$CACHE"
    say "    starting the engine: dockerd (log: $log)"
    (
      close_inherited
      exec setsid nohup dockerd >>"$log" 2>&1 </dev/null
    ) &
  fi
  for ((i = 0; i < 120; i++)); do
    engine_answers && return
    sleep 0.5
  done
  tail -n 5 "$log" >&2 2>/dev/null || true
  die "the engine does not answer within 60 s" "log: $log"
}

# What newer clients and engines know is used where all are new enough.
choose_by_engine() {
  local versions version wanted=''
  ! has_part engine-25 || wanted=1
  versions=$(docker version --format '{{.Client.Version}}'; docker node ls -q | xargs docker node inspect --format '{{.Description.Engine.EngineVersion}}')
  for version in $versions; do
    if [ "${version%%.*}" -lt 25 ]; then
      [ -z "$wanted" ] || die "STACKS='$STACKS': engine-25 needs Docker 25 or newer as client and on every node" "found: $(paste -sd ' ' <<<"$versions"); right: leave engine-25 out"
      return 0
    fi
  done
  [ -n "$wanted" ] || STACKS+=" engine-25"
}

swarm_state() { docker info --format '{{.Swarm.LocalNodeState}}'; }

ensure_swarm() {
  local addr nodes
  case $(swarm_state) in
    active) ;;
    inactive)
      # The address of the default route, since swarm init refuses to choose among several.
      addr=${ADVERTISE_ADDR:-$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')}
      addr=${addr:-127.0.0.1}
      say "    this engine is in no Swarm: docker swarm init --advertise-addr $addr"
      # shellcheck disable=SC2086 # several arguments in one variable
      docker swarm init --advertise-addr "$addr" ${SWARM_INIT_ARGS:-} >/dev/null ||
        die "docker swarm init failed" "name the address of this node: ADVERTISE_ADDR=…"
      mkdir -p "$STATE"
      docker info --format '{{.Swarm.Cluster.ID}}' >"$STATE/swarm-initialised"
      ;;
    *) die "the Swarm of this engine is in state '$(swarm_state)'" "see: docker info" ;;
  esac
  [ "$(docker info --format '{{.Swarm.ControlAvailable}}')" = true ] ||
    die "this node is a worker of its Swarm" "run this on a manager, or set DOCKER_HOST to one"
  nodes=$(docker node ls -q | wc -l)
  if [ "$nodes" -gt 1 ] && [ -z "${REGISTRY:-}" ]; then
    die "this Swarm has $nodes nodes, and each must be able to pull the agents' images" \
      "name a registry they all reach, e.g. REGISTRY=registry.example.org/swarmscope make up"
  fi
  NODE_COUNT=$(docker node ls --format '{{.Status}} {{.Availability}}' | grep -c '^Ready Active' || true)
  ACCESS_HOST=${ACCESS_HOST:-$(docker info --format '{{.Swarm.NodeAddr}}')}
}

we_initialised_swarm() {
  [ -f "$STATE/swarm-initialised" ] && [ "$(cat "$STATE/swarm-initialised")" = "$(docker info --format '{{.Swarm.Cluster.ID}}')" ]
}

ensure_network() {
  if docker network inspect "$NETWORK" >/dev/null 2>&1; then
    [ "$(docker network inspect --format '{{.Driver}} {{.Attachable}}' "$NETWORK")" = "overlay true" ] ||
      die "the network '$NETWORK' exists and is no attachable overlay" "remove it, or name another one: NETWORK=…"
    return
  fi
  say "    network $NETWORK, $SUBNET"
  docker network create --driver overlay --attachable --subnet "$SUBNET" --label "$MADE_BY" "$NETWORK" >/dev/null ||
    die "cannot create the network '$NETWORK' with SUBNET=$SUBNET" "choose one that is free: SUBNET=10.99.0.0/20"
}

# Data are where a volume is, so the node that has them gets a label to find it again.
ensure_storage_node() {
  local label=io.swarmscope.storage
  if [ -z "${STORAGE_CONSTRAINT:-}" ]; then
    if ! docker node ls -q | xargs docker node inspect --format "{{index .Spec.Labels \"$label\"}}" | grep -q true; then
      docker node update --label-add "$label=true" "$(docker info --format '{{.Swarm.NodeID}}')" >/dev/null
    fi
    STORAGE_CONSTRAINT="node.labels.$label == true"
  fi
}

# The bind of / is rslave where / is shared and private where it is not (the engine decides,
# see agents.yml). In the second case something is unseen, so say so.
tell_propagation() {
  local out
  out=$(docker run --rm --network none -v /:/rootfs:ro,rslave "${IMAGE_PREFIX}node-exporter:$VERSION" --version 2>&1) || true
  grep -q 'not a shared or slave mount' <<<"$out" || return 0
  say "    / is a private mount here: file systems that the host mounts later stay unseen by node-exporter until it restarts"
  say "    (to change that: mount --make-rshared / and restart the engine)"
}
