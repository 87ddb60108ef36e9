#!/usr/bin/env bash
# Prints the path of an original to compare ours with: `peers.sh node-exporter` (1.11 or newer) or `peers.sh cadvisor`
# (0.38). Debian's packages, downloaded by apt with a state of its own and unpacked into a cache. Nothing is installed and
# this machine's lists stay as they are.
set -euo pipefail

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/peers
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "$*" >&2; }

case ${1:-node-exporter} in
  node-exporter) package=prometheus-node-exporter suite=sid root=$CACHE/root name=prometheus-node-exporter ;;
  # The last release of Debian that has it.
  cadvisor) package=cadvisor suite=bullseye root=$CACHE/cadvisor name=cadvisor ;;
  *) say "usage: peers.sh node-exporter | cadvisor"; exit 2 ;;
esac
binary=$root/usr/bin/$name
if [ -x "$binary" ]; then
  echo "$binary"
  exit
fi
command -v apt-get >/dev/null || { say "error: $package of $suite comes by apt, which this machine lacks; put a binary at $binary"; exit 1; }
[ -r "$KEYS" ] || { say "error: $KEYS is missing (Debian and Ubuntu: apt install debian-archive-keyring)"; exit 1; }

state=$CACHE/apt
rm -rf "$state"
mkdir -p "$state"/{lists/partial,archives/partial,etc/apt.conf.d,etc/preferences.d,etc/trusted.gpg.d} "$CACHE"
printf 'deb [signed-by=%s] %s %s main\n' "$KEYS" "$MIRROR" "$suite" >"$state/etc/sources.list"
touch "$state/status"
options=(
  -q -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::Status=$state/status"
  -o "Dir::Cache=$state" -o "Dir::Etc=$state/etc" -o APT::Sandbox::User=root -o Acquire::Languages=none
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
)

say "downloading $package of $suite (once)"
apt-get "${options[@]}" update >&2
(cd "$state/archives" && apt-get "${options[@]}" download "$package" >&2)
rm -rf "$root" "$root.new"
dpkg -x "$state"/archives/"$package"_*.deb "$root.new"
mv "$root.new" "$root"
rm -rf "$state"
echo "$binary"
