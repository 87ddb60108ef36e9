#!/usr/bin/env bash
# In the machine of `make test-vm`: makes units and sessions of all kinds, scrapes both exporters, and writes a tar of the
# answers to stdout. With an argument the answers of the bus are recorded too.
set -euo pipefail
record=${1:-}
out=$(mktemp -d)
say() { printf '%s %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*" >&2; }

until state=$(systemctl is-system-running || true) && [ "$state" != starting ] && [ "$state" != initializing ]; do sleep 1; done
say "system is $state; units and sessions"

cat >/run/systemd/system/vm-restarts.service <<'U'
[Unit]
StartLimitIntervalSec=1000
StartLimitBurst=3
[Service]
ExecStart=false
Restart=on-failure
RestartSec=0
U
cat >/run/systemd/system/vm-limited.service <<'U'
[Service]
Type=exec
ExecStart=sleep 10000
TasksMax=7
U
cat >/run/systemd/system/vm-oneshot.service <<'U'
[Service]
Type=oneshot
ExecStart=true
U
cat >/run/systemd/system/vm-oneshot.timer <<'U'
[Timer]
OnActiveSec=1
AccuracySec=1ms
U
cat >'/run/systemd/system/vm-a\x2db.timer' <<'U'
[Timer]
OnCalendar=2099-01-01
Unit=vm-oneshot.service
U
cat >/run/systemd/system/vm.socket <<'U'
[Socket]
ListenStream=127.0.0.1:7777
Accept=yes
MaxConnections=1
U
cat >/run/systemd/system/vm@.service <<'U'
[Service]
ExecStart=sleep 10000
StandardInput=socket
U
systemctl daemon-reload
systemctl start --no-block vm-restarts.service
systemctl start vm-limited.service vm-oneshot.timer 'vm-a\x2db.timer' vm.socket
exec 7<>/dev/tcp/127.0.0.1/7777
sleep 2
exec 8<>/dev/tcp/127.0.0.1/7777

useradd --create-home ann
session() { # name, variables
  local name=$1 pairs=() pair
  shift
  for pair; do pairs+=(-E "$pair"); done
  systemd-run --quiet --unit="vm-session-$name" -p PAMName=login -p User=ann "${pairs[@]}" sleep 10000
}
session plain
session again
session greeter XDG_SESSION_TYPE=x11 XDG_SESSION_CLASS=greeter
session desktop XDG_SESSION_TYPE=wayland XDG_SESSION_CLASS=user XDG_SEAT=seat0 XDG_VTNR=2
sleep 3
loginctl list-sessions --no-pager >&2
systemctl --failed --no-pager >&2

all=(--collector.disable-defaults --collector.systemd --collector.logind)
more=(--collector.systemd.enable-task-metrics --collector.systemd.enable-restarts-metrics
  --collector.systemd.enable-start-time-metrics --collector.systemd.unit-exclude=vm-session-.+)
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs)
chmod -R a+rX .
serve() { # port, command
  local port=$1
  shift
  "$@" --web.listen-address="127.0.0.1:$port" >"$out/$port.log" 2>&1 &
}
# All are started before the first scrape: a unit's tasks stay as they are between scrapes.
serve 9001 prometheus-node-exporter "${all[@]}"
serve 9002 ./node-exporter "${all[@]}"
serve 9003 prometheus-node-exporter "${all[@]}" "${more[@]}"
serve 9004 ./node-exporter "${all[@]}" "${more[@]}"
serve 9005 "${nobody[@]}" ./node-exporter "${all[@]}" "${more[@]}"
scrape() { # port, name
  say "scraping $2"
  curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-connrefused --max-time 120 \
    "http://127.0.0.1:$1/metrics" >"$out/$2" || { cat "$out/$1.log" >&2; return 1; }
}
scrape 9001 theirs-default
scrape 9002 ours-default
scrape 9003 theirs-all
scrape 9004 ours-all
scrape 9005 ours-nobody
# What ten more scrapes cost each, for the record.
cost() { curl --silent "http://127.0.0.1:$1/metrics" | awk '$1 == "process_cpu_seconds_total" { print $2 }'; }
for port in 9003 9004; do
  before=$(cost "$port")
  for _ in 1 2 3 4 5 6 7 8 9; do cost "$port" >/dev/null; done
  awk -v port="$port" -v before="$before" -v after="$(cost "$port")" \
    'BEGIN { printf "port %s: %.0f ms of CPU per scrape, in software emulation\n", port, (after - before) * 100 }' >&2
  curl --silent "http://127.0.0.1:$port/metrics" | grep -E '^process_(open_fds|resident_memory_bytes)' >&2
done
grep -h . "$out"/900[245].log >&2

if [ -n "$record" ]; then
  say "recording"
  ask() { # service, path, interface, member [property or arguments]
    printf '%s %s %s = ' "$2" "$3" "${5:-$4}"
    if [ "$4" = Get ]; then busctl get-property "$1" "$2" "$3" "$5"; else busctl call "$1" "$2" "$3" "$4"; fi
  }
  systemd1=(org.freedesktop.systemd1 /org/freedesktop/systemd1)
  units=(-.mount -.slice init.scope dbus.service dbus.socket systemd-journald.service systemd-journald.socket
    systemd-logind.service systemd-tmpfiles-clean.timer multi-user.target nothing.service vm-limited.service
    vm-restarts.service vm-oneshot.service vm-oneshot.timer 'vm-a\x2db.timer' vm.socket)
  {
    echo "# Recorded in the machine of make test-vm: some of its units."
    for name in Version Virtualization SystemState; do
      ask "${systemd1[@]}" org.freedesktop.systemd1.Manager Get $name
    done
    printf '%s %s ListUnits = ' "${systemd1[1]}" org.freedesktop.systemd1.Manager
    busctl call "${systemd1[@]}" org.freedesktop.systemd1.Manager ListUnitsByNames as ${#units[@]} -- "${units[@]}"
    for unit in "${units[@]}"; do
      path=$(busctl call "${systemd1[@]}" org.freedesktop.systemd1.Manager LoadUnit s -- "$unit" | cut -d'"' -f2)
      properties=(Unit.ActiveEnterTimestamp)
      case $unit in
        *.service) properties+=(Service.Type Service.NRestarts Service.TasksCurrent Service.TasksMax) ;;
        *.socket) properties+=(Socket.NAccepted Socket.NConnections Socket.NRefused) ;;
        *.timer) properties+=(Timer.LastTriggerUSec) ;;
        *.mount) properties+=(Mount.Type) ;;
      esac
      for property in "${properties[@]}"; do
        ask "${systemd1[0]}" "$path" "org.freedesktop.systemd1.${property%.*}" Get "${property#*.}"
      done
    done
  } >"$out/systemd.txt"
  login1=(org.freedesktop.login1 /org/freedesktop/login1)
  {
    echo "# Recorded in the machine of make test-vm."
    ask "${login1[@]}" org.freedesktop.login1.Manager ListSeats
    ask "${login1[@]}" org.freedesktop.login1.Manager ListSessions
    busctl call "${login1[@]}" org.freedesktop.login1.Manager ListSessions | tr ' ' '\n' | grep -o '/[^"]*' |
      while read -r path; do
        for property in Remote Type Class; do
          ask "${login1[0]}" "$path" org.freedesktop.login1.Session Get $property
        done
      done
  } >"$out/logind.txt"
fi
say "done"
tar -C "$out" -c .
