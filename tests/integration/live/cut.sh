# SPDX-License-Identifier: PostgreSQL
# cut.sh - a restore whose script ends too soon, at any line or byte or because
# snap was killed: psql fails and the target is as it was.
. "$(dirname "$0")/live.sh"
pg_start || exit 1
init
createdb zoo
psql -X -q -o "$T/psql" zoo <<'SQL' || not_ok "load the sample"
CREATE ROLE keeper;
CREATE SCHEMA den AUTHORIZATION keeper;
CREATE TYPE den.mood AS ENUM ('good', 'bad');
CREATE TABLE den.t (id serial PRIMARY KEY, v text, m den.mood DEFAULT 'good');
INSERT INTO den.t (v) VALUES ('one'), (E'two\n\\.\n\\\\\ttab'), (NULL), (''),
    ('\restrict x'), ('COMMIT;'), ('\endif');
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE parts (i int) PARTITION BY LIST (i);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
INSERT INTO parts VALUES (1), (2);
CREATE TABLE child (i int REFERENCES den.t);
INSERT INTO child VALUES (1), (2);
CREATE VIEW seen AS SELECT v FROM den.t WHERE v <> '';
CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM seen;
SET check_function_bodies = off;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS $$
COMMIT;
\endif
$$;
CREATE INDEX ON den.t (v);
CREATE SEQUENCE s; SELECT setval('s', 42);
SELECT lo_from_bytea(4711, '\x00ff5c2e0a'); SELECT lo_create(4712);
COMMENT ON TABLE den.t IS E'a line\n\\endif\nCOMMIT;\n\\q';
GRANT SELECT ON den.t TO PUBLIC;
SQL
expect 0 "backup" "$SNAP" backup -d zoo
expect 0 "restore" "$SNAP" restore latest
cp "$T/out" "$T/script"
size=$(wc -c <"$T/script")
head=$(head -n 2 "$T/script" | wc -c)
commit=$((size - 7)) # only \endif is behind COMMIT;
tail -n 2 "$T/script" >"$T/tail"
printf 'COMMIT;\n\\endif\n' >"$T/want"
same "the script ends as we think" "$T/tail" "$T/want"

createdb target
dump target >"$T/empty"
# What any statement that lasts would change, without the cost of a dump.
print_of() {
	ask "$1" "SELECT (SELECT sum(hashtext((oid, relname, relkind, relnatts,
	    relowner, relacl, relchecks)::text)) FROM pg_class),
	    (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace),
	    (SELECT count(*) FROM pg_largeobject_metadata),
	    (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_shdepend)"
}
before=$(print_of target)
bad=0 n=0
cut_at() { # BYTES [""]: "" leaves psql -1 out
	for opt in -q ${2--1}; do
		head -c "$1" "$T/script" |
		    psql -X "$opt" target >"$T/psql" 2>&1
		status=$?
		n=$((n + 1))
		[ "$status" != 0 ] || {
			echo "cut at $1 with $opt: status 0"
			bad=$((bad + 1))
		}
	done
}
# Empty lines and comments are cut with one psql only, for speed.
awk '{ n += length($0) + 1; print n, /^(--|$)/ }' "$T/script" >"$T/lines"
while read -r at dull; do
	[ "$at" -ge "$head" ] && [ "$at" -lt "$commit" ] || continue
	if [ "$dull" = 1 ]; then
		cut_at "$at" ""
	else
		cut_at "$at"
	fi
done <"$T/lines"
is "cut behind any line psql fails" "$bad" 0
is "and changes nothing" "$(print_of target)" "$before"
awk -v min="$head" -v max="$((commit - 9))" 'BEGIN { srand(11)
    for (i = 0; i < 200; i++) print int(min + rand() * (max - min)) }' |
while read -r at; do
	cut_at "$at"
	echo "$bad" >"$T/bad"
done
is "cut at 200 random bytes psql fails" "$(cat "$T/bad")" 0
is "and changes nothing" "$(print_of target)" "$before"
dump target >"$T/b"
same "the target's dump is what it was" "$T/empty" "$T/b"
[ "$n" -gt 300 ] && ok "there were $n cuts at lines" ||
    not_ok "there were only $n cuts at lines"

# Before the end of its second line the script is not armed, and empty.
for at in 0 1 20 $((head - 1)); do
	head -c "$at" "$T/script" | psql -X -q target >"$T/psql" 2>&1
done
is "a script of less than two lines does nothing" "$(print_of target)" \
    "$before"
# Behind COMMIT; the whole is there, whatever psql thinks of the missing line.
n=0
for at in $((commit - 1)) "$commit" $((commit + 3)) $((size - 1)) "$size"; do
	n=$((n + 1))
	createdb "end$n"
	head -c "$at" "$T/script" |
	    psql -X -q "end$n" >"$T/psql" 2>"$T/err"
	status=$?
	if [ "$(ask "end$n" "SELECT to_regclass('den.t') IS NOT NULL")" = t ]
	then
		dump zoo >"$T/a"
		dump "end$n" >"$T/b"
		same "cut at $((size - at)) before the end: all is there" \
		    "$T/a" "$T/b"
	else
		[ "$status" != 0 ] &&
		    ok "cut at $((size - at)) before the end: nothing, told" ||
		    not_ok "cut at $((size - at)) before the end: nothing"
	fi
done
is "the whole one succeeds" "$status" 0

# snap is killed while psql reads: after so many bytes of a larger script.
psql -X -q zoo -c "CREATE TABLE big AS SELECT i, md5(i::text) AS a
    FROM generate_series(1, 150000) i"
expect 0 "a larger backup" "$SNAP" backup -d zoo
"$SNAP" restore latest 2>"$T/err" | wc -c >"$T/size"
size=$(cat "$T/size")
before=$(print_of target)
for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
	[ $((round % 2)) = 0 ] && opt=-1 || opt=-q
	at=$(awk -v r="$round" -v max="$((size - 1000000))" 'BEGIN { srand(r)
	    print int(rand() * max) }')
	mkfifo "$T/pipe"
	"$SNAP" restore latest >"$T/pipe" 2>"$T/err" &
	pid=$!
	{
		head -c "$at"
		kill -9 "$pid"
		cat
	} <"$T/pipe" | psql -X "$opt" target >"$T/psql" 2>&1
	status=$?
	wait "$pid" 2>/dev/null
	is "round $round: snap was killed" "$?" 137
	[ "$status" != 0 ] && ok "round $round: psql $opt fails, at $at" ||
	    not_ok "round $round: psql $opt fails, at $at"
	rm "$T/pipe"
done
is "none of them changed the target" "$(print_of target)" "$before"
createdb after
"$SNAP" restore latest 2>"$T/err" | psql -X -q -o "$T/psql" after 2>&1
dump zoo >"$T/a"
dump after >"$T/b"
same "an undisturbed restore gives all" "$T/a" "$T/b"
done_testing
