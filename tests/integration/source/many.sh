# SPDX-License-Identifier: PostgreSQL
# many.sh - 5,000 tables, each with a sequence, on a server with the default
# settings: more than its lock table holds twice.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init

createdb many
psql -X -q -o "$T/psql" many <<'SQL' || not_ok "make 5,000 tables"
DO $$ BEGIN FOR i IN 1..5000 LOOP
  EXECUTE format('CREATE TABLE t%s (id serial, v int)', i);
  IF i % 100 = 0 THEN
    EXECUTE format('INSERT INTO t%s (v) VALUES (1), (2)', i);
  END IF;
  IF i % 500 = 0 THEN COMMIT; END IF;
END LOOP; END $$;
CREATE SCHEMA "o.d""d";
CREATE SEQUENCE "o.d""d"."a|b""c)"; SELECT nextval('"o.d""d"."a|b""c)"');
CREATE MATERIALIZED VIEW "o.d""d".mv_seq AS SELECT 1 AS a;
CREATE SEQUENCE "o.d""d".beside_seq; SELECT nextval('"o.d""d".beside_seq');
SQL
is "the server has its default lock table" \
    "$(psql -X -A -t -c 'SHOW max_locks_per_transaction')" 64
expect 0 "5,000 tables are backed up" "$SNAP" backup -d many
expect 0 "so they are with two connections" "$SNAP" backup -d many -j 2
"$SNAP" ls latest >"$T/out" 2>"$T/err"
is "every table is a stream" "$(grep -c '^table ' "$T/out")" 5000

createdb -T template0 target
dump target >"$T/before"
"$SNAP" restore latest 2>"$T/err" | psql -X -q target >"$T/psql" 2>"$T/err"
is "one transaction is too much: psql fails" "$?" 3
says "the setting is named" 'max_locks_per_transaction to [0-9]+'
says "and the way without it" '--no-transaction'
says "and how much it has and needs" 'It has 6400 .* needs [0-9]{5}'
is "nothing else failed, as nothing else was tried" \
    "$(grep -c ERROR: "$T/err")" 1
dump target >"$T/after"
same "the target is as it was" "$T/before" "$T/after"
value=$(sed -n 's/.*max_locks_per_transaction to \([0-9]*\).*/\1/p' "$T/err")

dump many >"$T/a"
"$SNAP" restore --no-transaction latest 2>"$T/err" |
    psql -X -q target >"$T/psql" 2>"$T/err"
is "without a transaction psql succeeds" "$?" 0
dump target >"$T/b"
same "and all is there" "$T/a" "$T/b"
is "also what its sequence's neighbour refreshes" \
    "$(psql -X -A -t target -c 'SELECT a FROM "o.d""d".mv_seq')" 1

# restart LOCKS: with this max_locks_per_transaction.
restart() {
	(cd "$PG_DIR" && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w restart \
	    -l "$PG_DIR/server.log" -o "-c max_locks_per_transaction=$1") \
	    >/dev/null
}
restart "$value" || not_ok "restart the server"
createdb -T template0 target2
"$SNAP" restore latest 2>"$T/err" | psql -X -q target2 >"$T/psql" 2>"$T/err"
is "with the value of the hint one transaction is enough" "$?" 0
dump target2 >"$T/b"
same "and all is there" "$T/a" "$T/b"
done_testing
