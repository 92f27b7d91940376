# SPDX-License-Identifier: PostgreSQL
# rights.sh PROGRAM SOURCE_DIR - what each command does with the passphrase,
# with a maintenance key file and with a write-only host's: it does its work, or
# says before any which key it needs.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init
createdb shop
psql -X -q shop -c "CREATE TABLE t (id int PRIMARY KEY, note text)" \
    -c "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 2000) i"
expect 0 "a backup by the owner" "$SNAP" backup -d shop
psql -X -q shop -c "ALTER TABLE t ADD COLUMN more int" \
    -c "INSERT INTO t VALUES (0, 'secret row')"

# ---- files
umask 022
expect 0 "a key file for a host" "$SNAP" key add --write-only db1 \
    --output "$T/host.key"
expect 0 "and one for maintenance" "$SNAP" key add --maintenance ops \
    --output "$T/ops.key"
is "nobody else may read it" "$(stat -c %a "$T/host.key" "$T/ops.key")" "600
600"
expect 2 "no file is overwritten" "$SNAP" key add --write-only db2 \
    --output "$T/host.key"
expect 0 "and no host was made" "$SNAP" key list --json
is "there is one" "$(grep -c '"host-id":' "$T/out")" 1
expect 1 "two hosts of one name are refused" "$SNAP" key add \
    --write-only db1 --output "$T/other.key"
says "and it says so" 'host "db1" already'
[ -e "$T/other.key" ] && not_ok "no file is left" || ok "no file is left"
expect 0 "a key goes to standard output" "$SNAP" key add --write-only db2 \
    --output -
cp "$T/out" "$T/db2.key"
chmod 600 "$T/db2.key"
expect 0 "and opens the repository" "$SNAP" --key-file "$T/db2.key" snapshots
chmod 640 "$T/db2.key"
expect 2 "a key file that others may read is refused" \
    "$SNAP" --key-file "$T/db2.key" snapshots
says "and it says how to mend that" 'chmod 600'
head -c 100 "$T/host.key" >"$T/cut.key"
chmod 600 "$T/cut.key"
expect 13 "one that was cut opens nothing" \
    "$SNAP" --key-file "$T/cut.key" snapshots

# ---- which of several opens it
wrong=$T/wrong
echo wrong >"$wrong"
chmod 600 "$wrong"
export SNAP_KEY_FILE="$T/host.key"
expect 12 "the environment's key file comes before its passphrase" \
    "$SNAP" cat latest public.t
expect 12 "and behind an option's" \
    "$SNAP" --passphrase-file "$wrong" snapshots
says "which is wrong" 'wrong passphrase'
unset SNAP_KEY_FILE
printf 'repository = %s\nkey-file = %s\n' "$T/repo" "$T/host.key" >"$T/conf"
expect 0 "the passphrase of the environment comes before a configuration" \
    "$SNAP" --config "$T/conf" cat latest public.t
saved=$SNAP_PASSPHRASE
unset SNAP_PASSPHRASE
expect 12 "whose key file opens it where there is no other" \
    "$SNAP" --config "$T/conf" cat latest public.t
says "as the host" 'write-only host'

# ---- every command
# with KEY STATUS COMMAND...
with() {
	key=$1
	status=$2
	shift 2
	case $key in
	owner) expect "$status" "owner: $*" env SNAP_PASSPHRASE="$saved" \
	    "$SNAP" "$@" ;;
	*) expect "$status" "$key: $*" \
	    "$SNAP" --key-file "$T/$key.key" "$@" ;;
	esac </dev/null
	case $key-$status in
	host-12 | ops-12) says "$key: $1 says which key it needs" \
	    'this needs the (owner|maintenance)' ;;
	esac
}
# may OWNER MAINTENANCE HOST COMMAND...: the statuses.
may() {
	as_owner=$1 as_ops=$2 as_host=$3
	shift 3
	with host "$as_host" "$@"
	with ops "$as_ops" "$@"
	with owner "$as_owner" "$@"
}
state() {
	find "$T/repo" -type f | LC_ALL=C sort
}
id=$(env SNAP_PASSPHRASE="$saved" "$SNAP" snapshots --json |
    sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' | head -n 1)
state >"$T/before"
cat >"$T/refused" <<'TABLE'
12 restore latest
12 restore latest -d postgres --create
12 restore --all latest -d postgres
12 restore latest --output NEW
12 restore latest --globals
12 cat latest public.t
12 verify -d postgres
12 check --read-data
12 repair packs
12 repair snapshots
12 key list
12 key add --write-only x --output NEW
12 copy --from FROM
TABLE
while read -r status line; do
	line=$(echo "$line" | sed "s|NEW|$T/new|; s|FROM|$T/repo|")
	case $line in
	copy*)
		for key in host ops; do
			expect 12 "$key: $line" "$SNAP" -r "$T/elsewhere" \
			    --from-key-file "$T/$key.key" $line
			says "$key: copy says which key it needs" 'owner.s key'
		done ;;
	*)
		# shellcheck disable=SC2086 # words
		with host "$status" $line
		# shellcheck disable=SC2086
		with ops "$status" $line ;;
	esac
	[ ! -s "$T/out" ] || grep -q ':snap_failed\|\\if\|RAISE' "$T/out" ||
	    not_ok "$line wrote nothing"
