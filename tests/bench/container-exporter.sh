#!/usr/bin/env bash
# What it costs to watch containers: our container-exporter beside cAdvisor, Debian's 0.38, each scraped every 15 s, on one
# engine that nobody else uses. The windows are symmetrical: nobody, ours, ours and cAdvisor, ours, nobody. What an
# exporter adds in the engine (dockerd, containerd, shims) is the difference between windows; each group's processor time
# is the kernel's count for its cgroup. Then the size of the answers, and how the cost grows with containers.
# Prints tables; exits 1 where a limit is passed. Needs root. Run it on a quiet machine: the ratio of ours to cAdvisor's
# holds under load, as both are measured in the same window, but small differences in the engine drown.
#
#   WINDOW=60 tests/bench/container-exporter.sh      seconds of each window, a multiple of 15 (30)
#   OURS=path CADVISOR=path                          binaries to measure
#   MANY=300                                         containers of the last row of the growth table; 0 leaves it out
#   MAX_CPU_RATIO=0.05 MAX_CORE=0.1 MAX_RSS_MB=15 MAX_SERIES=64 MAX_KB=48 MAX_OWN=8 MAX_LEAN=40
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/engine.sh
. tests/lib/engine.sh

window=${WINDOW:-30} port=${PORT:-19201} peer_port=$((${PORT:-19201} + 1)) many=${MANY:-300}
work=$(mktemp -d)
declare -A pid=()
failed=0

# Families that cAdvisor does not have.
own='container_(state|exit_code|restarts_total|oom_killed|network_info|uptime_seconds|service_[a-z_]*)\{'

finish() {
  stop ours
  stop cadvisor
  engine_stop
  rm -rf "$work"
}
trap finish EXIT

cadvisor=${CADVISOR:-$(bash tests/peers.sh cadvisor)}
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
if [[ -z ${OURS:-} ]]; then
  cargo build --quiet --release --locked -p container-exporter
  OURS=$(find "$target" -path '*/release/container-exporter' -type f | head -n 1)
fi
accept='application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

limit() { # what value unit limit
  local verdict=ok
  awk -v value="$2" -v limit="$4" 'BEGIN { exit value > limit }' || verdict="TOO MUCH" failed=1
  printf '  %-52s %8s %-6s (limit %s) %s\n' "$1" "$2" "$3" "$4" "$verdict"
}
calculate() { awk "BEGIN { printf \"$1\", ($2) }"; }

answers() { # port
  for _ in {1..200}; do
    if curl -sf -o /dev/null "127.0.0.1:$1/healthz"; then return 0; fi
    sleep 0.1
  done
  return 1
}
ours() { # flags...
  cost_start ours "$OURS" "--web.listen-address=127.0.0.1:$port" "--docker=unix://$engine_folder/docker.sock" "$@" 2>"$work/ours.log"
  pid[ours]=$!
  answers "$port" || { cat "$work/ours.log" >&2; return 1; }
  # The first list.
  for _ in {1..100}; do
    if [[ $(told) == "$containers" ]]; then return 0; fi
    sleep 0.1
  done
  echo "$(told) of $containers containers are told" >&2
  cat "$work/ours.log" >&2
  return 1
}
told() { curl -sf "127.0.0.1:$port/metrics" | grep -c '^container_memory_rss{id="/docker/' || true; }
peer() {
  cost_start cadvisor "$cadvisor" "-listen_ip=127.0.0.1" "-port=$peer_port" "-docker=unix://$engine_folder/docker.sock" \
    -logtostderr 2>"$work/cadvisor.log"
  pid[cadvisor]=$!
  answers "$peer_port" || { cat "$work/cadvisor.log" >&2; return 1; }
}
stop() { # ours|cadvisor
  [[ -n ${pid[$1]:-} ]] || return 0
  kill -KILL "${pid[$1]}" 2>/dev/null || true
  wait "${pid[$1]}" 2>/dev/null || true
  unset "pid[$1]"
  cost_end "$1"
}
scrape() { curl -sf -o /dev/null -H "Accept: $accept" -H 'Accept-Encoding: gzip' "127.0.0.1:$1/metrics${2:-}"; }
memory() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/${pid[$1]}/status"; }
megabytes() { calculate %.1f "$(memory "$1" "$2") / 1024"; }

