#!/usr/bin/env bash
# What a scrape costs: our node-exporter beside Debian's prometheus-node-exporter, same machine, same collectors,
# by turns, gzip and Accept as Prometheus sends them. Prints a table; exits 1 where a limit is passed.
#
#   ROUNDS=5 SCRAPES=200 tests/bench/node-exporter.sh
#   MAX_CPU_RATIO=0.2 MAX_RSS_MB=8    the limits
#   OURS=path                         the binary to measure
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${ROUNDS:-5} scrapes=${SCRAPES:-200}
max_ratio=${MAX_CPU_RATIO:-0.2} max_rss_mb=${MAX_RSS_MB:-8}
theirs=/usr/bin/prometheus-node-exporter
collectors=(conntrack cpu diskstats entropy filefd filesystem ipvs loadavg mdadm meminfo netdev netstat pressure
  sockstat stat textfile time uname vmstat)

if [[ ! -x $theirs ]]; then
  echo "installing prometheus-node-exporter (Debian's) to compare with"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-node-exporter >/dev/null
fi
if [[ -z ${OURS:-} ]]; then
  cargo build --quiet --release -p node-exporter
  OURS=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  OURS=$(find "$OURS" -path '*/release/node-exporter' -type f | head -n 1)
fi

work=$(mktemp -d)
pids=()
finish() {
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT

# Debian changes some defaults; both get node_exporter's own.
flags=(--collector.disable-defaults "${collectors[@]/#/--collector.}"
  '--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)'
  '--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$'
  --collector.netdev.device-exclude= "--collector.textfile.directory=$work" --log.level=error)

start() { # name port binary flags… -> pid in ${pid[name]}
  local name=$1 port=$2
  shift 2
  "$@" "--web.listen-address=127.0.0.1:$port" "${flags[@]}" 2>"$work/$name.log" &
  pids+=($!)
  pid[$name]=$! url[$name]="http://127.0.0.1:$port/metrics"
  for _ in {1..50}; do
    curl -sf -o /dev/null "${url[$name]}" && return
    sleep 0.1
  done
  echo "$name does not answer:" >&2
  cat "$work/$name.log" >&2
  exit 1
}

accept='application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
scrape() { # name count: on one connection
  curl -sf -o /dev/null -H "Accept: $accept" -H 'Accept-Encoding: gzip' "${url[$1]}?n=[1-$2]"
}

# CPU time used so far in clock ticks, user and system.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/${pid[$1]}/stat"; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/${pid[$1]}/status"; }

declare -A pid url used=([ours]=0 [theirs]=0)
start ours "${PORT:-19101}" "$OURS"
# Its own runtime metrics are left out: they are no collector.
start theirs $((${PORT:-19101} + 1)) "$theirs" --web.disable-exporter-metrics

for name in ours theirs; do scrape "$name" 20; done
for ((round = 0; round < rounds; round++)); do
  for name in ours theirs; do
    before=$(ticks "$name")
    scrape "$name" "$scrapes"
    used[$name]=$((used[$name] + $(ticks "$name") - before))
  done
done

per_scrape() { awk -v t="${used[$1]}" -v hz="$(getconf CLK_TCK)" -v n=$((rounds * scrapes)) 'BEGIN { printf "%.3f", t * 1000 / hz / n }'; }
series() { curl -sf "${url[$1]}" | grep -vc '^#'; }
bytes() { curl -sf -H 'Accept-Encoding: gzip' "${url[$1]}" | wc -c; }

echo "node-exporter: $((rounds * scrapes)) gzip scrapes each, ${#collectors[@]} collectors, $(nproc) CPUs, kernel $(uname -r)"
printf '%-34s %12s %10s %8s %10s\n' '' 'CPU ms/scrape' 'VmRSS KiB' series 'gzip bytes'
for name in ours theirs; do
  [[ $name == ours ]] && label=node-exporter || label="prometheus-node-exporter $("$theirs" --version 2>&1 | awk 'NR == 1 { print $3 }')"
  printf '%-34s %12s %10s %8s %10s\n' "$label" "$(per_scrape $name)" "$(rss_kb $name)" "$(series $name)" "$(bytes $name)"
done
awk -v ours="$(per_scrape ours)" -v theirs="$(per_scrape theirs)" -v rss="$(rss_kb ours)" -v max="$max_ratio" -v mb="$max_rss_mb" 'BEGIN {
  ratio = ours / theirs
  printf "CPU ratio %.3f (limit %s), resident %.1f MB (limit %s)\n", ratio, max, rss / 1024, mb
  exit ratio > max || rss / 1024 > mb
}'
