#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Debian or Ubuntu, as root. Starts nothing.
set -euo pipefail

# command or file : package that brings it
NEEDED="
dockerd:docker.io
iptables:iptables
ip:iproute2
nsenter:util-linux
logger:bsdutils
openssl:openssl
setpriv:util-linux
prometheus:prometheus
promtool:prometheus
amtool:prometheus-alertmanager
prometheus-node-exporter:prometheus-node-exporter
rsyslogd:rsyslog
shellcheck:shellcheck
curl:curl
jq:jq
docker-registry:docker-registry
perl:perl
tar:tar
/bin/busybox:busybox-static
javac:default-jdk-headless
mvn:maven
go:golang-go
node:nodejs
npm:npm
debootstrap:debootstrap
chromium:chromium
"

missing=()
for pair in $NEEDED; do
  command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
done
# The client is a package of its own from Debian 13 on.
command -v docker >/dev/null || { apt-cache show docker-cli >/dev/null 2>&1 && missing+=(docker-cli); } || true
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

command -v apt-get >/dev/null || { echo "error: missing on this machine: ${missing[*]} (names of Debian packages)" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "error: the tests need root, to install ${missing[*]} and to start an engine of their own" >&2; exit 1; }

# Services that packages would start would take ports and pull this machine's own engine up: not wanted here.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
echo "installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
  { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null; }
