# shellcheck shell=bash
# The variables of the stack files, and their deployment.

# Everything the stack files ask for, as an environment and as a file, so that the same
# deployment can be repeated by hand: set -a; . deploy/.state/default/env
write_environment() {
  local v file rules=()
  PROMETHEUS_YML_HASH=$(hash_files "$DEPLOY/prometheus/prometheus.yml")
  for file in "$DEPLOY"/prometheus/rules/*.yml; do
    v=RULES_$(basename "$file" .yml | tr 'a-z-' 'A-Z_')_HASH
    printf -v "$v" %s "$(hash_files "$file")"
    rules+=("$v")
  done
  ALERTMANAGER_YML_HASH=$(hash_files "$DEPLOY/alertmanager/alertmanager.yml")
  GRAFANA_DATASOURCES_HASH=$(hash_files "$DEPLOY/grafana/datasources.yml")
  GRAFANA_DASHBOARDS_HASH=$(hash_files "$DEPLOY/grafana/dashboards.yml")
  DASHBOARD_HOME_HASH=$(hash_files "$ROOT/dashboards/home.json")
  LOGSTASH_YML_HASH=$(hash_files "$DEPLOY/logstash/logstash.yml")
  ADMIN_PASSWORD_HASH=$(secret_hash admin_password)
  WEB_YML_HASH=$(secret_hash web.yml)
  KIBANA_YML_HASH=$(secret_hash kibana.yml)
  LOGSTASH_CONF_HASH=$(secret_hash logstash.conf)
  SECRETS_DIR=$STATE
  left_out grafana && GRAFANA_REPLICAS=0
  left_out kibana && KIBANA_REPLICAS=0
  (
    umask 077
    for v in VERSION IMAGE_PREFIX NETWORK SECRETS_DIR DOCKER_SOCKET DOCKER_ROOT STORAGE_CONSTRAINT \
      NODE_EXPORTER_BUILD CONTAINER_EXPORTER_BUILD LOG_ROUTER_BUILD PROMETHEUS_IMAGE ALERTMANAGER_IMAGE GRAFANA_IMAGE \
      ELASTICSEARCH_IMAGE KIBANA_IMAGE LOGSTASH_IMAGE GRAFANA_REPLICAS KIBANA_REPLICAS PROMETHEUS_YML_HASH "${rules[@]}" \
      ALERTMANAGER_YML_HASH GRAFANA_DATASOURCES_HASH GRAFANA_DASHBOARDS_HASH DASHBOARD_HOME_HASH LOGSTASH_YML_HASH \
      ADMIN_PASSWORD_HASH WEB_YML_HASH KIBANA_YML_HASH LOGSTASH_CONF_HASH \
      PROMETHEUS_PORT ALERTMANAGER_PORT GRAFANA_PORT KIBANA_PORT PROMETHEUS_RETENTION PROMETHEUS_MEMORY \
      ELASTICSEARCH_MEMORY ELASTICSEARCH_JAVA_OPTS LOGSTASH_JAVA_OPTS; do
      [ -z "${!v:-}" ] || printf '%s=%q\n' "$v" "${!v}"
    done
  ) >"$STATE/env"
  chmod 600 "$STATE/env"
}

left_out() {
  case ${LEFT_OUT:-} in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

deploy_stack() {
  local part files=()
  # In this order: least-rights.yml changes what agents.yml says, logstash.yml what logs.yml says.
  for part in agents least-rights metrics logs logstash; do
    if has_part "$part" && ! left_out "$part"; then files+=(-c "$DEPLOY/$part.yml"); fi
    if [ "$part" = logs ] && has_part logs && has_part least-rights; then files+=(-c "$DEPLOY/least-rights-logs.yml"); fi
  done
  # --resolve-image never: what is deployed was pulled or built above, and a registry that
  # does not answer must not hold this up. --prune: parts no longer chosen go.
  (
    set -a
    # shellcheck disable=SC1091 # written above
    . "$STATE/env"
    docker stack deploy --prune --resolve-image never "${files[@]}" "$STACK"
  ) >"$CACHE/deploy.log" 2>&1 || { cat "$CACHE/deploy.log" >&2; die "docker stack deploy failed"; }
  ! grep -iE 'ignoring|unsupported|deprecated' "$CACHE/deploy.log" >&2 || say "    (these keys have no effect)"
  say "    $(grep -cE '^(Creating|Updating) service' "$CACHE/deploy.log") services in stack $STACK: $STACKS"
}

# Configs and secrets of earlier contents (Docker refuses where one is still in use), and
# images of earlier builds.
prune_old() {
  local kind name
  prune_images
  for kind in config secret; do
    docker "$kind" ls --filter "label=com.docker.stack.namespace=$STACK" --format '{{.Name}}' | while read -r name; do
      grep -q -- "${name##*_}" "$STATE/env" || docker "$kind" rm "$name" >/dev/null 2>&1 || true
    done
  done
}
