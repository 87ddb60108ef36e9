#!/usr/bin/env bash
# `make scale`: how many nodes one Prometheus of this machine holds, by nodes that are simulated; how long the home board's
# queries take; what one answer of the engine's DNS holds; what log-router costs with many containers at a high rate. Prints
# tables, writes them into docs/scale.md, exits 1 where a line is lost or not even the first step holds. Needs root.
#
#   PARTS="nodes dns logs"    what to measure
#   NODES="50 100 200 400 600 800 1000 1500 2000"    steps; the next one is tried while the last one held
#   MAX_MEMORY_MB             of Prometheus; half of what is available at the start, unless given
#   WINDOW=90                 seconds that each step is watched, after it has settled
#   HOLD=10                   minutes at the largest number before the queries are timed
#   CONTAINERS=200 LINES_PER_SECOND=20000 MINUTES=10    of the logs
#   DOCS=no                   leaves docs/scale.md alone
#   BINARIES=folder           log-router and simulated-nodes, instead of building them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tests/prepare.sh
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
if [[ -z ${BINARIES:-} ]]; then
  cargo build --quiet --release --locked -p log-router -p simulated-nodes
  BINARIES=$(dirname "$(find "$target" -path '*/release/simulated-nodes' -type f | head -n 1)")
fi
export BINARIES
cargo build --quiet --locked -p e2e --example scale
exec "$(find "$target" -path '*/debug/examples/scale' -type f | head -n 1)"
