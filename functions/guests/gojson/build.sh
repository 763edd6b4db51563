#!/usr/bin/env bash
# Needs: Go 1.21 or newer
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags='-s -w' -o "${1:-../built/gojson.wasm}" .
