# shellcheck shell=bash
# Elasticsearch's health and users, Kibana's saved objects. Elasticsearch publishes no
# port, so it is asked from inside its container.

# The container of a service on this node, if it has one.
container_of() { docker ps -q --filter "label=com.docker.swarm.service.name=${STACK}_$1" | sed -n 1p; }

# es USER PASSWORD_FILE METHOD PATH [BODY_FILE]: prints the answer, fails unless it is 2xx.
es() {
  local id user=$1 file=$2 method=$3 path=$4 tls=() scheme=http
  ! has_part tls || { scheme=https tls=(--cacert /run/secrets/tls_ca.crt); }
  id=$(container_of elasticsearch)
  if [ -z "$id" ]; then
    WAITING_FOR="no container of it on this node; run make up on the node where it runs"
    return 1
  fi
  {
    printf 'user = "%s:%s"\n' "$user" "$(cat "$file")"
    # As a curl setting the body needs its quotes escaped.
    [ -z "${5:-}" ] || printf 'data = "%s"\n' "$(sed 's/\\/\\\\/g; s/"/\\"/g' "$5")"
  } | docker exec -i "$id" curl -sS -f -m 30 -K - "${tls[@]}" -X "$method" -H 'Content-Type: application/json' "$scheme://localhost:9200$path" 2>/dev/null
}

elasticsearch_healthy() {
  local health
  WAITING_FOR="it does not answer yet"
  health=$(es elastic "$STATE/admin_password" GET '/_cluster/health?wait_for_status=yellow&timeout=1s&filter_path=status') || return 1
  WAITING_FOR=$health
  case $health in *yellow* | *green*) ;; *) return 1 ;; esac
}

# The user admin, and the password of the user that Kibana works as.
ensure_users() {
  local body=$STATE/request
  # Until its security index is ready, a new node refuses even right requests now and then.
  if ! es admin "$STATE/admin_password" GET /_security/_authenticate >/dev/null; then
    (umask 077 && printf '{"password":"%s","roles":["superuser"],"full_name":"Swarmscope administrator"}' "$(cat "$STATE/admin_password")" >"$body")
    until_true "Elasticsearch has the user admin" set_user PUT /_security/user/admin "$body" || die "cannot make the user admin in Elasticsearch"
  fi
  if ! es kibana_system "$STATE/kibana_password" GET /_security/_authenticate >/dev/null; then
    (umask 077 && printf '{"password":"%s"}' "$(cat "$STATE/kibana_password")" >"$body")
    until_true "Elasticsearch has Kibana's password" set_user POST /_security/user/kibana_system/_password "$body" || die "cannot set the password of kibana_system in Elasticsearch"
  fi
  rm -f "$body"
}

set_user() { es elastic "$STATE/admin_password" "$1" "$2" "$3" >/dev/null; }

# Index templates, retention and roles, by log-router itself: it knows what it writes.
set_up_search() {
  local id uri=elasticsearch://elasticsearch:9200 tls=()
  ! has_part tls || { uri=elasticsearch+tls://elasticsearch:9200 tls=(--elasticsearch.ca-file=/run/secrets/tls_ca.crt); }
  id=$(container_of log-router)
  [ -n "$id" ] || { say "    no log-router on this node: run make up on one that has it, for the search engine's templates and retention"; return 0; }
  docker exec "$id" /log-router setup --state.path=none --elasticsearch.username=elastic --elasticsearch.password-file=/run/secrets/admin_password \
    "--elasticsearch.retention=${LOGS_RETENTION:-30d}" "${tls[@]}" "$uri" >"$CACHE/setup.log" 2>&1 ||
    { cat "$CACHE/setup.log" >&2; die "log-router cannot set up Elasticsearch" "log: $CACHE/setup.log"; }
  say "    Elasticsearch has templates, and deletes lines after ${LOGS_RETENTION:-30d}"
}

import_saved_objects() {
  local file=$DEPLOY/kibana/saved-objects.ndjson hash
  hash=$(hash_files "$file")
  [ "$(cat "$STATE/saved-objects" 2>/dev/null)" != "$hash" ] || return 0
  ask admin "$STATE/admin_password" -f -o /dev/null -H 'kbn-xsrf: true' -F "file=@$file" \
    "$(url_of kibana)/api/saved_objects/_import?overwrite=true" || die "Kibana does not take $file"
  echo "$hash" >"$STATE/saved-objects"
  say "    saved objects imported into Kibana"
}
