# shellcheck shell=bash
# What the recipes of the lab share: packages of this machine, and the mirror to build from.

say() { printf '%s: %s\n' "${lab:?}" "$*" >&2; }
die() { say "$*"; exit 125; }

need() { # command:package...
  local pair missing=()
  for pair; do command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } >/dev/null ||
    die "cannot install ${missing[*]}"
}

# Sets $site to the Debian mirror of this machine's own package sources, and the way there.
find_mirror() {
  local http https
  # shellcheck disable=SC2016 # apt's own variables
  mirror() {
    apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(LABEL) $(SITE)' |
      awk '$1 == "Packages" && $2 == "Debian" && $3 == "Debian" && !site { site = $4 } END { print site }'
  }
  site=$(mirror)
  [ -n "$site" ] || { apt-get update -q >/dev/null && site=$(mirror); }
  [ -n "$site" ] || die "no Debian mirror among the package sources of this machine"
  eval "$(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy)"
  [ -z "${http:-}" ] || export http_proxy=$http
  [ -z "${https:-}" ] || export https_proxy=$https
}

in_root() { DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "${root:?}" "$@"; }

# Installs Debian's packages into $root: no service starts, no documentation is kept.
install_into_root() { # package...
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  printf '%s\n' force-unsafe-io 'path-exclude /usr/share/doc/*' 'path-exclude /usr/share/man/*' \
    'path-exclude /usr/share/locale/*' >"$root/etc/dpkg/dpkg.cfg.d/lab"
  [ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  # This machine's way to its mirror holds for the build alone.
  apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date)' >"$root/etc/apt/apt.conf.d/build" || true
  mount -t proc proc "$root/proc"
  in_root apt-get -q update || return
  in_root apt-get -qy --no-install-recommends install "$@"
}

# What only the build needed.
clean_root() {
  rm -rf "$root/usr/sbin/policy-rc.d" "$root/etc/apt/apt.conf.d/build" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
    "${root:?}"/boot/*
}