# One window: scrapes of whoever runs, every 15 s, and what each group used in it, in % of a core.
declare -A share=() times=()
run_window() { # name seconds
  local group began=${EPOCHREALTIME/[.,]/} calls
  local -A before=()
  calls=$(engine_calls)
  for group in engine "${!pid[@]}"; do before[$group]=$(cost "$group"); done
  for ((second = 0; second < $2; second += 15)); do
    # In the middle of its 15 s, so that both ends are quiet.
    sleep 7
    [[ -z ${pid[ours]:-} ]] || scrape "$port"
    [[ -z ${pid[cadvisor]:-} ]] || scrape "$peer_port"
    sleep 8
  done
  local length=$((${EPOCHREALTIME/[.,]/} - began))
  times[$1]=$((${times[$1]:-0} + 1))
  for group in engine "${!pid[@]}"; do
    share[$1,$group]=$(calculate %.4f "(${share[$1,$group]:-0}) + ($(cost "$group") - ${before[$group]}) / $length / 10")
    share[$1,$group,${times[$1]}]=$(calculate %.3f "($(cost "$group") - ${before[$group]}) / $length / 10")
  done
  share[$1,calls]=$((${share[$1,calls]:-0} + $(engine_calls) - calls))
  engine_called "$calls" >>"$work/calls-$1"
}
mean() { calculate %.4f "${share[$1,$2]} / ${times[$1]}"; }

containers=0
# As Swarm names image, container and labels.
image=registry.example.org/shop/front-end:1.27.3-sha256-$(printf bench | sha256sum | cut -d' ' -f1)
create() { # up to so many
  seq -f %03g $((containers + 1)) "$1" | xargs -P 4 -I N docker -H "unix://$engine_folder/docker.sock" run -d --stop-signal KILL \
    --name shop_front.N.kof7dg6s39mt5xqe127c5uN --label com.docker.swarm.node.id=qpluk1kge2dyr2kkxi536743f \
    --label com.docker.swarm.service.id=yn0ub1uzkiu0x3k5gc4nm3b1x --label com.docker.swarm.service.name=shop_front \
    --label com.docker.swarm.task= --label com.docker.swarm.task.id=kof7dg6s39mt5xqe127c5uN \
    --label com.docker.swarm.task.name=shop_front.N.kof7dg6s39mt5xqe127c5uN \
    --label com.docker.stack.namespace=shop "$image" sleep 1000000 >/dev/null
  containers=$1
}

# What one answer holds of one container: its series and their bytes.
of_container() { # file: lines of one container
  grep 'name="shop_front\.001\.' "$1"
}
count() { # file
  local lines
  lines=$(of_container "$1" | grep -vcE "^$own" || true)
  printf '%s %s %s\n' "$lines" "$(of_container "$1" | grep -cE "^$own" || true)" "$(of_container "$1" | wc -c)"
}

rows=()
growth() { # source: 50 scrapes one after the other
  local before used all
  ours "--source=$1"
  for _ in 1 2 3; do scrape "$port"; done
  before=$(cost ours)
  scrape "$port" '?n=[1-50]'
  used=$(($(cost ours) - before))
  curl -sf "127.0.0.1:$port/metrics" >"$work/all"
  all=$(curl -sf -H 'Accept-Encoding: gzip' "127.0.0.1:$port/metrics" | wc -c)
  rows+=("$(printf '  %-8s %10s %16s %10s %9s %11s %11s' "$1" "$containers" "$(calculate %.2f "$used / 5e7")" \
    "$(megabytes ours VmRSS)" "$(grep -vc '^#' "$work/all")" "$(calculate %.1f "$(wc -c <"$work/all") / 1000")" \
    "$(calculate %.1f "$all / 1000")")")
  stop ours
}
streams=()
stats() { # what the streams cost in the engine
  run_window "idle$containers" "$window"
  ours --source=stats
  # Streams open at the first scrape.
  sleep 5
  run_window "stats$containers" "$window"
  stop ours
  streams+=("$(printf '  %-8s %10s %15s%% %15s%%' stats "$containers" "$(mean "stats$containers" ours)" \
    "$(calculate %.3f "$(mean "stats$containers" engine) - $(mean "idle$containers" engine)")")")
}

engine_start swbench 61
engine docker tag "$ENGINE_IMAGE" "$image"
printf 'container-exporter and cAdvisor %s: engine %s, %s CPUs, kernel %s, load %s\n' \
  "$("$cadvisor" --version | awk '{ print $3 }')" "$(engine docker version -f '{{.Server.Version}}')" "$(nproc)" "$(uname -r)" \
  "$(cut -d' ' -f1 /proc/loadavg)"

create 1
growth cgroup
stats
create 60
# The engine has work left over from starting them.
sleep 10
growth cgroup

