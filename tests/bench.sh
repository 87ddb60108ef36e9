#!/usr/bin/env bash
# `make bench`: what we cost beside the originals, both measured in the same run on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tests/prepare.sh
cargo build --release --locked -p node-exporter -p container-exporter -p log-router
for bench in tests/bench/*.sh; do
  printf '\n==> %s\n' "$(basename "$bench" .sh)"
  bash "$bench"
done
