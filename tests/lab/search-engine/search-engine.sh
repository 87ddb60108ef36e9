#!/usr/bin/env bash
# A real Elasticsearch or OpenSearch made of jars from Maven Central, as a process of this machine. See README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/swarmscope/search-engine

say() { printf 'search-engine: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
now() { date +%s%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", (b - a) / 1e9 }'; }

usage() {
  cat <<'USAGE'
search-engine.sh up [OPTION...] [SETTING=VALUE...]   start a node and wait until it answers
search-engine.sh wait [--name N]                     wait until the node answers
search-engine.sh down [--name N]                     stop the node; its data go unless --data was given
search-engine.sh prepare [ENGINE]                    fetch and build only
Options: --name N (engine), --port P (9200), --data DIR, --heap SIZE (512m),
  --password P (security on, user elastic; Elasticsearch 8 and 9)
ENGINE: --elasticsearch (8.19.0, the default), --elasticsearch9 (9.1.0), --opensearch (2.19.1)
USAGE
}

options() {
  NAME=engine PORT=9200 DATA='' HEAP=512m PASSWORD='' ENGINE=elasticsearch8 REST=()
  while (($#)); do
    case $1 in
      --name | --port | --data | --heap | --password)
        [ $# -gt 1 ] || die "$1 needs a value"
        printf -v "$(tr '[:lower:]' '[:upper:]' <<<"${1#--}")" %s "$2"; shift ;;
      --elasticsearch | --elasticsearch8) ENGINE=elasticsearch8 ;;
      --elasticsearch9 | --opensearch) ENGINE=${1#--} ;;
      -*) usage >&2; die "unknown option $1" ;;
      *) REST+=("$1") ;;
    esac
    shift
  done
  FLAGS=-XX:+UseSerialGC MAIN=ElasticsearchMain POM=elasticsearch
  case $ENGINE in
    elasticsearch8) VERSION=8.19.0 ;;
    elasticsearch9) VERSION=9.1.0
      # libvec (vector search) is not on Maven Central; looking for it in vain would switch off libzstd too.
      FLAGS+=' -Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false --enable-native-access=ALL-UNNAMED' ;;
    opensearch) VERSION=2.19.1 MAIN=OpenSearchMain POM=opensearch ;;
  esac
  [ -z "$PASSWORD" ] || [ $MAIN = ElasticsearchMain ] || die "--password needs Elasticsearch 8 or 9"
  RUN=$CACHE/run/$NAME
  ENGINE_HOME=$CACHE/$ENGINE-$VERSION-$(cd "$HERE" && find . -type f ! -name '*.md' | sort | xargs sha256sum | sha256sum | cut -c1-12)
}

alive() { # the node NAME runs
  [ -f "$RUN/pid" ] && grep -qs -e es.path.home "/proc/$(cat "$RUN/pid")/cmdline"
}

why() { # what the node's log says of a failure
  grep -m 3 -E 'Exception|ERROR' "$RUN/log" >&2 || tail -n 5 "$RUN/log" >&2
  die "$NAME $1 (log: $RUN/log)"
}

up() {
  if alive; then say "$NAME runs already: $(cat "$RUN/url")"; return; fi
  prepare
  ! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || die "something else listens on port $PORT"
  local scheme=http data=${DATA:-$RUN/data}
  case " ${REST[*]-} " in *http.ssl.enabled=true*) scheme=https ;; esac
  rm -rf "$RUN"; mkdir -p "$RUN" "$data"
  echo "$scheme://127.0.0.1:$PORT" >"$RUN/url"
  echo "$ENGINE_HOME" >"$RUN/home"
  printf %s "$PASSWORD" >"$RUN/password"
  now >"$RUN/started"
  # The first run leaves an archive of its loaded classes, which makes later starts faster.
  local cds=-XX:ArchiveClassesAtExit=$RUN/classes.jsa
  [ ! -f "$ENGINE_HOME.jsa" ] || cds=-XX:SharedArchiveFile=$ENGINE_HOME.jsa
  # shellcheck disable=SC2086 # several flags in one variable
  ELASTIC_PASSWORD=$PASSWORD jdk_in_background java "-Xmx$HEAP" "$cds" $FLAGS -Des.path.home="$ENGINE_HOME" -cp "$ENGINE_HOME/lib/*" \
    $MAIN path.data="$data" network.host=127.0.0.1 http.port="$PORT" "${REST[@]}"
  wait_up
}

wait_up() {
  [ -f "$RUN/pid" ] || die "no node $NAME"
  local url query auth=() i
  url=$(cat "$RUN/url")/_cluster/health query='?wait_for_status=yellow&timeout=2s'
  # With security the first thing a node does is to make this index; until then it refuses passwords now and then.
  [ ! -s "$RUN/password" ] || { auth=(-u "elastic:$(cat "$RUN/password")"); url+=/.security-7; query+='&wait_for_active_shards=1'; }
  for ((i = SECONDS + 300; SECONDS < i; )); do
    if curl -sfk -m 5 -o /dev/null "${auth[@]}" "$url$query"; then
      say "$NAME answers on $(cat "$RUN/url"), $(since "$(cat "$RUN/started")") after its start"
      return
    fi
    alive || why "has ended"
    sleep 0.1
  done
  why "does not answer"
}

down() {
  local t pid i; t=$(now)
  [ -f "$RUN/pid" ] || { say "no node $NAME"; return; }
  pid=$(cat "$RUN/pid")
  if alive; then
    kill "$pid"
    for ((i = 0; i < 300; i++)); do alive || break; sleep 0.1; done
    ! alive || die "process $pid does not end"
    [ ! -f "$RUN/classes.jsa" ] || mv -f "$RUN/classes.jsa" "$(cat "$RUN/home").jsa"
  fi
  rm -rf "$RUN"
  say "$NAME stopped in $(since "$t")"
}

# shellcheck source=tests/lab/search-engine/build.sh
. "$HERE/build.sh"
cmd=${1:-help}; [ $# -eq 0 ] || shift
options "$@"
case $cmd in
  up) up ;;
  wait) wait_up ;;
  down) down ;;
  prepare) prepare ;;
  help | -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
