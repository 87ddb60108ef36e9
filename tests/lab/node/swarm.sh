# shellcheck shell=bash
# A Swarm of several nodes on this machine, without an engine of this machine: each node is a dockerd (node.sh) in
# namespaces of its own, all on one bridge in a network namespace that nobody else uses. To be sourced.
#
#   swarm_up N            N nodes, swarm-1 to swarm-N; the first is the manager
#   swarm_docker N ARG... the client on a node
#   swarm_in N CMD...     a command in a node
#   swarm_image N NAME FOLDER [CHANGE...]   makes an image from a folder on a node
#   swarm_copy_image FROM TO IMAGE...       takes images from one node to another
#   swarm_registry        a registry (Debian's docker-registry) that all nodes and this machine reach; sets swarm_registry
#   swarm_stop N          power off; swarm_start N: power on
#   swarm_hang N          everything on the node stands still; swarm_resume N: it goes on
#   swarm_unplug N        cable pulled; swarm_plug_in N: cable back
#   swarm_engine_restart N SIGNAL           ends dockerd, which is started again
#   swarm_down            removes all
#   swarm_address N       where its published ports answer
#   swarm_data N          its /var/lib/docker, seen from this machine
#
# SWARM_INDEX (60 to 255) makes addresses and cgroups: several Swarms on one machine take different numbers.
# There is no IPVS on some kernels: services say endpoint_mode dnsrr and publish in mode host.

swarm_index=${SWARM_INDEX:-62}
swarm_name=swarm$$
swarm_registry_pid=
# Which node is asked about the Swarm.
swarm_manager=1
declare -A swarm_pids=()

swarm_address() { echo "198.18.$swarm_index.$((10 + $1))"; }
swarm_data() { echo "$swarm_folder/$1/data"; }
swarm_docker() { "docker" -H "unix://$swarm_folder/$1/docker.sock" "${@:2}"; }
swarm_in() { nsenter --target "$(pgrep -P "${swarm_pids[$1]}")" --all "${@:2}"; }

swarm_up() { # number of nodes
  local node token here
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  swarm_root=$(bash "$here/node.sh" build)
  swarm_enter=$here/enter.sh
  swarm_folder=$(mktemp -d /tmp/swarm-XXXXXX)
  swarm_count=$1
  ip netns add "$swarm_name"
  ip -n "$swarm_name" link add bridge type bridge
  ip -n "$swarm_name" link set bridge up
  swarm_plug "swbh$swarm_index" 0
  ip addr add "198.18.$swarm_index.1/24" dev "swbh$swarm_index"
  ip link set "swbh$swarm_index" up
  for node in $(seq "$1"); do
    mkdir -p "$swarm_folder/$node/data"
    swarm_boot "$node"
  done
  for node in $(seq "$1"); do swarm_wait "$node"; done
  # A long history: what tasks that ended have written is still there to be counted.
  swarm_docker 1 swarm init --advertise-addr "$(swarm_address 1)" --default-addr-pool "10.$swarm_index.0.0/16" \
    --task-history-limit 100 >/dev/null
  token=$(swarm_docker 1 swarm join-token -q worker)
  for node in $(seq 2 "$1"); do
    swarm_docker "$node" swarm join --token "$token" --advertise-addr "$(swarm_address "$node")" "$(swarm_address 1):2377" >/dev/null
  done
  swarm_ready "$1"
}

# A cable from a device to the bridge.
swarm_plug() { # device, number of the port, network namespace (this machine's if none)
  ip -n "$swarm_name" link add "port$2" type veth peer name "swp$swarm_index-$2"
  ip -n "$swarm_name" link set "port$2" master bridge
  ip -n "$swarm_name" link set "port$2" up
  ip -n "$swarm_name" link set "swp$swarm_index-$2" name "$1" netns "${3:-1}"
}

# The node's cgroup in the hierarchy that can freeze: the engine in `host`, tasks beside it.
swarm_freezer() { # node
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo "/sys/fs/cgroup/swarm$swarm_index-$1"
  else
    echo "/sys/fs/cgroup/freezer/swarm$swarm_index-$1"
  fi
}

swarm_boot() { # node
  local folder=$swarm_folder/$1 host
  ip netns add "$swarm_name-$1"
  swarm_plug eth0 "$1" "$swarm_name-$1"
  ip -n "$swarm_name-$1" addr add "$(swarm_address "$1")/24" dev eth0
  ip -n "$swarm_name-$1" link set eth0 up
  ip -n "$swarm_name-$1" link set lo up
  host=$(swarm_freezer "$1")/host
  mkdir -p "$host"
  # The node reaches its Swarm and its registry, not what this machine may have as a way out.
  # shellcheck disable=SC2016 # for the shells inside
  env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY \
    bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$host" \
    nsenter "--net=/run/netns/$swarm_name-$1" unshare --mount --pid --uts --ipc --fork --kill-child bash -c '
    hostname "$0" && exec bash "$@"' "swarm-$1" "$swarm_enter" "$swarm_root" "$folder" bash -c '
    mkdir -p /var/lib/docker && mount --bind "$1/data" /var/lib/docker &&
      exec tini-static -- bash -c "while :; do
        dockerd -H unix:///run/docker.sock -H unix://$1/docker.sock --cgroup-parent $2 --insecure-registry $3
        sleep 1
      done"' \
    "swarm-$1" "$folder" "/swarm$swarm_index-$1" "198.18.$swarm_index.0/24" >>"$folder/log" 2>&1 &
  swarm_pids[$1]=$!
}

