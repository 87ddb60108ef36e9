#!/usr/bin/env bash
# haproxy from Debian packages, with the paths and entry point of the upstream image.
. "$(dirname "$0")/debian.sh"

root=$(mktemp -d "$CACHE/haproxy.XXXXXX")
trap 'rm -rf "$root"*' EXIT
chmod 755 "$root"
mapfile -t libraries < <(libraries_of haproxy)
unpack "$root" haproxy "${libraries[@]}"
finish_root "$root"
mkdir -p "$root/usr/local/etc/haproxy" "$root/haproxy"
make_image "$root" haproxy 'ENTRYPOINT ["/usr/sbin/haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' 'EXPOSE 8080'
