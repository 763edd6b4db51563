#!/usr/bin/env bash
# Dapr's sidecar, which tests start themselves, beside each service one. Any user.
#
#   dapr.sh build                   builds the program `daprd` (Go; two minutes, once)
#
# It lies in ~/.cache/shelfwise-testbed/bin, which is to be on PATH.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/parts.sh"

case ${1:-} in
build) [ -x "$CACHE/bin/daprd" ] || CGO_ENABLED=0 build daprd ;;
*) sed -n '2,6p' "$0"; exit 64 ;;
esac
