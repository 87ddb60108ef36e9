#!/usr/bin/env bash
# Writes the lists of rules and boards into the stack files, from what is in their folders, and prometheus.yml from the
# jobs of the parts that are there unless STACKS says otherwise.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=deploy/lib/configs.sh
. "$DEPLOY/lib/configs.sh"
# shellcheck source=deploy/lib/prometheus.sh
. "$DEPLOY/lib/prometheus.sh"
for file in "$DEPLOY"/*.yml; do
  new=$(list_configs "$file")
  [ "$new" = "$(cat "$file")" ] || { printf '%s\n' "$new" >"$file" && say "$file"; }
done
STACKS=$(default_parts)
prometheus_config prometheus >"$DEPLOY/prometheus/prometheus.yml"
