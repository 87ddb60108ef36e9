#!/usr/bin/env bash
# Prints the path of node_exporter 1.11 or newer, to compare ours with: Debian's package from sid, downloaded by apt with
# a state of its own and unpacked into a cache. Nothing is installed and this machine's lists stay as they are.
set -euo pipefail

PACKAGE=prometheus-node-exporter
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/peers
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "$*" >&2; }

binary=$CACHE/root/usr/bin/$PACKAGE
if [ -x "$binary" ]; then
  echo "$binary"
  exit
fi
command -v apt-get >/dev/null || { say "error: $PACKAGE of sid comes by apt, which this machine lacks; put a binary at $binary"; exit 1; }
[ -r "$KEYS" ] || { say "error: $KEYS is missing (Debian and Ubuntu: apt install debian-archive-keyring)"; exit 1; }

state=$CACHE/apt
rm -rf "$state"
mkdir -p "$state"/{lists/partial,archives/partial,etc/apt.conf.d,etc/preferences.d,etc/trusted.gpg.d} "$CACHE"
printf 'deb [signed-by=%s] %s sid main\n' "$KEYS" "$MIRROR" >"$state/etc/sources.list"
touch "$state/status"
options=(
  -q -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::Status=$state/status"
  -o "Dir::Cache=$state" -o "Dir::Etc=$state/etc" -o APT::Sandbox::User=root -o Acquire::Languages=none
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
)

say "downloading $PACKAGE of sid (once)"
apt-get "${options[@]}" update >&2
(cd "$state/archives" && apt-get "${options[@]}" download "$PACKAGE" >&2)
rm -rf "$CACHE/root" "$CACHE/root.new"
dpkg -x "$state"/archives/"$PACKAGE"_*.deb "$CACHE/root.new"
mv "$CACHE/root.new" "$CACHE/root"
rm -rf "$state"
echo "$binary"
