# SPDX-License-Identifier: PostgreSQL
# before.sh - --backup-first: what a restore drops can be brought back, exactly,
# by the command that it printed.
. "$(dirname "$0")/direct.sh"
pg_start || exit 1
init
createdb shop
sql shop <<'SQL'
CREATE TABLE a (i int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 50);
ALTER DATABASE shop SET work_mem = '5MB';
SQL
expect 0 "backup" "$SNAP" backup shop
first=$("$SNAP" snapshots --json | sed -n 's/.*"id": "\(.*\)".*/\1/p')
sql shop <<'SQL'
DELETE FROM a WHERE i > 40; CREATE TABLE b AS SELECT 'new' AS t;
SQL
dump -C shop >"$T/later"

# way_back: run the command that the last run printed.
way_back() {
	command=$(sed -n 's/.*bring it back as it is now: [^ ]* //p' "$T/err")
	[ -n "$command" ] || not_ok "no command was printed"
	expect 0 "the command that was printed" eval "\"$SNAP\" $command"
	dump -C shop >"$T/now"
	same "$1" "$T/later" "$T/now"
}
expect 2 "it goes with --clean" \
    "$SNAP" restore "$first" -d shop --backup-first
expect 0 "--clean --backup-first" \
    "$SNAP" restore "$first" -d shop --clean --backup-first
is "the rows are those of then" "$(sql -c 'SELECT count(*) FROM a' shop)" 50
way_back "what was there is there again"
# Whoever has no variables pastes a command that needs none.
echo "$SNAP_PASSPHRASE" >"$T/pass word"
chmod 600 "$T/pass word"
(
	unset SNAP_REPOSITORY SNAP_PASSPHRASE
	expect 0 "the same with options" "$SNAP" -r "$T/repo" --passphrase-file \
	    "$T/pass word" restore "$first" -d shop --clean --backup-first
	way_back "what was there is there again"
	exit "$failures"
) || failures=$((failures + 1))
expect 0 "--create --clean --backup-first" \
    "$SNAP" restore "$first" -d postgres --create --clean --backup-first -j 2
is "the table is gone" "$(sql -c "SELECT to_regclass('b')" shop)" ""
way_back "and again"
createdb empty
n=$(n_snapshots)
expect 0 "an empty target" \
    "$SNAP" restore "$first" -d empty --clean --backup-first
is "has nothing to lose" "$(n_snapshots)" "$n"
# When it cannot be backed up, it is not touched.
dump -C shop >"$T/later"
mv "$SNAP_REPOSITORY/data" "$SNAP_REPOSITORY/data.away"
"$SNAP" restore "$first" -d shop --clean --backup-first >"$T/out" 2>"$T/err" &&
    not_ok "a repository that is broken"
mv "$SNAP_REPOSITORY/data.away" "$SNAP_REPOSITORY/data"
dump -C shop >"$T/now"
same "without a backup nothing is touched" "$T/later" "$T/now"
done_testing
