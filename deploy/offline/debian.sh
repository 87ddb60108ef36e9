# shellcheck shell=bash
# For recipes that make an image of packages of this machine's own distribution: they are
# downloaded into a cache and unpacked, never installed here. Sourced.
set -euo pipefail
: "${CACHE:?}" "${RECIPE:?}"

# A fresh machine has no lists of packages yet.
ensure_lists() { apt-cache show "$1" >/dev/null 2>&1 || apt-get update -q; }

# unpack FOLDER PACKAGE…: PACKAGE_VERSION becomes that of the first package.
unpack() {
  # Beside the folder, whose name no other build has: several may run at once.
  local root=$1 debs=$1.debs deb
  shift
  mkdir -p "$debs" "$root"
  ensure_lists "$1"
  # Lists that are there may be too old: then once more with new ones.
  (cd "$debs" && { apt-get download -q -o APT::Sandbox::User=root "$@" || { apt-get update -q && apt-get download -q -o APT::Sandbox::User=root "$@"; }; })
  for deb in "$debs"/*.deb; do dpkg -x "$deb" "$root"; done
  PACKAGE_VERSION=$(dpkg-deb -f "$debs/$1"_*.deb Version | sed 's/^[0-9]*://; s/[-+~].*//')
  rm -rf "$debs"
}

# The libraries of a package's web pages, which Debian keeps in packages of their own.
web_parts() {
  ensure_lists "$1" >&2
  apt-cache depends "$1" | sed -n 's/.*Depends: \(\(libjs\|fonts\)-[^ ]*\)$/\1/p'
}

# The libraries that a package needs, and those that they need.
libraries_of() {
  local found=" " queue=("$1") name
  ensure_lists "$1" >&2
  while [ ${#queue[@]} -gt 0 ]; do
    name=${queue[0]}
    queue=("${queue[@]:1}")
    while read -r name; do
      case $found in *" $name "*) ;; *) found+="$name "; queue+=("$name") ;; esac
    done < <(apt-cache depends "$name" | sed -n 's/.*Depends: \(lib[^ ]*\)$/\1/p')
  done
  # shellcheck disable=SC2086 # a list of names
  printf '%s\n' $found
}

# What an installation would have done: one /usr, users, names for busybox, certificates.
finish_root() {
  local r=$1 d name
  for d in bin sbin lib lib64; do
    if [ -d "$r/$d" ] && [ ! -L "$r/$d" ]; then
      mkdir -p "$r/usr/$d"
      cp -a "$r/$d/." "$r/usr/$d/"
      rm -rf "${r:?}/$d"
    fi
    [ -e "$r/$d" ] || { mkdir -p "$r/usr/$d"; ln -s "usr/$d" "$r/$d"; }
  done
  rm -rf "$r"/usr/share/{doc,man,locale,lintian,bash-completion,info} "$r"/usr/lib/*/{gconv,audit} "$r"/etc/{init.d,default,logrotate.d}
  mkdir -p "$r"/{etc,tmp,proc,sys,dev,run}
  chmod 1777 "$r/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' >"$r/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$r/etc/group"
  echo 'hosts: files dns' >"$r/etc/nsswitch.conf"
  for name in sh wget cat ls; do [ -e "$r/usr/bin/$name" ] || ln -s busybox "$r/usr/bin/$name"; done
  if [ -d "$r/usr/share/ca-certificates" ]; then
    mkdir -p "$r/etc/ssl/certs"
    find "$r/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$r/etc/ssl/certs/ca-certificates.crt"
  fi
}

# make_image FOLDER SERVICE CHANGE…
make_image() {
  local root=$1 service=$2 change=() c
  shift 2
  for c in "$@" "USER nobody" "LABEL io.swarmscope.offline=$service io.swarmscope.recipe=$RECIPE"; do change+=(--change "$c"); done
  tar -C "$root" --numeric-owner --owner=0 --group=0 --exclude="./$service" -cf "$root.tar" .
  # The data folder belongs to the user of the service, who makes a new volume with it.
  tar -C "$root" --numeric-owner --owner=65534 --group=65534 -rf "$root.tar" "./$service"
  docker import "${change[@]}" "$root.tar" "swarmscope-offline/$service:$PACKAGE_VERSION"
  rm -f "$root.tar"
}