swarm_wait() { # node: until its engine answers
  for _ in {1..600}; do
    if swarm_docker "$1" info >/dev/null 2>&1; then return 0; fi
    kill -0 "${swarm_pids[$1]}" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$swarm_folder/$1/log" >&2
  echo "error: no engine in node $1" >&2
  return 1
}

swarm_ready() { # how many nodes are ready
  for _ in {1..900}; do
    [ "$(swarm_docker "$swarm_manager" node ls --format '{{.Status}}' 2>/dev/null | grep -c Ready)" != "$1" ] || return 0
    sleep 0.2
  done
  swarm_docker "$swarm_manager" node ls >&2
  echo "error: not $1 nodes are ready" >&2
  return 1
}

swarm_image() { # node, name, folder, change...
  local changes=() change
  for change in "${@:4}"; do changes+=(--change "$change"); done
  tar -C "$3" -c . | swarm_docker "$1" import "${changes[@]}" - "$2" >/dev/null
}

swarm_copy_image() { swarm_docker "$1" save "${@:3}" | swarm_docker "$2" load >/dev/null; }

swarm_registry() {
  swarm_registry=198.18.$swarm_index.1:5000
  mkdir -p "$swarm_folder/registry"
  printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $swarm_folder/registry}}" \
    "http: {addr: '$swarm_registry'}" >"$swarm_folder/registry.yml"
  docker-registry serve "$swarm_folder/registry.yml" >"$swarm_folder/registry.log" 2>&1 &
  swarm_registry_pid=$!
  for _ in {1..300}; do
    if curl -sf --noproxy '*' -o /dev/null "http://$swarm_registry/v2/"; then return 0; fi
    kill -0 "$swarm_registry_pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 5 "$swarm_folder/registry.log" >&2
  echo "error: no registry at $swarm_registry" >&2
  return 1
}

swarm_stop() { # node
  swarm_resume "$1"
  kill -KILL "${swarm_pids[$1]}"
  wait "${swarm_pids[$1]}" 2>/dev/null || true
  unset "swarm_pids[$1]"
  # With its interfaces and rules, which no machine keeps without power.
  for _ in {1..100}; do
    [ -n "$(ip netns pids "$swarm_name-$1")" ] || break
    sleep 0.1
  done
  ip -n "$swarm_name" link delete "port$1"
  ip netns delete "$swarm_name-$1"
}
swarm_start() { swarm_boot "$1" && swarm_wait "$1"; }

swarm_freeze() { # node, 1 or 0
  local group
  group=$(swarm_freezer "$1")
  if [[ -e $group/cgroup.freeze ]]; then
    echo "$2" >"$group/cgroup.freeze"
  elif [[ $2 = 1 ]]; then
    echo FROZEN >"$group/freezer.state"
  else
    echo THAWED >"$group/freezer.state"
  fi
}
swarm_hang() { swarm_freeze "$1" 1; }
swarm_resume() { swarm_freeze "$1" 0; }

swarm_unplug() { ip -n "$swarm_name" link set "port$1" down; }
swarm_plug_in() { ip -n "$swarm_name" link set "port$1" up; }

# Ends dockerd, which its node starts again as systemd does; returns when the new one answers.
swarm_engine_restart() { # node, signal
  local before
  before=$(swarm_in "$1" cat /run/docker.pid)
  swarm_in "$1" kill -s "$2" "$before"
  for _ in {1..900}; do
    [ "$(swarm_in "$1" cat /run/docker.pid 2>/dev/null || true)" = "$before" ] || break
    sleep 0.2
  done
  swarm_wait "$1"
}

swarm_down() {
  local node
  [ -n "${swarm_folder:-}" ] || return 0
  for node in "${!swarm_pids[@]}"; do swarm_stop "$node"; done
  [ -z "$swarm_registry_pid" ] || { kill "$swarm_registry_pid" && wait "$swarm_registry_pid"; } 2>/dev/null || true
  ip netns delete "$swarm_name" 2>/dev/null || true
  for node in $(seq "$swarm_count"); do
    # What the node's engine made; empty once its processes are gone.
    find /sys/fs/cgroup -depth -type d -path "*/swarm$swarm_index-$node*" -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf "$swarm_folder"
  swarm_folder=
}
