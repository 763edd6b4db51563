#!/usr/bin/env bash
# Needs: rustup target add wasm32-wasip1
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target}
# As the other guests are compiled, whose workspace this one is not of.
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_PANIC=abort
cargo build --quiet --release --locked --target wasm32-wasip1
install -m 644 "$CARGO_TARGET_DIR/wasm32-wasip1/release/grayscale.wasm" "${1:-../built/grayscale.wasm}"
