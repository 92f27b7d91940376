#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# config.sh PROGRAM SOURCE_DIR - files that say once what options say each time:
# what beats what, which lines are refused, and what a file may not do.
. "$2/tests/integration/lib.sh"
unset SNAP_REPOSITORY SNAP_PASSPHRASE SNAP_CONFIG
XDG_CONFIG_HOME=$T/own
export XDG_CONFIG_HOME
conf=$T/own/snap/snap.conf
mkdir -p "$T/own/snap"
umask 077
echo 'correct horse' >"$T/pass"
echo 'another horse' >"$T/other"

config() { # LINE...
	printf '%s\n' "$@" >"$conf"
}
config "repository = $T/repo" "passphrase-file = $T/pass" \
    '# general' '[b]' "repository=$T/repo.b" "  tag = one;two" '	tag = three'

expect 0 "init by the file alone" "$SNAP" init --kdf-memory 8
expect 0 "backup by the file alone" sh -c "echo 1 | '$SNAP' backup --stdin --name n"
expect 0 "it is there" "$SNAP" -r "$T/repo" snapshots --json
expect 0 "init of a profile" "$SNAP" --profile b init --kdf-memory 8
expect 0 "a profile's line beats a general one" \
    sh -c "echo 2 | '$SNAP' --profile=b backup --stdin --name n"
expect 0 "which says both tags" sh -c "SNAP_PROFILE=b '$SNAP' snapshots --json"
grep -q '"one;two"' "$T/out" && grep -q '"three"' "$T/out" &&
    ok "a semicolon begins no comment" || not_ok "a semicolon begins no comment"
is "and the other has one snapshot" "$("$SNAP" snapshots --json | grep -c '"id":')" 1
expect 0 "the environment beats a profile" \
    env "SNAP_REPOSITORY=$T/repo" "$SNAP" --profile b snapshots --json
if grep -q three "$T/out"; then not_ok "of the other"; else ok "of the other"; fi
expect 0 "options beat the environment" env "SNAP_REPOSITORY=$T/nowhere" \
    "$SNAP" -r "$T/repo" snapshots
expect 12 "a passphrase of the environment as well" \
    env "SNAP_PASSPHRASE_FILE=$T/other" "$SNAP" snapshots
expect 12 "whichever way it comes" \
    env "SNAP_PASSPHRASE_COMMAND=cat '$T/other'" "$SNAP" snapshots
expect 2 "no configuration, no repository" env SNAP_CONFIG= "$SNAP" snapshots
config "repository = $T/repo" "passphrase-command = cat '$T/pass'"
expect 0 "a command's passphrase" "$SNAP" snapshots
printf '[c]\nrepository = %s\npassphrase-file = %s\n' "$T/repo.b" "$T/pass" >"$T/c.conf"
expect 0 "--config reads that file" "$SNAP" --config "$T/c.conf" --profile c snapshots
expect 2 "and no other" "$SNAP" --config "$T/c.conf" snapshots
expect 2 "a file that was named has to be there" "$SNAP" --config "$T/none" snapshots

# ---- lines that are refused, by file and line
refused() { # TEXT PATTERN LINE...
	line=$1
	pattern=$2
	shift 2
	config "repository = $T/repo" "$@"
	expect 2 "$line" "$SNAP" snapshots
	says "$line: says so" "$pattern"
}
refused "an unknown key" 'snap.conf, line 2: there is no key "keep-dayly"' 'keep-dayly = 3'
says "and the nearest" 'Did you mean "keep-daily"'
refused "one like none" 'help config' 'zzz = 3'
refused "a secret itself" 'no key "passphrase"' 'passphrase = hush-hush'
if grep -q hush "$T/err"; then not_ok "is not shown"; else ok "is not shown"; fi
refused "a secret of a store" 'no key "b2.key"' 'b2.key = hush-hush'
refused "a key twice" 'line 3: "host" stands there twice' 'host = a' 'host = b'
refused "a key without value" 'line 2: "host" has no value' 'host ='
refused "no line at all" 'line 2: neither' 'host'
refused "neither yes nor no" '"all" is yes or no' 'all = maybe'
refused "an unknown profile's key" 'line 3: there is no key "hots"' '[x]' 'hots = 1'
config "repository = $T/repo" '[prod]' 'jobs = 2' '[test]' 'jobs = 1'
expect 2 "a profile that there is not" "$SNAP" --profile prdo snapshots
says "and which there are" 'There is prod, test'
config "repository = $T/repo" "passphrase-file = $T/pass" \
    "s3.endpoint = $(noise 1 9000 | tr -d '\n')"
