# shellcheck shell=bash
# Elasticsearch's health and users, Kibana's saved objects. Elasticsearch publishes no
# port, so it is asked from inside its container.

elasticsearch_container() {
  docker ps -q --filter "label=com.docker.swarm.service.name=${STACK}_elasticsearch" | sed -n 1p
}

# es USER PASSWORD_FILE METHOD PATH [BODY_FILE]: prints the answer, fails unless it is 2xx.
es() {
  local id user=$1 file=$2 method=$3 path=$4
  id=$(elasticsearch_container)
  if [ -z "$id" ]; then
    WAITING_FOR="no container of it on this node; run make up on the node where it runs"
    return 1
  fi
  {
    printf 'user = "%s:%s"\n' "$user" "$(cat "$file")"
    # As a curl setting the body needs its quotes escaped.
    [ -z "${5:-}" ] || printf 'data = "%s"\n' "$(sed 's/\\/\\\\/g; s/"/\\"/g' "$5")"
  } | docker exec -i "$id" curl -sS -f -m 30 -K - -X "$method" -H 'Content-Type: application/json' "http://localhost:9200$path" 2>/dev/null
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

import_saved_objects() {
  local file=$DEPLOY/kibana/saved-objects.ndjson hash
  hash=$(hash_files "$file")
  [ "$(cat "$STATE/saved-objects" 2>/dev/null)" != "$hash" ] || return 0
  ask admin "$STATE/admin_password" -f -o /dev/null -H 'kbn-xsrf: true' -F "file=@$file" \
    "http://$ACCESS_HOST:${KIBANA_PORT:-5601}/api/saved_objects/_import?overwrite=true" || die "Kibana does not take $file"
  echo "$hash" >"$STATE/saved-objects"
  say "    saved objects imported into Kibana"
}
