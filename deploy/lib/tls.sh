# shellcheck shell=bash
# Certificates of an authority of this stack's own, in $STATE/tls: one for each service. To use another authority, put
# its tls_ca.crt and tls_ca.key there first, or the services' own files.

TLS_SERVICES='node-exporter container-exporter docker-socket-proxy cluster log-router prometheus prometheus-shard alertmanager pushgateway grafana elasticsearch kibana'
TLS_DAYS=${TLS_DAYS:-825}
TLS_RENEW_DAYS=${TLS_RENEW_DAYS:-30}   # one that ends sooner is made again

ensure_tls() {
  local service made=0 folder=$STATE/tls
  install_missing "certificates" openssl:openssl
  mkdir -p "$folder"
  chmod 700 "$folder"
  if [ ! -s "$folder/tls_ca.crt" ]; then
    (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$folder/tls_ca.key")
    openssl req -x509 -new -sha256 -key "$folder/tls_ca.key" -days 3650 -subj "/CN=$STACK authority" -out "$folder/tls_ca.crt" \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    say "    an authority for this stack: $folder/tls_ca.crt"
  fi
  for service in $TLS_SERVICES; do
    tls_holds "$folder/$service" || { make_certificate "$service" "$folder/$service" && made=$((made + 1)); }
  done
  say "    certificates in $folder: $made made, valid for $TLS_DAYS days; make up makes those again that end within $TLS_RENEW_DAYS"
}

# tls_holds BASE: there, of this authority and not about to end.
tls_holds() {
  [ -s "$1.crt" ] && [ -s "$1.key" ] && openssl x509 -checkend $((TLS_RENEW_DAYS * 86400)) -noout -in "$1.crt" >/dev/null &&
    openssl verify -CAfile "$STATE/tls/tls_ca.crt" "$1.crt" >/dev/null 2>&1
}

# Names by which others call the service, and one that all have: what is found by HTTP is called by that.
make_certificate() { # SERVICE BASE
  [ -s "$STATE/tls/tls_ca.key" ] || die "$2.crt is missing, ends soon or is not of $STATE/tls/tls_ca.crt" "there is no tls_ca.key to make it with: put a certificate and its key there"
  (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$2.key")
  openssl req -new -sha256 -key "$2.key" -subj "/CN=$1" |
    openssl x509 -req -sha256 -days "$TLS_DAYS" -CA "$STATE/tls/tls_ca.crt" -CAkey "$STATE/tls/tls_ca.key" -CAcreateserial -out "$2.crt" \
      -extfile <(printf '%s\n' "subjectAltName=DNS:$1,DNS:tasks.$1,DNS:${STACK}_$1,DNS:swarmscope,DNS:localhost,IP:127.0.0.1" \
        extendedKeyUsage=serverAuth basicConstraints=CA:FALSE) 2>/dev/null
}
