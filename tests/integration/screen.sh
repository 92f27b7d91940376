# SPDX-License-Identifier: PostgreSQL
# screen.sh - what somebody sees who sits before a terminal: the line of
# progress in windows of all widths, Ctrl-C, Ctrl-Z, and when there is nothing
# to be seen.  tmux is the terminal; terminal.py stands in where bytes count.
. "$(dirname "$0")/lib.sh"
command -v tmux >/dev/null || {
	echo "no tmux: skipped"
	exit 77
}
tm() {
	tmux -f /dev/null -S "$T/tmux" "$@"
}
trap 'tm kill-server 2>/dev/null; clean_up' EXIT
play() { # STEP... -- COMMAND...
	python3 "$SRC/tests/integration/terminal.py" "$@"
}
init

# What is typed: short names, so that nothing of them looks like an answer.
# `slow` stores 8 MB and then waits until the test opens the gate.
mkfifo "$T/gate"
mkdir "$T/bin"
cat >"$T/bin/slow" <<END
#!/bin/sh
trap : INT
"$SNAP" "\$@" backup --name x -- sh -c \
    'head -c 8388608 /dev/urandom; cat "$T/gate"'
echo "status=\$?"
END
printf '#!/bin/sh\nslow 2>"%s"\n' "$T/file" >"$T/bin/slow_file"
cat >"$T/bin/deaf" <<END
#!/bin/bash
trap : INT
"$SNAP" restore latest:x |
    sh -c 'trap "" INT; head -c 99 >/dev/null; cat "$T/gate"'
