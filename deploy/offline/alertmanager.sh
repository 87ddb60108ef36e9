#!/usr/bin/env bash
# Alertmanager from Debian packages, with the paths, user and entry point of the upstream
# image. Debian's has the API and no pages (its user interface is not built there).
. "$(dirname "$0")/debian.sh"

root=$(mktemp -d "$CACHE/alertmanager.XXXXXX")
trap 'rm -rf "$root"*' EXIT
chmod 755 "$root"
unpack "$root" prometheus-alertmanager libc6 busybox-static ca-certificates tzdata
finish_root "$root"
ln -s prometheus-alertmanager "$root/usr/bin/alertmanager"
mkdir -p "$root/alertmanager" "$root/etc/alertmanager"
make_image "$root" alertmanager 'ENTRYPOINT ["/bin/alertmanager"]' 'WORKDIR /alertmanager' 'EXPOSE 9093' 'VOLUME ["/alertmanager"]' \
  'CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]'
