#!/usr/bin/env bash
# What a scrape costs: our node-exporter beside prometheus-node-exporter, Debian's 1.5.0 and sid's, by turns on the same
# machine, each with the collectors that it runs by default, asked as Prometheus asks. First on this machine's network,
# then with 200 pairs of veth devices in a network namespace of its own; beside it what the kernel alone takes for the
# same files, how the cost grows with devices, and which collectors cost most.
# Prints tables; exits 1 where a limit is passed. Needs root.
#
#   SCRAPES=1000 tests/bench/node-exporter.sh
#   OURS=path NEWER=path               binaries to measure: ours, and prometheus-node-exporter of sid
#   MAX_CPU_RATIO=0.10 MAX_FLOOR_RATIO=2.0 MAX_RSS_MB=6 MAX_RSS_VETHS_MB=12 MAX_GROWTH_KB=64 MAX_BINARY_MB=8 MAX_FIRST_MS=50
set -euo pipefail
cd "$(dirname "$0")/../.."

scrapes=${SCRAPES:-1000} first_port=${PORT:-19101}
older=/usr/bin/prometheus-node-exporter
work=$(mktemp -d)
namespace=swarmscope-bench-$$
declare -A pid=() outer=() ticks=()
declare -A port=([ours]=$first_port [older]=$((first_port + 1)) [newer]=$((first_port + 2)))
failed=0

finish() {
  stop_all
  ip netns delete "$namespace" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

stop_all() {
  for name in "${!outer[@]}"; do
    kill -KILL "${outer[$name]}" 2>/dev/null || true
    wait "${outer[$name]}" 2>/dev/null || true
  done
  pid=() outer=()
}

if [[ ! -x $older ]]; then
  echo "installing prometheus-node-exporter (Debian's) to compare with"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-node-exporter >/dev/null
fi
newer=${NEWER:-$(bash tests/peers.sh)}
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
if [[ -z ${OURS:-} ]]; then
  cargo build --quiet --release --locked -p node-exporter
  OURS=$(find "$target" -path '*/release/node-exporter' -type f | head -n 1)
fi
# It needs the standard library only, so it is built without the rest.
floor=$work/pread
rustc --edition 2024 -O -o "$floor" node-exporter/examples/pread.rs

# Debian changes some defaults; all get node_exporter's own.
flags=('--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)'
  '--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$'
  --collector.netdev.device-exclude= --collector.netclass.ignored-devices='^$'
  "--collector.textfile.directory=$work" --log.level=error)
accept='application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

binary() { case $1 in ours) echo "$OURS" ;; older) echo "$older" ;; newer) echo "$newer" ;; esac; }
label() { if [[ $1 == ours ]]; then echo node-exporter; else echo "prometheus-node-exporter $("$(binary "$1")" --version 2>&1 | awk 'NR == 1 { print $3 }')"; fi; }
# Words before a command that has to run where the exporters run.
inside=()
within() { "${inside[@]}" "$@"; }

