# SPDX-License-Identifier: PostgreSQL
# mistakes.sh - what people do wrong, and what they are told: one error, that
# says what and where, and, where something can be typed, a hint that says it.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
umask 077
exec </dev/null

# wrong STATUS WHAT HINT ARGUMENT...: the error matches WHAT, the hint (or the
# detail) HINT; "-" there is none to give.
wrong() {
	status=$1
	what=$2
	hint=$3
	shift 3
	"$SNAP" "$@" >"$T/out" 2>"$T/err"
	has=$?
	case_name=$(printf '%s ' "$@" | sed "s|$T|.|g")
	is "status of: $case_name" "$has" "$status"
	is "one error" "$(grep -c '^snap: error: ' "$T/err")" 1
	is "nothing but it, its detail, its hint" "$(grep -cvE \
	    '^snap: (error|detail|hint): ' "$T/err")" 0
	grep -qE -e "^snap: error: .*$what" "$T/err" ||
	    not_ok "it says what and where: $what"
	if [ "$hint" = - ]; then
		return
	fi
	grep -qE -e "^snap: (hint|detail): .*$hint" "$T/err" ||
	    not_ok "and what helps: $hint"
}

# ---- words
wrong 2 'no command was given' 'snap help'
wrong 2 'no command "bakup"' 'Did you mean "snap backup"' bakup
wrong 2 'no command "xyzzy"' 'snap help' xyzzy
wrong 2 'no command "restor"' 'Did you mean "snap restore"' help restor
wrong 2 'no option --jbos' 'Did you mean --jobs' backup --jbos 3
wrong 2 'no option --xyzzy' 'snap help backup' backup --xyzzy
wrong 2 'no option -Z' 'snap help backup' backup -Z
wrong 2 '--jobs requires an argument' 'snap help backup' backup --jobs
wrong 2 '--quiet takes no argument' 'snap help backup' backup --quiet=1
wrong 2 'snapshots takes no option --dbname' 'snap help snapshots' \
    snapshots --dbname x
wrong 2 'usage: snap restore .*SNAPSHOT' 'snap help restore' restore
wrong 2 'usage: snap ls ' 'snap help ls' ls latest x
wrong 2 '--log-format is text, json or journal, not "xml"' - \
    --log-format=xml snapshots
wrong 2 '--limit-upload must be a number' - --limit-upload x snapshots

# ---- places
wrong 10 "no repository at $T/repo" 'snap init' snapshots
wrong 2 'gopher:// are not supported' 'sftp://' -r gopher://x/y snapshots
wrong 2 'URL holds a password' 'file' -r sftp://u:p@host/x snapshots
wrong 2 'names no bucket' 's3://BUCKET/PATH' -r s3:// snapshots
wrong 2 'no application key' 'b2.key-id' -r b2://bucket/x snapshots
wrong 2 'no setting "s3.regoin"' 'snap help settings' -o s3.regoin=x snapshots
wrong 1 'sftp://nobody@127.0.0.1:1/x: connect to 127.0.0.1 port 1: Connection' \
    'sftp -P 1 127.0.0.1' -r sftp://nobody@127.0.0.1:1/x --retry-for 0 snapshots
SNAP_REPOSITORY='' wrong 2 'no repository was named' '--repo=URL' snapshots
wrong 2 'no source was named' '--from=URL' copy

# ---- secrets
init
wrong 1 "a repository at $T/repo already" 'another place' init
SNAP_PASSPHRASE=wrong wrong 12 "$T/repo: wrong passphrase" \
    'recovery-code-file=FILE' snapshots
right=$SNAP_PASSPHRASE
unset SNAP_PASSPHRASE
echo x >"$T/open"
chmod 644 "$T/open"
: >"$T/empty"
wrong 2 'no passphrase was given' 'SNAP_PASSPHRASE_FILE' snapshots
wrong 2 "passphrase file \"$T/open\" has group or world" "chmod 600 '$T/open'" \
    --passphrase-file "$T/open" snapshots
wrong 2 "passphrase file \"$T/none\": No such file" - \
    --passphrase-file "$T/none" snapshots
wrong 2 'the passphrase is empty' 'file' --passphrase-file "$T/empty" snapshots
wrong 2 'command "false" failed: exit status 1' - \
    --passphrase-command false snapshots
wrong 2 "recovery code file \"$T/open\" has group" "chmod 600 '$T/open'" \
    --recovery-code-file "$T/open" snapshots
chmod 600 "$T/open"
wrong 2 "$T/open: this is no key file" 'key add --output=FILE' \
    --key-file "$T/open" snapshots
