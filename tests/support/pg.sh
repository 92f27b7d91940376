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

# Always succeeds; safe to call twice.
pg_stop() {
	[ -n "${PG_DIR:-}" ] || return 0
	( cd / && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate -w stop \
	    >/dev/null 2>&1 )
	rm -rf "$PG_DIR"
	PG_DIR=
	return 0
}
