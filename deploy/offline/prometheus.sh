#!/usr/bin/env bash
# Prometheus from Debian packages, with the paths, user and entry point of the upstream image.
. "$(dirname "$0")/debian.sh"

root=$(mktemp -d "$CACHE/prometheus.XXXXXX")
trap 'rm -rf "$root"*' EXIT
chmod 755 "$root"
mapfile -t web < <(web_parts prometheus)
unpack "$root" prometheus libc6 busybox-static ca-certificates tzdata "${web[@]}"
# Every release of the time zone data twice, 200 MB; the pages read the packed one beside it.
rm -rf "$root/usr/share/javascript/moment-timezone/data"
finish_root "$root"
mkdir -p "$root/prometheus" "$root/etc/prometheus"
make_image "$root" prometheus 'ENTRYPOINT ["/bin/prometheus"]' 'WORKDIR /prometheus' 'EXPOSE 9090' 'VOLUME ["/prometheus"]' \
  'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]'
