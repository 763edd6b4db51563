#!/bin/bash
# The entry point of docker.sh's stand-in for the `postgres` image: of the official one's, what Compose and Kubernetes files
# rely on. POSTGRES_PASSWORD, POSTGRES_USER and POSTGRES_DB make an empty volume a database, /docker-entrypoint-initdb.d/*.sql
# fills it, and the server runs as `postgres`, reachable by password from every address.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  initdb --username="$user" --pwfile=<(echo "${POSTGRES_PASSWORD:?is not set}") --auth-local=trust --auth-host=scram-sha-256
  printf "listen_addresses = '*'\nunix_socket_directories = '/tmp'\n" >>"$PGDATA/postgresql.conf"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  # While it is filled, it answers on its socket only.
  pg_ctl start -w -o "-c listen_addresses=''"
  [ "${POSTGRES_DB:-$user}" = postgres ] || createdb -h /tmp -U "$user" "${POSTGRES_DB:-$user}"
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -f "$file" ] || psql -h /tmp -U "$user" -d "${POSTGRES_DB:-$user}" -v ON_ERROR_STOP=1 -f "$file"
  done
  pg_ctl stop -w -m fast
fi
exec "$@"
