# SPDX-License-Identifier: PostgreSQL
# pg.sh - a throw-away PostgreSQL for shell tests: `. pg.sh`, then pg_start,
# and pg_stop in a trap.  It listens on a unix socket in its own directory
# only; PGHOST and PGUSER are exported, so that psql & Co. find it and nobody
# else's server can be met.  Exit status 77 (skipped) without a server.

# The newest server installed; PG_BINDIR overrides.
pg_bindir() {
	if [ -n "${PG_BINDIR:-}" ]; then
		echo "$PG_BINDIR"
		return
	fi
	for d in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
	    /usr/local/pgsql/bin 2>/dev/null | sort -Vr) \
	    "$(dirname "$(command -v initdb 2>/dev/null || echo /none/x)")"; do
		if [ -x "$d/initdb" ] && [ -x "$d/postgres" ]; then
			echo "$d"
			return
		fi
	done
}

# Run as the server's user: PostgreSQL refuses to run as root.
pg_as() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid="${PG_OSUSER:-postgres}" \
		    --regid="${PG_OSUSER:-postgres}" --init-groups -- "$@"
	else
		"$@"
	fi
}

# pg_start [NAME=VALUE ...]: settings of this server.
pg_start() {
	PG_BIN=$(pg_bindir)
	if [ -z "$PG_BIN" ]; then
		echo "no PostgreSQL server installed: skipped" >&2
		exit 77
	fi
	PG_DIR=$(mktemp -d "${TMPDIR:-/tmp}/snap-pg-XXXXXX")
	chmod 755 "$PG_DIR"
	[ "$(id -u)" != 0 ] || chown "${PG_OSUSER:-postgres}" "$PG_DIR"
	PATH=$PG_BIN:$PATH
	export PATH
	( cd "$PG_DIR" && pg_as "$PG_BIN/initdb" -D "$PG_DIR/data" -U postgres \
	    -A trust -E UTF8 --locale=C.UTF-8 -N >"$PG_DIR/initdb.log" 2>&1 ) || {
		cat "$PG_DIR/initdb.log" >&2
		return 1
	}
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$PG_DIR'"
		echo "fsync = off"
		echo "max_wal_senders = 4"
		echo "wal_level = replica"
		for kv in "$@"; do
			echo "${kv%%=*} = '${kv#*=}'"
		done
	} >>"$PG_DIR/data/postgresql.conf"
	( cd "$PG_DIR" && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w -t 120 \
	    -l "$PG_DIR/server.log" start >/dev/null ) || {
		cat "$PG_DIR/server.log" >&2
		return 1
	}
	unset PGSERVICE PGHOSTADDR PGPASSWORD PGDATABASE PGOPTIONS PGPORT
	PGHOST=$PG_DIR
	PGUSER=postgres
	PGDATABASE=postgres
	export PGHOST PGUSER PGDATABASE
}

# pg_standby [NAME=VALUE ...]: a hot standby of that server, on a unix socket in
# $PG_STANDBY.
pg_standby() {
	PG_STANDBY=$PG_DIR/standby
	mkdir "$PG_STANDBY"
	[ "$(id -u)" != 0 ] || chown "${PG_OSUSER:-postgres}" "$PG_STANDBY"
	( cd "$PG_DIR" && pg_as "$PG_BIN/pg_basebackup" -h "$PG_DIR" \
	    -U postgres -D "$PG_STANDBY/data" -R -c fast -N \
	    2>"$PG_DIR/basebackup.log" ) || {
		cat "$PG_DIR/basebackup.log" >&2
		return 1
	}
	{
		echo "unix_socket_directories = '$PG_STANDBY'"
		echo "hot_standby = on"
		for kv in "$@"; do
			echo "${kv%%=*} = '${kv#*=}'"
		done
	} >>"$PG_STANDBY/data/postgresql.conf"
	( cd "$PG_DIR" && pg_as "$PG_BIN/pg_ctl" -D "$PG_STANDBY/data" -w \
	    -t 120 -l "$PG_DIR/standby.log" start >/dev/null ) || {
		cat "$PG_DIR/standby.log" >&2
		return 1
	}
}

# pg_standby_caught_up: wait until the standby has what the primary wrote.
pg_standby_caught_up() {
	lsn=$(psql -X -A -t -d postgres -c 'SELECT pg_current_wal_lsn()')
	while [ "$(psql -X -A -t -h "$PG_STANDBY" -d postgres -c \
	    "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ]; do
		sleep 0.1
	done
}

# Always succeeds; safe to call twice.
pg_stop() {
	[ -n "${PG_DIR:-}" ] || return 0
	for d in ${PG_STANDBY:+"$PG_STANDBY"} "$PG_DIR"; do
		( cd / && pg_as "$PG_BIN/pg_ctl" -D "$d/data" -m immediate \
		    -w stop >/dev/null 2>&1 )
	done
	rm -rf "$PG_DIR"
	PG_DIR=
	PG_STANDBY=
	return 0
}
