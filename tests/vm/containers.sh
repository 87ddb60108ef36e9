#!/usr/bin/env bash
# In the machine of `make test-vm`: container-exporter beside an engine on cgroup v2 with the systemd driver. Starts
# containers of many kinds, asks both sources and compares what they say with the kernel's files. Writes one line for each
# thing that must hold; exit 1 where one does not. A tar of the answers goes to stdout.
set -euo pipefail
out=$(mktemp -d)
failed=0
say() { printf '%s %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*" >&2; }
holds() { # what value [is|at-least|at-most] limit
  local verdict=ok
  awk -v value="$2" -v how="$3" -v limit="$4" 'BEGIN {
    if (value == "") exit 1
    if (how == "is") exit !(value "" == limit "" || (value ~ /^[0-9.e+-]+$/ && limit ~ /^[0-9.e+-]+$/ && value + 0 == limit + 0))
    if (how == "at-least") exit !(value + 0 >= limit + 0)
    exit !(value + 0 <= limit + 0)
  }' || verdict=FAILED failed=1
  printf '  %-6s %s: %s (%s %s)\n' "$verdict" "$1" "${2:-nothing}" "$3" "$4" >&2
}

say "starting the engine"
ip link set lo up
systemctl start docker.service || { journalctl --no-pager -u docker -u containerd | tail -40 >&2; exit 1; }
mkdir -p image/bin
cp "$(command -v busybox)" image/bin/
ln -s busybox image/bin/sh
tar -C image -c . | docker import --change 'ENTRYPOINT ["/bin/busybox"]' - test/busybox:1 >/dev/null
say "engine $(docker version -f '{{.Server.Version}}'), kernel $(uname -r)"
holds 'cgroup version' "$(docker info -f '{{.CgroupVersion}}')" is 2
holds 'cgroup driver' "$(docker info -f '{{.CgroupDriver}}')" is systemd

declare -A id=() pid=()
start() { # name, options, --, command
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  id[$name]=$(docker run -d --name "$name" --stop-signal KILL "${options[@]}" test/busybox:1 "$@")
}
swarm=(--label com.docker.swarm.node.id=qpluk1kge2dyr2kkxi536743f --label com.docker.swarm.service.id=yn0ub1uzkiu0x3k5gc4nm3b1x
  --label com.docker.swarm.service.name=shop_front --label com.docker.swarm.task= --label com.docker.stack.namespace=shop
  --label com.docker.swarm.task.id=kof7dg6s39mt5xqe127c5urjh --label com.docker.swarm.task.name=shop_front.1.kof7dg6s39mt5xqe127c5urjh)
# Reads from the disk too, so that it has a device.
start still "${swarm[@]}" -- sh -c 'dd if=/dev/zero of=/f bs=4k count=1 oflag=direct && exec sleep 100000'
start limited --memory 64m --memory-reservation 32m --cpus 0.2 --pids-limit 50 --network none -- \
  sh -c 'timeout 20 sh -c "while :; do :; done"; exec sleep 100000'
start writer --network none -- sh -c 'dd if=/dev/zero of=/f bs=1M count=8 oflag=direct && exec sleep 100000'
start oom --memory 16m --memory-swap 16m --network none -- sh -c 'tail /dev/zero; exec sleep 100000'
start parent --cgroup-parent lab.slice --network none -- sleep 100000
start host --network host -- sleep 100000
start healthy --network none --health-cmd true --health-interval 2s -- sleep 100000

