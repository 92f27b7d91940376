# SPDX-License-Identifier: PostgreSQL
# stdin.sh - everything that needs no server: streams from stdin and from
# commands, where passphrases come from, exit statuses, usage.
. "$(dirname "$0")/lib.sh"

noise 1 3000000 >"$T/one"
noise 2 3000000 >"$T/two"
: >"$T/empty"

expect 10 "a place without a repository has a status of its own" \
    "$SNAP" snapshots
says "and says so" 'error:'
mkdir "$T/bare"
expect 10 "an empty directory is no repository" "$SNAP" -r "$T/bare" snapshots
says "and the hint is a command" "hint: .*: ${SNAP##*/} init\$"
init
grep -q 'recovery code' "$T/out" && ok "init shows the recovery code" ||
    not_ok "init shows the recovery code"
code=$(sed -n 's/^recovery code *//p' "$T/out")
expect 1 "init does not touch a repository that is there" \
    "$SNAP" init --kdf-memory 8

expect 0 "stdin becomes a snapshot" sh -c \
    '"$1" backup --stdin --name one --tag nightly <"$2"' - "$SNAP" "$T/one"
expect 0 "it comes back" "$SNAP" restore latest
same "byte for byte" "$T/out" "$T/one"
before=$(store_size)
expect 0 "the same again" sh -c \
    '"$1" backup --stdin --name one <"$2"' - "$SNAP" "$T/one"
grown=$(($(store_size) - before))
[ "$grown" -lt 65536 ] && ok "adds little ($grown bytes)" ||
    not_ok "adds little ($grown bytes)"
expect 0 "a command's output becomes a snapshot" \
    "$SNAP" backup --name two -- cat "$T/two"
expect 0 "latest:NAME picks by name" "$SNAP" restore latest:one
same "and is that stream" "$T/out" "$T/one"
expect 0 "an empty stream" "$SNAP" backup --name empty -- cat "$T/empty"
expect 0 "comes back empty" "$SNAP" restore latest:empty
same "too" "$T/out" "$T/empty"
expect 1 "standard input without a byte is no backup" sh -c \
    '"$1" backup --stdin --name one </dev/null' - "$SNAP"
says "with the way to do it" 'NAME -- COMMAND'
printf '%s\n' -- '-- PostgreSQL database dump' -- 'SELECT 1;' >"$T/half"
expect 1 "nor is half a dump" sh -c \
    '"$1" backup --stdin --name one <"$2"' - "$SNAP" "$T/half"
says "with what is missing" 'cut short.*PostgreSQL database dump complete'
expect 1 "nor is half a dump of a command that hides it" \
    "$SNAP" backup --name one -- sh -c 'cat "$1" | cat' - "$T/half"
says "with what would have shown it" 'hint:.*pipefail'
head -c 2000000 /dev/urandom >"$T/binary"
expect 0 "a stream of bytes" sh -c \
    '"$1" backup --stdin --name binary <"$2"' - "$SNAP" "$T/binary"
expect 0 "can be restored" "$SNAP" restore latest:binary
same "unchanged" "$T/out" "$T/binary"

n=$(n_snapshots)
is "all are listed" "$n" 5
expect 0 "the table lists them" "$SNAP" snapshots
is "one line each and a head" "$(wc -l <"$T/out" | tr -d ' ')" 6
grep -q nightly "$T/out" && ok "with tags" || not_ok "with tags"
id=$("$SNAP" snapshots --json | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' |
    head -n 1)
is "an id has 32 digits" "${#id}" 32
expect 0 "ls takes the start of an id" "$SNAP" ls "$(echo "$id" | cut -c1-8)"
grep -q 'raw.*3000000.* one$' "$T/out" && ok "and shows the stream" ||
    not_ok "and shows the stream"
expect 0 "ls writes JSON" "$SNAP" ls --json "$id"
expect 0 "stats" "$SNAP" stats
expect 0 "stats as JSON" "$SNAP" stats --json
expect 0 "check" "$SNAP" check
expect 0 "check --read-data" "$SNAP" check --read-data
expect 0 "check --read-data=50%" "$SNAP" check --read-data=50%
expect 0 "repair index finds nothing to do" "$SNAP" repair index
expect 0 "without a cache" "$SNAP" --no-cache restore "$id"
same "the oldest is still the same" "$T/out" "$T/one"
rm -rf "$T/cache"
expect 0 "with a lost cache" "$SNAP" restore latest:two
same "nothing changes" "$T/out" "$T/two"

# ---- as it was then
"$SNAP" --quiet backup --name clock -- echo first || not_ok "clock"
sleep 1.1
then=$(TZ=IST-05:30 date +%Y-%m-%dT%H:%M:%S+05:30)
sleep 1.1
"$SNAP" --quiet backup --name clock -- echo second || not_ok "clock"
expect 0 "the latest of a time" "$SNAP" restore latest:clock --at "$then"
is "is not the newest" "$(cat "$T/out")" first
says "and is named with its time" 'snapshot [0-9a-f]* of clock, 2'
expect 0 "of now" "$SNAP" restore latest:clock --at \
    "$(date -u -d tomorrow +%Y-%m-%dT%H:%MZ)"
