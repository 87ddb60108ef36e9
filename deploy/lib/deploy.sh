# shellcheck shell=bash
# The stack files as they are deployed, the variables that they ask for, and their deployment.

# The chosen files with whole paths, so that they can be given to Docker from anywhere, and with the lists of rules and
# boards as the folders are now. FILES becomes their names.
render_files() {
  local name version=3.8
  FILES=()
  # Docker wants the same in all files; what engine-25 says older clients do not know.
  ! has_part engine-25 || version=3.12
  rm -rf "$STATE/files"
  mkdir -p "$STATE/files"
  for name in $(stack_files); do
    list_configs "$DEPLOY/$name" | sed -E "s|^version: .*|version: \"$version\"|; s|(file: )\./|\1$DEPLOY/|; s|(file: )\.\./|\1$ROOT/|" >"$STATE/files/$name"
    FILES+=("$STATE/files/$name")
  done
}

# A config or a secret never changes under its name: for each `name: …_${X_HASH:-dev}` with its `file:`, X_HASH becomes
# the hash of that file.
hash_contents() {
  local var path
  while read -r var path; do
    path=$(eval "printf %s \"$path\"")
    case $path in
      "$STATE"/*) declare -g "$var=$(secret_hash "${path#"$STATE"/}")" ;;
      *) declare -g "$var=$(hash_files "$path")" ;;
    esac
  done < <(cat "$@" | sed -nE '/^ +name: .*_HASH/{s/.*\$\{([A-Z0-9_]+_HASH).*/\1/;N;s/\n +file: / /p}' | sort -u)
}

# What the files ask for.
variables_of() { grep -ohE '\$\{[A-Z0-9_]+' "$@" | sed 's/..//' | sort -u; }

# Everything the stack files ask for, as an environment and as a file, so that the same
# deployment can be repeated by hand: set -a; . deploy/.state/default/env
write_environment() {
  local v
  SECRETS_DIR=$STATE
  left_out grafana && GRAFANA_REPLICAS=0
  left_out kibana && KIBANA_REPLICAS=0
  if has_part proxy-labels; then
    PROMETHEUS_URL=${PROMETHEUS_URL:-${PROXY_URL:-http://localhost}/prometheus/}
    ALERTMANAGER_URL=${ALERTMANAGER_URL:-${PROXY_URL:-http://localhost}/alertmanager/}
  fi
  PROMETHEUS_YML=$STATE/prometheus.yml
  prometheus_config prometheus >"$PROMETHEUS_YML"
  prometheus_config shard >"$STATE/prometheus-shard.yml"
  render_files
  hash_contents "${FILES[@]}"
  (
    umask 077
    for v in $(variables_of "${FILES[@]}"); do
      [ -z "${!v:-}" ] || printf '%s=%q\n' "$v" "${!v}"
    done
  ) >"$STATE/env"
}

deploy_stack() {
  local file files=()
  for file in "${FILES[@]}"; do files+=(-c "$file"); done
  # --resolve-image never: what is deployed was pulled or built above, and a registry that
  # does not answer must not hold this up. --prune: parts no longer chosen go.
  (
    set -a
    # shellcheck disable=SC1091 # written above
    . "$STATE/env"
    docker stack deploy --prune --resolve-image never "${files[@]}" "$STACK"
  ) >"$CACHE/deploy.log" 2>&1 || { cat "$CACHE/deploy.log" >&2; die "docker stack deploy failed"; }
  ! grep -iE 'ignoring|unsupported|deprecated' "$CACHE/deploy.log" >&2 || say "    (these keys have no effect)"
  say "    $(grep -cE '^(Creating|Updating) service' "$CACHE/deploy.log") services in stack $STACK: $(chosen_parts | paste -sd ' ')"
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
