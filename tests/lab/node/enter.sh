#!/usr/bin/env bash
# Runs a command with another root: enter.sh ROOT FOLDER COMMAND...
# To be started in a mount namespace of its own (unshare --mount). ROOT stays as it is: what is written goes to memory, but
# for FOLDER, which is at the same path inside and outside. Devices and cgroups are this machine's, /sys/class/net and /proc
# those of the namespaces that it is started in.
set -euo pipefail
root=$1 folder=$2
shift 2
mount --make-rprivate /
mkdir -p "$folder/root"
mount -t tmpfs root "$folder/root"
mkdir "$folder"/root/{upper,work,new}
new=$folder/root/new
mount -t overlay -o "lowerdir=$root,upperdir=$folder/root/upper,workdir=$folder/root/work" overlay "$new"
mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
mount --rbind /sys/fs/cgroup "$new/sys/fs/cgroup"
mount --rbind /dev "$new/dev"
mount -t tmpfs run "$new/run"
mount -t tmpfs tmp "$new/tmp"
mkdir -p "$new$folder" "$new/.old"
mount --bind "$folder" "$new$folder"
cd "$new"
pivot_root . .old
umount --lazy /.old
# As systemd has it, and containers with rslave mounts want it.
mount --make-rshared /
exec "$@"