is "it is the newest" "$(cat "$T/out")" second
expect 1 "of before the first one there is none" \
    "$SNAP" restore latest:clock --at 24h
expect 2 "an id has its time" "$SNAP" restore "$id" --at "$then"
expect 2 "what is no time is refused" "$SNAP" ls latest --at yesterday
says "with what is one" 'hint: .*2026-11-22T03:15'
n=$(n_snapshots)

# ---- commands that fail
expect 1 "a command that fails leaves no snapshot" "$SNAP" backup \
    --name bad -- sh -c 'head -c 100000 "$1"; exit 7' - "$T/one"
says "and its status is told" 'exit status 7'
expect 1 "so does one that is killed" "$SNAP" backup --name bad -- \
    sh -c 'echo half; kill -9 $$'
says "and the signal is told" 'signal 9'
expect 2 "a command that does not exist" \
    "$SNAP" backup --name bad -- "$T/no-such-command"
is "none of them left a snapshot" "$(n_snapshots)" "$n"

# ---- signals
mkfifo "$T/fifo"
sleep 600 >"$T/fifo" &
sleeper=$!
# Not SIGINT, which a shell's background jobs ignore.  Sent again should it
# have met the shell before its exec.
for sig in TERM:143 HUP:129; do
	"$SNAP" backup --stdin --name slow <"$T/fifo" 2>"$T/err" &
	pid=$!
	(
		sleep 1
		while kill -"${sig%:*}" "$pid" 2>/dev/null; do
			sleep 5
		done
	) &
	wait "$pid"
	is "SIG${sig%:*} ends a backup with its status" "$?" "${sig#*:}"
done
kill "$sleeper"
is "a stopped backup leaves no snapshot" "$(n_snapshots)" "$n"

# ---- stdout
("$SNAP" restore latest:one; echo $? >"$T/status") 2>"$T/err" |
    head -c 10 >/dev/null
is "| head makes a restore fail" "$(cat "$T/status")" 1
is "quietly" "$(wc -c <"$T/err" | tr -d ' ')" 0
# unread COMMAND...: its stdout is a pipe that nobody reads any more.
unread() {
	(
		trap '' PIPE
		while echo 2>/dev/null; do :; done
		"$@" 2>"$T/err"
		echo $? >"$T/status"
	) 2>/dev/null | :
}
unread sh -c 'ulimit -f 100; exec "$@"' - "$SNAP" --no-cache backup \
    --name three -- awk 'BEGIN { for (srand(3); i < 99999; i++) print rand() }'
is "a full disk is a failure of a backup" "$(cat "$T/status")" 1
says "that is told, also when nobody reads stdout" 'error:.*large'
unread sh -c 'ulimit -n 5; exec "$@"' - "$SNAP" --no-cache snapshots
is "a list that cannot be read is a failure" "$(cat "$T/status")" 1
says "that is told as well" 'error:.*Too many open files'
n=$(n_snapshots)
unread "$SNAP" backup --json --name one -- cat "$T/one"
is "a backup whose JSON nobody reads fails" "$(cat "$T/status")" 1
says "and tells of its snapshot" \
    "detail:.*$("$SNAP" snapshots --json | sed -n \
    's/.*"id": "\([0-9a-f]*\)".*/\1/p' | tail -n 1)"
is "which is there" "$(n_snapshots)" $((n + 1))
if [ -c /dev/full ]; then
	"$SNAP" restore latest:one >/dev/full 2>"$T/err"
	is "a full disk makes it fail" "$?" 1
	says "loudly" 'error:.*standard output'
	"$SNAP" snapshots >/dev/full 2>"$T/err"
	is "also a listing" "$?" 1
fi

# ---- passphrases
expect 12 "a wrong passphrase has a status of its own" \
    env SNAP_PASSPHRASE=wrong "$SNAP" snapshots
says "and says so" 'passphrase'
expect 2 "an empty passphrase is refused" env SNAP_PASSPHRASE= \
    "$SNAP" snapshots
expect 0 "the recovery code opens it as well" \
    env -u SNAP_PASSPHRASE SNAP_RECOVERY_CODE="$code" "$SNAP" snapshots
expect 2 "a recovery code with a typing error is told apart" \
    env -u SNAP_PASSPHRASE \
    SNAP_RECOVERY_CODE="$(echo "$code" | tr 'a-y0-8' 'b-z1-9')" \
    "$SNAP" snapshots
expect 0 "another repository" \
    "$SNAP" -r "$T/other" init --kdf-memory 8
