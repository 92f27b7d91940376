# SPDX-License-Identifier: PostgreSQL
# process.sh - what others on the machine see of a running snap, and what its
# caller can do to it: secrets in arguments, environments, memory and cores;
# closed descriptors; children that do not end.
. "$(dirname "$0")/lib.sh"
if [ ! -r /proc/self/environ ]; then
	echo "no /proc: skipped"
	exit 77
fi
pass=$SNAP_PASSPHRASE
part='battery staple'
init
code=$(sed -n 's/^recovery code *//p' "$T/out")
printf '%s\n' "$pass" >"$T/pass"
printf '%s\n' "$code" >"$T/code"
chmod 600 "$T/pass" "$T/code"

# clean TEXT FILE: no secret is in the (NUL separated) file.
clean() {
	if tr '\0' '\n' <"$2" | grep -qF -e "$part" -e "$code"; then
		not_ok "$1"
	else
		ok "$1"
	fi
}
# watch TEXT COMMAND...: look at it while it waits for its input.
watch() {
	what=$1
	shift
	rm -f "$T/fifo" "$T/child"
	mkfifo "$T/fifo"
	"$@" <"$T/fifo" >"$T/out" 2>"$T/err" &
	pid=$!
	exec 9>"$T/fifo"
	# Behind the unlocking: the child runs, or a cache was made.
	until [ -s "$T/child" ] || ! kill -0 $pid 2>/dev/null; do
		sleep 0.1
	done
	clean "$what: not in the arguments" "/proc/$pid/cmdline"
	clean "$what: not in the environment" "/proc/$pid/environ"
	kid=$(cat "$T/child")
	clean "$what: not in a child's arguments" "/proc/$kid/cmdline"
	clean "$what: not in a child's environment" "/proc/$kid/environ"
	for p in $pid $kid; do
		awk '/^Max core file size/ { print $5, $6 }' \
		    "/proc/$p/limits" >"$T/limits"
		is "$what: leaves no core" "$(cat "$T/limits")" "0 0"
	done
	# Sanitizers keep copies of their own.
	if command -v python3 >/dev/null &&
	    ! grep -Eqa '__(asan|tsan)_init' "$SNAP"; then
		python3 "$SRC/tests/integration/inmemory.py" $pid "$part" \
		    >"$T/regions"
		case $? in
		0) ok "$what: nowhere in memory any more" ;;
		1)
			cp "$T/regions" "$T/err"
			not_ok "$what: nowhere in memory any more"
			;;
		*) echo "memory cannot be read here" ;;
		esac
	fi
	exec 9>&-
	wait $pid
	is "$what: and it succeeds" $? 0
}
# The child tells its number and reads to the end.
child='echo $$ >"$1"; exec cat'
watch "SNAP_PASSPHRASE" "$SNAP" backup --name x -- \
    sh -c "$child" - "$T/child"
watch "SNAP_RECOVERY_CODE" env -u SNAP_PASSPHRASE SNAP_RECOVERY_CODE="$code" \
    "$SNAP" backup --name x -- sh -c "$child" - "$T/child"
watch "both" env SNAP_RECOVERY_CODE="$code" \
    "$SNAP" backup --name x -- sh -c "$child" - "$T/child"
watch "an unused SNAP_PASSPHRASE" "$SNAP" --passphrase-file "$T/pass" \
    backup --name x -- sh -c "$child" - "$T/child"
watch "a file" env -u SNAP_PASSPHRASE "$SNAP" --passphrase-file "$T/pass" \
    backup --name x -- sh -c "$child" - "$T/child"
watch "a recovery code's file" env -u SNAP_PASSPHRASE "$SNAP" \
    --recovery-code-file "$T/code" \
    backup --name x -- sh -c "$child" - "$T/child"
watch "a command" env -u SNAP_PASSPHRASE \
    SNAP_PASSPHRASE_COMMAND="cat '$T/pass'" \
    "$SNAP" backup --name x -- sh -c "$child" - "$T/child"

# The command that is asked for the passphrase gets none of the others.
cat >"$T/ask" <<'ASK'
tr '\0' '\n' </proc/$$/environ >"$1"
cat "$2"
ASK
expect 0 "a passphrase command" env SNAP_RECOVERY_CODE="$code" \
    "$SNAP" --passphrase-command "sh '$T/ask' '$T/environ' '$T/pass'" \
    snapshots
