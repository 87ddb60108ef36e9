# shellcheck shell=bash
# A Swarm of several nodes on this machine, without an engine of this machine: each node is a dockerd (node.sh) in
# namespaces of its own, all on one bridge in a network namespace that nobody else uses. To be sourced.
#
#   swarm_up N            N nodes, swarm-1 to swarm-N; the first is the manager
#   swarm_docker N ARG... the client on a node
#   swarm_in N CMD...     a command in a node
#   swarm_image N NAME FOLDER [CHANGE...]   makes an image from a folder on a node
#   swarm_stop N          power off; swarm_start N: power on
#   swarm_down            removes all
#   swarm_address N       where its published ports answer
#
# There is no IPVS on some kernels: services say endpoint_mode dnsrr and publish in mode host.

swarm_index=${SWARM_INDEX:-62}
swarm_name=swarm$$
declare -A swarm_pids=()

swarm_address() { echo "198.18.$swarm_index.$((10 + $1))"; }
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
    ip netns add "$swarm_name-$node"
    swarm_plug eth0 "$node" "$swarm_name-$node"
    ip -n "$swarm_name-$node" addr add "$(swarm_address "$node")/24" dev eth0
    ip -n "$swarm_name-$node" link set eth0 up
    ip -n "$swarm_name-$node" link set lo up
    mkdir -p "$swarm_folder/$node/data"
    swarm_boot "$node"
  done
  for node in $(seq "$1"); do swarm_wait "$node"; done
  swarm_docker 1 swarm init --advertise-addr "$(swarm_address 1)" --default-addr-pool "10.$swarm_index.0.0/16" >/dev/null
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

swarm_boot() { # node
  local folder=$swarm_folder/$1
  # shellcheck disable=SC2016 # for the shells inside
  nsenter "--net=/run/netns/$swarm_name-$1" unshare --mount --pid --uts --ipc --fork --kill-child bash -c '
    hostname "$0" && exec bash "$@"' "swarm-$1" "$swarm_enter" "$swarm_root" "$folder" bash -c '
    mkdir -p /var/lib/docker && mount --bind "$1/data" /var/lib/docker &&
      exec tini-static -- dockerd -H unix:///run/docker.sock -H "unix://$1/docker.sock" --cgroup-parent "/$0"' \
    "swarm-$1" "$folder" >>"$folder/log" 2>&1 &
  swarm_pids[$1]=$!
}

swarm_wait() { # node: until its engine answers
  for _ in {1..300}; do
    if swarm_docker "$1" info >/dev/null 2>&1; then return 0; fi
    kill -0 "${swarm_pids[$1]}" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$swarm_folder/$1/log" >&2
  echo "error: no engine in node $1" >&2
  return 1
}

swarm_ready() { # how many nodes are ready
  for _ in {1..300}; do
    [ "$(swarm_docker 1 node ls --format '{{.Status}}' | grep -c Ready)" != "$1" ] || return 0
    sleep 0.2
  done
  swarm_docker 1 node ls >&2
  echo "error: not $1 nodes are ready" >&2
  return 1
}

swarm_image() { # node, name, folder, change...
  local changes=() change
  for change in "${@:4}"; do changes+=(--change "$change"); done
  tar -C "$3" -c . | swarm_docker "$1" import "${changes[@]}" - "$2" >/dev/null
}

swarm_stop() { # node
  kill -KILL "${swarm_pids[$1]}"
  wait "${swarm_pids[$1]}" 2>/dev/null || true
  unset "swarm_pids[$1]"
}
swarm_start() { swarm_boot "$1" && swarm_wait "$1"; }

swarm_down() {
  local node
  [ -n "${swarm_folder:-}" ] || return 0
  for node in "${!swarm_pids[@]}"; do swarm_stop "$node"; done
  for node in $(seq "$swarm_count"); do ip netns delete "$swarm_name-$node" 2>/dev/null || true; done
  ip netns delete "$swarm_name" 2>/dev/null || true
  for node in $(seq "$swarm_count"); do
    # What the node's engine made; empty once its processes are gone.
    find /sys/fs/cgroup -depth -type d -path "*/swarm-$node*" -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf "$swarm_folder"
  swarm_folder=
}
