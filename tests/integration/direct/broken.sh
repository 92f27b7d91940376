# SPDX-License-Identifier: PostgreSQL
# broken.sh - a restore into a server that is stopped, killed, refused or
# damaged in the middle: its status is never 0, and it says what is missing.
. "$(dirname "$0")/direct.sh"
pg_start || exit 1
init
createdb src
sql src >/dev/null <<'SQL'
CREATE TABLE wide (i int PRIMARY KEY, t text);
INSERT INTO wide SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 40000) i;
CREATE TABLE little (i int REFERENCES wide, k serial);
INSERT INTO little SELECT i FROM generate_series(1, 100) i;
CREATE VIEW v AS SELECT count(*) FROM wide;
CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM wide;
SELECT lo_from_bytea(0, 'x') FROM generate_series(1, 20);
SQL
expect 0 "backup" "$SNAP" backup -j 2 src
n=0

# fresh: an empty database, $db.
fresh() {
	n=$((n + 1))
	db=t$n
	createdb "$db"
}

# incomplete TEXT: what the last run left is told.
incomplete() {
	[ "$status" != 0 ] && ok "$1: the status is not 0 ($status)" ||
	    not_ok "$1: the status is 0"
	says "$1: it says so" 'target is incomplete|nothing was changed'
	[ -z "$(sql -c "SELECT to_regclass('public.little_k_seq')" "$db")" ] ||
	    says "$1: and how to go on" 'restore [0-9a-f]{8} --clean'
}

# ---- the connection is killed while rows are loaded
for j in 1 3; do
	fresh
	start "$SNAP" restore latest --dbname="$db" -j "$j"
	while running && [ "$(ask postgres "SELECT count(pg_terminate_backend(pid))
	    FROM pg_stat_activity WHERE datname = '$db' AND query ~ 'COPY'
	    AND state = 'active'")" = 0 ]; do :; done
	finish
	if [ "$status" = 0 ]; then
		same_database "-j $j: it was quicker than the kill" src "$db"
	else
		incomplete "-j $j, connection killed"
	fi
done

# ---- rows that the server does not take: the table is there, with a rule of
# its own, as nothing else can be between.
fresh
sql "$db" <<'SQL'
CREATE SCHEMA other; CREATE FUNCTION other.deny() RETURNS event_trigger
LANGUAGE plpgsql AS $$ BEGIN IF tg_tag = 'CREATE TABLE' THEN
EXECUTE 'ALTER TABLE public.little ADD CHECK (i < 50)'; END IF; EXCEPTION WHEN
undefined_table THEN NULL; END $$;
CREATE EVENT TRIGGER deny ON ddl_command_end EXECUTE FUNCTION other.deny();
SQL
start "$SNAP" restore latest --dbname="$db" --clean
finish
incomplete "rows are refused"
says "the table is named" 'error: table public.little'
says "and those that lack rows" 'tables lack rows: .*little'

# A trigger that drops rows gives no error: the count tells.
fresh
sql "$db" <<'SQL'
CREATE SCHEMA other;
CREATE FUNCTION other.drop() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN IF NEW.i = 7 THEN RETURN NULL; END IF; RETURN NEW; END';
CREATE FUNCTION other.add() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
IF to_regclass('public.little') IS NOT NULL AND NOT EXISTS (SELECT FROM
pg_trigger WHERE tgname = 'swallow') THEN CREATE TRIGGER swallow BEFORE INSERT
ON public.little FOR EACH ROW EXECUTE FUNCTION other.drop(); END IF; END $$;
CREATE EVENT TRIGGER deny ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
EXECUTE FUNCTION other.add();
SQL
start "$SNAP" restore latest --dbname="$db" --clean
finish
incomplete "a row is swallowed"
says "the rows are counted" 'little.* took 99 rows of 100'

