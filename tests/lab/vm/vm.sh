#!/usr/bin/env bash
# A throw-away Debian machine with systemd as PID 1, cgroup v2 and a Docker Engine, booted in software. See README.md
# beside this file.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=${VM_SUITE:-sid}
state=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/vm}/$suite
packages="systemd systemd-sysv dbus udev kmod libpam-systemd busybox-static procps curl prometheus-node-exporter
  docker.io docker-cli containerd runc iptables iproute2"
kernel=linux-image-cloud-amd64

lab=vm
# shellcheck source=tests/lab/lib.sh
. "$here/../lib.sh"

# What the image is made from: it is made anew when one of these changes.
recipe() {
  { declare -f install_into_root clean_root install_packages install_kernel settings && echo "$packages $kernel" &&
    cat "$here"/{init,vm-run.sh,vm-run.service}; } | sha256sum
}

build() {
  [ "$(cat "$state/ready" 2>/dev/null)" != "$(recipe)" ] || return 0
  [ "$(id -u)" = 0 ] || die "build must run as root (debootstrap)"
  need debootstrap:debootstrap qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs zstd:zstd
  local site
  find_mirror
  rm -rf "$state"
  mkdir -p "$state"
  root=$state/root
  log=$state/build.log
  trap 'umount "$root/proc" 2>/dev/null || true' EXIT
  say "building a machine with Debian $suite; takes some minutes, once ($log)"
  debootstrap --variant=minbase "$suite" "$root" "$site" >"$log" 2>&1 || die "debootstrap failed, see $log"
  install_packages >>"$log" 2>&1 || die "the packages cannot be installed, see $log"
  install_kernel >>"$log" 2>&1 || die "the kernel cannot be installed, see $log"
  settings >>"$log" 2>&1 || die "the settings failed, see $log"
  umount "$root/proc"
  mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -d "$root" "$state/disk.img" 3G >>"$log" 2>&1 ||
    die "the disk cannot be made, see $log"
  rm -rf "$root"
  recipe >"$state/ready"
}

install_packages() {
  # shellcheck disable=SC2086
  install_into_root $packages || return
  in_root dpkg-query -W prometheus-node-exporter systemd docker.io >"$state/versions"
}

