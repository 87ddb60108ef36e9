# shellcheck shell=bash
# A Docker Engine of a script's own: a dockerd with its own network namespace, data folder and socket, as
# tests/src/engine.rs makes for tests. What it costs is counted in a cgroup of its own, with containerd and all shims.
#
#   engine_start NAME INDEX   INDEX (60 to 255) and E2E_SLOT (0 to 63) make its address, 198.18.INDEX.(4 * E2E_SLOT + 2)
#   engine_stop               ends it with its containers and leaves nothing behind
#   engine docker ARG...      the client on it
#   cost_start GROUP COMMAND...   runs a command in a cgroup of its own; its process is $!
#   cost GROUP                processor time of a group so far, ns

ENGINE_IMAGE=bench/busybox:1

cost_root() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo /sys/fs/cgroup; else echo /sys/fs/cgroup/cpuacct; fi
}
cost_group() { echo "$(cost_root)/swarmscope-$$-$1"; }
cost_start() { # GROUP COMMAND...: in the background
  local group
  group=$(cost_group "$1")
  shift
  mkdir -p "$group"
  # The shell enters the group and becomes the command, so its first instruction is counted.
  bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@" &
}
cost() {
  local group
  group=$(cost_group "$1")
  if [[ -e $group/cpuacct.usage ]]; then cat "$group/cpuacct.usage"; else awk '/^usage_usec/ { print $2 * 1000 }' "$group/cpu.stat"; fi
}
cost_end() { rmdir "$(cost_group "$1")" 2>/dev/null || true; }

engine() { "$1" -H "unix://$engine_folder/docker.sock" "${@:2}"; }

engine_start() { # NAME INDEX
  engine_name=$1$$ engine_port=$2s${E2E_SLOT:-0}
  engine_folder=$(mktemp -d "/tmp/$engine_name-XXXXXX")
  engine_address=198.18.$2.$((4 * ${E2E_SLOT:-0} + 2))
  ip netns add "$engine_name"
  ip link add "e2eh$engine_port" type veth peer name "e2ee$engine_port"
  ip link set "e2ee$engine_port" netns "$engine_name"
  ip addr add "198.18.$2.$((4 * ${E2E_SLOT:-0} + 1))/30" dev "e2eh$engine_port"
  ip link set "e2eh$engine_port" up
  ip -n "$engine_name" addr add "$engine_address/30" dev "e2ee$engine_port"
  ip -n "$engine_name" link set "e2ee$engine_port" up
  ip -n "$engine_name" link set lo up
  # -D: the log tells each call of the API.
  cost_start engine nsenter "--net=/run/netns/$engine_name" dockerd -D -H "unix://$engine_folder/docker.sock" \
    --data-root "$engine_folder/data" --exec-root "$engine_folder/exec" --pidfile "$engine_folder/pid" \
    --containerd-namespace "$engine_name" --containerd-plugins-namespace "${engine_name}p" >"$engine_folder/log" 2>&1
  engine_pid=$!
  for _ in {1..300}; do
    if engine docker info >/dev/null 2>&1; then break; fi
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.2
  done
  engine docker info >/dev/null || { tail -n 30 "$engine_folder/log" >&2; return 1; }
  mkdir -p "$engine_folder/busybox/bin"
  cp /bin/busybox "$engine_folder/busybox/bin/"
  ln -s busybox "$engine_folder/busybox/bin/sh"
  tar -C "$engine_folder/busybox" -c . | engine docker import --change 'ENTRYPOINT ["/bin/busybox"]' - "$ENGINE_IMAGE" >/dev/null
}

# How often the API was called so far.
engine_calls() { grep -c 'msg="Calling ' "$engine_folder/log"; }

# The calls after the first so many, as `GET /path`.
engine_called() { sed -nE 's/.*msg="Calling ([^"]*)".*/\1/p' "$engine_folder/log" | tail -n "+$(($1 + 1))"; }

engine_stop() {
  [[ -n ${engine_name:-} ]] || return 0
  if [[ -n ${engine_pid:-} ]]; then
    kill -TERM "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
  fi
  ip netns delete "$engine_name" 2>/dev/null || true
  ip link delete "e2eh$engine_port" 2>/dev/null || true
  local point
  # dockerd leaves mounts behind.
  while read -r point; do umount -l "$point" 2>/dev/null || true; done < <(
    awk -v below="$engine_folder/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r)
  rm -rf "$engine_folder"
  cost_end engine
  engine_name=
}