[ -s "$T/environ" ] && clean "gets no secret in its environment" "$T/environ"

# ---- open files: a child has those of our caller, and none of ours
list='ls /proc/self/fd >"$1"'
sh -c "$list" - "$T/callers"
expect 0 "a backup's command" "$SNAP" backup --name fds -- \
    sh -c "$list" - "$T/childs"
same "has the open files of our caller" "$T/callers" "$T/childs"
expect 0 "a passphrase command" "$SNAP" --passphrase-command \
    "ls /proc/self/fd >'$T/childs'; cat '$T/pass'" snapshots
same "too" "$T/callers" "$T/childs"

# ---- rights
# status_of NAME: of the process $pid.
status_of() {
	awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/status"
}
# reads COMMAND...: until it is behind the unlocking, and waits for us.
reads() {
	rm -f "$T/fifo"
	mkfifo "$T/fifo"
	"$@" >"$T/fifo" 2>"$T/err" &
	pid=$!
	exec 9<"$T/fifo"
	head -c 1 <&9 >"$T/out"
}
head -c 3000000 /dev/urandom >"$T/in"
expect 0 "something to restore" "$SNAP" backup --name big -- cat "$T/in"
if grep -Eqa '__(asan|tsan)_init' "$SNAP" ||
    ! grep -q '^Seccomp:' /proc/self/status; then
	echo "no confinement here"
else
	case $(uname -m) in
	x86_64 | aarch64)
		reads "$SNAP" restore latest
		is "a restore gains no rights and has a filter" \
		    "$(status_of NoNewPrivs) $(status_of Seccomp)" "1 2"
		is "and a core of it is nobody's" \
		    "$(stat -c %u "/proc/$pid/status")" 0
		exec 9<&-
		wait $pid
		;;
	esac
	mine=$(awk '/^(NoNewPrivs|Seccomp):/' /proc/self/status)
	expect 0 "a backup's command" "$SNAP" backup --name rights -- \
	    awk '/^(NoNewPrivs|Seccomp):/' /proc/self/status
	expect 0 "comes back" "$SNAP" restore latest:rights
	is "it may be sudo" "$(cat "$T/out")" "$mine"
	if [ "$(ulimit -l)" != 0 ]; then
		expect 0 "a passphrase command" "$SNAP" --passphrase-command \
		    "grep VmLck /proc/\$PPID/status >'$T/locked'
		    cat '$T/pass'" snapshots
		is "there is room for it that is not swapped" \
		    "$(awk '{ print ($2 > 0) }' "$T/locked")" 1
	fi
fi

# ---- files with secrets
for mode in 604 640 620 660; do
	chmod $mode "$T/pass"
	expect 2 "a passphrase file of mode $mode" \
	    "$SNAP" --passphrase-file "$T/pass" snapshots
	says "is refused" 'has group or world access'
done
chmod 400 "$T/pass"
ln -s pass "$T/link"
expect 0 "one of mode 400, by a link" \
    "$SNAP" --passphrase-file "$T/link" snapshots
chmod 600 "$T/pass"
if [ "$(id -u)" = 0 ]; then
	cp -p "$T/pass" "$T/foreign"
	chown 12345 "$T/foreign"
	expect 2 "one of somebody else" \
	    "$SNAP" --passphrase-file "$T/foreign" snapshots
	says "is refused as well" 'belongs to somebody else'
fi

# ---- what it leaves behind is its user's alone
umask 0
init "$T/open"
expect 0 "with a wide umask: a backup" "$SNAP" -r "$T/open" backup \
    --name umask -- echo x
umask 022
is "is nobody else's to read" "$(find "$T/open" "$T/cache" \
    ! -type l -perm /077 | head -n 3)" ""

# Neither do messages tell it, however much is said.
for run in "snapshots" "snapshots --repo $T/none" "frobnicate"; do
	# shellcheck disable=SC2086
	"$SNAP" -v $run >"$T/out" 2>"$T/err"
	clean "$run: not in messages" "$T/err"
	clean "$run: not in the output" "$T/out"
done
env SNAP_RECOVERY_CODE="$code.$part" "$SNAP" snapshots >"$T/out" 2>"$T/err"
clean "a mistyped recovery code: not in messages" "$T/err"