# ---- definitions that fail
fresh
sql -c "CREATE ROLE gone; ALTER TABLE wide OWNER TO gone" src
expect 0 "backup with another owner" "$SNAP" backup src
sql -c "ALTER TABLE wide OWNER TO postgres; DROP ROLE gone" src
dump "$db" >"$T/before"
start "$SNAP" restore latest --dbname="$db"
finish
is "a role that is missing" "$status" 1
says "the role is named" 'role "gone" does not exist'
says "nothing was changed" 'nothing was changed'
dump "$db" >"$T/after"
same "and the target is as empty as before" "$T/before" "$T/after"
expect 0 "with --no-owner it goes" direct "$db" --no-owner
sql src <<'SQL'
CREATE TABLE twice (i int); INSERT INTO twice VALUES (1), (1);
CREATE FUNCTION is_one(i int) RETURNS boolean LANGUAGE sql IMMUTABLE
AS 'SELECT current_database() = ''src''';
CREATE UNIQUE INDEX single ON twice (i) WHERE NOT is_one(i);
ALTER TABLE twice ADD CONSTRAINT "other one" EXCLUDE (i WITH =) WHERE (NOT is_one(i));
SQL
expect 0 "backup with indexes that will fail" "$SNAP" backup src
for j in 1 3; do
	fresh
	start "$SNAP" restore latest --dbname="$db" -j "$j"
	finish
	incomplete "-j $j, indexes fail"
	says "-j $j: the index is named, with the reason" \
	    'warning: CREATE UNIQUE INDEX single .*duplicated'
	says "-j $j: and the constraint" 'warning: ALTER TABLE .*"other one"'
	says "-j $j: their number" '2 of [0-9]+ definitions failed'
	is "-j $j: the other indexes are there" "$(sql -c "SELECT count(*)
	    FROM pg_constraint WHERE conname ~ 'wide_pkey|little_i_fkey'" "$db")" 2
done

# ---- the repository
sql -c 'DROP TABLE twice' src
expect 0 "backup" "$SNAP" backup src
big=$(find "$SNAP_REPOSITORY/data" -type f -size +200k | head -n 1)
cp "$big" "$T/saved"
printf 'wrong' | dd of="$big" bs=1 seek=100000 conv=notrunc 2>/dev/null
for j in 1 3; do
	fresh
	start "$SNAP" restore latest --dbname="$db" -j "$j"
	finish
	is "-j $j: wrong data in a pack" "$status" 13
	incomplete "-j $j, wrong data"
done
rm "$big"
fresh
start "$SNAP" restore latest --dbname="$db" -j 2
finish
incomplete "a pack is gone"
cp "$T/saved" "$big"
expect 0 "what it says goes on" direct "$db" --clean -j 2
same_database "after that" src "$db"

# ---- signals
for sig in INT TERM; do
	fresh
	start "$SNAP" restore latest --dbname="$db" -j 2
	while running && [ "$(ask postgres "SELECT count(*) FROM pg_stat_activity
	    WHERE datname = '$db'")" = 0 ]; do :; done
	kill "-$sig" "$pid" 2>/dev/null
	finish
	if [ "$status" = 0 ]; then
		same_database "it was quicker than SIG$sig" src "$db"
	else
		incomplete "SIG$sig"
		[ "$status" -gt 128 ] || not_ok "SIG$sig (status $status)"
	fi
	while [ "$(ask postgres "SELECT count(*) FROM pg_stat_activity
	    WHERE datname = '$db' AND pid <> pg_backend_pid()")" != 0 ]; do
		sleep 0.1
	done
	ok "SIG$sig: no session stays behind"
done

# ---- the server stops
fresh
start "$SNAP" restore latest --dbname="$db" -j 2
while running && [ "$(ask postgres "SELECT count(*) FROM pg_stat_activity
    WHERE datname = '$db' AND query ~ 'COPY'")" = 0 ]; do :; done
pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate stop >/dev/null
finish
if [ "$status" = 0 ]; then
	ok "it was quicker than the end of the server"
else
	says "the server stops" 'target is incomplete'
fi
done_testing
