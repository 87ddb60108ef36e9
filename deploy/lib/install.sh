# shellcheck shell=bash
# Installs what is missing on Debian and Ubuntu, says what is missing elsewhere.

debian_like() {
  [ -r /etc/os-release ] && (. /etc/os-release && case " ${ID:-} ${ID_LIKE:-} " in *" debian "* | *" ubuntu "*) true ;; *) false ;; esac)
}

# install_missing WHY COMMAND:PACKAGE…
install_missing() {
  local why=$1 pair packages=() commands=()
  shift
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null && continue
    commands+=("${pair%%:*}")
    packages+=("${pair#*:}")
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  if ! debian_like || ! command -v apt-get >/dev/null; then
    die "missing for $why: ${commands[*]}" "install them and run this again (packages are installed by itself on Debian and Ubuntu only)"
  fi
  [ "$(id -u)" = 0 ] || die "missing for $why: ${commands[*]}" "run this as root, or: apt-get install ${packages[*]}"
  say "    installing for $why: ${packages[*]}"
  progress "apt-get install ${packages[*]}" "$CACHE/apt.log" apt_install "${packages[@]}" ||
    die "cannot install ${packages[*]}" "log: $CACHE/apt.log"
  hash -r
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q --no-install-recommends "$@" && return
  apt-get update -q && apt-get install -y -q --no-install-recommends "$@"
}
