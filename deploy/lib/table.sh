# shellcheck shell=bash
# What there is now, in one table.

url_of() {
  local scheme=http
  ! has_part tls || scheme=https
  case $1 in
    prometheus) echo "$scheme://$ACCESS_HOST:${PROMETHEUS_PORT:-9090}" ;;
    alertmanager) echo "$scheme://$ACCESS_HOST:${ALERTMANAGER_PORT:-9093}" ;;
    grafana | viewer) echo "$scheme://$ACCESS_HOST:${GRAFANA_PORT:-3000}" ;;
    kibana) echo "$scheme://$ACCESS_HOST:${KIBANA_PORT:-5601}" ;;
    *) echo "-" ;;
  esac
}

print_table() {
  local name image replicas service state url
  printf '\n%-20s %-28s %-10s %s\n' SERVICE URL STATE IMAGE
  services --format '{{.Name}} {{.Replicas}} {{.Image}}' | sort | while read -r name replicas rest; do
    service=${name#"${STACK}"_} image=${rest##* }
    url=$(url_of "$service") state="$replicas up"
    if left_out "$service"; then
      url=- state="left out" image="$image cannot be pulled"
    fi
    case $image in swarmscope-offline/*) image+=" (offline build)" ;; esac
    [ "$service" != viewer ] || image+=" (not Grafana; its boards drawn by Grafana's own parts)"
    printf '%-20s %-28s %-10s %s\n' "$service" "$url" "$state" "$image"
  done
  if has_part logstash && left_out logstash; then
    printf '%-20s %-28s %-10s %s\n' logstash - "left out" "lines go straight to Elasticsearch"
  fi
  printf '\nUser admin; the password: make password\n'
}
