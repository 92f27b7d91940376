# SPDX-License-Identifier: PostgreSQL
# login.sh TRY - who may log in, to which servers, and what is said when
# not: keys of all kinds, agents, pass phrases, known_hosts, time limits.
set -eu
here=$(dirname "$0")
try=$1
. "$here/../../support/sshd.sh"
agent_pid=
hole_pid=
clean() {
	[ -z "$agent_pid" ] || kill "$agent_pid" 2>/dev/null || :
	[ -z "$hole_pid" ] || kill "$hole_pid" 2>/dev/null || :
	sshd_stop
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
bad=0
fail() {
	echo "NOT OK: $*"
	cat "$out"
	bad=1
}

# ok WHAT ARG...: that works.  Every run has a home of its own.
ok() {
	what=$1
	shift
	if "$try" HOME="$home" "$@" >"$out" 2>&1; then
		echo "ok: $what"
	else
		fail "$what"
	fi
}

# no WHAT CODE PATTERN ARG...: that fails with the code, and says PATTERN.
no() {
	what=$1
	code=$2
	pattern=$3
	shift 3
	if "$try" HOME="$home" "$@" >"$out" 2>&1; then
		fail "$what: it worked"
	elif ! grep -q "^$code: " "$out"; then
		fail "$what: the code is not $code"
	elif ! tr '\n' ' ' <"$out" | grep -qE "$pattern"; then
		fail "$what: it does not say $pattern"
	elif grep -q 'pass phrase\|hush' "$out"; then
		fail "$what: a secret is shown"
	else
		echo "ok: $what"
	fi
}

says() { # WHAT PATTERN: so did the last run
	grep -qE "$2" "$out" && echo "ok: $1" || fail "$1"
}

says_not() {
	! grep -qE "$2" "$out" && echo "ok: $1" || fail "$1"
}

sshd_start
out=$SSHD_DIR/out
home=$SSHD_DIR/home
mkdir -p "$home/.ssh"
url=$SSHD_URL/~/store
kh=sftp.known-hosts=$SSHD_DIR/known_hosts
key() {
	echo "sftp.key-file=$SSHD_DIR/id_$1"
}

# ---- keys
ok "an ed25519 key" "$kh" "$(key ed25519)" "$url" create
# libssh2 1.10 itself loses the number of such a key when it has read it.
leaky() {
	ASAN_OPTIONS=detect_leaks=0
	export ASAN_OPTIONS
	ok "$@"
	unset ASAN_OPTIONS
}
leaky "an ecdsa key" "$kh" "$(key ecdsa)" "$url" open
if "$try" "$kh" "$(key rsa)" "$url" open >"$out" 2>&1; then
	echo "ok: an RSA key, with this libssh2"
else
	no "an RSA key is refused with the way out" denied \
	    'RSA key.*SHA-1.*ed25519' "$kh" "$(key rsa)" "$url" open
fi
no "a key that the server does not know" denied \
    'Tried: .*id_other: not accepted.*takes: publickey' \
    "$kh" "$(key other)" "$url" open
ok "a key with its passphrase" "$kh" "$(key pass)" \
    "secret:sftp.key-passphrase=pass phrase" "$url" open
says "which is asked for by the key's name" 'asked: Passphrase of .*id_pass'
ok "a PEM key with its passphrase" "$kh" "$(key pem)" \
    "secret:sftp.key-passphrase=pass phrase" "$url" open
no "a wrong passphrase" denied 'id_pass: the passphrase is wrong' "$kh" \
    "$(key pass)" secret:sftp.key-passphrase=hush "$url" open
no "a passphrase that nobody gives" denied 'passphrase, and none is given' \
    "$kh" "$(key pass)" "$url" open
no "a key that the server refuses" denied 'not accepted' "$kh" \
    "$(key other_pass)" "secret:sftp.key-passphrase=pass phrase" "$url" open
says_not "needs no passphrase" asked
no "a public key instead of the private one" usage 'not the .pub' "$kh" \
    "$(key ed25519).pub" "$url" open
no "a key file that is not there" notfound 'id_none' "$kh" "$(key none)" \
    "$url" open
head -c 200 "$SSHD_DIR/id_ed25519" >"$SSHD_DIR/id_half"
no "half a key" corrupt 'id_half' "$kh" "$(key half)" "$url" open
no "no key at all" denied 'Tried: nothing' "$kh" "$url" open
cp "$SSHD_DIR/id_ecdsa" "$home/.ssh/id_ecdsa"
leaky "a key at the usual place" "$kh" "$url" open
rm "$home/.ssh/id_ecdsa"

# ---- the agent
agent=$SSHD_DIR/agent
ssh-agent -D -a "$agent" >/dev/null 2>&1 &
agent_pid=$!
while [ ! -S "$agent" ]; do
	sleep 0.02
done
no "an agent without keys" denied 'agent: has no keys' "$kh" \
    "SSH_AUTH_SOCK=$agent" "$url" open
SSH_AUTH_SOCK=$agent ssh-add -q "$SSHD_DIR/id_rsa" "$SSHD_DIR/id_other" \
    "$SSHD_DIR/id_ed25519"
ok "the one key of the agent that fits" "$kh" "SSH_AUTH_SOCK=$agent" \
    "sftp.connections=1" "$url" put a/b x
SSH_AUTH_SOCK=$agent ssh-add -q -d "$SSHD_DIR/id_ed25519"
no "an agent with other keys" denied 'key 2 of the agent: not accepted' \
    "$kh" "SSH_AUTH_SOCK=$agent" "$url" open
no "of an agent only the key that is named" denied 'Tried: [^;]*id_pass: has' \
    "$kh" "SSH_AUTH_SOCK=$agent" "$(key pass)" "$url" open
SSH_AUTH_SOCK=$agent SSH_ASKPASS_REQUIRE=force SSH_ASKPASS="$SSHD_DIR/ask" \
    sh -c 'printf "#!/bin/sh\necho pass phrase\n" >"$SSH_ASKPASS"
	chmod 700 "$SSH_ASKPASS"; ssh-add -q "$1"' - "$SSHD_DIR/id_pass"
ok "a named key is the agent's, without its passphrase" "$kh" \
    "SSH_AUTH_SOCK=$agent" "$(key pass)" "$url" open
says_not "and so nobody is asked" asked
SSH_AUTH_SOCK=$agent ssh-add -q -D
for i in 1 2 3 4 5 6 7; do
	ssh-keygen -q -t ed25519 -N '' -f "$SSHD_DIR/many$i"
	SSH_AUTH_SOCK=$agent ssh-add -q "$SSHD_DIR/many$i"
done
cp "$SSHD_DIR/id_ed25519" "$home/.ssh/id_ed25519"
ok "a file, after an agent full of other keys" "$kh" \
    "SSH_AUTH_SOCK=$agent" "$url" open
kill "$agent_pid"
wait "$agent_pid" 2>/dev/null || :
agent_pid=
: >"$agent.dead"
ok "a file, when the agent is gone" "$kh" "SSH_AUTH_SOCK=$agent.dead" \
    "$url" open
rm "$home/.ssh/id_ed25519"

# ---- the server's key
id=$(key ed25519)
mine=$SSHD_DIR/mine
print=$(ssh-keygen -lf "$SSHD_DIR/host_ecdsa.pub" | cut -d' ' -f2 |
    sed 's/[+]/[+]/g')
: >"$mine"
no "an unknown server" denied "not known.*$print.*ssh-keyscan" \
    "sftp.known-hosts=$mine" "$id" "$url" open
sed -n 's/^hint: .*tells you: //p' "$out" >"$SSHD_DIR/paste"
sh "$SSHD_DIR/paste" 2>/dev/null
ok "is known once its line is pasted" "sftp.known-hosts=$mine" "$id" "$url" \
    open
ssh-keygen -q -H -f "$mine" 2>/dev/null
! grep -q 127.0.0.1 "$mine" || fail "ssh-keygen did not hash the names"
ok "known by a hashed name" "sftp.known-hosts=$mine" "$id" "$url" open
for k in ed25519 ecdsa; do
	grep "$(cut -d' ' -f1 "$SSHD_DIR/host_$k.pub")" \
	    "$SSHD_DIR/known_hosts" >"$mine"
	ok "a server known by its $k key only" "sftp.known-hosts=$mine" \
	    "$id" "$url" open
done
host="[127.0.0.1]:$SSHD_PORT"
ed=$(cut -d' ' -f1,2 "$SSHD_DIR/host_ed25519.pub")
{
	echo "# a comment"
	echo "@cert-authority * $ed"
	echo "$host sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW"
	echo "elsewhere,[127.0.*]:$SSHD_PORT $ed trailing words"
} >"$mine"
ok "a file with lines that are not for us" "sftp.known-hosts=$mine" "$id" \
    "$url" open
echo "!$host,[*]:* $ed" >"$mine"
no "a name that is taken out" denied 'not known' "sftp.known-hosts=$mine" \
    "$id" "$url" open
echo "127.0.0.1 $ed" >"$mine"
no "the same host, known at another port" denied 'not known' \
    "sftp.known-hosts=$mine" "$id" "$url" open
echo "$host $(cut -d' ' -f1,2 "$SSHD_DIR/id_other.pub")" >"$mine"
no "a server with another key" denied 'is not the one.*Nothing was sent' \
    "sftp.known-hosts=$mine" "$id" "$url" open
says "with the way to accept it" "ssh-keygen -R '\[127"
grep -q "Accepted" "$SSHD_DIR/sshd.log" || fail "the log shows no logins"
echo "$host $ed" >>"$mine"
ok "one of two keys" "sftp.known-hosts=$mine" "$id" "$url" open
echo "@revoked * $ed" >>"$mine"
no "a revoked key" denied 'revoked' "sftp.known-hosts=$mine" "$id" "$url" open
mkdir -p "$home/.ssh"
cp "$SSHD_DIR/known_hosts" "$home/.ssh/known_hosts"
ok "the usual known_hosts" "$id" "$url" open
rm "$home/.ssh/known_hosts"
no "no known_hosts" denied '>>~/.ssh/known_hosts' "$id" "$url" open
sshd_halt
SSHD_HOST_KEYS=rsa
sshd_again
if ! "$try" "$kh" "$id" "$url" open >"$out" 2>&1; then
	no "a server with an RSA host key only" unsupported \
	    'RSA.*1\.11.*ssh-keygen -A' "$kh" "$id" "$url" open
	no "the same, when it is not known" unsupported 'RSA.*1\.11' \
	    "sftp.known-hosts=/dev/null" "$id" "$url" open
fi
sshd_halt
unset SSHD_HOST_KEYS

# ---- what else may be wrong
no "nobody listens" transient 'Connection refused' "$kh" "$id" "$url" open
no "a host that does not exist" transient 'find the host' "$kh" "$id" \
    sftp://me@snap.invalid/x open
no "a URL without a path" usage 'names no path' "$kh" "$id" sftp://me@h open
no "a password in the URL" usage 'password' "$kh" "$id" sftp://me:hush@h/x open
no "a setting that is no number" usage 'sftp.connections' "$kh" "$id" \
    sftp.connections=many "$url" open
# A way to the server that is cut after so many bytes of its answer.
cat >"$SSHD_DIR/cut.py" <<-'EOF'
	import os, socket, sys, threading
	port, limit, ready = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
	s = socket.socket()
	s.bind(("127.0.0.1", 0))
	s.listen(1)
	with open(ready + ".new", "w") as f:
	    f.write(str(s.getsockname()[1]))
	os.rename(ready + ".new", ready)
	here = s.accept()[0]
	there = socket.create_connection(("127.0.0.1", port))
	def up():
	    try:
	        while data := here.recv(65536):
	            there.sendall(data)
	    except OSError:
	        pass
	    os._exit(0)
	threading.Thread(target=up, daemon=True).start()
	while limit > 0 and (data := there.recv(min(65536, limit))):
	    here.sendall(data)
	    limit -= len(data)
	os._exit(0)
EOF
sshd_again
for cut in 0 10 60 500 1200 1500 1700 2000 2400 2700; do
	rm -f "$SSHD_DIR/cut"
	python3 "$SSHD_DIR/cut.py" "$SSHD_PORT" "$cut" "$SSHD_DIR/cut" &
	hole_pid=$!
	while [ ! -s "$SSHD_DIR/cut" ]; do
		sleep 0.02
	done
	cut_port=$(cat "$SSHD_DIR/cut")
	sed "s/:$SSHD_PORT/:$cut_port/" "$SSHD_DIR/known_hosts" >"$mine"
	no "a connection that ends after $cut bytes" transient . \
	    "sftp.known-hosts=$mine" "$id" \
	    "sftp://$SSHD_USER@127.0.0.1:$cut_port/~/store" open
	wait "$hole_pid" || :
	hole_pid=
done
sshd_halt
python3 - "$SSHD_DIR/hole" <<-'EOF' &
	import os, socket, sys, time
	s = socket.socket()
	s.bind(("127.0.0.1", 0))
	s.listen(50)
	with open(sys.argv[1] + ".new", "w") as f:
	    f.write(str(s.getsockname()[1]))
	os.rename(sys.argv[1] + ".new", sys.argv[1])
	time.sleep(3600)
EOF
hole_pid=$!
while [ ! -s "$SSHD_DIR/hole" ]; do
	sleep 0.02
done
no "a server that says nothing" transient 'does not answer for 1 s' "$kh" \
    "$id" sftp.connect-timeout=1 \
    "sftp://me@127.0.0.1:$(cat "$SSHD_DIR/hole")/x" open
kill "$hole_pid"
wait "$hole_pid" 2>/dev/null || :
hole_pid=
sshd_again "ForceCommand echo Welcome to this machine"
no "a server whose shell prints" unsupported 'began with .Welcome' "$kh" \
    "$id" "$url" open
sshd_halt
SSHD_BARE=1
sshd_again
unset SSHD_BARE
no "a server without SFTP" unsupported 'has no SFTP' "$kh" "$id" "$url" open
sshd_halt
sshd_again "KexAlgorithms sntrup761x25519-sha512@openssh.com"
no "a server with nothing in common" unsupported 'no common way' "$kh" "$id" \
    "$url" open
sshd_halt
sshd_again "MaxAuthTries 1"
cp "$SSHD_DIR/id_other" "$home/.ssh/id_ed25519"
cp "$SSHD_DIR/id_ecdsa" "$home/.ssh/id_ecdsa"
no "a server that counts to one" denied 'hung up.*sftp.key-file' "$kh" \
    "$url" open
sshd_halt
sshd_again
no "no such directory" norepo 'no such directory' "$kh" "$id" \
    "$SSHD_URL/~/none" open
: >"$SSHD_DIR/data/file"
no "a file in its place" norepo 'not a directory' "$kh" "$id" \
    "$SSHD_URL/~/file" open
no "a file in its way" io 'make the directory' "$kh" "$id" \
    "$SSHD_URL/~/file/x" create
ok "an absolute path" "$kh" "$id" "$SSHD_URL$SSHD_DIR/data/store" list
says "is the same directory" '^a/b 1$'
exit $bad
