# shellcheck shell=bash
# Waits until the tasks run and each part really answers, within WAIT_SECONDS.

services() { docker service ls --filter "label=com.docker.stack.namespace=$STACK" "$@"; }

# A service is ready when as many tasks run as are wanted and no update is under way.
# Of a global service whose tasks are refused the engine says 0/0: count nodes instead.
unready_services() {
  local name mode replicas state
  services --format '{{.Name}} {{.Mode}} {{.Replicas}}' | while read -r name mode replicas _; do
    if [ "${replicas%/*}" != "${replicas#*/}" ] || { [ "$mode" = global ] && [ "${replicas%/*}" -lt "$NODE_COUNT" ]; }; then
      echo "$name"
    else
      state=$(docker service inspect --format '{{with .UpdateStatus}}{{.State}}{{end}}' "$name")
      case $state in updating | rollback_started) echo "$name" ;; esac
    fi
  done
}

# Of updates that the engine gave up or took back: service, and when and why.
failed_updates() {
  local name
  services --format '{{.Name}}' | while read -r name; do
    docker service inspect --format '{{.Spec.Name}} {{with .UpdateStatus}}{{.State}} {{json .}}{{end}}' "$name"
  done | grep -E '^[^ ]+ (paused|rollback_paused|rollback_completed) ' || true
}

# An update of this run that was taken back is a failure, although all tasks run again.
check_updates() {
  local name state rest failed=()
  while read -r name state rest; do
    case $FAILED_BEFORE in *"$rest"*) continue ;; esac
    say "    $name: $state $(sed -n 's/.*"Message":"\([^"]*\)".*/(\1)/p' <<<"$rest")"
    failed+=("$name")
  done < <(failed_updates)
  [ ${#failed[@]} -eq 0 ] || { explain_failure "${failed[@]}"; die "the engine took back the update of ${failed[*]}: the new tasks did not run"; }
}

# until_true WHAT COMMAND…: tells every ten seconds what it is waiting for.
until_true() {
  local what=$1 begin=$SECONDS told=$SECONDS
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$DEADLINE" ] || return 1
    if [ $((SECONDS - told)) -ge 10 ]; then
      told=$SECONDS
      say "    … $what: $((SECONDS - begin)) s${WAITING_FOR:+ ($WAITING_FOR)}"
    fi
    sleep 1
  done
  say "    $what: yes, after $((SECONDS - begin)) s"
}

services_ready() {
  WAITING_FOR=$(unready_services | tr '\n' ' ')
  [ -z "$WAITING_FOR" ]
}

# What the engine says of tasks that do not run, and the last lines of their logs.
explain_failure() {
  local s
  for s in $(unready_services) "$@"; do
    say ""
    say "$s:"
    docker service ps --no-trunc --format '  {{.Node}} {{.CurrentState}} {{.Error}}' "$s" 2>/dev/null | head -n 5 >&2 || true
    timeout 10 docker service logs --raw --tail 5 "$s" 2>&1 | sed 's/^/  | /' | cut -c1-300 >&2 || true
  done
  say ""
}

wait_for_stack() {
  DEADLINE=$((SECONDS + WAIT_SECONDS))
  until_true "all tasks run" services_ready || { explain_failure; die "not all tasks run within WAIT_SECONDS=$WAIT_SECONDS"; }
  check_updates
  if has_part logs; then
    until_true "Elasticsearch answers" elasticsearch_healthy ||
      { explain_failure "${STACK}_elasticsearch"; die "Elasticsearch is not healthy within WAIT_SECONDS=$WAIT_SECONDS: $WAITING_FOR"; }
    ensure_users
    set_up_search
  fi
  if has_part metrics; then
    until_true "Prometheus sees every target up" targets_up ||
      { explain_failure "${STACK}_prometheus"; die "Prometheus' targets are not all up within WAIT_SECONDS=$WAIT_SECONDS: $WAITING_FOR"; }
    if has_part viewer; then
      until_true "the viewer answers" answers "$(url_of viewer)/api/viewer" || { explain_failure "${STACK}_viewer"; die "the viewer of boards does not answer"; }
    fi
    if ! left_out grafana; then
      until_true "Grafana answers" answers "$(url_of grafana)/api/health" || { explain_failure "${STACK}_grafana"; die "Grafana does not answer"; }
    fi
  fi
  if has_part logs && ! left_out kibana; then
    until_true "Kibana answers" answers "$(url_of kibana)/api/status" || { explain_failure "${STACK}_kibana"; die "Kibana does not answer"; }
    import_saved_objects
  fi
}

# curl with the password from its standard input, so that no process list shows it.
ask() { # USER PASSWORD_FILE ARGUMENT…
  local user=$1 file=$2
  shift 2
  local tls=()
  if has_part tls; then
    # The certificates know names, not the address of a node.
    tls=(--cacert "$STATE/tls/tls_ca.crt" --connect-to "::$ACCESS_HOST:")
    set -- "${@//https:\/\/$ACCESS_HOST:/https://swarmscope:}"
  fi
  printf 'user = "%s:%s"\n' "$user" "$(cat "$file")" | curl -sS --noproxy '*' -m 10 -K - "${tls[@]}" "$@"
}

answers() { ask admin "$STATE/admin_password" -f -o /dev/null "$1" 2>/dev/null; }

# Asks for the targets themselves: series of tasks that are gone can live on in queries for minutes. What shards scrape
# only queries can tell.
targets_up() {
  local job want got targets down sent=''
  WAITING_FOR="no answer on port ${PROMETHEUS_PORT:-9090}"
  # One target a line, in the order in which Prometheus writes its fields.
  targets=$(ask admin "$STATE/admin_password" -f "$(url_of prometheus)/api/v1/targets?state=active" 2>/dev/null |
    sed 's/"discoveredLabels"/\n&/g' | grep scrapePool) || return 1
  if has_part shards; then
    sent=$(ask admin "$STATE/admin_password" -f -G --data-urlencode 'query=count by (job) (up{shard!=""} == 1)' "$(url_of prometheus)/api/v1/query" 2>/dev/null) || return 1
  fi
  for job in $(part_targets); do
    want=${job#*:} job=${job%:*}
    got=$(grep "\"job\":\"$job\"" <<<"$targets" | grep -c '"health":"up"' || true)
    [ "$got" != 0 ] || got=$(sed -n "s/.*\"job\":\"$job\"},\"value\":\[[^,]*,\"\([0-9]*\)\".*/\1/p" <<<"$sent")
    if [ "${got:-0}" -lt "$want" ]; then WAITING_FOR="job $job: ${got:-0} of $want up"; return 1; fi
  done
  down=$(grep -vc '"health":"up"' <<<"$targets" || true)
  WAITING_FOR="$down targets are not up"
  [ "$down" = 0 ]
}