scope() { # name: its cgroup
  case $1 in parent) echo "/sys/fs/cgroup/lab.slice/docker-${id[$1]}.scope" ;; *) echo "/sys/fs/cgroup/system.slice/docker-${id[$1]}.scope" ;; esac
}
port() { case $1 in cgroup) echo 9201 ;; stats) echo 9202 ;; lean) echo 9203 ;; process) echo 9204 ;; esac; }
serve() { # source flags...
  ./container-exporter --web.listen-address="127.0.0.1:$(port "$1")" "${@:2}" 2>"$out/$1.log" &
  pid[$1]=$!
}
serve cgroup --source=cgroup
serve stats --source=stats
serve process --source=cgroup --enable_metrics=memory,process
scrape() { # source
  curl --silent --show-error --fail --retry 30 --retry-delay 1 --retry-connrefused --max-time 60 "http://127.0.0.1:$(port "$1")/metrics" >"$out/$1"
}
# The value of a family's only sample that carries a container's name, or of the sample with more in it.
value() { # source family name [more]
  awk -v family="$2{" -v name="name=\"$3\"" -v more="${4:-}" '
    index($0, family) == 1 && index($0, name) && (more == "" || index($0, more)) { print $NF }' "$out/$1" | head -1
}
until_there() { # source condition...
  local source=$1
  shift
  for _ in $(seq 60); do
    kill -0 "${pid[$source]}" 2>/dev/null || break
    if scrape "$source" && "$@"; then return 0; fi
    sleep 2
  done
  say "never: $source $*"
  failed=1
  tail -5 "$out/$source.log" >&2
}
# shellcheck disable=SC2317 # called by until_there
all_told() { for name in "${!id[@]}"; do [ -n "$(value "$1" container_memory_usage_bytes "$name")" ] || return 1; done; }
say "waiting for both sources"
until_there cgroup all_told cgroup
until_there stats all_told stats
until_there process all_told process
# The busy loop and the writer end, and the kernel has killed.
for _ in $(seq 120); do
  if [ "$(awk '/^oom_kill / { print $2 }' "$(scope oom)/memory.events")" != 0 ] && [ "$(wc -l <"$(scope limited)/cgroup.procs")" = 1 ] &&
    grep -qE 'wbytes=[0-9]{7,}' "$(scope writer)/io.stat"; then break; fi
  sleep 1
done
scrape stats
sleep 3
scrape stats
scrape process
scrape cgroup
file() { awk -v key="${3:-}" 'key == "" { print; exit } $1 == key { print $2 }' "$(scope "$1")/$2"; }
micro() { awk -v value="$1" 'BEGIN { printf "%.6f", value / 1e6 }'; }
pressure() { micro "$(awk -v kind="$3" '$1 == kind { sub(/total=/, "", $5); print $5 }' "$(scope "$1")/$2.pressure")"; }
io() { awk -v key="$2=" '{ for (i = 2; i <= NF; i++) if (index($i, key) == 1) sum += substr($i, length(key) + 1) } END { print sum + 0 }' "$(scope "$1")/io.stat"; }

say "the kernel's files beside the cgroup source"
for name in still limited writer parent host; do
  # The kernel gives pages back when it has time.
  for _ in $(seq 20); do
    [ "$(value cgroup container_memory_usage_bytes $name)" != "$(file $name memory.current)" ] || break
    scrape cgroup
  done
  holds "$name: memory.current" "$(value cgroup container_memory_usage_bytes $name)" is "$(file $name memory.current)"
  holds "$name: memory.peak" "$(value cgroup container_memory_max_usage_bytes $name)" is "$(file $name memory.peak)"
  holds "$name: anon" "$(value cgroup container_memory_rss $name)" is "$(file $name memory.stat anon)"
  holds "$name: file" "$(value cgroup container_memory_cache $name)" is "$(file $name memory.stat file)"
  holds "$name: cpu.stat usage_usec" "$(value cgroup container_cpu_usage_seconds_total $name)" is "$(micro "$(file $name cpu.stat usage_usec)")"
  holds "$name: pids.current" "$(value process container_threads $name)" is "$(file $name pids.current)"
  for kind in cpu memory io; do
    holds "$name: $kind.pressure some" "$(value cgroup container_pressure_${kind}_waiting_seconds_total $name)" is "$(pressure $name $kind some)"
    holds "$name: $kind.pressure full" "$(value cgroup container_pressure_${kind}_stalled_seconds_total $name)" is "$(pressure $name $kind full)"
  done
done
for name in still writer; do
  holds "$name: io.stat wbytes" "$(value cgroup container_fs_writes_bytes_total $name)" is "$(io $name wbytes)"
  holds "$name: io.stat wios" "$(value cgroup container_fs_writes_total $name)" is "$(io $name wios)"
