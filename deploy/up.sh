#!/usr/bin/env bash
# Brings the stack up on this machine's Docker (or on DOCKER_HOST) and waits until it works.
# `make help` names the variables.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install engine images viewer tls secrets configs prometheus deploy wait search table; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done

check_settings
mkdir -p "$CACHE"

step "1/6 Docker engine and Swarm"
ensure_engine
ensure_swarm
choose_by_engine
ensure_network
ensure_storage_node
install_missing "asking the services" curl:curl

step "2/6 images of the agents"
build_images
tell_propagation

step "3/6 images of the other services"
resolve_images
choose_viewer

step "4/6 password and secrets"
ensure_secrets

step "5/6 deployment"
write_environment
FAILED_BEFORE=$(failed_updates)
deploy_stack

step "6/6 waiting until it works"
wait_for_stack
prune_old
print_table
