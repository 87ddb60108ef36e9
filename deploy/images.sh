#!/usr/bin/env bash
# Builds the agents and their three images.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install engine images; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
mkdir -p "$CACHE"
ensure_engine
build_images
for a in $AGENTS; do echo "$IMAGE_PREFIX$a:$VERSION"; done