run_window nobody "$window"
ours --source=cgroup
run_window ours "$window"
peer
# cAdvisor's first look at everything is not counted, and its intervals grow.
sleep 30
run_window both $((window * 2))
curl -sf "127.0.0.1:$port/metrics" >"$work/ours"
curl -sf "127.0.0.1:$peer_port/metrics" >"$work/cadvisor"
peer_rss=$(megabytes cadvisor VmRSS)
stop cadvisor
run_window ours "$window"
ours_rss=$(megabytes ours VmRSS) ours_peak=$(megabytes ours VmHWM)
stop ours
run_window nobody "$window"

added=$(calculate %.3f "$(mean ours engine) - $(mean nobody engine)")
peer_added=$(calculate %.3f "$(mean both engine) - $(mean ours engine)")
# Half of what the two windows without anybody differ by is what chance makes of a difference.
noise=$(calculate %.3f "sqrt((${share[nobody,engine,1]} - ${share[nobody,engine,2]}) ^ 2) / 2")
counted=$(calculate %.4f "$added > 2 * $noise ? $added : 0")
total=$(calculate %.4f "($(mean ours ours) + $(mean both ours)) / 2 + $counted")
peer_total=$(calculate %.4f "$(mean both cadvisor) + ($peer_added > 0 ? $peer_added : 0)")

printf '\n60 idle containers, a scrape every 15 s: %% of one core\n'
printf '  %-20s %10s %18s %12s %10s\n' '' itself 'added in engine' 'API calls' 'VmRSS MB'
printf '  %-20s %10s %18s %12s %10s\n' container-exporter "$(calculate %.3f "($(mean ours ours) + $(mean both ours)) / 2")" "$added" \
  "${share[ours,calls]}" "$ours_rss"
printf '  %-20s %10s %18s %12s %10s\n' 'cAdvisor' "$(calculate %.3f "$(mean both cadvisor)")" "$peer_added" "${share[both,calls]}" "$peer_rss"
printf '  the idle engine: %s and %s (differences below %s are chance); with ours: %s and %s\n' "${share[nobody,engine,1]}" \
  "${share[nobody,engine,2]}" "$(calculate %.3f "2 * $noise")" "${share[ours,engine,1]}" "${share[ours,engine,2]}"
limit 'beside cAdvisor, with what is added in the engine' "$(calculate %.4f "$total / $peer_total")" x "${MAX_CPU_RATIO:-0.05}"
limit 'calls of the API while scraped' "${share[ours,calls]}" '' 0
sed -E 's/[0-9a-f]{64}/ID/' "$work/calls-ours" | sort | uniq -c | sort -rn | head -n 3
limit 'itself' "$(mean ours ours)" '% core' "${MAX_CORE:-0.1}"
limit "resident (highest: $ours_peak)" "$ours_rss" MB "${MAX_RSS_MB:-15}"

read -r series own_series bytes < <(count "$work/ours")
read -r peer_series _ peer_bytes < <(count "$work/cadvisor")
note=
if grep -q '^container_exporter_blkio_unaccounted 1' "$work/ours"; then
  note=' (this kernel does not account block I/O: no series of a device; make test-vm counts with one)'
fi
printf '\nOne idle container with one interface and the labels of Swarm%s\n' "$note"
printf '  %-20s %8s %8s\n' '' series kB
printf '  %-20s %8s %8s\n' container-exporter "$series+$own_series" "$(calculate %.1f "$bytes / 1000")" \
  'cAdvisor' "$peer_series" "$(calculate %.1f "$peer_bytes / 1000")"
limit "series of cAdvisor's families" "$series" '' "${MAX_SERIES:-64}"
limit 'series that cAdvisor does not have' "$own_series" '' "${MAX_OWN:-8}"
limit 'size' "$(calculate %.1f "$bytes / 1000")" kB "${MAX_KB:-48}"
if ours --source=cgroup --metrics=lean 2>"$work/lean"; then
  curl -sf "127.0.0.1:$port/metrics" >"$work/lean"
  limit 'all its series with --metrics=lean' "$(of_container "$work/lean" | wc -l)" '' "${MAX_LEAN:-40}"
else
  tail -n 3 "$work/lean"
  printf '  %-52s TOO MUCH\n' '--metrics=lean does not work'
  failed=1
fi
stop ours

stats
if ((many > 60)); then
  create "$many"
  growth cgroup
fi
printf '\nHow it grows\n  %-8s %10s %16s %10s %9s %11s %11s\n' source containers 'CPU ms/scrape' 'VmRSS MB' series 'kB plain' 'kB gzip'
printf '%s\n' "${rows[@]}"
printf '\nDocker statistics, a scrape every 15 s: of one core\n  %-8s %10s %16s %16s\n' source containers itself 'added in engine'
printf '%s\n' "${streams[@]}"
((failed == 0))
