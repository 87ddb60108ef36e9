#!/usr/bin/env bash
# Push Gateway from Debian packages, with the paths, user and entry point of the upstream image.
. "$(dirname "$0")/debian.sh"

root=$(mktemp -d "$CACHE/pushgateway.XXXXXX")
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mapfile -t web < <(web_parts prometheus-pushgateway)
unpack "$root" prometheus-pushgateway libc6 busybox-static ca-certificates tzdata "${web[@]}"
finish_root "$root"
ln -s prometheus-pushgateway "$root/usr/bin/pushgateway"
mkdir -p "$root/pushgateway"
make_image "$root" pushgateway 'ENTRYPOINT ["/bin/pushgateway"]' 'WORKDIR /pushgateway' 'EXPOSE 9091' 'VOLUME ["/pushgateway"]'