done
holds 'writer: bytes of the disk' "$(value cgroup container_fs_writes_bytes_total writer 'device="/dev/vda"')" at-least 8388608
holds 'writer: the same by Docker statistics' "$(value stats container_fs_writes_bytes_total writer)" is "$(io writer wbytes)"
holds 'block I/O is accounted' "$(awk '/^container_exporter_blkio_unaccounted / { print $2 }' "$out/cgroup")" at-most 0
holds 'limited: throttled' "$(value cgroup container_cpu_cfs_throttled_periods_total limited)" is "$(file limited cpu.stat nr_throttled)"
holds 'limited: throttled periods' "$(value cgroup container_cpu_cfs_throttled_periods_total limited)" at-least 10
holds 'limited: waited for a processor' "$(value cgroup container_pressure_cpu_waiting_seconds_total limited)" at-least 1
holds 'limited: quota' "$(value cgroup container_spec_cpu_quota limited)" is 20000
holds 'limited: memory' "$(value cgroup container_spec_memory_limit_bytes limited)" is 67108864
holds 'limited: reservation' "$(value cgroup container_spec_memory_reservation_limit_bytes limited)" is 33554432
holds 'limited: pids' "$(value process container_threads_max limited)" is 50
holds 'still: no limit' "$(value cgroup container_spec_memory_limit_bytes still)" is 0
holds 'oom: kills' "$(value cgroup container_oom_events_total oom)" is "$(file oom memory.events oom_kill)"
holds 'oom: at least one' "$(value cgroup container_oom_events_total oom)" at-least 1
holds 'healthy' "$(value cgroup container_health_state healthy)" is 1
holds 'host: its network is not told' "$(grep -c '^container_network.*name="host"' "$out/cgroup" || true)" is 0
holds 'still: one interface' "$(grep -c '^container_network_receive_bytes_total{.*name="still"' "$out/cgroup" || true)" is 1
for source in cgroup stats; do
  holds "$source: ids are /docker/<id> whatever the driver" \
    "$(grep -E '^container_.*[,{]name="' "$out/$source" | grep -vcE 'id="/docker/[0-9a-f]{64}"' || true)" is 0
done

say "both sources side by side"
for name in still writer parent; do
  awk -v name="name=\"$name\"" '
    /^#/ || !index($0, name) { next }
    { line = $0; sub(/ [^ ]*$/, "", line); values[FILENAME, line] = $NF; if (FILENAME ~ /stats$/) stats[line]; else files[line] }
    END {
      for (line in stats) {
        family = line; sub(/\{.*/, "", family)
        # Clocks, and what grows by the looking.
        if (family ~ /last_seen|uptime/) continue
        if (!(line in files)) { print "  only by Docker statistics: " line; bad++; continue }
        same++
        a = values["'"$out"'/cgroup", line]; b = values["'"$out"'/stats", line]
        if (a + 0 != b + 0) { print "  " line ": " a " by files, " b " by Docker statistics"; bad++ }
      }
      for (line in files) if (!(line in stats)) more++
      printf "  %-6s %s: %d series equal, %d by files alone\n", bad ? "FAILED" : "ok", name, same, more
      exit bad > 0 || same < 20
    }' "$out/cgroup" "$out/stats" >&2 || failed=1
done

say "the size of one container, with one interface and one device"
own='^container_(state|exit_code|restarts_total|oom_killed|network_info|uptime_seconds|service_[a-z_]*)\{'
grep 'name="still"' "$out/cgroup" >"$out/still"
holds "series of cAdvisor's families" "$(grep -vcE "$own" "$out/still")" at-most 64
holds 'of others' "$(grep -cE "$own" "$out/still" || true)" at-most 8
holds 'bytes' "$(wc -c <"$out/still")" at-most 48000
: >"$out/still-lean"
serve lean --source=cgroup --metrics=lean
# shellcheck disable=SC2317
still_lean() { grep 'name="still"' "$out/lean" >"$out/still-lean"; }
until_there lean still_lean
holds 'lean' "$(grep -c . "$out/still-lean" || true)" at-most 40
holds 'lean' "$(grep -c . "$out/still-lean" || true)" at-least 10

say "a container that is gone"
docker rm -f limited >/dev/null
for source in cgroup stats; do
  scrape $source
  holds "$source: series after rm" "$(grep -c 'name="limited"' "$out/$source" || true)" is 0
done
grep -hE 'level=(warn|error)|WARN|ERROR' "$out"/*.log >&2 || true
say "done"
tar -C "$out" -c .
exit $failed
