#!/bin/bash
# As entrypoints of database images are: root prepares folders and becomes another user, who makes a database by a server
# that listens to a Unix socket alone, and then is the server. Anything else is executed as it is.
set -Eeuo pipefail
version=$(ls /usr/lib/postgresql)
export PATH=$PATH:/usr/lib/postgresql/$version/bin PGDATA=/srv/database

if [ "${1:-}" = postgres ] && [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /run/postgresql
	chown -R postgres "$PGDATA" /run/postgresql
	chmod 700 "$PGDATA"
	exec gosu postgres "$0" "$@"
fi
if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	initdb --username=postgres --pwfile=<(echo secret) --no-sync >/dev/null
	pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c fsync=off" -w start
	psql -v ON_ERROR_STOP=1 --username postgres --no-password -c 'CREATE DATABASE mine'
	pg_ctl -D "$PGDATA" -m fast -w stop
	echo 'the database is made'
fi
exec "$@"
