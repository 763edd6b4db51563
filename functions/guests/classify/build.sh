#!/usr/bin/env bash
# Needs: rustup target add wasm32-wasip1
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target}
cargo build --quiet --release --locked --target wasm32-wasip1
install -m 644 "$CARGO_TARGET_DIR/wasm32-wasip1/release/classify.wasm" "${1:-../built/classify.wasm}"
