#!/usr/bin/env bash
# Docker Compose 2 from Debian's package, unpacked into a cache and not installed: `compose.sh build` prints the program.
# Where the machine has one it is that.
set -euo pipefail
suite=${COMPOSE_SUITE:-sid}
state=${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/compose

[ "${1:-}" = build ] || { echo "usage: compose.sh build" >&2; exit 2; }
if docker compose version --short 2>/dev/null | grep -qE '^v?[2-9]'; then
  echo docker compose
  exit
fi
program=$state/root/usr/libexec/docker/cli-plugins/docker-compose
if [ ! -x "$program" ]; then
  rm -rf "$state"
  mkdir -p "$state"/{lists,cache/archives}/partial
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$keys" ] || { echo "error: $keys is missing (package debian-archive-keyring)" >&2; exit 1; }
  echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" >"$state/sources.list"
  apt=(-q -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$state/lists"
    -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update >"$state/log" 2>&1 || { cat "$state/log" >&2; exit 1; }
  (cd "$state" && apt-get "${apt[@]}" download docker-compose) >>"$state/log" 2>&1 || { cat "$state/log" >&2; exit 1; }
  dpkg -x "$state"/docker-compose_*.deb "$state/root"
  rm -rf "$state"/lists "$state"/cache "$state"/*.deb
fi
echo "$program"