done <"$T/refused"
for line in prune "prune --dry-run" "forget $id" "forget --broken" \
    "tag $id --add=x" "pin $id" "unpin $id" "policy set --keep-last=3" \
    "policy clear"; do
	# shellcheck disable=SC2086
	with host 12 $line
done
state >"$T/after"
same "what was refused changed nothing" "$T/before" "$T/after"
[ -e "$T/new" ] && not_ok "and made no file" || ok "and made no file"

may 0 0 0 backup -d shop
may 0 0 0 backup --all
may 0 0 0 backup --name seq -- seq 1 3000
seq 1 4000 >"$T/in"
for key in host ops; do
	"$SNAP" --key-file "$T/$key.key" backup --stdin --name in <"$T/in" \
	    >"$T/out" 2>"$T/err"
	is "$key: backup --stdin" $? 0
done
if command -v sqlite3 >/dev/null; then
	sqlite3 "$T/lite.db" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
	may 0 0 0 backup --sqlite "$T/lite.db"
fi
may 0 0 0 snapshots
may 0 0 0 ls latest:shop
may 0 0 0 stats
may 0 0 0 check
may 0 0 0 repair index
may 0 0 0 policy show
may 0 0 0 diff "$id" latest:shop --json
cp "$T/out" "$T/owners"
with host 0 diff "$id" latest:shop --json
grep -q '"unread"' "$T/out" && ok "a host is told what it cannot see" ||
    not_ok "a host is told what it cannot see"
is "but all else" "$(grep -c '"change"' "$T/out")" \
    "$(grep -c '"change"' "$T/owners")"
may 0 0 12 tag "$id" --add=x
may 0 0 12 pin "$id"
may 0 0 12 unpin "$id"
may 0 0 12 policy set --keep-last=30
may 0 0 12 prune --dry-run
may 0 0 12 prune
may 0 0 12 policy clear
may 0 0 12 forget --broken
last=$(env SNAP_PASSPHRASE="$saved" "$SNAP" snapshots seq --json |
    sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' | head -n 1)
with ops 0 forget "$last"
with owner 0 key list

# ---- what they made comes back
export SNAP_PASSPHRASE="$saved"
dump shop >"$T/want"
createdb back
"$SNAP" restore latest:shop 2>"$T/err" | psql -X -q back >"$T/psql" 2>&1
dump back >"$T/got"
same "what a host saved, an owner restores" "$T/want" "$T/got"
"$SNAP" restore latest:in >"$T/got" 2>"$T/err"
same "and what maintenance saved" "$T/in" "$T/got"
expect 0 "all of it can be read" "$SNAP" check --read-data

# ---- another repository, another config
init "$T/two"
expect 1 "a key file is for one repository" \
    "$SNAP" -r "$T/two" --key-file "$T/host.key" snapshots
says "and says so" 'for another repository'
expect 0 "copy into a repository by a host's key" "$SNAP" -r "$T/two" \
    key add --write-only mirror --output "$T/mirror.key"
expect 0 "of which it reads no row" env SNAP_FROM_PASSPHRASE="$saved" \
    "$SNAP" -r "$T/two" --key-file "$T/mirror.key" copy --from "$T/repo"
"$SNAP" -r "$T/two" restore latest:in >"$T/got" 2>"$T/err"
same "and all is there" "$T/in" "$T/got"
done_testing
