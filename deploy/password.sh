#!/usr/bin/env bash
# Prints the password of the user admin.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
[ -s "$STATE/admin_password" ] || die "no password at $STATE/admin_password" "make up generates it"
cat "$STATE/admin_password"
echo
