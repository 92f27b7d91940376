# SPDX-License-Identifier: PostgreSQL
# login.sh PROGRAM SOURCE_DIR - secrets for an SFTP server, from a file, a
# command or the terminal: the passphrase of a key; a password, at an OpenSSH
# server that has it from PAM (pam_wrapper, so nobody's real password is
# needed) and takes it as such or asks by keyboard-interactive.  Then the
# server's own life: one that dies in mid-backup, and a line that is idle.
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/support/sshd.sh"
python3 -c 'import os; os.waitstatus_to_exitcode' 2>/dev/null || {
	echo "no python3 that can play a terminal: skipped"
	exit 77
}
backup_pid=
finish() {
	[ -z "$backup_pid" ] || kill "$backup_pid" 2>/dev/null
	sshd_stop
	clean_up
}
trap finish EXIT
trap 'exit 143' INT TERM HUP
play() { # STEP... -- COMMAND...
	python3 "$SRC/tests/integration/terminal.py" "$@"
}
unset SSH_AUTH_SOCK
HOME=$T/home
mkdir "$HOME"
export HOME
hush='hush hush of nobody else'
printf '%s\n' "$hush" >"$T/password"
printf 'pass phrase\n' >"$T/phrase"
chmod 600 "$T/password" "$T/phrase"

# ---- the passphrase of a key
sshd_start || exit 1
SNAP_SFTP_KNOWN_HOSTS=$SSHD_DIR/known_hosts
export SNAP_SFTP_KNOWN_HOSTS
SNAP_REPOSITORY=$SSHD_URL/~/repo
SNAP_SFTP_KEY_FILE=$SSHD_DIR/id_pass
export SNAP_SFTP_KEY_FILE
SNAP_SFTP_KEY_PASSPHRASE_FILE=$T/phrase init
expect 0 "a key's passphrase from a file" \
    "$SNAP" -o "sftp.key-passphrase-file=$T/phrase" snapshots
expect 0 "from a command" \
    "$SNAP" -o "sftp.key-passphrase-command=cat '$T/phrase'" snapshots
expect 0 "from the terminal, unseen" \
    play 'see:Passphrase of ' echo:off 'type:pass phrase' -- "$SNAP" snapshots
grep -q 'pass phrase' "$T/out" && not_ok "it is shown" || ok "never shown"
echo wrong >"$T/wrong"
chmod 600 "$T/wrong"
expect 1 "a wrong one is refused" \
    "$SNAP" -o "sftp.key-passphrase-file=$T/wrong" snapshots
says "and said" 'passphrase is wrong'

# ---- a server that dies while a backup runs, and comes back
SNAP_SFTP_KEY_FILE=$SSHD_DIR/id_ed25519
noise 7 30000000 >"$T/data"
mkfifo "$T/slow"
"$SNAP" backup --retry-for 60 --stdin --name f <"$T/slow" >"$T/out" 2>"$T/err" &
backup_pid=$!
exec 9>"$T/slow"
head -c 15000000 "$T/data" >&9
# Its line is idle now, and kept alive by the system: timer 02 of proc(5).
port=$(printf '%04X' "$SSHD_PORT")
alive=0
for try in $(seq 100); do
	alive=$(awk -v p=":$port" '$3 ~ p "$" && $4 == "01" &&
	    substr($6, 1, 2) == "02"' /proc/net/tcp | wc -l)
	[ "$alive" = 0 ] || break
	sleep 0.05
done
[ "$alive" -gt 0 ] && ok "connections are kept alive" ||
    not_ok "no connection has a keep-alive timer"
sshd_halt
tail -c +15000001 "$T/data" >&9
exec 9>&-
# What was sent to a dead server fails first; then there is none for a while.
sleep 1
sshd_again || exit 1
wait "$backup_pid"
is "a backup outlives its server" "$?" 0
backup_pid=
"$SNAP" restore latest >"$T/back" 2>"$T/err"
same "and has everything" "$T/back" "$T/data"
unset SNAP_SFTP_KEY_FILE
sshd_stop

# ---- a password
pam=$(ls /usr/lib/*/libpam_wrapper.so /usr/lib/libpam_wrapper.so \
    2>/dev/null | head -n 1)
matrix=$(ls /usr/lib/*/pam_wrapper/pam_matrix.so \
    /usr/lib/pam_wrapper/pam_matrix.so 2>/dev/null | head -n 1)
if [ -z "$pam" ] || [ -z "$matrix" ]; then
	echo "libpam-wrapper is not installed: no passwords tested"
	done_testing
fi
mkdir "$T/pam.d"
echo "$(id -un):$hush:sshd" >"$T/passdb"
for k in auth account password session; do
	echo "$k required $matrix passdb=$T/passdb"
done >"$T/pam.d/sshd"
cp "$T/pam.d/sshd" "$T/pam.d/other"

asked_by() { # PASSWORD KEYBOARD: yes or no
	sshd_halt
	LD_PRELOAD=$pam PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=$T/pam.d
	export LD_PRELOAD PAM_WRAPPER PAM_WRAPPER_SERVICE_DIR
	if [ -z "${SSHD_DIR:-}" ]; then
		unset SSHD_PORT
		start=sshd_start
	else
		start=sshd_again
	fi
	$start "UsePAM yes" "PubkeyAuthentication no" "PermitRootLogin yes" \
	    "PasswordAuthentication $1" "KbdInteractiveAuthentication $2" \
	    2>"$T/sshd.err" || exit 1
	unset LD_PRELOAD PAM_WRAPPER PAM_WRAPPER_SERVICE_DIR
	SNAP_SFTP_KNOWN_HOSTS=$SSHD_DIR/known_hosts
	SNAP_REPOSITORY=$SSHD_URL/~/repo
}
for way in password keyboard-interactive; do
	if [ $way = password ]; then
		asked_by yes no
		SNAP_SFTP_PASSWORD_FILE=$T/password init
	else
		asked_by no yes
	fi
	expect 0 "$way: from a file" \
	    "$SNAP" -o "sftp.password-file=$T/password" snapshots
	expect 0 "$way: from a command" \
	    "$SNAP" -o "sftp.password-command=cat '$T/password'" snapshots
	expect 0 "$way: from the terminal, unseen" \
	    play 'see:Password of ' echo:off "type:$hush" -- "$SNAP" snapshots
	grep -qF "$hush" "$T/out" && not_ok "$way: it is shown" ||
	    ok "$way: never shown"
	expect 0 "$way: for all connections of a backup" \
	    "$SNAP" -o "sftp.password-file=$T/password" backup --stdin \
	    --name "$way" <"$T/data"
	expect 1 "$way: a wrong one is refused" \
	    "$SNAP" -o "sftp.password-file=$T/wrong" snapshots
	says "$way: and said" "$way: not accepted"
	expect 1 "$way: none at all" "$SNAP" snapshots </dev/null
	says "$way: has a hint" 'sftp.password-file'
	grep -q "Accepted $way" "$SSHD_DIR/sshd.log" &&
	    ok "$way: so says the server" || not_ok "$way: $(cat "$SSHD_DIR/sshd.log")"
done
done_testing
