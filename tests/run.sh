#!/usr/bin/env bash
# `make test`: installs what the tests need, builds, and runs everything: lints, unit and golden tests, then the
# end-to-end tests on real parts. With the name of a test: only those end-to-end tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n==> %s\n' "$*"; }

step "what the tests need"
bash tests/prepare.sh

if [ $# -gt 0 ]; then
  step "release binaries"
  cargo build --release --locked -p node-exporter -p container-exporter -p log-router -p demo -p dashboard-viewer
  step "end to end: $*"
  exec cargo test -p e2e --locked "$@" -- --test-threads=1 --nocapture
fi

step "format and lints"
cargo fmt --all --check
cargo clippy --workspace --all-targets --all-features --locked -q -- -D warnings
# A workspace of its own, whose versions follow ours.
cargo metadata --format-version 1 --locked --manifest-path tests/fuzz/Cargo.toml >/dev/null

shellcheck -x deploy/*.sh deploy/lib/*.sh deploy/offline/*.sh tests/*.sh tests/lib/*.sh tests/bench/*.sh tests/scale/*.sh tests/swarm/*.sh tests/swarm/lib/*.sh tests/vm/*.sh tests/lab/*.sh tests/lab/*/*.sh .ci/run

step "unit and golden tests"
cargo test --workspace --exclude e2e --all-features --locked -q

step "release binaries"
cargo build --release --locked -p node-exporter -p container-exporter -p log-router -p demo -p dashboard-viewer

step "end to end"
# One after the other: each starts an engine of its own, and two cores are few.
cargo test -p e2e --locked -- --test-threads=1

step "containers with a newer engine"
# A tests' engine for each of them, too: Docker 28 of Debian's packages instead of this machine's version.
ENGINE_ROOT=$(bash tests/lab/node/node.sh build)
ENGINE_ROOT=$ENGINE_ROOT cargo test -p e2e --locked --test e2e -- --test-threads=1 container_exporter:: containers:: dashboards_container::

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked -q
