#!/usr/bin/env bash
# `make test-upstream`: node-exporter over the made-up machine of node_exporter's own end-to-end test, against the answer
# that is expected there. Prints the shares of series found and of values equal, and each that differs; exits 1 below 99.5 %
# and 99 %. The source is downloaded once.
#
#   VERSION=1.12.1       of node_exporter
#   BINARIES=folder      with node-exporter, instead of building it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=${VERSION:-1.12.1}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/node_exporter-$version
if [[ -z ${BINARIES:-} ]]; then
  cargo build --release --locked -q -p node-exporter
  target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  BINARIES=$(dirname "$(find "$target" -path '*/release/node-exporter' -type f | head -n 1)")
fi
work=$(mktemp -d)
finish() {
  kill "${pid:-}" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

if [[ ! -d $cache ]]; then
  command -v unzip >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends unzip >/dev/null; }
  curl -fsSL -o "$work/source.zip" "https://proxy.golang.org/github.com/prometheus/node_exporter/@v/v$version.zip"
  unzip -q "$work/source.zip" -d "$work"
  source="$work/github.com/prometheus/node_exporter@v$version"
  for archive in sys udev; do
    (cd "$source" && bash ./ttar -C collector/fixtures -x -f "collector/fixtures/$archive.ttar")
  done
  # An archive of a module has no links.
  ln -s 10 "$source/collector/fixtures/proc/self"
  mkdir -p "$(dirname "$cache")"
  mv "$source" "$cache"
fi

# Their script has the lists of collectors and the flags; what it asks their build tool, we know: this is Linux.
list() { sed -n "/^$1=\$(cat/,/^[A-Z]*\$/p" "$cache/end-to-end-test.sh" | grep -E '^  [-a-z]'; }
flags=()
for name in $(list enabled_collectors); do flags+=("--collector.$name"); done
for name in $(list disabled_collectors); do flags+=("--no-collector.$name"); done
while read -r flag; do
  flags+=("$flag")
done < <(list collector_flags | grep -v '\$')
flags+=(--collector.cpu.info '--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$'
  '--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$')
binary=$(realpath "$BINARIES/node-exporter")
address=127.0.0.1:${PORT:-19777}
(
  cd "$cache"
  exec "$binary" --path.rootfs=collector/fixtures --path.procfs=collector/fixtures/proc --path.sysfs=collector/fixtures/sys \
    --path.udev.data=collector/fixtures/udev/data "${flags[@]}" --web.listen-address="$address"
) 2>"$work/log" &
pid=$!
curl -fs --retry 10 --retry-connrefused --retry-delay 1 -o /dev/null "$address/-/ready" || { cat "$work/log" >&2; exit 1; }
curl -fsS "$address/metrics" >"$work/ours"

# What their script leaves out too; then labels in one order and values in one form.
skipped=$(sed -n 's/^skip_re="\(.*\)"$/\1/p' "$cache/end-to-end-test.sh")
normal() {
  grep -Ev "^#|$skipped" "$1" | awk '
    { value = $NF; sub(/ [^ ]+$/, ""); name = $0; labels = ""
      if (match($0, /\{.*\}$/)) {
        name = substr($0, 1, RSTART - 1); n = split(substr($0, RSTART + 1, RLENGTH - 3), label, /",/)
        for (i = 2; i <= n; i++) { l = label[i]; for (j = i; j > 1 && label[j - 1] > l; j--) label[j] = label[j - 1]; label[j] = l }
        for (i = 1; i <= n; i++) labels = labels label[i] "\","
      }
      printf "%s{%s}\t%.10g\n", name, labels, value }' | sort
}
normal "$cache/collector/fixtures/e2e-output.txt" >"$work/expected"
normal "$work/ours" >"$work/found"
awk -F '\t' -v version="$version" '
  NR == FNR { found[$1] = $2; next }
  { all++
    if (!($1 in found)) { print "missing: " $1 " " $2; next }
    names++
    if (found[$1] == $2) values++
    else print "another value: " $1 " " found[$1] ", expected " $2 }
  END {
    printf "node_exporter %s expects %d series: %.2f %% found, %.2f %% with the same value\n", version, all, 100 * names / all, 100 * values / all
    exit !(all > 0 && names >= 0.995 * all && values >= 0.99 * all) }' "$work/found" "$work/expected"
