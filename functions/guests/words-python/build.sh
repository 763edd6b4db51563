#!/usr/bin/env bash
# Needs: pip install componentize-py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
componentize-py -q -d ../../wit -w algorithm componentize app -o "${1:-../built/words-python.wasm}"
