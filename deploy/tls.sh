#!/usr/bin/env bash
# Only makes the certificates.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install tls; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
ensure_tls
