#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# history.sh PROGRAM SOURCE_DIR - which runs leave a record, which do not, what
# history shows of them, and a page that no name breaks out of.
. "$2/tests/integration/lib.sh"
. "$SRC/tests/integration/history/years.sh"
records() {
	find "$SNAP_REPOSITORY/runs" -type f 2>/dev/null | wc -l | tr -d ' '
}
leaves() { # NUMBER TEXT STATUS COMMAND...: so many records more
	n_more=$1
	n_before=$(records)
	shift
	what=$1
	n=$2
	shift 2
	expect "$n" "$what" "$@"
	is "$what: records" $(($(records) - n_before)) "$n_more"
}
holds() { # TEXT PATTERN
	grep -Eq -e "$2" "$T/out" && ok "$1" || {
		cp "$T/out" "$T/err"
		not_ok "$1 (no match for $2)"
	}
}
lacks() {
	if grep -Eq -e "$2" "$T/out"; then not_ok "$1 ($2)"; else ok "$1"; fi
}

# ---- who leaves a record
init
leaves 0 "a backup that went well" 0 "$SNAP" -q backup --name a -- echo hello
leaves 1 "one whose command failed" 1 "$SNAP" -q backup --name a -- false
leaves 1 "a check" 0 "$SNAP" -q check
leaves 1 "a prune" 0 "$SNAP" -q prune
leaves 0 "but not one that only shows" 0 "$SNAP" -q prune --dry-run
leaves 0 "nor a check without a key" 0 "$SNAP" -q check --scrub
leaves 0 "nor with a wrong one" 12 env SNAP_PASSPHRASE=no "$SNAP" -q check
for command in snapshots history status stats 'ls latest' 'report --html=-'; do
	leaves 0 "$command" 0 "$SNAP" $command
done
leaves 1 "one that was stopped" 124 timeout -s INT 2 "$SNAP" backup --name a -- sleep 60
expect 0 "another repository" "$SNAP" -r "$T/other" init --kdf-memory 8
leaves 0 "what a copy reads" 0 "$SNAP" -q -r "$T/other" copy --from "$SNAP_REPOSITORY" \
    --from-passphrase-file /dev/stdin <<PASS
$SNAP_PASSPHRASE
PASS
is "has none, where it went has one" "$(find "$T/other/runs" -type f | wc -l | tr -d ' ')" 1
expect 0 "a key for a host" "$SNAP" key add --write-only db7 --output "$T/host.key"
leaves 1 "a host" 1 env -u SNAP_PASSPHRASE "$SNAP" --key-file "$T/host.key" -q backup --name b -- false
mv "$SNAP_REPOSITORY/runs" "$T/runs"
: >"$SNAP_REPOSITORY/runs"
expect 0 "where none can be written a check is what it is" "$SNAP" -q check
says "and says so" 'warning: the history will not show this run: '
expect 1 "and so is a failure" "$SNAP" -q backup --name a -- false
says "whose error is told" 'error: command "false" failed'
rm "$SNAP_REPOSITORY/runs"
mv "$T/runs" "$SNAP_REPOSITORY/runs"
if [ "$(id -u)" = 0 ]; then
	cp "$SNAP" "$T/snap"
	chmod 711 "$T"
	cp -r "$SNAP_REPOSITORY" "$T/seen"
	chmod -R a+rX "$T/seen"
	expect 0 "who may only read checks" setpriv --reuid=65534 --regid=65534 \
	    --clear-groups env HOME=/ "$T/snap" -q -r "$T/seen" check --no-cache
	is "without a warning" "$(cat "$T/err")" ""
fi

# ---- what is shown
expect 0 "it shows" env LC_ALL=C "$SNAP" history
holds "the backup" '^20[^ ]+ +[0-9.]+ s +backup +a +6 bytes +6 bytes +ok$'
holds "the failure" ' backup +a +FAILED: command "false" failed: exit status 1$'
holds "one that was stopped" ' backup +a +FAILED: cancelled$'
holds "a check" ' s +check +ok$'
holds "whose word it is" ' FAILED, says db7: command "false" failed: exit status 1$'
holds "in ASCII" '^a +1 +6 bytes +6 bytes +#$'
expect 0 "in UTF-8" env LC_ALL=C.UTF-8 "$SNAP" history
holds "with a block" '^a +1 +6 bytes +6 bytes +█$'
expect 0 "a host may see it" env -u SNAP_PASSPHRASE "$SNAP" --key-file "$T/host.key" history a
holds "with what failed" 'FAILED: command'
lacks "and no other source" ' (check|prune) '
expect 0 "the last of all" "$SNAP" history --last 1
holds "is that of a host" 'says db7'
says "and that there are more" '5 older runs are not shown'
expect 2 "a number is one" "$SNAP" history --last 0
expect 0 "JSON" "$SNAP" history --json
is "has all runs" "$(/usr/bin/python3 -c '
import json, sys
o = json.load(open(sys.argv[1]))
for r in o["runs"]:
    assert len(r["run"]) == 32 and r["host"] and r["duration-ms"] >= 0
