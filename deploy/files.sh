#!/usr/bin/env bash
# Writes everything that a deployment by hand takes (secrets, variables, stack files with whole paths) and prints the
# command. Asks no engine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for lib in install images tls secrets configs prometheus deploy; do
  # shellcheck source=/dev/null
  . "$DEPLOY/lib/$lib.sh"
done
check_settings
ensure_secrets
write_environment
echo "set -a; . $STATE/env; set +a"
echo "docker stack deploy --prune$(printf ' -c %s' "${FILES[@]}") $STACK"
