# shellcheck shell=bash
# Our images from the static binaries, and the pinned images of others.

# The programs that images are made of: the three agents, or what the script names.
AGENTS=${AGENTS:-node-exporter container-exporter log-router}
DOCKERFILE=${DOCKERFILE:-$DEPLOY/Dockerfile}
VERSION=${VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' "$ROOT/Cargo.toml")}
BINARIES=${BINARIES:-${CARGO_TARGET_DIR:-$ROOT/target}/$(uname -m)-unknown-linux-gnu/release}
if [ -n "${REGISTRY:-}" ]; then IMAGE_PREFIX=${REGISTRY%/}/; else IMAGE_PREFIX=${IMAGE_PREFIX-swarmscope/}; fi

# Service, variable and pinned default: the same defaults as in the stack files.
THIRD_PARTY="
metrics prometheus prom/prometheus:v3.14.0
metrics alertmanager prom/alertmanager:v0.28.1
metrics grafana grafana/grafana:12.0.2
logs elasticsearch docker.elastic.co/elasticsearch/elasticsearch:8.19.0
logs kibana docker.elastic.co/kibana/kibana:8.19.0
logstash logstash docker.elastic.co/logstash/logstash:8.19.0
pushgateway pushgateway prom/pushgateway:v1.11.1
github github-exporter githubexporter/github-exporter:1.3.1
demo haproxy haproxy:3.0-alpine
"

build_binaries() {
  local a missing=() packages=()
  for a in $AGENTS; do [ -x "$BINARIES/$a" ] || missing+=("$a"); done
  if [ -n "${SKIP_BUILD:-}" ]; then
    [ ${#missing[@]} -eq 0 ] || die "SKIP_BUILD is set, but $BINARIES lacks ${missing[*]}" "unset SKIP_BUILD, or name the folder: BINARIES=…"
  elif command -v cargo >/dev/null; then
    for a in $AGENTS; do packages+=(-p "$a"); done
    (cd "$ROOT" && progress "cargo build --release" "$CACHE/cargo.log" cargo build --release --locked "${packages[@]}") ||
      die "cargo build failed" "log: $CACHE/cargo.log"
  elif [ ${#missing[@]} -gt 0 ]; then
    die "no cargo, and $BINARIES lacks ${missing[*]}" "install Rust (https://rustup.rs) and run this again"
  fi
}

# An image is built again only if a binary, the Dockerfile or what STAGE_MORE (a function) stages beside it has changed.
build_images() {
  local a content image stage id var revision more
  build_binaries
  stage=$(mktemp -d)
  revision=$(git -C "$ROOT" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
  # A client without buildx has the classic builder only, and wants to be told.
  docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
  for a in $AGENTS; do cp "$BINARIES/$a" "$stage/$a"; done
  mkdir -p "$stage/var/lib"
  mkdir -m 0775 "$stage/var/lib/log-router"
  mkdir "$stage/more"
  [ -z "${STAGE_MORE:-}" ] || "$STAGE_MORE" "$stage/more"
  mapfile -d '' -t more < <(find "$stage/more" -type f -print0 | LC_ALL=C sort -z)
  for a in $AGENTS; do
    image=${IMAGE_PREFIX}$a:$VERSION
    content=$(hash_files "$stage/$a" "$DOCKERFILE" "${more[@]}")
    if [ "$(docker image inspect --format '{{index .Config.Labels "io.swarmscope.content"}}' "$image" 2>/dev/null)" != "$content" ]; then
      docker build -q --target "$a" -t "$image" -f "$DOCKERFILE" --build-arg VERSION="$VERSION" \
        --build-arg REVISION="$revision" --build-arg CONTENT="$content" "$stage" >"$CACHE/build.log" 2>&1 ||
        { cat "$CACHE/build.log" >&2; rm -rf "$stage"; die "docker build of $image failed"; }
      say "    built $image, $(docker image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.1f MB", $1 / 1e6 }')"
    fi
    [ -z "${REGISTRY:-}" ] || progress "docker push $image" "$CACHE/push.log" docker push "$image" ||
      { rm -rf "$stage"; die "cannot push $image" "REGISTRY=$REGISTRY must be a registry that takes pushes (docker login?)"; }
    remember_image "$image"
    var=$(tr 'a-z-' 'A-Z_' <<<"$a")_BUILD
    declare -gx "$var=$content"
  done
  rm -rf "$stage"
}

# make down removes the images that make up has made, and no others.
remember_image() {
  mkdir -p "$STATE"
  grep -qsxF "$1" "$STATE/images" || echo "$1" >>"$STATE/images"
}

# For each service of the chosen parts: the image is there, is pulled, is built from
# the offline recipe, or the service is left out.
resolve_images() {
  local part service default
  DEAD_REGISTRIES=' ' LEFT_OUT=' '
  while read -r part service default; do
    if [ -n "$part" ] && has_part "$part"; then resolve_image "$service" "$default"; fi
  done <<<"$THIRD_PARTY"
}

resolve_image() { # SERVICE DEFAULT
  local service=$1 var image recipe offline
  var=${service//-/_}
  var=${var^^}_IMAGE
  image=${!var:-$2}
  recipe=$DEPLOY/offline/$service.sh
  declare -gx "$var=$image"
  if ! { [ "$OFFLINE" = always ] && [ -f "$recipe" ]; } && docker image inspect "$image" >/dev/null 2>&1; then return; fi
  if [ -f "$recipe" ] && [ "$OFFLINE" != never ]; then
    offline=$(offline_image "$service")
    if [ -z "$offline" ] && { [ "$OFFLINE" = always ] || ! pull "$image"; }; then
      build_offline "$service" "$recipe"
      offline=$(offline_image "$service")
    fi
    [ -z "$offline" ] || { remember_image "$offline"; declare -gx "$var=$offline"; }
  elif ! pull "$image"; then
    [ "$OFFLINE" != never ] || [ ! -f "$recipe" ] || die "cannot pull $image and OFFLINE=never" "unset OFFLINE, or name an image that is there: $var=…"
    LEFT_OUT+="$service "
    say "    $service is left out: $image cannot be pulled and has no offline recipe (a loaded one will do: $var=…)"
  fi
}

# An image made by the recipe as it is now.
offline_image() {
  docker image ls --filter "label=io.swarmscope.recipe=$(recipe_hash "$1")" --format '{{.Repository}}:{{.Tag}}' "swarmscope-offline/$1" | sed -n 1p
}

recipe_hash() {
  local d=$DEPLOY/offline
  case $1 in
    elasticsearch) hash_files "$d/elasticsearch.sh" "$d"/elasticsearch/* ;;
    *) hash_files "$d/$1.sh" "$d/debian.sh" ;;
  esac
}

# An image that was made once is kept as a file: another engine of this machine, or the next make up, takes that.
build_offline() { # SERVICE RECIPE
  local log=$CACHE/offline-$1.log kept=$CACHE/offline hash
  hash=$(recipe_hash "$1")
  if [ -s "$kept/$1-$hash.tar" ] && progress "offline image of $1, made before" "$log" docker load -i "$kept/$1-$hash.tar"; then
    say "    $(offline_image "$1") stands in for it"
    return
  fi
  case $1 in
    elasticsearch) install_missing "the offline image of elasticsearch" javac:default-jdk-headless mvn:maven curl:curl ;;
    *) debian_like || die "the offline image of $1 is made of Debian or Ubuntu packages" "load its image by hand, or choose others: STACKS=…" ;;
  esac
  progress "offline image of $1" "$log" env CACHE="$CACHE" RECIPE="$hash" bash "$2" ||
    die "the offline image of $1 cannot be made" "log: $log"
  mkdir -p "$kept"
  rm -f "$kept/$1"-*.tar
  docker save -o "$kept/$1-$hash.new" "$(offline_image "$1")" && mv "$kept/$1-$hash.new" "$kept/$1-$hash.tar"
  say "    $(offline_image "$1") stands in for it"
}

# Once a registry has not answered it is not asked again in this run.
pull() { # IMAGE
  local registry=${1%%/*} log=$CACHE/pull.log
  case $registry in *.* | *:* | localhost) ;; *) registry=docker.io ;; esac
  case $DEAD_REGISTRIES in *" $registry "*) return 1 ;; esac
  mkdir -p "$CACHE"
  say "    docker pull $1"
  if [ -t 2 ]; then
    timeout "${PULL_SECONDS:-900}" docker pull "$1" >&2 2>"$log" && return 0
  else
    timeout "${PULL_SECONDS:-900}" docker pull -q "$1" >"$log" 2>&1 && return 0
  fi
  say "    $(tail -n 1 "$log" | cut -c1-160)"
  if grep -qiE 'no such host|timeout|timed out|refused|unreachable|server misbehaving|EOF|certificate|Forbidden|Temporary failure' "$log"; then
    DEAD_REGISTRIES+="$registry "
  fi
  return 1
}
