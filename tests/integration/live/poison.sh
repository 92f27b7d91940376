# SPDX-License-Identifier: PostgreSQL
# poison.sh - stored data that is damaged is met in the middle of a restore:
# the script then says why, psql fails, and the target is as it was.
. "$(dirname "$0")/live.sh"
NAME=$(basename "$SNAP")
pg_start || exit 1
init
R=$SNAP_REPOSITORY

# Each backup's new packs hold only what came with it.
createdb shop
packs() {
	find "$R/data" "$R/meta" -type f | sort
}
# more NAME SQL: change the database, back it up, note the new packs.
more() {
	packs >"$T/before"
	psql -X -q -o "$T/psql" -v ON_ERROR_STOP=1 shop -c "$2" ||
	    not_ok "$1: SQL"
	expect 0 "backup of $1" "$SNAP" backup -d shop
	packs | comm -13 "$T/before" - >"$T/new"
	xargs ls -S <"$T/new" | head -n 1 >"$T/pack.$1"
	head -n 1 "$T/new" | grep -q . || not_ok "$1: there are new packs"
}
more definitions "CREATE TABLE t (i int PRIMARY KEY, v text);
    CREATE VIEW v AS SELECT * FROM t; INSERT INTO t VALUES (1, 'one')"
more rows "CREATE TABLE big AS SELECT i, md5(i::text) AS a,
    md5((i * 3)::text) AS b FROM generate_series(1, 250000) i"
more objects "SELECT lo_from_bytea(0, decode(string_agg(md5(i::text), ''),
    'hex')) FROM generate_series(1, 100000) i"
createdb target
dump target >"$T/empty"
cp -a "$R" "$T/whole"

# restore PSQL-OPTION...: statuses to $snap and $status.
restore() {
	("$SNAP" --no-cache restore latest 2>"$T/err"; echo $? >"$T/snap") |
	    psql -X "$@" target >"$T/out" 2>"$T/psql"
	status=$?
	snap=$(cat "$T/snap")
}
# spoiled TEXT PACK PSQL-OPTION: what a damaged pack must end in.
spoiled() {
	restore "$3"
	is "$1: the status of snap" "$snap" 13
	says "$1: it names the pack" "$(basename "$2")"
	[ "$status" != 0 ] && ok "$1: psql fails" || not_ok "$1: psql fails"
	cat "$T/psql" >>"$T/err"
	if grep -Eq "ERROR: +($NAME: |extra data after)" "$T/psql"; then
		ok "$1: psql shows the reason"
	else
		not_ok "$1: psql shows the reason"
	fi
	dump target >"$T/b"
	same "$1: the target is as it was" "$T/empty" "$T/b"
}
mend() {
	rm -rf "$R"
	cp -a "$T/whole" "$R"
}
for name in definitions rows objects; do
	pack=$(cat "$T/pack.$name")
	for how in flipped truncated missing; do
		chmod u+w "$pack"
		case $how in
		flipped)
			printf 'damage' | dd of="$pack" bs=1 conv=notrunc \
			    seek=$(($(wc -c <"$pack") / 2)) 2>"$T/dd"
			;;
		truncated)
			head -c $(($(wc -c <"$pack") / 2)) "$pack" >"$T/half"
			cat "$T/half" >"$pack"
			;;
		missing)
			chmod u+w "$(dirname "$pack")"
			rm -f "$pack"
			;;
		esac
		opt=-q
		[ "$how" != truncated ] || opt=-1
		spoiled "$name $how" "$pack" "$opt"
		mend
	done
done

# The lists of the snapshot cannot be read: no script at all, and yet psql
# must not take that for success.
find "$R/meta" -type f -exec chmod u+w {} \; -exec sh -c ': >"$1"' - {} \;
restore -q
is "no list: the status of snap" "$snap" 13
[ "$status" != 0 ] && ok "no list: psql fails" || not_ok "no list: psql fails"
"$SNAP" --no-cache restore --globals latest 2>"$T/err" |
    psql -X target >"$T/out" 2>"$T/psql"
is "no list: psql fails at the roles" $? 3
mend

# A reason that has quotes, dollars and backslashes reaches psql harmless.
evil="$T/it's \$snap\$ \\ %s"
cp -a "$R" "$evil"
chmod -R u+w "$evil"
rm -f "$evil/${pack#"$R"/}"
("$SNAP" --no-cache -r "$evil" restore latest 2>"$T/err"
    echo $? >"$T/snap") | psql -X -q target >"$T/out" 2>"$T/psql"
[ $? != 0 ] && ok "a strange name of a repository: psql fails" ||
    not_ok "a strange name of a repository: psql fails"
is "and snap" "$(cat "$T/snap")" 13
dump target >"$T/b"
same "and the target is as it was" "$T/empty" "$T/b"

# A restore that is told to stop says so in its script.
mkfifo "$T/pipe"
for opt in -q -1; do
	"$SNAP" restore latest >"$T/pipe" 2>"$T/err" &
	pid=$!
	{
		head -c 3000000
		kill -TERM "$pid"
		cat
	} <"$T/pipe" | psql -X "$opt" target >"$T/out" 2>"$T/psql"
	[ $? != 0 ] && ok "stopped, psql $opt: psql fails" ||
	    not_ok "stopped, psql $opt: psql fails"
	wait "$pid"
	is "stopped, psql $opt: the status of snap" "$?" 143
	grep -q "$NAME: " "$T/psql" && ok "stopped, psql $opt: it is told" ||
	    not_ok "stopped, psql $opt: it is told"
	dump target >"$T/b"
	same "stopped, psql $opt: the target is as it was" "$T/empty" "$T/b"
done

restore -q
is "mended: snap" "$snap" 0
is "mended: psql" "$status" 0
dump shop >"$T/a"
dump target >"$T/b"
same "mended: all is there" "$T/a" "$T/b"
# A restore that fails before it knows what it restores: psql alone, whose
# status a pipe has, must not take nothing for success.
dropdb target
createdb target
# early TEXT PATTERN ARG...: snap fails so, and psql with it.
early() {
	text=$1
	pattern=$2
	shift 2
	env "$@" 2>"$T/err" | psql -X target >"$T/out" 2>"$T/psql"
	is "$text: psql fails" $? 3
	says "$text: snap says why" "$pattern"
	grep -Eq "$pattern" "$T/psql" && ok "$text: so does psql" ||
	    not_ok "$text: so does psql"
	dump target >"$T/now"
	same "$text: the target is as it was" "$T/empty" "$T/now"
}
early "a wrong passphrase" 'wrong passphrase' SNAP_PASSPHRASE=wrong \
    "$SNAP" restore latest
early "no repository" 'no repository' "$SNAP" -r "$T/none" restore latest
early "no such snapshot" 'no snapshot' "$SNAP" restore latest:nobody
early "no such snapshot's roles" 'no snapshot' \
    "$SNAP" restore --globals latest:nobody
# Only a pipe: a file stays empty.
expect 1 "into a file" "$SNAP" restore latest:nobody
is "nothing is written" "$(wc -c <"$T/out" | tr -d ' ')" 0
done_testing