other=$(sed -n 's/^recovery code *//p' "$T/out")
expect 12 "the recovery code of another repository does not" \
    env -u SNAP_PASSPHRASE SNAP_RECOVERY_CODE="$other" "$SNAP" snapshots
echo "$SNAP_PASSPHRASE" >"$T/pass"
chmod 600 "$T/pass"
without() {
	env -u SNAP_PASSPHRASE "$@"
}
expect 0 "a passphrase file" without "$SNAP" --passphrase-file "$T/pass" \
    snapshots
expect 0 "named by a variable" without SNAP_PASSPHRASE_FILE="$T/pass" \
    "$SNAP" snapshots
expect 0 "a passphrase command" without \
    SNAP_PASSPHRASE_COMMAND="cat '$T/pass'" "$SNAP" snapshots
expect 2 "a passphrase command that fails" without \
    SNAP_PASSPHRASE_COMMAND="cat '$T/pass'; exit 3" "$SNAP" snapshots
chmod 640 "$T/pass"
expect 2 "a passphrase file that others can read is refused" without \
    "$SNAP" --passphrase-file "$T/pass" snapshots
says "with what to do" 'hint: chmod 600'
printf '' >"$T/no-code"
expect 2 "an empty recovery code" without \
    "$SNAP" --recovery-code-file "$T/no-code" snapshots
says "is called by its name, first for its rights" \
    'recovery code file .* has group or world access'
chmod 600 "$T/no-code"
expect 2 "then" without "$SNAP" --recovery-code-file "$T/no-code" snapshots
says "for its length" 'the recovery code is empty'
expect 2 "a recovery code file that is not there" without \
    "$SNAP" --recovery-code-file "$T/no-such-file" snapshots
says "is called by its name" 'open recovery code file'
expect 2 "a passphrase file that is not there" without \
    "$SNAP" --passphrase-file "$T/no-such-file" snapshots
if command -v setsid >/dev/null; then
	expect 2 "without a terminal nobody is asked" without setsid -w \
	    "$SNAP" snapshots
fi
expect 0 "a child does not see the passphrase" \
    "$SNAP" backup --name environment -- env
"$SNAP" restore latest:environment >"$T/out"
grep -q 'battery staple' "$T/out" && not_ok "in its environment" ||
    ok "in its environment"

# ---- requests
expect 0 "requests are told" "$SNAP" --stats --limit-upload 100000 \
    --limit-download=100000 --retry-for 1 snapshots
says "one line" 'requests: 0 put, [0-9]+ get, [0-9]+ stat, [0-9]+ list'
expect 0 "and as JSON" "$SNAP" snapshots --json --stats
grep -q '"requests": {' "$T/out" && grep -q '"bytes-down": [1-9]' "$T/out" &&
    ok "in the same object" || not_ok "in the same object"
expect 2 "no rate at all is a mistake" "$SNAP" --limit-upload 0 snapshots

# ---- compressed input
printf '\037\213\010compressed' >"$T/gz"
expect 0 "compressed input is taken" sh -c \
    '"$1" backup --stdin --name gz <"$2"' - "$SNAP" "$T/gz"
says "with a warning" 'warning:.*gzip'

# ---- usage
expect 2 "no command" "$SNAP"
expect 2 "an unknown command" "$SNAP" frobnicate
expect 2 "an unknown option" "$SNAP" snapshots --frobnicate
expect 2 "an option of another command" "$SNAP" snapshots --globals
expect 2 "JSON of what is data already" "$SNAP" restore --json latest
expect 2 "an option without its argument" "$SNAP" snapshots -r
expect 2 "a stream without a name" "$SNAP" backup --stdin
expect 2 "a tag with a comma" "$SNAP" backup --name x --tag a,b -- true
expect 2 "an empty tag" "$SNAP" backup --name x --tag= -- true
expect 2 "a tag that is far too long" "$SNAP" backup --name x \
    --tag "$(head -c 70000 /dev/zero | tr '\0' t)" -- true
expect 2 "so is a name" "$SNAP" backup \
    --name "$(head -c 2000 /dev/zero | tr '\0' n)" -- true
expect 2 "two sources" "$SNAP" backup --stdin --name x -- true
expect 2 "a part of the data above all of it" "$SNAP" check --read-data=101%
expect 1 "a snapshot that is not there" "$SNAP" restore ffffffff
expect 0 "help" "$SNAP" help
commands=$("$SNAP" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for c in $commands settings; do
	expect 0 "help $c" "$SNAP" help "$c"
	grep -q ' $' "$T/out" && not_ok "help $c: a space ends a line"
done
expect 0 "--help" "$SNAP" backup --help
expect 0 "-V" "$SNAP" -V
expect 2 "help of no command" "$SNAP" help frobnicate
unset SNAP_REPOSITORY
expect 2 "no repository named" "$SNAP" snapshots
says "with what to do" 'SNAP_REPOSITORY'
done_testing