print(o["damaged"], *(r["command"] + "/" + r["outcome"] + "/" + r["signer"]
    for r in o["runs"] if r["command"] != "backup"),
    *(r["source"] + "/" + r["outcome"] + "/" + r["signer"]
    for r in o["runs"] if r["command"] == "backup"))' "$T/out")" \
    "0 check/success/owner prune/success/owner a/success/owner a/failure/owner a/failure/owner b/failure/db7"

# ---- a host's text is as long as it likes
umlauts=$(printf '%0100d' 0 | sed 's/0/ä/g')
for name in "$umlauts" "x$umlauts"; do
	ln -s /bin/false "$T/$name"
	expect 1 "a long error" env -u SNAP_PASSPHRASE "$SNAP" \
	    --key-file "$T/host.key" -q backup --name b -- "$T/$name"
	expect 0 "in the table" "$SNAP" history --last 1
	holds "it is whose word it is, and cut at a character" \
	    ' FAILED, says db7: .*ä\.\.\.$'
done

# ---- a hundred days
a_hundred_days 5
expect 0 "a policy" "$SNAP" policy set --keep-daily=7 --keep-weekly=4 --keep-monthly=12
expect 0 "all of it" env LC_ALL=C.UTF-8 "$SNAP" history --last 500
holds "with a line for each source" '^shop +21 +[0-9]+ kB +[0-9]+ kB +█▂'
holds "whose names stay on it" '^<b>"o&dd"</b> +1 '
expect 0 "one source" "$SNAP" history --json --last 500 shop
is "whose failures have nothing of the snapshots of others" "$(/usr/bin/python3 -c '
import json, sys
for r in json.load(open(sys.argv[1]))["runs"]:
    if r["outcome"] == "failure":
        print([k for k in r if k in ("id", "bytes", "new-bytes")])' "$T/out" | sort -u)" "[]"
expect 0 "a repository of many" "$SNAP" -r "$T/many" init --kdf-memory 8
noise 1 60000 >"$T/in"
for i in $(seq 62); do
	"$SNAP" -q -r "$T/many" backup --name many -- cat "$T/in"
	echo "$i" >"$T/in"
done
expect 0 "of which the sparkline has the last" env LC_ALL=C "$SNAP" -r "$T/many" history
holds "counts all, and knows the largest" '^many +62 +3 bytes +[5-6][0-9] kB +[#.=_*%+-]{60}$'
esc=$(printf 'x\033[2J<script>')
expect 0 "an evil name" "$SNAP" -q backup --name "$esc" -- echo
expect 0 "does nothing to a terminal" "$SNAP" history
holds "where it is escaped" 'x.x1b\[2J<script>'
damaged=$(find "$SNAP_REPOSITORY/runs" -type f | head -n 1)
cp "$damaged" "$T/damaged"
printf 'garbage!' | dd of="$damaged" bs=1 seek=200 conv=notrunc 2>/dev/null
expect 3 "a damaged record" "$SNAP" history --last 1000
says "is named" "left out: runs/$(basename "$damaged")"
cp "$T/damaged" "$damaged"

# ---- the page
expect 2 "a report has a form" "$SNAP" report
says "which is said" 'hint: Use --html'
expect 0 "the page" "$SNAP" report --html="$T/page.html"
expect 0 "is what a browser takes it for" /usr/bin/python3 \
    "$SRC/tests/integration/history/page.py" "$T/page.html" "$odd" 'x\x1b[2J<script>'
expect 0 "on stdout" "$SNAP" report --html=-
is "is the same" "$(grep -c '<section>' "$T/out")" "$(grep -c '<section>' "$T/page.html")"
expect 0 "of one source" "$SNAP" report --html="$T/one.html" blog
is "says nothing of others" "$(grep -c '>shop<' "$T/one.html")" 0
is "and all of that one" "$(grep -c '<h3>blog</h3>' "$T/one.html")" 1
is "for which no runs are counted that are of none" \
    "$(grep -Ec '<dt>(Checked|Failed runs)<' "$T/one.html")" 0
checked() { # TEXT PATTERN
	expect 0 "$1: the page" "$SNAP" report --html=-
	grep '<dt>Checked<' "$T/out" >"$T/tile"
	mv "$T/tile" "$T/out"
	holds "$1" "$2"
}
pack=$(find "$SNAP_REPOSITORY/data" -type f -exec ls -S {} + | head -n 1)
cp "$pack" "$T/pack"
printf 'garbage!' | dd of="$pack" bs=1 seek=4000 conv=notrunc 2>/dev/null
expect 13 "a check that reads finds damage" "$SNAP" -q check --read-data
checked "it failed" 'class="FAILED">.*it failed'
expect 0 "one that does not read sees none" "$SNAP" -q check
checked "which takes nothing back" 'class="FAILED">.*it failed'
cp "$T/pack" "$pack"
expect 0 "when it is whole again" "$SNAP" -q check --read-data
checked "it is fine" 'class="">.*nothing found'
leap 130
expect 0 "a host checks" env -u SNAP_PASSPHRASE "$SNAP" --key-file "$T/host.key" -q check
checked "which is its claim" ' days ago<.*nothing found'
expect 1 "where there is no room it fails" "$SNAP" report --html="$T/none/page.html"
expect 0 "a host's page" env -u SNAP_PASSPHRASE "$SNAP" --key-file "$T/host.key" \
    report --html="$T/page.html"
done_testing
