#!/usr/bin/env bash
# The root of a node with a newer Docker Engine than this machine's, made from Debian's packages and kept in a cache:
# `node.sh build` makes it once and prints its folder. enter.sh runs a command in it. See README.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=${NODE_SUITE:-sid}
state=${NODE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/node}/$suite
packages="docker.io docker-cli containerd runc tini iptables iproute2 procps curl busybox-static"
lab=node
# shellcheck source=tests/lab/lib.sh
. "$here/../lib.sh"

recipe() { { declare -f install_into_root clean_root settings && echo "$packages"; } | sha256sum; }

settings() {
  clean_root
  rm -rf "$root"/usr/share/{doc,man,locale,info} "$root"/var/log/*
  mkdir -p "$root/etc/docker"
  echo '{"features": {"containerd-snapshotter": false}}' >"$root/etc/docker/daemon.json"
}

build() {
  [ "$(cat "$state/ready" 2>/dev/null)" != "$(recipe)" ] || return 0
  [ "$(id -u)" = 0 ] || die "build must run as root (debootstrap)"
  need debootstrap:debootstrap
  local site
  find_mirror
  rm -rf "$state"
  mkdir -p "$state"
  root=$state/root
  log=$state/build.log
  trap 'umount "$root/proc" 2>/dev/null || true' EXIT
  say "building a node with Docker of Debian $suite; takes a minute, once ($log)"
  debootstrap --variant=minbase "$suite" "$root" "$site" >"$log" 2>&1 || die "debootstrap failed, see $log"
  # shellcheck disable=SC2086
  install_into_root $packages >>"$log" 2>&1 || die "the packages cannot be installed, see $log"
  settings
  umount "$root/proc"
  recipe >"$state/ready"
}

case ${1:-} in
  build)
    build
    echo "$state/root"
    ;;
  clean) rm -rf "$state" ;;
  *) die "usage: node.sh build | clean" ;;
esac
