#!/usr/bin/env bash
# Needs: npm install componentize-qjs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
componentize-qjs --sync --wit ../../wit --world algorithm --js headline.js --output "${1:-../built/headline.wasm}"