wrong 2 'no recovery code' '56 letters' --recovery-code-file "$T/open" snapshots
export SNAP_PASSPHRASE="$right"

# ---- sources
createdb shop
wrong 2 '--jobs must be a number from 1 to 64, not "0"' - backup -d x -j 0
psql -X -q -d shop -c 'CREATE TABLE orders (a int)'
wrong 2 'database "nosuch" does not exist' 'psql -h' backup -d nosuch
wrong 2 'role "nosuch" does not exist' 'psql -h' backup -U nosuch -d shop
wrong 2 '"127.0.0.1", port 1 failed' 'psql -h 127.0.0.1 -p 1' \
    backup -h 127.0.0.1 -p 1 -d shop
# What cannot be read may be a part of a password.
for bad in 'host=h password=my SECRETPW' 'postgresql://u:SECRETPW@[::1/db' \
    'postgresql://u:SECRETPW@[h]x/db' 'postgresql://u:SECRETPW%zz@h' \
    'postgresql://u:SECRET/PW@h'; do
	wrong 2 'the connection string is malformed' 'pgpass' backup -d "$bad"
	grep -q SECRET "$T/err" && not_ok "a password is told"
done
"$SNAP" history --json >"$T/out" && ! grep -q SECRET "$T/out" &&
    ok "nor is one recorded" || not_ok "nor is one recorded"
wrong 2 'no table matches the pattern nosuch' 'dt nosuch' backup -d shop -t nosuch
wrong 2 'found no pg_dump' 'postgresql-client' \
    backup --pg-dump /nonexistent -d shop
wrong 2 'a name is missing' '--name=NAME' backup --stdin
wrong 1 'command "false" failed: exit status 1' 'no snapshot was made' \
    backup --name x -- false
wrong 2 'command "nosuchcommand": No such file' - \
    backup --name x -- nosuchcommand
wrong 2 "database $T/none.db: No such file" - backup --sqlite "$T/none.db"

# ---- snapshots
wrong 1 'there is no snapshot$' 'snapshots' restore latest
expect 0 "a backup" "$SNAP" -q backup -d shop
wrong 1 'no snapshot of a database or stream "shpo"' 'snapshots' ls latest:shpo
wrong 1 'no snapshot of a database or stream "shop"' 'time of --at' \
    ls latest:shop --at 2001-01-01
wrong 2 '--at: "yesterday" is no time' '7d or 36h' ls latest --at yesterday
wrong 1 'id begins with "1c6a09e2"' 'snapshots' forget 1c6a09e2
wrong 2 '"zzz" does not name a snapshot' 'latest:DATABASE' ls zzz
wrong 2 'no table matches the pattern nosuch' 'ls SNAPSHOT' restore latest:shop -t nosuch
wrong 1 'no stream "ordres"' 'public.orders' cat latest:shop ordres
wrong 2 'text or csv, not "xml"' - cat latest:shop orders --format=xml
wrong 2 'no section "all"' 'pre-data' restore latest:shop --section=all
wrong 1 '/proc/x' - restore latest:shop --output /proc/x

# ---- what decides
wrong 2 'keep-daily: "x" is no number' '"all"' prune --keep-daily=x
wrong 2 'keep-within: "3x"' '14d' prune --keep-within=3x
wrong 2 'no time zone "Mars/Base"' 'Europe/Berlin' \
    prune --timezone=Mars/Base --keep-daily=3
wrong 2 'shown, set or cleared, not "shw"' - policy shw
wrong 2 'needs rules' 'snap policy set --keep-daily=7' policy set
wrong 2 '--add and --remove want a tag' - tag latest --add=
wrong 2 'where is the key file' '--output=FILE' key add --write-only db1
wrong 1 'no host "nobody"' 'key list' key revoke nobody
wrong 2 '--every: "5m"' - schedule install --unit-dir "$T" --every backup=5m
wrong 2 'cannot repair "nothing"' 'snap repair index' repair nothing

# ---- configurations
printf 'jobs = 2\n' >"$T/good"
wrong 2 "open configuration \"$T/none\": No such file" - \
    --config "$T/none" snapshots
wrong 2 'no profile "x"' 'help config' --config "$T/good" --profile x snapshots
printf 'repostory = x\n' >"$T/bad"
wrong 2 "$T/bad, line 1: there is no key \"repostory\"" 'mean "repository"' \
    --config "$T/bad" snapshots
printf '\njobs 3\n' >"$T/bad"
wrong 2 "$T/bad, line 2: " - --config "$T/bad" snapshots
chmod 666 "$T/bad"
wrong 2 "others may write configuration \"$T/bad\"" "chmod go-w '$T/bad'" \
    --config "$T/bad" snapshots
done_testing
