#!/usr/bin/env bash
# Runs the commands of guides as they are written there, each guide in an empty folder of its own, and compares what each block of
# commands prints last with the block of text that follows it. Needs a running suite, `shelfwise` on the path, and the tools.
#
#   FUNCTIONS_URL=http://127.0.0.1:8000 run.sh [GUIDE...]      such as rust python; all of them if none is named
#   run.sh --missing                                           names a tool that is missing, with status 69, if one is
set -euo pipefail
GUIDES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$GUIDES/../paths.sh"
use_toolchains
missing() { # the first tool that is not there
  local tool
  for tool in cargo componentize-py curl go npm; do
    command -v "$tool" >/dev/null || { echo "$tool" && return 69; }
  done
  python3 -c 'import ziglang' 2>/dev/null || { echo ziglang && return 69; }
  rust_has_targets || [ -f "$RUST/.ready" ] || { echo "Rust's targets for Wasm" && return 69; }
}
if [ "${1:-}" = --missing ]; then missing; exit; fi
export SHELFWISE=${GUIDES%/functions/guests/guides} FUNCTIONS_URL=${FUNCTIONS_URL:-http://127.0.0.1:8000}
# What several guides depend on is compiled once.
unset CARGO_TARGET_DIR RUSTFLAGS
export CARGO_BUILD_BUILD_DIR=$SHELFWISE/functions/guests/target/guides
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

blocks() { # GUIDE: a file for each block, 1.sh 1.text 2.sh …, each text belonging to the commands before it
  awk -v into="$WORK/$1" '
    /^```sh$/ {file = into "/" ++count ".sh"; next}
    /^```text$/ {file = into "/" count ".text"; next}
    /^```/ {file = ""; next}
    file {print > file}' "$GUIDES/$1.md"
}
[ $# -gt 0 ] || set -- $(cd "$GUIDES" && basename -s .md ./*.md)
for guide; do
  start=$SECONDS
  mkdir -p "$WORK/$guide/at"
  blocks "$guide"
  cd "$WORK/$guide/at"
  for commands in $(printf '%s\n' ../*.sh | sort -V); do
    sed -i "s|http://127.0.0.1:8000|$FUNCTIONS_URL|g" "$commands"
    if ! bash -euo pipefail "$commands" </dev/null >"${commands%.sh}.out" 2>"${commands%.sh}.err"; then
      echo "$guide.md: block $(basename "$commands" .sh) failed" >&2
      tail -n 30 "${commands%.sh}.out" "${commands%.sh}.err" >&2
      exit 1
    fi
    [ -f "${commands%.sh}.text" ] || continue
    # An answer need not end with a new line.
    if ! diff <(tail -n "$(wc -l <"${commands%.sh}.text")" "${commands%.sh}.out" | sed '$a\') "${commands%.sh}.text" >&2; then
      echo "$guide.md: block $(basename "$commands" .sh) prints something else" >&2
      exit 1
    fi
  done
  echo "$guide.md: ok, after $((SECONDS - start)) s"
done
