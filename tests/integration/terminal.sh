# SPDX-License-Identifier: PostgreSQL
# terminal.sh - a passphrase typed: asked for on a terminal only, twice when it
# is new, never shown, and the terminal is left as it was.
. "$(dirname "$0")/lib.sh"
python3 -c 'import os; os.waitstatus_to_exitcode' 2>/dev/null || {
	echo "no python3 that can play a terminal: skipped"
	exit 77
}
pass=$SNAP_PASSPHRASE
unset SNAP_PASSPHRASE
HOME=$T
export HOME
play() { # STEP... -- COMMAND...
	python3 "$SRC/tests/integration/terminal.py" "$@"
}
shows() {
	grep -Eq -e "$2" "$T/out" && ok "$1" || {
		cp "$T/out" "$T/err"
		not_ok "$1"
	}
}
hides() {
	grep -qF -e "$2" "$T/out" && not_ok "$1" || ok "$1"
}

expect 2 "two passphrases that differ are refused" \
    play 'see:New passphrase: ' "type:$pass" 'see:Again: ' "type:$pass." -- \
    "$SNAP" init --kdf-memory 8
shows "and it is told" 'passphrases differ'
[ ! -e "$SNAP_REPOSITORY" ] && ok "nothing was made" ||
    not_ok "nothing was made"
expect 2 "so is an empty one" play 'see:New passphrase: ' 'type:' \
    'see:Again: ' 'type:' -- "$SNAP" init --kdf-memory 8
shows "and it is told" 'empty'
expect 0 "init asks twice" play 'see:New passphrase: ' echo:off "type:$pass" \
    'see:Again: ' echo:off "type:$pass" 'see:recovery code' -- \
    "$SNAP" init --kdf-memory 8
hides "and shows nothing of it" "$pass"
expect 0 "others ask once" play 'see:Passphrase: ' "type:$pass" -- \
    "$SNAP" snapshots
hides "and show nothing of it" "$pass"
is "really once" "$(grep -c 'assphrase:' "$T/out")" 1
expect 12 "a wrong one is wrong" play 'see:Passphrase: ' "type:wrong" -- \
    "$SNAP" snapshots
expect 0 "a pipe on both sides does not matter" \
    play 'see:Passphrase: ' "type:$pass" -- \
    sh -c 'echo data | "$1" backup --stdin --name x 2>&1 | cat' - "$SNAP"
expect 0 "neither does it for a restore" \
    play 'see:Passphrase: ' "type:$pass" 'see:data' -- \
    sh -c '"$1" restore latest | cat' - "$SNAP"

expect 0 "a new passphrase is asked for behind the old one, and twice" \
    play 'see:Passphrase: ' "type:$pass" 'see:New passphrase: ' \
    'type:new words' 'see:Again: ' 'type:new words' -- \
    "$SNAP" key passwd --kdf-memory 8
hides "and not shown" 'new words'
expect 2 "two that differ change nothing" \
    play 'see:Passphrase: ' 'type:new words' 'see:New passphrase: ' \
    "type:$pass" 'see:Again: ' "type:$pass." -- \
    "$SNAP" key passwd --kdf-memory 8
expect 0 "back again" \
    play 'see:Passphrase: ' 'type:new words' 'see:New passphrase: ' \
    "type:$pass" 'see:Again: ' "type:$pass" -- \
    "$SNAP" key passwd --kdf-memory 8
expect 0 "on a terminal a recovery code is a picture, too" \
    play 'see:Passphrase: ' "type:$pass" 'see:recovery code' 'see:▀' -- \
    "$SNAP" key add --recovery-code

expect 130 "Ctrl-C at the prompt ends it" play 'see:Passphrase: ' key:c -- \
    "$SNAP" snapshots
expect 130 "also at the second one" play 'see:New passphrase: ' "type:$pass" \
    'see:Again: ' key:c -- "$SNAP" -r "$T/other" init
expect 130 "Ctrl-C while a command runs, which dies of it" \
    env SNAP_PASSPHRASE="$pass" python3 "$SRC/tests/integration/terminal.py" \
    'see:started' press:c -- "$SNAP" backup --name x -- \
    sh -c 'echo started >/dev/tty; sleep 600'
