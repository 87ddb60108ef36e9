# shellcheck shell=bash
# Prometheus' configuration for the chosen parts: a head, and for each part the jobs in prometheus/jobs.
#
# In those files a comment that begins with #@ becomes what the parts ask for:
#   #@tls NAME          with tls: the scheme and who must answer       #@tls_config NAME   only who must answer
#   #@url HOST:PORT/…   url: with the scheme
#   #@shard             with shards: only this shard's share of the targets       #@shard_more   in a list that is there

# Jobs of these parts the first Prometheus keeps for itself: they are its own, or have one task only.
UNSHARED='metrics pushgateway shards'

# The parts whose jobs are in a configuration: prometheus or shard.
jobs_of() {
  local part
  for part in $(chosen_parts); do
    [ -f "$DEPLOY/prometheus/jobs/$part.yml" ] || continue
    # http-sd finds these.
    if has_part http-sd; then case $part in agents | logs) continue ;; esac; fi
    case " $UNSHARED " in
      *" $part "*) [ "$1" = prometheus ] || continue ;;
      *) [ "$1" = shard ] || ! has_part shards || continue ;;
    esac
    echo "$part"
  done
}

# prometheus_config prometheus|shard
prometheus_config() {
  local part tls='' shard=''
  ! has_part tls || tls=1
  [ "$1" = prometheus ] || shard=1
  {
    cat "$DEPLOY/prometheus/$1.yml.in"
    printf '\nscrape_configs:\n'
    for part in $(jobs_of "$1"); do
      cat "$DEPLOY/prometheus/jobs/$part.yml"
      echo
    done
  } | awk -v tls="$tls" -v shard="$shard" '
    # Lists of what is scraped only end with one empty line.
    /^$/ { empty = 1; next }
    empty { print ""; empty = 0 }
    !match($0, /#@[a-z_]+/) { print; next }
    {
      before = substr($0, 1, RSTART - 1)
      word = substr($0, RSTART + 2, RLENGTH - 2)
      rest = substr($0, RSTART + RLENGTH + 1)
      config = "tls_config: {ca_file: /run/secrets/tls_ca.crt, server_name: " rest "}"
    }
    word == "url" { print before "url: \"http" (tls ? "s" : "") "://" rest "\"" }
    word == "tls" && tls { print before "scheme: https\n" before config }
    word == "tls_config" && tls { print before config }
    word == "shard" && shard { print before "relabel_configs:" }
    word ~ /^shard/ && shard {
      print before "  - {source_labels: [__address__], modulus: {{env \"SHARDS\"}}, target_label: __tmp_shard, action: hashmod}"
      print before "  - {source_labels: [__tmp_shard], regex: \"{{if eq .Task.Slot (env \"SHARDS\")}}0{{else}}{{.Task.Slot}}{{end}}\", action: keep}"
    }'
}