start() { # name
  # A namespace of processes too: /proc/1/net is the network of PID 1.
  local apart=()
  ((${#inside[@]})) && apart=(unshare --pid --fork --mount-proc --kill-child)
  # No function here: what is to be stopped has to be our child.
  "${inside[@]}" "${apart[@]}" "$(binary "$1")" "--web.listen-address=127.0.0.1:${port[$1]}" "${flags[@]}" 2>"$work/$1.log" &
  outer[$1]=$!
  for _ in {1..100}; do
    if within curl -sf -o /dev/null "127.0.0.1:${port[$1]}/"; then
      pid[$1]=${outer[$1]}
      if ((${#inside[@]})); then pid[$1]=$(pgrep -P "${outer[$1]}"); fi
      return 0
    fi
    sleep 0.05
  done
  echo "$1 does not answer:" >&2
  cat "$work/$1.log" >&2
  exit 1
}

scrape() { # name count [encoding]: on one connection
  within curl -sf -o /dev/null -H "Accept: $accept" -H "Accept-Encoding: ${3:-gzip}" "127.0.0.1:${port[$1]}/metrics?n=[1-$2]"
}
# CPU time used so far in clock ticks, user and system.
ticks_of() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/${pid[$1]}/stat"; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/${pid[$1]}/status"; }
series() { within curl -sf "127.0.0.1:${port[$1]}/metrics" | grep -vc '^#'; }
bytes() { within curl -sf -H 'Accept-Encoding: gzip' "127.0.0.1:${port[$1]}/metrics" | wc -c; }

measure() { # name count [encoding]: adds to ${ticks[name]}
  local before
  before=$(ticks_of "$1")
  scrape "$@"
  ticks[$1]=$((${ticks[$1]} + $(ticks_of "$1") - before))
}
per_scrape() { # name count: ms
  awk -v t="${ticks[$1]}" -v n="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.3f", t * 1000 / hz / n }'
}
limit() { # what value unit limit
  local verdict=ok
  awk -v value="$2" -v limit="$4" 'BEGIN { exit value > limit }' || verdict="TOO MUCH" failed=1
  printf '  %-52s %8s %-3s (limit %s) %s\n' "$1" "$2" "$3" "$4" "$verdict"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }

# The files of a scrape: those that ours keeps open, without the table of mounts, which is rarely read, and the one that it
# opens each time on any machine.
kernel_files() {
  find "/proc/${pid[ours]}/fd" -lname '/*' -xtype f -printf '%l\n' | grep -E '^/(proc|sys)/' | grep -v mountinfo
  printf '%s\n' /etc/os-release
}

# All three by turns, then ours without compression and the kernel alone.
compare() { # title scrapes-of-theirs limit-of-resident-MB
  local name rounds=5 cpu_ours at_100 kernel plain count files
  start ours
  scrape ours 100
  at_100=$(rss_kb ours)
  start older
  start newer
  ticks=([ours]=0 [older]=0 [newer]=0)
  scrape older 10
  scrape newer 10
  for ((round = 0; round < rounds; round++)); do
    measure ours $(((scrapes - 100) / rounds))
    measure older $(($2 / rounds))
    measure newer $(($2 / rounds))
  done
  printf '\n%s: %s gzip scrapes of ours, %s of each of theirs\n' "$1" "$((scrapes - 100))" "$2"
  printf '  %-34s %14s %10s %8s %10s\n' '' 'CPU ms/scrape' 'VmRSS KiB' series 'gzip bytes'
  cpu_ours=$(per_scrape ours $((scrapes - 100)))
  printf '  %-34s %14s %10s %8s %10s\n' "$(label ours)" "$cpu_ours" "$(rss_kb ours)" "$(series ours)" "$(bytes ours)"
  for name in older newer; do
    printf '  %-34s %14s %10s %8s %10s\n' "$(label "$name")" "$(per_scrape "$name" "$2")" "$(rss_kb "$name")" "$(series "$name")" "$(bytes "$name")"
  done
  for name in older newer; do
    limit "CPU beside $(label "$name")" "$(ratio "$cpu_ours" "$(per_scrape "$name" "$2")")" x "${MAX_CPU_RATIO:-0.10}"
  done
  limit "resident after $scrapes scrapes" "$(ratio "$(rss_kb ours)" 1024)" MB "$3"
  limit "growth from scrape 100 to $scrapes" "$(($(rss_kb ours) - at_100))" KiB "${MAX_GROWTH_KB:-64}"
  ticks[ours]=0
  measure ours "$scrapes" identity
  plain=$(per_scrape ours "$scrapes")
  mapfile -t files < <(kernel_files)
  local enter=()
  ((${#inside[@]})) && enter=(nsenter --target "${pid[ours]}" --mount --net --pid)
  read -r kernel count < <("${enter[@]}" "$floor" "$scrapes" "${files[@]}")
  kernel=$(ratio "$kernel" 1000)
  printf '  uncompressed %s ms; the kernel alone, for the same %s files, %s ms\n' "$plain" "$count" "$kernel"
  limit "uncompressed beside the kernel alone" "$(ratio "$plain" "$kernel")" x "${MAX_FLOOR_RATIO:-2.0}"
  dearest
  stop_all
}

dearest() {
  for _ in {1..50}; do within curl -sf "127.0.0.1:${port[ours]}/metrics"; done |
    awk -F '[{"}]' '/^node_scrape_collector_duration_seconds/ { sum[$3] += $5; times[$3]++ }
      END { for (name in sum) printf "%.1f %s\n", sum[name] / times[name] * 1e6, name }' | sort -rn |
    awk 'NR <= 5 { line = line sprintf("%s%s %s µs", NR > 1 ? ", " : "", $2, $1) } END { print "  dearest: " line }'
}

veths() { # pairs: a new namespace with so many
  ip netns delete "$namespace" 2>/dev/null || true
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  for ((n = 0; n < $1; n++)); do
    printf 'link add veth%da type veth peer name veth%db\nlink set veth%da up\nlink set veth%db up\n' "$n" "$n" "$n" "$n"
  done | ip -n "$namespace" -batch -
}

first_answer() { # ms from the start to the first line of the first answer, the median of five
  local began address="127.0.0.1/${port[ours]}"
  for _ in {1..5}; do
    began=${EPOCHREALTIME/[.,]/}
    "$OURS" "--web.listen-address=${address/\//:}" "${flags[@]}" 2>/dev/null &
    outer[ours]=$!
    until { exec 3<>"/dev/tcp/$address"; } 2>/dev/null; do sleep 0.001; done
    printf 'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
    read -r _ <&3
    awk -v t=$((${EPOCHREALTIME/[.,]/} - began)) 'BEGIN { printf "%.1f\n", t / 1000 }'
    exec 3>&-
    stop_all
  done | sort -n | sed -n 3p
}

growth() { # pairs…: how the cost grows with devices
  local pairs ours theirs
  printf '\nWith more devices: CPU ms per gzip scrape\n  %-10s %14s %14s %8s\n' devices ours newer ratio
  for pairs in "$@"; do
    veths "$pairs"
    start ours
    start newer
    scrape ours 5
    scrape newer 2
    ticks=([ours]=0 [newer]=0)
    measure ours $((10000 / pairs / 2))
    measure newer $((2000 / pairs / 2 + 1))
    ours=$(per_scrape ours $((10000 / pairs / 2)))
    theirs=$(per_scrape newer $((2000 / pairs / 2 + 1)))
    printf '  %-10s %14s %14s %8s\n' $((pairs * 2)) "$ours" "$theirs" "$(ratio "$ours" "$theirs")"
    stop_all
  done
}

printf 'node-exporter: default collectors, %s CPUs, kernel %s\n' "$(nproc)" "$(uname -r)"
limit 'binary' "$(ratio "$(stat -c %s "$OURS")" 1048576)" MB "${MAX_BINARY_MB:-8}"
limit 'first answer after the start (median of 5)' "$(first_answer)" ms "${MAX_FIRST_MS:-50}"
compare "This machine's network" $((scrapes / 2)) "${MAX_RSS_MB:-6}"
veths 200
inside=(ip netns exec "$namespace")
compare '200 pairs of veth devices' $((scrapes / 20)) "${MAX_RSS_VETHS_MB:-12}"
growth 5 50 500
((failed == 0))
