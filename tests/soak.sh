#!/usr/bin/env bash
# `make soak`: containers come and go for an hour as fast as an engine can, at ten times the normal rates, while
# node-exporter, container-exporter and log-router are scraped. Prints a report, writes it into docs/soak.md, exits 1 where
# memory or descriptors leak, a gone container is still told of, or a line is lost. Needs root.
#
#   MINUTES=60 tests/soak.sh
#   LINES_PER_SECOND=2000    of the 20 containers that stay: ten lines a second each are normal
#   SCRAPE_SECONDS=1.5       15 are normal
#   WORKERS=8                containers that are started and removed at the same time
#   RESET_SECONDS=60         how often the receiver of the lines breaks its connections
#   MAX_GROWTH_KB=1024       of the heap, from the end of the warm-up to the end
#   DOCS=no                  leaves docs/soak.md alone
#   BINARIES=folder          agents to watch, instead of building them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tests/prepare.sh
[[ -n ${BINARIES:-} ]] || cargo build --quiet --release --locked -p node-exporter -p container-exporter -p log-router
cargo build --quiet --locked -p e2e --example soak
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
exec "$(find "$target" -path '*/debug/examples/soak' -type f | head -n 1)"
