#!/usr/bin/env bash
# Only generates the secrets' files, for a deployment by hand.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install tls secrets; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
ensure_secrets
say "secrets in $STATE"
