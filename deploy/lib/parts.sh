# shellcheck shell=bash
# The parts of the stack: the one table that make up, `make help`, the checks of STACKS and docs/deploy.md go by.
# `bash deploy/lib/parts.sh help|docs` prints it for people.

# One part a line, in the order in which the files are put on top of each other:
#   name     as in STACKS; a * before it: chosen where STACKS says nothing
#   files    in deploy/; PART+PART?FILE only if those parts are chosen too
#   needs    parts that must be chosen with it
#   targets  JOB:COUNT that Prometheus must see up, COUNT a number, "nodes" or "shards"
#   what     it is
PARTS='
*agents        | agents.yml                | | node:nodes cadvisor:nodes swarm-cluster:1 | node-exporter and container-exporter on every node, the view of the cluster
*metrics       | metrics.yml               | | prometheus:1 alertmanager:1 | Prometheus with its rules, Alertmanager, Grafana with the boards
*logs          | logs.yml                  | | log-router:nodes | log-router on every node, Elasticsearch, Kibana
pushgateway    | pushgateway.yml           | metrics | pushgateway:1 | Push Gateway, for jobs that end before they are scraped
github         | github.yml                | metrics | github:1 | github-exporter: stars, forks and issues of repositories
engine-metrics |                           | agents metrics | engine:nodes | the metrics of the engines themselves (metrics-addr in daemon.json)
http-sd        |                           | agents metrics | | targets from the view of the cluster, with names of nodes, instead of DNS
shards         | shards.yml                | metrics | prometheus-shard:shards | several Prometheus servers share the targets and send to the first
tls            | agents?tls.yml metrics?tls-metrics.yml logs?tls-logs.yml pushgateway?tls-pushgateway.yml shards?tls-shards.yml | | | TLS between all parts, with an authority of the stack (make tls)
logstash       | logstash.yml tls?tls-logstash.yml | logs | | Logstash between log-router and Elasticsearch
least-rights   | least-rights.yml logs?least-rights-logs.yml tls?tls-least-rights.yml logs+tls?tls-least-rights-logs.yml | agents | | agents without root, behind a socket on which only reading passes
proxy-labels   | proxy-labels.yml logs?proxy-labels-logs.yml | metrics | | labels for Docker Flow Proxy
viewer         | viewer.yml logs?viewer-logs.yml tls?viewer-tls.yml logs+tls?viewer-tls-logs.yml | metrics | | the boards without Grafana, drawn by a page on the port of Grafana; make up adds it where no image of Grafana can be had
engine-25      | agents?engine-25.yml logs?engine-25-logs.yml | | | health checks of the agents; make up adds it where client and engines are Docker 25 or newer
'

# part_field NAME COLUMN: fields are trimmed, as names have no spaces within.
part_field() {
  awk -F'|' -v name="$1" -v column="$2" '
    { for (i = 1; i <= NF; i++) gsub(/^ +| +$/, "", $i); sub(/^\*/, "", $1) }
    $1 == name { print $column }' <<<"$PARTS"
}

part_names() { sed -nE 's/^\*?([a-z0-9-]+) .*/\1/p' <<<"$PARTS"; }
default_parts() { sed -nE 's/^\*([a-z0-9-]+) .*/\1/p' <<<"$PARTS" | paste -sd ' '; }

STACKS=${STACKS-$(default_parts)}

has_part() {
  case " $STACKS " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# All mistakes in STACKS, one a line, each with what would be right.
wrong_parts() {
  local part need
  [ -n "${STACKS// /}" ] || echo "STACKS is empty; right: some of $(part_names | paste -sd ' ')"
  for part in $STACKS; do
    if ! part_names | grep -qxF -- "$part"; then
      echo "STACKS='$STACKS': unknown part '$part'; right: some of $(part_names | paste -sd ' ')"
      continue
    fi
    for need in $(part_field "$part" 3); do
      has_part "$need" || echo "STACKS='$STACKS': $part needs $need; right: STACKS='$need $STACKS'"
    done
    if [ -n "$(part_field "$part" 2)" ] && [ -z "$(files_of "$part")" ]; then
      echo "STACKS='$STACKS': $part changes other parts, and none of those is chosen; right: STACKS='$(default_parts) $STACKS'"
    fi
  done
}

# The chosen parts in the order of the table.
chosen_parts() {
  local part
  for part in $(part_names); do
    if has_part "$part" && ! left_out "$part"; then echo "$part"; fi
  done
}

# A part that make up cannot bring, because its image is not to be had.
left_out() {
  case ${LEFT_OUT:-} in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# files_of PART: its files, the conditional ones only where they belong.
files_of() {
  local file part
  for file in $(part_field "$1" 2); do
    case $file in
      *\?*)
        for part in $(tr + ' ' <<<"${file%%\?*}"); do
          if ! has_part "$part" || left_out "$part"; then continue 2; fi
        done
        ;;
    esac
    echo "${file#*\?}"
  done
}

# The stack files of the chosen parts, in the order in which they belong on the command line.
stack_files() {
  local part
  for part in $(chosen_parts); do files_of "$part"; done
}

# JOB:COUNT of the chosen parts.
part_targets() {
  local part
  for part in $(chosen_parts); do part_field "$part" 4; done | sed "s/:nodes/:$NODE_COUNT/g; s/:shards/:${SHARDS:-2}/g"
}

parts_help() {
  local part
  for part in $(part_names); do printf '  %-15s %s\n' "$part" "$(part_field "$part" 5)"; done
}

parts_docs() {
  local part files needs
  printf '| part | files | with | what |\n|---|---|---|---|\n'
  for part in $(part_names); do
    # shellcheck disable=SC2016 # backticks of Markdown
    files=$(part_field "$part" 2 | sed -E 's/[^ ]+/`&`/g; s/`([a-z0-9+-]+)\?([^`]*)`/`\2` (with \1)/g; s/ `/, `/g; s/\+/ and /g')
    needs=$(part_field "$part" 3 | sed 's/ /, /g')
    printf '| %s | %s | %s | %s |\n' "$part" "$files" "$needs" "$(part_field "$part" 5)"
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case ${1:-} in
    help) parts_help ;;
    docs) parts_docs ;;
    default) default_parts ;;
    *)
      echo "error: parts.sh: unknown word '${1:-}'; right: help, docs or default" >&2
      exit 2
      ;;
  esac
fi
