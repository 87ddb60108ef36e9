# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# What a fault did: scrapes that are missing, alerts, lines; and the table of it all.

# The scrape interval of prometheus.yml.
interval=15

fault_begins() {
  began=$(now)
  whole_at=
  returned=
  alert_told=
  written_before=$lines_written
}

# Samples of a series between two times, `time` a line. Several series (a task has a new address after each start) count as one.
samples() { # series, from, to
  prometheus query --data-urlencode "query=$1[$(awk -v a="$2" -v b="$3" 'BEGIN { print int(b - a) + 1 }')s]" --data-urlencode "time=$3" |
    jq -r '.data.result[].values[][0]' | sort -n -u
}

# How many scrapes of Prometheus itself there were between two times: the clock of this test.
scrapes_between() { samples 'up{job="prometheus"}' "$1" "$2" | wc -l; }

# Scrapes that a node lacks in a job since the fault began.
scrapes_missing() { # series
  local from
  from=$(awk -v b="$began" -v i="$interval" 'BEGIN { printf "%.3f", b - 2 * i }')
  { samples "$1" "$from" "$(now)"; now; } | awk -v i="$interval" '
    NR > 1 { missing += int(($1 - last) / i - 0.5 > 0 ? ($1 - last) / i - 0.5 : 0) }
    { last = $1 }
    END { print missing + 0 }'
}

# Nodes and jobs that lack scrapes: `swarm-3: node 12, cadvisor 12, log-router 12`.
series_lost() {
  local node id job count text all=
  for node in $(seq "$swarm_count"); do
    id=${node_ids[$node]}
    text=
    for job in node cadvisor log-router; do
      case $job in
        node) count=$(scrapes_missing "node_meta{node_id=\"$id\"}") ;;
        *) count=$(scrapes_missing "swarmscope_agent_info{job=\"$job\",node_id=\"$id\"}") ;;
      esac
      [ "$count" = 0 ] || text+="${text:+, }$job $count"
    done
    [ -z "$text" ] || all+="${all:+; }swarm-$node: $text"
  done
  echo "${all:-none}"
}

# Waits until alerts that name a node fire and Alertmanager has them; alert_told is after how many scrapes that was.
alerts_name() { # node, alert...
  local alert
  for alert in "${@:2}"; do
    until_true "$alert names swarm-$1" firing "$alert" "$1"
    until_true "Alertmanager has $alert of swarm-$1" delivered "$alert" "$1"
    alert_told+="${alert_told:+, }$alert of swarm-$1 after $(scrapes_between "$began" "$fired_at") scrapes"
  done
  echo "$alert_told"
}
firing() {
  fired_at=$(samples "ALERTS{alertname=\"$1\",alertstate=\"firing\",node_name=\"swarm-$2\"}" "$began" "$(now)" | head -n 1)
  why="$(query 'ALERTS{alertname!="Watchdog"}' | jq -c .metric)"
  [ -n "$fired_at" ]
}
delivered() {
  why=$(alertmanager alerts | jq -c '.[].labels')
  grep -F "\"alertname\":\"$1\"" <<<"$why" | grep -qF "\"node_name\":\"swarm-$2\""
}
alerts_are_over() { # node, alert...
  local alert
  for alert in "${@:2}"; do until_true "$alert of swarm-$1 is over" over "$alert" "$1"; done
}
over() {
  why=$(query "ALERTS{alertname=\"$1\",node_name=\"swarm-$2\"}") && [ -z "$why" ]
}

# Which alerts have begun to fire since the fault began.
alerts_fired() {
  query "max by (alertname, node_name, job) (max_over_time(ALERTS{alertstate=\"firing\"}[$(
    awk -v a="$began" -v b="$(now)" 'BEGIN { print int(b - a) + 1 }')s]))
    unless max by (alertname, node_name, job) (ALERTS{alertstate=\"firing\"} @ $began)" |
    jq -r '.metric | [.alertname, .node_name // .job // empty] | join(" ")' | sort -u | paste -sd, | sed 's/,/, /g'
}

# The container of a node's global writer, to see whether it was started anew.
tasks_of() { swarm_docker "$1" ps -q --no-trunc --filter label=com.docker.swarm.service.name=shop_logger; }
tasks_now() { # node, tasks of before
  if [ "$(tasks_of "$1")" = "$2" ]; then echo "its global tasks went on"; else echo "its tasks were started anew"; fi
}

# Waits until all is well, looks at the lines, and writes a row of the table.
row() { # fault, what was done, what came back by itself
  returned=${returned:-$began}
  whole
  conserved
  local scrapes lines
  scrapes=$(scrapes_between "$returned" "$whole_at")
  lines=$(scrapes_between "$returned" "$(now)")
  printf '%s|%s|%s|%s written, %s missing, %s twice%s|%s|%s; all targets up after %s scrapes, all lines there after %s\n' "$1" "$2" "$(series_lost)" \
    "$((lines_written - written_before))" "$lines_missing" "$lines_twice" \
    "$( ((lines_unlogged == 0)) || echo ", $lines_unlogged never logged")" "${alert_told:-$(alerts_fired | grep . || echo none)}" \
    "$3" "$scrapes" "$lines" | tee -a "$work/rows"
}

# As docs/swarm-test.md has it.
table() {
  # shellcheck disable=SC2016 # Markdown
  printf '`%smake test-swarm`, %s: %s CPUs, %s, kernel %s, Docker %s on the nodes, scrapes every %s s.\n\n' \
    "${FAULTS:+FAULTS=\"$FAULTS\" }" "$(date -u '+%Y-%m-%d %H:%M UTC')" "$(nproc)" \
    "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" "$engine_version" "$interval"
  echo '| fault | what is done | scrapes lost | lines | alert | what came back by itself |'
  echo '|---|---|---|---|---|---|'
  sed 's/|/ | /g; s/^/| /; s/$/ |/' "$work/rows"
}
