# shellcheck shell=bash
# Paths, names, messages. Sourced first by every script of this folder.

DEPLOY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=$(cd "$DEPLOY/.." && pwd)
STACK=swarmscope
NETWORK=${NETWORK:-swarmscope}
SUBNET=${SUBNET:-10.83.0.0/20}     # /24, the default, is full at about 60 nodes
WAIT_SECONDS=${WAIT_SECONDS:-300}
OFFLINE=${OFFLINE:-auto}           # auto, always, never
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/swarmscope
MADE_BY=io.swarmscope.made-by=make-up

say() { printf '%s\n' "$*" >&2; }
step() { printf '\n==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 1
}

# One state folder per engine, so that a second engine has a password of its own.
state_name() {
  case ${DOCKER_HOST:-} in
    '' | unix:///var/run/docker.sock | unix:///run/docker.sock) echo default ;;
    *) printf %s "$DOCKER_HOST" | tr -c 'A-Za-z0-9\n' '-' | sed 's/--*/-/g' ;;
  esac
}
STATE=${STATE_DIR:-$DEPLOY/.state/$(state_name)}

# shellcheck source=deploy/lib/parts.sh
. "$DEPLOY/lib/parts.sh"

# All that is wrong, at once.
check_settings() {
  local wrong line
  wrong=$(
    wrong_parts
    wrong_variables
    case $OFFLINE in auto | always | never) ;; *) echo "OFFLINE='$OFFLINE'; right: auto, always or never" ;; esac
    case $WAIT_SECONDS in *[!0-9]* | '') echo "WAIT_SECONDS='$WAIT_SECONDS'; right: a number of seconds" ;; esac
  )
  [ -z "$wrong" ] || { while read -r line; do say "error: $line"; done <<<"$wrong"; exit 2; }
}

# What single parts ask for.
wrong_variables() {
  case ${SHARDS:-2} in *[!0-9]* | 0 | '') echo "SHARDS='$SHARDS'; right: a number from 1" ;; esac
  if has_part github && [ ! -s "$STATE/github_token" ] && [ ! -s "${GITHUB_TOKEN_FILE:-}" ]; then
    echo "GITHUB_TOKEN_FILE='${GITHUB_TOKEN_FILE:-}': the part github needs a token; right: a file with one, see https://github.com/settings/tokens"
  fi
}

# progress TEXT LOG COMMAND…: runs the command with its output in LOG and tells every
# ten seconds that it is still at it; at a failure, the end of the log.
progress() {
  local text=$1 log=$2 pid rc=0 begin=$SECONDS told=0
  shift 2
  mkdir -p "$(dirname "$log")"
  say "    $text (log: $log)"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # Commands in the background do not hear Ctrl-C themselves.
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - begin - told)) -ge 10 ]; then
      told=$((SECONDS - begin))
      say "    … $told s"
    fi
  done
  wait "$pid" || rc=$?
  trap - INT TERM
  [ "$rc" -eq 0 ] || { tail -n 20 "$log" >&2; return "$rc"; }
  say "    done in $((SECONDS - begin)) s"
}

# The first 12 digits of the hash of files (names do not count).
hash_files() { cat "$@" | sha256sum | cut -c1-12; }

# Untagged images of our own: earlier builds, and the stages that the classic builder
# makes of the other agents on its way. Those in use stay.
prune_images() { docker image prune -f --filter label=io.swarmscope.content >/dev/null; }
