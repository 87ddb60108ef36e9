#!/usr/bin/env bash
# Makes a release in dist/: archives of static binaries, images, SBOMs, checksums (docs/releases.md).
#   ARCHITECTURES="x86_64 aarch64"   what to build for; a target that is not installed is left out with a line
#   DIST=folder                      where it goes (dist)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=deploy/lib/images.sh
. "$DEPLOY/lib/images.sh"

ARCHITECTURES=${ARCHITECTURES:-x86_64 aarch64}
DIST=${DIST:-$ROOT/dist}
NAME=swarmscope-$VERSION
COMMIT=$(git -C "$ROOT" rev-parse HEAD)
# Times in archives are the commit's, so that the same commit gives the same bytes.
SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct)
export SOURCE_DATE_EPOCH

target_of() { echo "$1-unknown-linux-gnu"; }

# Why this architecture cannot be built here; nothing if it can.
obstacle() { # ARCHITECTURE
  local target linker
  target=$(target_of "$1")
  [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || { echo "the target is not installed (rustup target add $target)"; return; }
  [ "$1" = "$(uname -m)" ] && return
  linker=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_LINKER
  export "$linker=${!linker:-$1-linux-gnu-gcc}"
  command -v "${!linker}" >/dev/null || echo "the linker ${!linker} is missing ($linker names another)"
}

build() { # ARCHITECTURE
  local a packages=()
  for a in $AGENTS; do packages+=(-p "$a"); done
  progress "cargo build --release for $1" "$CACHE/release-$1.log" \
    cargo build --manifest-path "$ROOT/Cargo.toml" --release --locked --target "$(target_of "$1")" "${packages[@]}" ||
    die "cargo build failed" "log: $CACHE/release-$1.log"
}

binaries_of() { # ARCHITECTURE
  if [ "$1" = "$(uname -m)" ] && [ -n "${SKIP_BUILD:-}" ]; then
    echo "$BINARIES"
  else
    echo "${CARGO_TARGET_DIR:-$ROOT/target}/$(target_of "$1")/release"
  fi
}

# A static program has no interpreter.
check_static() { # FILE
  if readelf -lW "$1" | grep -q INTERP; then die "$1 is not static"; fi
}

# tar FOLDER FILE NAME…: the same bytes for the same content.
archive() {
  local folder=$1 file=$2
  shift 2
  tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -c "$@" |
    gzip -9n >"$file"
}

pack() { # ARCHITECTURE BINARIES
  local a folder=$STAGE/$NAME-$1
  mkdir -p "$folder"
  for a in $AGENTS; do
    check_static "$2/$a"
    install -m 755 "$2/$a" "$folder/$a"
  done
  # What is in the commit, not what lies around.
  git -C "$ROOT" archive "$COMMIT" LICENSE Makefile CHANGELOG.md README.md docs dashboards deploy | tar -C "$folder" -x
  chmod -R u=rwX,go=rX "$folder"
  archive "$STAGE" "$DIST/$NAME-$1.tar.gz" "$NAME-$1"
}

# What is linked into each program, with licences from the packages and checksums from Cargo.lock, as CycloneDX 1.5.
sbom() { # ARCHITECTURE
  local a
  for a in $AGENTS; do
    cargo tree --manifest-path "$ROOT/Cargo.toml" -p "$a" -e normal --target "$(target_of "$1")" --prefix none --no-dedupe --locked \
      --format '{p}|{l}' | sed 's/ (proc-macro)//' | LC_ALL=C sort -u |
      awk -v agent="$a" -v version="$VERSION" -v time="$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" '
        function text(s) { gsub(/["\\]/, "\\\\&", s); return "\"" s "\"" }
        # Cargo.lock, then the tree.
        NR == FNR {
          if ($1 == "name") name = $3
          if ($1 == "version") number = $3
          if ($1 == "checksum") { key = name " " number " " $3; gsub(/"/, "", key); split(key, field, " "); sum[field[1] " " field[2]] = field[3] }
          next
        }
        {
          split($0, half, "|"); split(half[1], word, " "); sub(/^v/, "", word[2])
          # Of this workspace.
          if (half[1] ~ /\(\//) { if (word[1] == agent) next; own = 1 } else own = 0
          gsub(/\//, " OR ", half[2]); gsub(/ OR  OR /, " OR ", half[2])
          line = "    {\"type\": \"library\", \"name\": " text(word[1]) ", \"version\": " text(word[2])
          if (!own) line = line ", \"purl\": " text("pkg:cargo/" word[1] "@" word[2])
          if (half[2] != "") line = line ", \"licenses\": [{\"expression\": " text(half[2]) "}]"
          key = word[1] " " word[2]
          if (key in sum) line = line ", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": " text(sum[key]) "}]"
          lines = lines (lines == "" ? "" : ",\n") line "}"
        }
        END {
          print "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"version\": 1,"
          print "  \"metadata\": {\"timestamp\": " text(time) ", \"component\": {\"type\": \"application\", \"name\": " text(agent) ", \"version\": " text(version) ", \"licenses\": [{\"expression\": \"Apache-2.0\"}]}},"
          print "  \"components\": [\n" lines "\n  ]}"
        }' "$ROOT/Cargo.lock" - >"$DIST/$NAME-$1-$a.cdx.json"
  done
}

# Images are for the engine's architecture.
images() { # ARCHITECTURE BINARIES
  local a
  if ! docker version >/dev/null 2>&1; then
    echo "images: left out, no Docker engine answers (DOCKER_HOST names one)"
    return
  fi
  if [ "$(docker info --format '{{.Architecture}}')" != "$1" ]; then
    echo "images: left out, the engine is not $1"
    return
  fi
  BINARIES=$2 SKIP_BUILD=1 build_images >&2
  for a in $AGENTS; do
    docker save -o "$DIST/$NAME-$1-$a.image.tar" "$IMAGE_PREFIX$a:$VERSION"
    chmod 644 "$DIST/$NAME-$1-$a.image.tar"
  done
  echo "images: docker load -i $NAME-$1-AGENT.image.tar"
}

# Runs what can be run here.
tested() { # ARCHITECTURE BINARIES
  local a
  if [ "$1" != "$(uname -m)" ]; then
    echo "UNTESTED: built on $(uname -m), never run by us"
    return
  fi
  for a in $AGENTS; do "$2/$a" --version; done
  echo "this architecture is the one that make test runs on"
}

describe() { # ARCHITECTURE BINARIES IMAGES
  local a tests
  tests=$(tested "$1" "$2")
  printf '%s\n' "Swarmscope $VERSION for $1" "commit $COMMIT" "$(rustc --version)" "$tests" "$3"
  echo "from the unpacked archive: BINARIES=\$PWD SKIP_BUILD=1 VERSION=$VERSION make up"
  for a in $AGENTS; do printf '%s: %d bytes, static\n' "$a" "$(stat -c %s "$2/$a")"; done
}

for tool in git readelf cargo; do
  command -v "$tool" >/dev/null || die "$tool is missing" "Debian's packages: git, binutils; Rust: https://rustup.rs"
done
mkdir -p "$CACHE" "$DIST"
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
rm -f "$DIST/$NAME"-*
[ -z "$(git -C "$ROOT" status --porcelain --untracked-files=no)" ] || say "    the working tree has changes: the binaries may hold them, the rest is of commit $COMMIT"

for architecture in $ARCHITECTURES; do
  step "$architecture"
  why=$(obstacle "$architecture")
  if [ -n "$why" ]; then
    [ "$architecture" != "$(uname -m)" ] || die "$architecture: $why"
    say "    left out: $why"
    printf '%s\n' "Swarmscope $VERSION for $architecture" "commit $COMMIT" "NOT BUILT: $why" >"$DIST/$NAME-$architecture-RELEASE.txt"
    continue
  fi
  if [ "$architecture" != "$(uname -m)" ] || [ -z "${SKIP_BUILD:-}" ]; then build "$architecture"; fi
  binaries=$(binaries_of "$architecture")
  pack "$architecture" "$binaries"
  sbom "$architecture"
  made=$(images "$architecture" "$binaries")
  describe "$architecture" "$binaries" "$made" >"$DIST/$NAME-$architecture-RELEASE.txt"
done

step "checksums"
(cd "$DIST" && sha256sum "$NAME"-* >"$STAGE/sums" && mv "$STAGE/sums" "$NAME-SHA256SUMS")
chmod 644 "$DIST/$NAME"-*
cat "$DIST/$NAME-SHA256SUMS"
