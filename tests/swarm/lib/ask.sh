# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# Waiting, and asking Prometheus, Alertmanager and the search engine of the stack.

# The node that keeps the data; what is published answers there.
storage=1
# What a condition that does not hold yet has to say.
why=
limit=${LIMIT_SECONDS:-900}

step() { printf '\n==> %s\n' "$*"; }
now() { date +%s.%3N; }

until_true() { # what, condition...
  local what=$1 begin=$SECONDS told=$SECONDS
  shift
  why=
  until "$@"; do
    if ((SECONDS - told >= 30)); then
      told=$SECONDS
      printf '    … %s: %s s (%.120s)\n' "$what" "$((SECONDS - begin))" "$(tail -n 1 <<<"$why")" >&2
    fi
    if ((SECONDS - begin > limit)); then
      printf 'error: not within %s s: %s\n%s\n' "$limit" "$what" "$why" >&2
      return 1
    fi
    sleep 1
  done
}

# Changes nodes. The engine refuses where it has changed one itself meanwhile, and wants to be told again.
change_node() { # manager, argument of `docker node`...
  until_true "docker node ${*:2}" node_changes "$@"
}
node_changes() { why=$(swarm_docker "$1" node "${@:2}" 2>&1); }

ask() { # argument of curl...
  printf 'user = "admin:%s"\n' "$(cat "$state/admin_password")" | curl -sS --fail --noproxy '*' -m 60 -K - "$@" 2>>"$work/curl.log"
}
prometheus() { ask -G "http://$(swarm_address "$storage"):9090/api/v1/$1" "${@:2}"; }
# One JSON object for each series.
query() { prometheus query --data-urlencode "query=$1" ${2:+--data-urlencode "time=$2"} | jq -c '.data.result[]'; }
alertmanager() { ask -G "http://$(swarm_address "$storage"):9093/api/v2/$1" "${@:2}"; }

container_of() { # node, service
  swarm_docker "$1" ps -q --filter "label=com.docker.swarm.service.name=$2" --filter status=running | head -n 1
}
# Nothing of the search engine is published: it is asked from inside its container.
search() { # method, path, body
  local id
  id=$(container_of "$storage" swarmscope_elasticsearch)
  [ -n "$id" ] || return 1
  # shellcheck disable=SC2016 # for the shell inside
  swarm_docker "$storage" exec "$id" bash -c 'curl -sS --fail -m 60 -u "elastic:$(cat /run/secrets/admin_password)" \
    -H "content-type: application/json" -X "$0" "localhost:9200/$1" -d "$2"' "$1" "$2" "$3" 2>>"$work/curl.log"
}
