#!/usr/bin/env bash
# Takes the pictures of README and docs from what runs: first `make up` and `make demo`, and a quarter of an hour later this.
# They are of the viewer, so it needs the viewer in Grafana's place.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install engine; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
FOLDER=${FOLDER:-$ROOT/docs/pictures}
RANGE=${RANGE:-15m}

mkdir -p "$CACHE"
engine_answers || die "no Docker engine answers" "first: make up, make demo"
[ -s "$STATE/admin_password" ] || die "there is no stack made by make up on this engine" "first: make up, make demo"
docker service ls -q --filter "name=${STACK}_viewer" | grep -q . || die "the viewer does not run" "it runs where no image of Grafana can be had; see dashboards/viewer/README.md"
install_missing "the pictures" chromium:chromium
ACCESS_HOST=${ACCESS_HOST:-$(docker info --format '{{.Swarm.NodeAddr}}')}
cd "$ROOT"
cargo run -q --locked -p e2e --example pictures -- "http://$ACCESS_HOST:${GRAFANA_PORT:-3000}" "$STATE/admin_password" "$FOLDER" "$RANGE"