echo "status=\${PIPESTATUS[0]}"
END
chmod 755 "$T/bin"/*
PATH=$T/bin:$PATH
unset PG_COLOR NO_COLOR TMUX
LC_ALL=C.UTF-8 HOME=$T tm new-session -d -x 80 -y 20 -s s \
    "PS1='$ ' exec bash --noprofile --norc"
pane() {
	tm capture-pane -p -S -100 -t s | sed -e 's/ *$//' -e '/^$/d'
}
keys() {
	tm send-keys -t s "$@"
}
wide() {
	tm resize-window -t s -x "$1"
}
# lives: or the shell in the window is gone, and there is nothing to wait for.
lives() {
	tm has-session -t s 2>"$T/err" || {
		not_ok "the window is there"
		done_testing
	}
}
# sees PATTERN: until a line of the window is that.  It will not be when the
# command has ended without; only the prompt comes after its status.
sees() {
	until pane >"$T/pane"; grep -qxE -e "$1" "$T/pane"; do
		lives
		if [ "$1" != '\$' ] && grep -q '^status=' "$T/pane"; then
			cp "$T/pane" "$T/err"
			not_ok "the window shows $1"
			done_testing
		fi
		sleep 0.05
	done
}
# stands TEXT LINE...: the whole window, each line a pattern.
stands() {
	about=$1
	shift
	pane >"$T/err"
	while IFS= read -r line; do
		printf '%s\n' "$line" | grep -qxE -e "${1-}" || break
		shift
		line=
	done <"$T/err"
	[ "$#$line" = 0 ] && ok "$about" || not_ok "$about"
}
# A window with a prompt alone, not at its top: what tmux wraps there would
# scroll away.
fresh() {
	wide 80
	keys 'clear; echo; echo; echo; echo; echo' Enter
	tm clear-history -t s
	until [ "$(pane)" = '$' ]; do
		lives
		sleep 0.05
	done
}

sees '\$'
keys 'stty -g >'"$T/before" Enter
fresh

# ---- the line of progress
keys slow Enter
sees 'backing up .*new'
stands "a line of progress" '\$ slow' \
    'backing up [0-9]+ kB, [0-9]+ [a-zA-Z]+/s, [0-9]+ kB new'
wide 30
sees 'backing up [0-9]+ kB(, [0-9]+ [a-zA-Z]+/s)?'
stands "in a narrow window it is shorter, and nothing is left of the other" \
    '\$ slow' 'backing up [0-9]+ kB(, [0-9]+ [a-zA-Z]+/s)?'
wide 12
sees 'backing up'
stands "in a very narrow one no more than a word" '\$ slow' 'backing up'
wide 100
sees 'backing up .*new'
stands "a wide one has all of it again" '\$ slow' \
    'backing up [0-9]+ kB, [0-9]+ [a-zA-Z]+/s, [0-9]+ kB new'
keys C-c
sees 'status=.*'
sees '\$'
stands "Ctrl-C leaves its message alone" '\$ slow' 'snap: error: cancelled' \
    'status=130' '\$'
is "and no snapshot" "$(n_snapshots)" 0

# ---- behind the shell and back
fresh
keys slow Enter
sees 'backing up .*new'
keys C-z
sees '\$'
keys clear Enter 'bg >/dev/null' Enter
sees '\$ bg >/dev/null'
sees '\$'
sleep 1
stands "in the background nothing is drawn" '\$ bg >/dev/null' '\$'
keys fg Enter
sees 'backing up .*new'
: >"$T/gate"
sees 'status=.*'
pane >"$T/err"
says "in front it is, and ends as if nothing had been" \
    'snap: snapshot [0-9a-f]{8} of x: '
says "with success" 'status=0'
is "and a snapshot" "$(n_snapshots)" 1

# ---- who does not listen
fresh
keys deaf Enter
sees 'restoring .*'
keys C-c
sees '(\^C)?stopping, once more stops it at once'
stands "Ctrl-C that has to wait is told of" '\$ deaf' \
    'stopping, once more stops it at once'
sleep 1
keys C-c
: >"$T/gate"
sees 'status=.*'
sees '\$'
stands "the second one ends it, and nothing stays behind" '\$ deaf' \
    'status=130' '\$'

# ---- a question
fresh
keys 'env -u SNAP_PASSPHRASE '"'$SNAP' -r '$T/other' init" Enter
sees 'New passphrase:'
keys C-c
sees 'snap: error: cancelled'
sees '\$'
keys 'stty -g >'"$T/after; echo done" Enter
sees 'done'
same "the terminal is as it was" "$T/before" "$T/after"

# ---- nothing to be seen
fresh
keys 'slow -q' Enter
sleep 1
stands "-q draws nothing" '\$ slow -q'
: >"$T/gate"
sees 'status=0'
sees '\$'
stands "and says nothing" '\$ slow -q' 'status=0' '\$'
fresh
keys 'slow_file' Enter
sleep 1
stands "nor is anything drawn when messages go to a file" '\$ slow_file'
: >"$T/gate"
sees 'status=0'
grep -q 'snapshot' "$T/file" && ! grep -q "$(printf '\033')" "$T/file" &&
    ok "which has no more than the messages" || {
	cp "$T/file" "$T/err"
	not_ok "which has no more than the messages"
}
slow() { # VARIABLE=VALUE...
	env "$@" python3 "$SRC/tests/integration/terminal.py" \
	    'run:sleep 1' "run:: >'$T/gate'" -- "$SNAP" backup --name x -- \
	    sh -c 'head -c 8388608 /dev/urandom; cat "$1"' - "$T/gate"
}
escapes() {
	grep -c "$(printf '\033')" "$T/out"
}
expect 0 "a terminal without a size" slow TERM=xterm
grep -q 'backing up .* new' "$T/out" && ok "is one of 80 columns" ||
    not_ok "is one of 80 columns"
for each in TERM=dumb TERM=; do
	expect 0 "$each" slow "$each"
	is "draws nothing" "$(escapes)" 0
done
expect 10 "PG_COLOR" env TERM=xterm PG_COLOR=auto python3 \
    "$SRC/tests/integration/terminal.py" -- "$SNAP" -r "$T/other" snapshots
[ "$(escapes)" -gt 0 ] && ok "colours" || not_ok "colours"
expect 10 "NO_COLOR" env TERM=xterm PG_COLOR=always NO_COLOR=1 python3 \
    "$SRC/tests/integration/terminal.py" -- "$SNAP" -r "$T/other" snapshots
is "does not" "$(escapes)" 0

# ---- data on a terminal
expect 2 "what may be anything goes to no terminal" play -- \
    "$SNAP" restore latest:x
grep -q 'hint:.*less' "$T/out" && ok "and the hint says where else" ||
    not_ok "and the hint says where else"
if [ -z "$(pg_bindir)" ]; then
	echo "no PostgreSQL: no script was shown"
	done_testing
fi
pg_start || exit 1
psql -X -q -c "CREATE TABLE t AS
    SELECT repeat('x', 100) FROM generate_series(1, 10000)"
expect 0 "a database" "$SNAP" backup
expect 0 "a script does" play 'run:sleep 1' -- "$SNAP" restore latest:postgres
grep -q 'COPY public.t' "$T/out" && ! grep -q 'restoring' "$T/out" &&
    ok "and no progress is drawn into it" ||
    not_ok "and no progress is drawn into it"
expect 0 "so do rows" play 'run:sleep 1' -- "$SNAP" cat latest:postgres t
is "all of them" "$(grep -c xxx "$T/out")" 10000
grep -q 'reading' "$T/out" && not_ok "alone" || ok "alone"
done_testing