# The kernel's packages are only unpacked: no boot loader, no generator of a first stage.
install_kernel() {
  local names folder=$root/var/tmp/kernel package version modules module
  names=$(in_root apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$kernel" | grep -E '^linux-(image|base|binary|modules)-[0-9]' | sort -u)
  [ -n "$names" ] || return
  mkdir -p "$folder"
  # shellcheck disable=SC2086
  in_root sh -c "cd /var/tmp/kernel && apt-get -q -o APT::Sandbox::User=root download ${names//$'\n'/ }" || return
  for package in "$folder"/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root" || return
  done
  rm -rf "$folder"
  version=$(basename "$root"/usr/lib/modules/*)
  in_root depmod -a "$version"
  cp "$root/boot/vmlinuz-$version" "$state/vmlinuz" || cp "$root/usr/lib/modules/$version/vmlinuz" "$state/vmlinuz" || return

  local stage=$root/stage
  mkdir -p "$stage"/{bin,modules,dev,proc,root}
  cp "$root/usr/bin/busybox" "$stage/bin/busybox"
  install -m 755 "$here/init" "$stage/init"
  modules=$(for module in virtio_pci virtio_blk ext4; do in_root modprobe -S "$version" --show-depends "$module"; done |
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
  : >"$stage/modules/order"
  for module in $modules; do
    package=$(basename "${module%%.ko*}.ko")
    case $module in
      *.xz) in_root busybox unxz -c "$module" ;;
      *.zst) zstd -dcq "$root$module" ;;
      *) cat "$root$module" ;;
    esac >"$stage/modules/$package" || return
    echo "$package" >>"$stage/modules/order"
  done
  in_root sh -c 'cd /stage && busybox find . | busybox cpio -o -H newc' | gzip -1 >"$state/initrd"
  rm -rf "$stage"
}

settings() {
  clean_root
  echo vm >"$root/etc/hostname"
  : >"$root/etc/resolv.conf"
  echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
  echo '/dev/vda / ext4 noatime 0 1' >"$root/etc/fstab"
  install -D -m 755 "$here/vm-run.sh" "$root/usr/lib/vm/vm-run.sh"
  install -m 644 "$here/vm-run.service" "$root/etc/systemd/system/vm-run.service"
  in_root systemctl enable vm-run.service || return
  in_root systemctl set-default graphical.target || return
  # What a guest needs it starts itself.
  in_root systemctl disable prometheus-node-exporter.service docker.service docker.socket containerd.service || true
  install -d "$root/etc/docker"
  echo '{"exec-opts": ["native.cgroupdriver=systemd"]}' >"$root/etc/docker/daemon.json"
  local unit
  for unit in getty.target serial-getty@ttyS0.service systemd-firstboot.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service ldconfig.service apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}

run() {
  [ $# -ge 2 ] || die "usage: vm.sh run FOLDER COMMAND..."
  [ -e "$state/ready" ] || die "no machine yet: vm.sh build"
  need qemu-system-x86_64:qemu-system-x86
  local folder=$1 limit=${VM_TIMEOUT:-900}
  shift
  tmp=$(mktemp -d)
  trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
  { printf 'exec'; printf ' %q' "$@"; echo; } >"$tmp/command"
  tar -cf "$tmp/folder.tar" -C "$tmp" command --transform "s,^$(basename "$folder"),folder," \
    -C "$(dirname "$(realpath "$folder")")" "$(basename "$(realpath "$folder")")"
  # In software emulation Linux panics now and then while it patches itself at boot: no fault of the command.
  local attempt=1
  until boot || [ $((attempt++)) = 3 ] || [ -s "$tmp/code" ] || ! grep -q 'Kernel panic' "$tmp/console"; do
    say "the kernel panicked at boot: once more"
  done
  if [ "$code" = 124 ]; then
    say "killed after $limit s"
    tail -5 "$tmp/console" >&2
    return 124
  fi
  case $(tail -n 1 "$tmp/code") in
    '' | running*) cat "$tmp/qemu.log" >&2; tail -20 "$tmp/console" >&2; die "the machine ended before the command did" ;;
  esac
  return "$(tail -n 1 "$tmp/code" | tr -dc 0-9)"
}

# One boot; true where the command ended.
boot() {
  local name
  code=0
  rm -f "$tmp"/*.in "$tmp"/*.out "$tmp/code" "$tmp/console"
  for name in out err; do mkfifo "$tmp/$name.in" "$tmp/$name.out"; done
  cat "$tmp/out.out" &
  local out=$!
  cat "$tmp/err.out" >&2 &
  local err=$!
  touch "$tmp/code" "$tmp/console"
  if [ -n "${VM_CONSOLE:-}" ]; then tail -f "$tmp/console" >&2 & fi
  TMPDIR=$tmp timeout -k 5 "$limit" qemu-system-x86_64 -accel tcg,thread=multi -machine q35 -cpu max,la57=off -smp 2 -m "${VM_MEM:-1536}" \
    -nodefaults -no-user-config -display none -no-reboot -kernel "$state/vmlinuz" -initrd "$state/initrd" \
    -append "console=ttyS0 quiet mitigations=off psi=1 net.ifnames=0 panic=-1" -serial "file:$tmp/console" \
    -drive "file=$state/disk.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
    -drive "file=$tmp/folder.tar,format=raw,if=virtio,readonly=on" -device virtio-rng-pci -device virtio-serial-pci \
    -chardev "pipe,id=out,path=$tmp/out" -device virtserialport,chardev=out,name=vm.out \
    -chardev "pipe,id=err,path=$tmp/err" -device virtserialport,chardev=err,name=vm.err \
    -chardev "file,id=code,path=$tmp/code" -device virtserialport,chardev=code,name=vm.code \
    </dev/null >"$tmp/qemu.log" 2>&1 || code=$?
  # A machine that never opened its ends leaves the readers waiting.
  for name in out err; do : <>"$tmp/$name.out"; done
  wait "$out" "$err" || true
  [ "$code" = 0 ] && [[ $(tail -n 1 "$tmp/code") =~ ^[0-9] ]]
}

case ${1:-} in
  build) build ;;
  run) shift; run "$@" ;;
  versions) cat "$state/versions" ;;
  clean) rm -rf "$state" ;;
  *) die "usage: vm.sh build | run FOLDER COMMAND... | versions | clean" ;;
esac
