#!/usr/bin/env bash
# Builds guests: all of them, or those that are named. Those that are small enough for the repository lie in built/ ready to run, so
# you need this only after a change. Tools: see README.md, or toolchains.sh where nothing but package registries is reached.
#
#   build.sh [--to DIR] [NAME...]
#
# Python components have 18 MB each: they are built into built/, too, but git ignores them.
set -euo pipefail
FROM=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
source ./paths.sh
use_toolchains
export CARGO_TARGET_DIR=$PWD/target
unset RUSTFLAGS

OUT=$PWD/built
if [ "${1:-}" = --to ]; then
  OUT=$(cd "$FROM" && mkdir -p "$2" && realpath "$2")
  shift 2
fi
[ $# -gt 0 ] || set -- */build.sh
for name; do
  name=${name%/build.sh}
  if [ ! -x "$name/build.sh" ]; then
    echo "there is no guest $name" >&2
    exit 64
  fi
  start=$SECONDS
  "$name/build.sh" "$OUT/$name.wasm"
  echo "$name: $(($(stat -c %s "$OUT/$name.wasm") / 1024)) KiB, after $((SECONDS - start)) s"
done
