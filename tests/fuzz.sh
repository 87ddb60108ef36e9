#!/usr/bin/env bash
# Runs every fuzz target of tests/fuzz for some seconds each, on the stable toolchain: libFuzzer with coverage, without
# sanitizers (there is no unsafe code). TARGETS="a b" chooses some. Inputs that were found stay in target/fuzz/corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_EACH=${SECONDS_EACH:-30}
FOLDER=$PWD/target/fuzz
HOST=$(rustc -vV | sed -n 's/^host: //p')
read -ra targets <<<"${TARGETS:-$(cd tests/fuzz/fuzz_targets && printf '%s ' *.rs | sed 's/\.rs//g')}"

command -v c++ >/dev/null || { echo "error: libFuzzer is built by a C++ compiler (Debian: g++)" >&2; exit 1; }

# What cargo-fuzz gives rustc too.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
RUSTFLAGS+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
export RUSTFLAGS
cargo build -q --release --locked --manifest-path tests/fuzz/Cargo.toml --target "$HOST" --target-dir "$FOLDER"

# Targets rewrite files all the time: in memory, and gone with us.
TMPDIR=$(mktemp -d -p /dev/shm swarmscope-fuzz.XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

failed=()
for target in "${targets[@]}"; do
  printf '\n==> %s, %s s\n' "$target" "$SECONDS_EACH"
  mkdir -p "$FOLDER/corpus/$target" "$FOLDER/artifacts/$target"
  "$FOLDER/$HOST/release/$target" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$FOLDER/artifacts/$target/" "$FOLDER/corpus/$target" || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { printf '\nfailed: %s; what they failed on is in %s\n' "${failed[*]}" "$FOLDER/artifacts" >&2; exit 1; }
