#!/usr/bin/env bash
# Needs: pip install ziglang (or any clang with wasi-libc). A reactor has no main: `_initialize` makes it ready.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python3 -m ziglang cc -target wasm32-wasi -mexec-model=reactor -std=c17 -Wall -Wextra -Werror -O2 -s -o "${1:-../built/words.wasm}" words.c
