# SPDX-License-Identifier: PostgreSQL
# sshd.sh - a throw-away OpenSSH server for shell tests: `. sshd.sh`, then
# sshd_start, and sshd_stop in a trap.  It listens on loopback at a free port,
# has its own keys and configuration, and serves SFTP only.  Exit status 77
# (skipped) where no server is installed.
#
# After sshd_start: SSHD_DIR (its keys, known_hosts, log; the files it serves
# are below SSHD_DIR/data, where sessions start), SSHD_PORT, SSHD_USER,
# SSHD_URL (sftp://user@host:port), SSHD_PID.  As root, SSHD_AS=NAME runs it as
# another user.

# In a subshell, so that its process becomes the server's.
sshd_exec() {
	if [ -n "${SSHD_AS:-}" ] && [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid="$SSHD_AS" --regid="$(id -g "$SSHD_AS")" \
		    --clear-groups -- "$@"
	else
		exec "$@"
	fi
}

# All the keys that anybody has here; pass phrases are "pass phrase".
sshd_make_keys() {
	ssh-keygen -q -t ed25519 -N '' -f "$SSHD_DIR/host_ed25519"
	ssh-keygen -q -t ecdsa -N '' -f "$SSHD_DIR/host_ecdsa"
	ssh-keygen -q -t rsa -b 2048 -N '' -f "$SSHD_DIR/host_rsa"
	ssh-keygen -q -t ed25519 -N '' -f "$SSHD_DIR/id_ed25519" -C plain
	ssh-keygen -q -t ecdsa -N '' -f "$SSHD_DIR/id_ecdsa" -C ecdsa
	ssh-keygen -q -t rsa -b 2048 -N '' -f "$SSHD_DIR/id_rsa" -C rsa
	ssh-keygen -q -t ed25519 -N 'pass phrase' -f "$SSHD_DIR/id_pass" \
	    -C pass
	ssh-keygen -q -t ecdsa -m PEM -N 'pass phrase' \
	    -f "$SSHD_DIR/id_pem" -C pem
	ssh-keygen -q -t ed25519 -N '' -f "$SSHD_DIR/id_other" -C stranger
	ssh-keygen -q -t ed25519 -N 'pass phrase' -f "$SSHD_DIR/id_other_pass" \
	    -C stranger
	for k in ed25519 ecdsa rsa pass pem; do
		cat "$SSHD_DIR/id_$k.pub"
	done >"$SSHD_DIR/authorized_keys"
}

# sshd_start [LINE...]: lines of sshd_config.  SSHD_HOST_KEYS (default: all)
# are the kinds of host key it has; with SSHD_BARE it has no SFTP.
# SSHD_SFTP_ARGS are options of its sftp-server.
sshd_start() {
	SSHD_BIN=${SSHD_BIN:-/usr/sbin/sshd}
	if [ ! -x "$SSHD_BIN" ] || ! command -v ssh-keygen >/dev/null; then
		echo "no OpenSSH server installed: skipped" >&2
		exit 77
	fi
	SSHD_DIR=$(mktemp -d "${TMPDIR:-/tmp}/snap-sshd-XXXXXX")
	mkdir "$SSHD_DIR/data"
	sshd_make_keys
	SSHD_USER=${SSHD_AS:-$(id -un)}
	if [ "$(id -u)" = 0 ]; then
		# Where a system's own sshd never ran, this is missing.
		mkdir -p /run/sshd
		[ -z "${SSHD_AS:-}" ] || chown -R "$SSHD_AS" "$SSHD_DIR"
	fi
	SSHD_PID=
	sshd_again "$@"
}

# Start it once more, on the same port and with other lines.
sshd_again() {
	for sshd_try in 1 2 3 4 5 6 7 8 9 10; do
		port=${SSHD_PORT:-$((10000 + $(od -An -N2 -tu2 /dev/urandom) % 22000))}
		sshd_config "$port" "$@" >"$SSHD_DIR/sshd_config"
		: >"$SSHD_DIR/sshd.log"
		chmod 666 "$SSHD_DIR/sshd.log"
		sshd_exec "$SSHD_BIN" -D -f "$SSHD_DIR/sshd_config" \
		    -E "$SSHD_DIR/sshd.log" &
		SSHD_PID=$!
		while kill -0 "$SSHD_PID" 2>/dev/null &&
		    ! grep -q 'Server listening' "$SSHD_DIR/sshd.log"; do
			sleep 0.02
		done
		if grep -q 'Server listening' "$SSHD_DIR/sshd.log"; then
			SSHD_PORT=$port
			sshd_known_hosts >"$SSHD_DIR/known_hosts"
			SSHD_URL="sftp://$SSHD_USER@127.0.0.1:$SSHD_PORT"
			return 0
		fi
		wait "$SSHD_PID" || :
	done
	cat "$SSHD_DIR/sshd.log" >&2
	return 1
}

sshd_config() { # PORT LINE...
	echo "ListenAddress 127.0.0.1"
	echo "Port $1"
	shift
	for k in ${SSHD_HOST_KEYS:-ed25519 ecdsa rsa}; do
		echo "HostKey $SSHD_DIR/host_$k"
	done
	# Of two lines with one keyword, the first counts.
	for line in "$@"; do
		echo "$line"
	done
	cat <<-EOF
	PidFile none
	AuthorizedKeysFile $SSHD_DIR/authorized_keys
	# The directories above belong to others.
	StrictModes no
	UsePAM no
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	PubkeyAuthentication yes
	PermitRootLogin prohibit-password
	AllowTcpForwarding no
	X11Forwarding no
	MaxStartups 100:30:200
	LogLevel VERBOSE
	EOF
	[ -n "${SSHD_BARE:-}" ] || cat <<-EOF
	Subsystem sftp internal-sftp
	ForceCommand internal-sftp -d $SSHD_DIR/data ${SSHD_SFTP_ARGS:-}
	EOF
}

sshd_known_hosts() {
	for k in ${SSHD_HOST_KEYS:-ed25519 ecdsa rsa}; do
		echo "[127.0.0.1]:$SSHD_PORT $(cut -d' ' -f1,2 "$SSHD_DIR/host_$k.pub")"
	done
}

# The processes of open connections, children of the server.
sshd_sessions() {
	pgrep -P "$SSHD_PID" || :
}

# Stop listening and end all connections.  Always succeeds.
sshd_halt() {
	[ -n "${SSHD_PID:-}" ] || return 0
	# Stopped, so that it takes in nobody while its sessions are counted.
	kill -STOP "$SSHD_PID" 2>/dev/null || :
	sessions=$(sshd_sessions)
	kill "$SSHD_PID" 2>/dev/null || :
	kill -CONT "$SSHD_PID" 2>/dev/null || :
	for p in $sessions; do
		# With privileges separated there is one more level.
		kill $(pgrep -P "$p") "$p" 2>/dev/null || :
	done
	wait "$SSHD_PID" 2>/dev/null || :
	SSHD_PID=
	return 0
}

# Safe to call twice.
sshd_stop() {
	sshd_halt
	[ -z "${SSHD_DIR:-}" ] || rm -rf "$SSHD_DIR"
	SSHD_DIR=
	return 0
}
