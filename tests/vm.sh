#!/usr/bin/env bash
# `make test-vm`: the collectors that need systemd, beside Debian's node_exporter, in a machine whose PID 1 is systemd.
# RECORD=1 also renews the recorded answers of node-exporter/tests/fixtures/bus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n==> %s\n' "$*"; }

step "the machine"
bash tests/lab/vm/vm.sh build
bash tests/lab/vm/vm.sh versions

step "our binary"
cargo build --release --locked -p node-exporter
target=$(cargo metadata --no-deps --format-version 1 | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
binary=$(find "$target/x86_64-unknown-linux-gnu/release" "$target/release" -maxdepth 1 -name node-exporter 2>/dev/null | head -1)
! ldd "$binary" 2>/dev/null | grep -q '=>' || { echo "error: $binary is not static" >&2; exit 1; }

# The answers stay here for a look.
work=$target/test-vm
rm -rf "$work"
mkdir -p "$work/in" "$work/out"
cp "$binary" tests/vm/guest.sh "$work/in"

step "both in the machine"
bash tests/lab/vm/vm.sh run "$work/in" bash guest.sh "${RECORD:-}" >"$work/out.tar"
tar -xf "$work/out.tar" -C "$work/out"
if [ -n "${RECORD:-}" ]; then
  cp "$work"/out/{systemd,logind}.txt node-exporter/tests/fixtures/bus/
fi

failed=0
compare() { # what theirs ours
  printf '\n%s: ' "$1"
  awk -v table=tests/vm/differences.tsv -f tests/vm/compare.awk "$work/out/$2" "$work/out/$3" || failed=1
}
step "compared"
compare "default flags" theirs-default ours-default
compare "all units and families" theirs-all ours-all
compare "user 65534 without capabilities" theirs-all ours-nobody
exit $failed
