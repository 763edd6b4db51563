#!/bin/sh
# Makes the virtual environment that the Python peers run in, outside the checkout. Safe to run again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/shelfwise-benchmarks
contracts=$here/../../protobufs

python3 -m venv "$home"
"$home/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$here/requirements.txt" --requirement "$here/requirements-models.txt"

# The peers speak the contract of this checkout, generated the way that grpc.io's Python tutorial does.
mkdir -p "$home/generated"
"$home/bin/python" -m grpc_tools.protoc --proto_path="$contracts" \
    --python_out="$home/generated" --grpc_python_out="$home/generated" recommendations.proto

echo "The Python peers are ready in $home"
