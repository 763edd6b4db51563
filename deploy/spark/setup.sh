#!/bin/sh
# Makes the virtual environment that train.py's test runs in, outside the checkout. Safe to run again. Spark needs a Java runtime
# (Debian: openjdk-17-jre-headless); where libpostgresql-jdbc-java is installed, the test reads through it, too.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/shelfwise-testbed/spark

[ -x "$home/bin/python3" ] || python3 -m venv "$home"
"$home/bin/python3" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"

echo "Spark is ready in $home"
