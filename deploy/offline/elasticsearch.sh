#!/usr/bin/env bash
# Elasticsearch from the jars on Maven Central, with the paths, user and variables of the
# official image. See README.md beside this file for what is in it and what is not.
set -euo pipefail
: "${CACHE:?}" "${RECIPE:?}"

here=$(cd "$(dirname "$0")/elasticsearch" && pwd)
version=$(sed -n 's/.*<engine>\(.*\)<.engine>.*/\1/p' "$here/pom.xml")
home=usr/share/elasticsearch
work=$(mktemp -d "$CACHE/elasticsearch.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
es=$root/$home
arch=$(uname -m)

# The folder of an installation: lib, modules with their descriptors, config.
installation() {
  mkdir -p "$es"/{lib,modules,config,data,logs} "$work"/{main,plugin}
  mvn -q -B -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$es/lib"
  javac -nowarn -proc:none -Xlint:none -cp "$es/lib/*" -d "$work/main" "$here/Main.java"
  javac -nowarn -proc:none -Xlint:none -cp "$es/lib/*" -d "$work/plugin" \
    "$here"/{MissingModules,Endpoints,Lifecycles,Rest}.java
  jar cf "$es/lib/swarmscope-main.jar" -C "$work/main" .
  modules
  printf '%s\n' 'cluster.name: docker-cluster' 'network.host: 0.0.0.0' >"$es/config/elasticsearch.yml"
  printf '%s\n' 'status = error' 'shutdownHook = disable' 'appender.console.type = Console' 'appender.console.name = console' \
    'appender.console.layout.type = PatternLayout' 'appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n' \
    'rootLogger.level = info' 'rootLogger.appenderRef.console.ref = console' >"$es/config/log4j2.properties"
}

# A module is a folder with a descriptor, which the jars carry. Without "modulename" they
# load from the class path, where their dependencies are.
modules() {
  local m d file=plugin-descriptor.properties
  for m in transport-netty4 x-pack-core x-pack-security; do
    d=$es/modules/$m
    mkdir -p "$d"
    mv "$es/lib/$m-$version.jar" "$d"
    (cd "$d" && jar xf "$m-$version.jar" "META-INF/es-plugins/$m/$file")
    grep -v ^modulename "$d/META-INF/es-plugins/$m/$file" >"$d/$file"
    rm -r "$d/META-INF"
  done
  cp "$es/modules/transport-netty4"/*.jar "$es/modules/x-pack-core"   # x-pack-security builds on it
  d=$es/modules/missing
  mkdir -p "$d"
  jar cf "$d/missing.jar" -C "$work/plugin" .
  sed 's/^name=.*/name=missing/; s/^classname=.*/classname=MissingModules/; s/^extended.plugins=.*/extended.plugins=x-pack-core/' \
    "$es/modules/x-pack-security/$file" >"$d/$file"
}

# A cut-down Java runtime, a few tools and the libraries they need, copied from this system.
runtime() {
  local lib
  mkdir -p "$root"/{bin,etc,tmp,usr/bin,usr/local/bin}
  chmod 1777 "$root/tmp"
  jlink --add-modules java.se,jdk.attach,jdk.crypto.ec,jdk.crypto.cryptoki,jdk.httpserver,jdk.jfr,jdk.localedata,jdk.management,jdk.net,jdk.unsupported,jdk.zipfs \
    --include-locales=en,th --strip-java-debug-attributes --no-man-pages --no-header-files --compress=2 --output "$root/usr/lib/jre"
  # They would draw in the libraries of X11.
  rm -f "$root"/usr/lib/jre/lib/lib{awt,awt_headless,awt_xawt,fontmanager,freetype,javajpeg,jawt,jsound,lcms,mlib_image,splashscreen}.so
  ln -s ../lib/jre/bin/java "$root/usr/bin/java"
  cp -L /bin/bash "$root/bin/bash"   # dash would drop variables with a dot in their names
  ln -s bash "$root/bin/sh"
  cp -L /usr/bin/{curl,cat,env,grep,head,id,ls,mkdir,rm,sed,sleep,tail,tr} "$root/usr/bin/"
  find "$root/usr" "$root/bin" -type f \( -perm /111 -o -name '*.so' \) -print0 | xargs -0 -n1 ldd 2>/dev/null |
    grep -o '/[^ ]*' | grep -v "^$root" | sort -u | while read -r lib; do
      mkdir -p "$root$(dirname "$lib")"
      cp -L "$lib" "$root$lib"
    done
  for lib in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
    cp -L "/lib/$arch-linux-gnu/$lib" "$root/lib/$arch-linux-gnu/" 2>/dev/null || true
  done
  lib=$(ldconfig -p | awk '/libzstd.so.1 / && !found { print $NF; found = 1 }')   # reads to the end: no broken pipe
  case $arch in x86_64) arch=x64 ;; esac
  if [ -n "$lib" ]; then mkdir -p "$es/lib/platform/linux-$arch" && cp -L "$lib" "$es/lib/platform/linux-$arch/libzstd.so"; fi
  printf 'root:x:0:0::/:/bin/sh\nelasticsearch:x:1000:0::/%s:/bin/sh\n' "$home" >"$root/etc/passwd"
  printf 'root:x:0:\nelasticsearch:x:1000:\n' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

entrypoint() {
  cat >"$root/usr/local/bin/docker-entrypoint.sh" <<ENTRY
#!/bin/bash
# The official image takes its first argument, eswrapper, for "start".
[ "\${1:-}" != eswrapper ] || shift
# shellcheck disable=SC2086 # several options in one variable
exec java -XX:+UseSerialGC -Xmx512m \${ES_JAVA_OPTS:-} -Des.path.home=/$home -cp "/$home/lib/*" Main "\$@"
ENTRY
  chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
}

installation
runtime
entrypoint
chmod 755 "$root"
tar -C "$root" --numeric-owner --owner=0 --group=0 --exclude="./$home/data" --exclude="./$home/logs" --exclude="./$home/config" -cf "$work/root.tar" .
tar -C "$root" --numeric-owner --owner=1000 --group=0 -rf "$work/root.tar" "./$home/data" "./$home/logs" "./$home/config"
docker import --change 'USER 1000:0' --change "WORKDIR /$home" --change "VOLUME [\"/$home/data\"]" --change 'EXPOSE 9200 9300' \
  --change 'ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]' --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' \
  --change "LABEL io.swarmscope.offline=elasticsearch io.swarmscope.recipe=$RECIPE" \
  "$work/root.tar" "swarmscope-offline/elasticsearch:$version"