# ---- a core, when the caller asks for one
if [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
	mkfifo "$T/block"
	(
		cd "$T" && ulimit -c unlimited 2>/dev/null
		exec "$SNAP" backup --stdin --name x <"$T/block" 2>"$T/err"
	) &
	pid=$!
	exec 8>"$T/block"
	sleep 1
	kill -ABRT $pid
	wait $pid 2>/dev/null
	exec 8>&-
	[ -z "$(find "$T" -maxdepth 1 -name 'core*')" ] &&
	    ok "no core is left" || not_ok "no core is left"
fi

# ---- descriptors that the caller closed
head -c 3000000 /dev/urandom >"$T/in"
expect 0 "closed stdin and stdout: a backup" sh -c \
    'exec "$1" backup --name closed -- cat "$2" <&- >&-' - "$SNAP" "$T/in"
expect 0 "closed stderr: a backup" sh -c \
    'exec "$1" -v backup --name closed -- cat "$2" <&- >&- 2>&-' - \
    "$SNAP" "$T/in"
expect 0 "what they stored comes back" "$SNAP" restore latest
same "as it was" "$T/out" "$T/in"
expect 0 "check" "$SNAP" check --read-data
expect 1 "a restore to a closed stdout fails" sh -c \
    'exec "$1" restore latest >&-' - "$SNAP"
says "and says so" 'standard output'
expect 1 "so does a list" sh -c 'exec "$1" snapshots >&-' - "$SNAP"
expect 1 "a backup of a closed stdin is none" sh -c \
    'exec "$1" backup --stdin --name none <&-' - "$SNAP"

# ---- what a command inherits
umask 027
expect 0 "a command" "$SNAP" backup --name inherited -- sh -c umask
"$SNAP" restore latest | head -n 1 >"$T/out"
is "keeps the caller's umask" "$(cat "$T/out")" 0027
umask 022
expect 0 "and what its caller ignores" sh -c 'trap "" HUP
    exec "$1" backup --name inherited -- sh -c "kill -HUP \$\$; echo alive"' - \
    "$SNAP"
expect 0 "as nohup does" "$SNAP" restore latest
is "it ignores, too" "$(cat "$T/out")" alive
expect 1 "but not what snap ignores for itself" "$SNAP" backup \
    --name inherited -- sh -c 'kill -PIPE $$; echo alive'
says "which kills it" 'signal 13'

# ---- signals while a child keeps us waiting
stops() { # TEXT COMMAND...
	what=$1
	shift
	rm -f "$T/child"
	"$@" >"$T/out" 2>"$T/err" &
	pid=$!
	until [ -s "$T/child" ]; do
		sleep 0.1
	done
	sleep 0.3
	kill -TERM $pid
	wait $pid
	is "$what: one SIGTERM is enough" $? 143
	kid=$(cat "$T/child")
	kill -0 "$kid" 2>/dev/null && not_ok "$what: the child is stopped" ||
	    ok "$what: the child is stopped"
}
n=$(n_snapshots)
stops "a command that writes nothing" "$SNAP" backup --name slow -- \
    sh -c 'echo $$ >"$1"; exec sleep 600' - "$T/child"
stops "a command that has closed its output" "$SNAP" backup --name slow -- \
    sh -c 'echo row; echo $$ >"$1"; exec sleep 600 >&-' - "$T/child"
stops "a command that does not care" "$SNAP" backup --name slow -- \
    sh -c 'trap "" TERM; echo $$ >"$1"; while :; do sleep 1; done' - "$T/child"
stops "a passphrase command" env -u SNAP_PASSPHRASE "$SNAP" \
    --passphrase-command "echo \$\$ >'$T/child'; exec sleep 600" snapshots
if command -v timeout >/dev/null; then
	expect 124 "timeout, which sends it twice at once" timeout 1 \
	    "$SNAP" backup --name slow -- sleep 600
	says "ends it in order" 'error: cancelled'
fi
rm -f "$T/child"
"$SNAP" backup --name slow -- sh -c 'trap "" TERM; echo $$ >"$1"
    while :; do sleep 1; done' - "$T/child" 2>"$T/err" &
pid=$!
until [ -s "$T/child" ]; do
	sleep 0.1
done
kill -TERM $pid
sleep 1.5
kill -TERM $pid
wait $pid
is "who asks again after a while need not wait" "$? $(wc -c <"$T/err" |
    tr -d ' ')" "143 0"
kill -KILL "$(cat "$T/child")"
is "none of them left a snapshot" "$(n_snapshots)" "$n"
done_testing
