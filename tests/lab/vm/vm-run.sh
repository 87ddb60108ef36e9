#!/bin/bash
# In the machine: unpacks the folder from the second disk, runs the command, sends its output and exit code to the host.
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
modprobe -qa virtio_console
port() {
  local folder
  for folder in /sys/class/virtio-ports/*; do
    [ "$(cat "$folder/name")" != "vm.$1" ] || echo "/dev/${folder##*/}"
  done
}
for _ in $(seq 100); do
  [ -c "$(port code)" ] && [ -c "$(port err)" ] && [ -c "$(port out)" ] && break
  sleep 0.1
done
mkdir -p /run/vm
code=125
if tar -xf /dev/vdb -C /run/vm; then
  cd /run/vm/folder || exit
  echo running >"$(port code)"
  bash /run/vm/command </dev/null >"$(port out)" 2>"$(port err)"
  code=$?
fi
echo "$code" >"$(port code)"
sync
systemctl poweroff --force --force