expect 0 "a long line" "$SNAP" config show
is "is one" "$(sed -n 's/^s3.endpoint = \([^ ]*\).*/\1/p' "$T/out")" \
    "$(noise 1 9000 | tr -d '\n')"
noise 1 70000 >"$conf"
expect 2 "a huge file" "$SNAP" snapshots
config "repository = $T/repo"
chmod 664 "$conf"
expect 2 "a file that others may write" "$SNAP" snapshots
says "with what to do" "chmod go-w"
chmod 600 "$conf"
if [ "$(id -u)" = 0 ]; then
	chown 1 "$conf"
	expect 2 "one of somebody else" "$SNAP" snapshots
	says "with what to do" 'belongs to somebody else'
	chown 0 "$conf"
fi
printf 'repository = %s\n\0\0\0\0\0\0\0\0\n' "$T/repo" >"$conf"
expect 2 "bytes that are no text" "$SNAP" snapshots
says "are told of" 'bytes that are no text'
expect 2 "a directory" "$SNAP" --config "$T" snapshots
says "is no file" 'is no file'

# ---- what holds
config "repository = $T/repo" 'timezone = UTC' '[p]' 'keep-last = 2'
expect 0 "config show" env SNAP_TIMEZONE=Europe/Rome "$SNAP" --profile p config show
is "says what, and where from" "$(sed "s,$T,T,g" "$T/out")" \
    "repository = T/repo    # T/own/snap/snap.conf
timezone = Europe/Rome    # environment
keep-last = 2    # T/own/snap/snap.conf [p]"
expect 0 "its JSON" "$SNAP" --profile p config show --json
grep -q '"profile": "p"' "$T/out" && ok "has the profile" || not_ok "has the profile"

# ---- a policy
config "repository = $T/repo" "passphrase-file = $T/pass" 'keep-last = 1'
for i in 2 3 4; do
	expect 0 "another snapshot" sh -c "echo $i | '$SNAP' backup --stdin --name n"
done
left() { # TEXT NUMBER COMMAND...
	stays=$1
	n_stay=$2
	shift 2
	expect 0 "$stays" "$@" prune --dry-run --force --json
	is "$stays: so many stay" "$(grep -c '"stays": true' "$T/out")" "$n_stay"
}
left "a policy of the file" 1 "$SNAP"
left "the environment's instead, whole" 3 env SNAP_KEEP_LAST=3 "$SNAP"
expect 0 "the repository's own" "$SNAP" policy set --keep-last 2
left "does not beat it" 1 "$SNAP"
config "repository = $T/repo" "passphrase-file = $T/pass"
left "but counts without one" 2 "$SNAP"

# ---- databases
pg_start || exit 1
createdb shop
createdb other
psql -qX -c 'CREATE TABLE a AS SELECT 1 AS i; CREATE TABLE b AS SELECT 2 AS i' shop
config "repository = $T/repo" "passphrase-file = $T/pass" '[shop]' \
    'dbname = shop' 'exclude-table-data = a' 'exclude-table-data = x*' 'jobs = 2'
expect 0 "a profile's database" "$SNAP" --profile shop backup
is "it is that" "$("$SNAP" snapshots shop --json | grep -c '"id":')" 1
expect 0 "its streams" "$SNAP" ls latest:shop
is "without the rows of a table" "$(grep -c 'public\.[ab]$' "$T/out")" 1
expect 0 "a database of the command line" "$SNAP" --profile shop backup other
is "is that one" "$("$SNAP" snapshots other --json | grep -c '"id":')" 1
expect 0 "and a stream" sh -c "echo 1 | '$SNAP' --profile shop backup --stdin --name n"
expect 0 "no restore goes into the profile's database" "$SNAP" --profile shop restore latest:shop
grep -q 'CREATE TABLE public.b' "$T/out" && ok "but to stdout" || not_ok "but to stdout"
done_testing
