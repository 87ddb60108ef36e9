#!/usr/bin/env bash
# Builds the page into dist/ (or the folder named). The packages are fetched once for each package-lock.json and kept in
# ~/.cache/swarmscope. Needs node 18 or newer and npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=${1:-dist}
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/swarmscope
packages=$cache/viewer-$(cat package.json package-lock.json | sha256sum | cut -c1-12)
built=$({ cat build.mjs build.sh index.html package-lock.json tsconfig.json; find src -type f -print0 | LC_ALL=C sort -z | xargs -0 cat; } | sha256sum | cut -c1-12)
[ "$(cat "$out/.built" 2>/dev/null)" != "$built" ] || exit 0

for program in node npm; do
  command -v "$program" >/dev/null || { echo "error: $program is missing: the page is built with it" >&2; exit 1; }
done
mkdir -p "$cache"
exec 9>"$cache/viewer.lock"
flock 9
if [ ! -e "$packages/complete" ]; then
  rm -rf "$cache"/viewer-????????????
  mkdir -p "$packages"
  cp package.json package-lock.json "$packages"
  npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel=error
  touch "$packages/complete"
fi
ln -sfn "$packages/node_modules" node_modules
node node_modules/typescript/bin/tsc
node build.mjs "$out"
echo "$built" >"$out/.built"
