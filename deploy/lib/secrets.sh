# shellcheck shell=bash
# The password and the files made of it. Generated once, kept in $STATE (0700), handed
# to the services as Swarm secrets. No password ever is an argument of a process.

random_string() { # LENGTH
  local s=''
  while [ ${#s} -lt "$1" ]; do s+=$(head -c 64 /dev/urandom | base64 -w0 | tr -dc 'A-Za-z0-9'); done
  printf %s "${s:0:$1}"
}

# A running stack whose state folder was lost still knows its password.
recover_password() {
  local id password
  for id in $(docker ps -q --filter "label=com.docker.stack.namespace=$STACK" 2>/dev/null); do
    # Of a container without cat the client tells on standard output, so only what succeeds counts.
    if password=$(docker exec "$id" cat /run/secrets/admin_password 2>/dev/null); then
      printf %s "$password"
      return
    fi
  done
  return 1
}

# Perl is part of every Debian and Ubuntu; its crypt() is the system's, which knows bcrypt.
bcrypt() { # password on stdin
  local hash='' password
  password=$(cat)
  if command -v perl >/dev/null; then
    # shellcheck disable=SC2016 # Perl's variables
    hash=$(printf %s "$password" | perl -e '
      my @c = ("a".."z", "A".."Z", 0..9, ".", "/"); my $p = <STDIN>; open(my $r, "<", "/dev/urandom") or die; read($r, my $b, 22);
      my $salt = join("", map { $c[ord($_) % 64] } split(//, substr($b, 0, 21))) . (".", "O", "e", "u")[ord(substr($b, 21, 1)) % 4];
      print crypt($p, "\$2b\$10\$$salt")') || true
  fi
  case $hash in \$2*) echo "$hash"; return ;; esac
  command -v htpasswd >/dev/null || install_missing "the password hash" htpasswd:apache2-utils
  printf %s "$password" | htpasswd -niBC 10 admin | sed -n 's/^admin://p'
}

ensure_secrets() {
  local old
  mkdir -p "$STATE"
  chmod 700 "$STATE"
  if [ ! -s "$STATE/admin_password" ]; then
    old=$(recover_password || true)
    [ -z "$old" ] || say "    the password of the running stack is taken over into $STATE"
    old=${old:-${ADMIN_PASSWORD:-$(random_string 24)}}
    case $old in *[!A-Za-z0-9._~+-]*) die "ADMIN_PASSWORD has a character that is not one of A-Z a-z 0-9 . _ ~ + -" ;; esac
    (umask 077 && printf %s "$old" >"$STATE/admin_password")
    rm -f "$STATE/web.yml" "$STATE/logstash.conf"
  elif [ -n "${ADMIN_PASSWORD:-}" ] && [ "$ADMIN_PASSWORD" != "$(cat "$STATE/admin_password")" ]; then
    die "ADMIN_PASSWORD differs from the password that this stack was made with" "unset it, or run make down first (which removes the data too)"
  fi
  keep kibana_password random_string 32
  keep kibana_key random_string 48
  keep salt random_string 32
  keep bcrypt_hash bcrypt
  render "$DEPLOY/prometheus/web.yml.in" web.yml PASSWORD_BCRYPT bcrypt_hash
  render "$DEPLOY/kibana/kibana.yml.in" kibana.yml KIBANA_PASSWORD kibana_password KIBANA_KEY kibana_key
  render "$DEPLOY/logstash/logstash.conf.in" logstash.conf PASSWORD admin_password
  if has_part github && [ -s "${GITHUB_TOKEN_FILE:-}" ]; then (umask 077 && tr -d '\n' <"$GITHUB_TOKEN_FILE" >"$STATE/github_token"); fi
  if has_part tls; then
    ensure_tls
    by_tls
  fi
}

# The same files, with TLS.
by_tls() {
  sed -i 's|http://elasticsearch|https://elasticsearch|' "$STATE/kibana.yml" "$STATE/logstash.conf"
  sed -i 's|^\( *\)user => "elastic"|\1ssl_certificate_authorities => ["/run/secrets/tls_ca.crt"]\n&|' "$STATE/logstash.conf"
  printf '%s\n' 'elasticsearch.ssl.certificateAuthorities: /run/secrets/tls_ca.crt' 'server.ssl.enabled: true' \
    'server.ssl.certificate: /run/secrets/tls.crt' 'server.ssl.key: /run/secrets/tls.key' >>"$STATE/kibana.yml"
  cat "$DEPLOY/tls/web.yml" >>"$STATE/web.yml"
}

# keep FILE COMMAND…: writes the file once. The command may read the password on stdin.
keep() {
  local file=$STATE/$1
  shift
  [ -s "$file" ] || (umask 077 && "$@" <"$STATE/admin_password" >"$file")
  [ -s "$file" ] || die "cannot make $file"
}

# render TEMPLATE FILE NAME VALUE_FILE…: puts the values in for @NAME@.
render() {
  local template=$1 file=$STATE/$2 text
  shift 2
  text=$(cat "$template")
  while [ $# -gt 0 ]; do
    text=${text//"@$1@"/"$(cat "$STATE/$2")"}
    shift 2
  done
  (umask 077 && printf '%s\n' "$text" >"$file")
}

# The name of a secret must not give away a hash of a weak password: salted.
secret_hash() { hash_files "$STATE/salt" "$STATE/$1"; }