shows "is told" 'error: cancelled'
expect 130 "also a passphrase command" play 'see:started' press:c -- \
    "$SNAP" --passphrase-command 'echo started >/dev/tty; sleep 600' snapshots
for key in z '\'; do
	expect 12 "Ctrl-$key at the prompt is only a letter" play \
	    'see:Passphrase: ' "key:$key" "type:$pass" -- "$SNAP" snapshots
done
expect 2 "Ctrl-D is no passphrase" play 'see:Passphrase: ' key:d -- \
    "$SNAP" snapshots
shows "and the hint says what to set" 'hint:.*SNAP_PASSPHRASE_FILE'
expect 143 "so does SIGTERM, and the echo is back" \
    play 'see:Passphrase: ' echo:off "run:kill -TERM \$(cat '$T/pid')" -- \
    sh -c 'echo $$ >"$2"; exec "$1" snapshots' - "$SNAP" "$T/pid"

# Nobody there: no question, an answer that helps.
if command -v setsid >/dev/null; then
	expect 2 "without a terminal nobody is asked" setsid -w \
	    "$SNAP" snapshots </dev/null
	says "but told what to set" 'hint:.*SNAP_PASSPHRASE_FILE'
	expect 2 "nor for a new repository" setsid -w \
	    "$SNAP" -r "$T/other" init </dev/null
	says "but told what to set" 'hint:.*SNAP_PASSPHRASE_FILE'
	echo "$pass" >"$T/pass"
	expect 2 "standard input is not a passphrase" setsid -w \
	    "$SNAP" snapshots <"$T/pass"
fi
[ ! -e "$T/other" ] && ok "no repository came of it" ||
    not_ok "no repository came of it"

# ---- what cannot be undone is confirmed by a word
SNAP_PASSPHRASE=$pass
export SNAP_PASSPHRASE
alone() {
	play "$@" -- "$SNAP" prune --grace=0 --i-am-alone
}
expect 0 "the word" alone 'see:Type "alone" to go on: ' say:alone
shows "is asked for, and why" 'No backup, copy or other prune may run'
expect 2 "another word" alone 'see:Type "alone" to go on: ' say:yes
shows "confirms nothing" 'error: this was not confirmed'
expect 130 "Ctrl-C" alone 'see:Type "alone" to go on: ' press:c
expect 0 "--yes" play -- "$SNAP" prune --grace=0 --i-am-alone --yes
hides "asks nothing" 'Type'
unset SNAP_PASSPHRASE

# ---- the password of PostgreSQL
if [ -z "$(pg_bindir)" ]; then
	echo "no PostgreSQL: its password was not asked for"
	done_testing
fi
SNAP_PASSPHRASE=$pass
export SNAP_PASSPHRASE
pg_start || exit 1
psql -X -q -c "CREATE ROLE shy LOGIN SUPERUSER PASSWORD 'open sesame'"
hba=$PG_DIR/data/pg_hba.conf
{
	echo 'local all shy scram-sha-256'
	cat "$hba"
} >"$T/hba"
cat "$T/hba" >"$hba"
psql -X -q -o "$T/psql" -c 'SELECT pg_reload_conf()'
n=$(n_snapshots)
expect 0 "a password is asked for when it is needed" \
    play 'see:Password: ' 'type:open sesame' -- \
    "$SNAP" backup -d postgres -U shy -j 2
hides "and not shown" 'open sesame'
is "once for all connections" "$(grep -c 'Password:' "$T/out")" 1
expect 0 "-W asks at once" play 'see:Password: ' 'type:open sesame' -- \
    "$SNAP" backup -d postgres -U shy -W
expect 2 "a wrong one" play 'see:Password: ' 'type:closed' -- \
    "$SNAP" backup -d postgres -U shy
expect 130 "Ctrl-C" play 'see:Password: ' key:c -- \
    "$SNAP" backup -d postgres -U shy
expect 130 "Ctrl-C with -W" play 'see:Password: ' key:c -- \
    "$SNAP" backup -d postgres -U shy -W
expect 2 "-w never asks" play -- "$SNAP" backup -d postgres -U shy -w
hides "really" 'Password:'
is "snapshots only of those that knew it" "$(n_snapshots)" $((n + 2))
done_testing
