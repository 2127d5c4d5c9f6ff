#!/bin/bash
# What people know of the official image: a cluster made in $PGDATA where there is none, for $POSTGRES_USER and
# $POSTGRES_DB with $POSTGRES_PASSWORD (each also as NAME_FILE), scripts of /docker-entrypoint-initdb.d, then the server.
set -eu

[ "${1:0:1}" = - ] && set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  chown -R postgres:postgres "$PGDATA" /run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

value() { # value NAME DEFAULT
  local file=$1_FILE
  if [ -n "${!file:-}" ]; then cat "${!file}"; else echo "${!1:-$2}"; fi
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=$(value POSTGRES_USER postgres) database=$(value POSTGRES_DB "$(value POSTGRES_USER postgres)") password=$(value POSTGRES_PASSWORD '')
  if [ -z "$password" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo 'Error: the database is not initialized and no superuser password is given: set POSTGRES_PASSWORD' >&2
    exit 1
  fi
  # shellcheck disable=SC2086 # arguments, not one
  initdb --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait start -o "-c listen_addresses=''"
  query() { psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" "$@"; }
  [ "$database" = postgres ] || query --dbname postgres -v name="$database" <<<'CREATE DATABASE :"name";'
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh) echo "$0: running $script"; . "$script" ;;
      *.sql) echo "$0: running $script"; query --dbname "$database" -f "$script" ;;
    esac
  done
  pg_ctl --wait --mode=fast stop
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
fi

exec "$@"
