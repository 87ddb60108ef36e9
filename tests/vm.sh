#!/usr/bin/env bash
# `make test-vm`: what needs a machine with systemd and cgroup v2. The collectors systemd and logind beside Debian's
# node_exporter, then container-exporter beside the kernel's files and by both its sources.
# `vm.sh node-exporter` or `vm.sh container-exporter` runs one of the two. RECORD=1 also renews the recorded answers of
# node-exporter/tests/fixtures/bus. BINARIES names a folder with static binaries to take instead of building them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n==> %s\n' "$*"; }
failed=0
parts=("$@")
[ $# -gt 0 ] || parts=(node-exporter container-exporter)

step "the machine"
bash tests/lab/vm/vm.sh build
bash tests/lab/vm/vm.sh versions
target=$(cargo metadata --no-deps --format-version 1 | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')

# The answers stay in target/test-vm for a look.
prepare() { # agent guest-script
  local binary
  if [ -n "${BINARIES:-}" ]; then
    binary=$BINARIES/$1
  else
    cargo build --release --locked -p "$1"
    binary=$(find "$target/x86_64-unknown-linux-gnu/release" "$target/release" -maxdepth 1 -name "$1" 2>/dev/null | head -1)
  fi
  ! ldd "$binary" 2>/dev/null | grep -q '=>' || { echo "error: $binary is not static" >&2; exit 1; }
  work=$target/test-vm/$1
  rm -rf "$work"
  mkdir -p "$work/in" "$work/out"
  cp "$binary" "tests/vm/$2" "$work/in"
}

compare() { # what theirs ours
  printf '\n%s: ' "$1"
  awk -v table=tests/vm/differences.tsv -f tests/vm/compare.awk "$work/out/$2" "$work/out/$3" || failed=1
}

node_exporter() {
  step "node-exporter and node_exporter in the machine"
  prepare node-exporter guest.sh
  bash tests/lab/vm/vm.sh run "$work/in" bash guest.sh "${RECORD:-}" >"$work/out.tar"
  tar -xf "$work/out.tar" -C "$work/out"
  if [ -n "${RECORD:-}" ]; then
    cp "$work"/out/{systemd,logind}.txt node-exporter/tests/fixtures/bus/
  fi
  step "compared"
  compare "default flags" theirs-default ours-default
  compare "all units and families" theirs-all ours-all
  compare "user 65534 without capabilities" theirs-all ours-nobody
}

container_exporter() {
  step "container-exporter in the machine"
  prepare container-exporter containers.sh
  bash tests/lab/vm/vm.sh run "$work/in" bash containers.sh >"$work/out.tar" || failed=1
  tar -xf "$work/out.tar" -C "$work/out" || failed=1
}

for part in "${parts[@]}"; do
  case $part in
    node-exporter) node_exporter ;;
    container-exporter) container_exporter ;;
    *) echo "usage: vm.sh [node-exporter] [container-exporter]" >&2; exit 2 ;;
  esac
done
exit $failed
