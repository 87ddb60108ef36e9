#!/usr/bin/env bash
# Runs syslog-ng with these arguments: Debian's or Ubuntu's package, unpacked into a cache. It cannot be installed beside
# rsyslog, which other tests need.
set -euo pipefail

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/syslog-ng
ROOT=$CACHE/root

if [ ! -x "$ROOT/usr/sbin/syslog-ng" ]; then
  command -v apt-get >/dev/null || { echo "error: syslog-ng comes by apt, which this machine lacks; unpack it into $ROOT" >&2; exit 1; }
  rm -rf "$CACHE"
  mkdir -p "$CACHE/packages"
  # With the libraries that this machine lacks.
  options=(--recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances)
  needed() { apt-cache depends "${options[@]}" syslog-ng-core | grep '^[a-z]' | sort -u; }
  [ -n "$(needed)" ] || apt-get update -q >&2
  for package in $(needed); do
    if ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed'; then
      case $package in
        *elogind*) ;;
        syslog-ng-core | lib*) (cd "$CACHE/packages" && apt-get -q -o APT::Sandbox::User=root download "$package" >&2) ;;
      esac
    fi
  done
  rm -rf "$ROOT.new"
  for package in "$CACHE"/packages/*.deb; do
    dpkg -x "$package" "$ROOT.new"
  done
  mv "$ROOT.new" "$ROOT"
  rm -rf "$CACHE/packages"
fi

modules=$(echo "$ROOT"/usr/lib/syslog-ng/[0-9]*)
libraries=$(find "$ROOT" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH=$libraries
exec "$ROOT/usr/sbin/syslog-ng" "--module-path=$modules" "$@"
