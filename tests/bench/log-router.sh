#!/usr/bin/env bash
# What log-router costs: CPU a line from json-file logs to a TCP sink with 1, 20 and 200 containers, beside rsyslog's imfile
# and a program that only reads and writes; finding the severity; through the engine's API beside curl; into a search
# engine; idle; with the sink down. Prints tables; exits 1 where a limit is passed. Needs root.
#
#   LINES=1000000 CONTAINERS=200 IDLE_SECONDS=60 MINUTES=0.5 tests/bench/log-router.sh      MINUTES=10 for the whole of it
#   PARTS="files levels api search idle down"
#   MAX_CPU_US=1 MAX_CURL_RATIO=1.5 MAX_IDLE_PERCENT=0.3 MAX_RSS_MB=32 MAX_BINARY_MB=8
set -euo pipefail
cd "$(dirname "$0")/../.."

bash tests/prepare.sh
cargo build --quiet --release --locked -p log-router
cargo build --quiet --locked -p e2e --example bench-log-router
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
exec "$(find "$target" -path '*/debug/examples/bench-log-router' -type f | head -n 1)"
