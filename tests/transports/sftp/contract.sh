# SPDX-License-Identifier: PostgreSQL
# contract.sh quick|full CONTRACT TRY - the store on a real OpenSSH server keeps
# the contract; full: also as an ordinary user, with other settings of the
# server, and while the server is killed, full or read-only.
set -eu
here=$(dirname "$0")
mode=$1
contract=$2
try=$3
. "$here/../../support/sshd.sh"
other_pid=
clean() {
	[ -z "$other_pid" ] || kill "$other_pid" 2>/dev/null || :
	[ -z "${SSHD_DIR:-}" ] || umount "$SSHD_DIR/data/small" 2>/dev/null || :
	sshd_stop
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
bad=0
fail() {
	echo "NOT OK: $*"
	bad=1
}

run() { # WHAT COUNT [LINE...]
	echo "== $1"
	many=$2
	shift 2
	unset SSHD_PORT
	sshd_start "$@"
	SFTP_URL=$SSHD_URL SFTP_KEY=$SSHD_DIR/id_ed25519 SFTP_MANY=$many \
	    SFTP_PID=$SSHD_PID \
	    SFTP_KNOWN_HOSTS=$SSHD_DIR/known_hosts "$contract" || bad=1
	# Of connections that died in a put some may be left.
	left=$(find "$SSHD_DIR/data" -name '.*' -type f ! -path '*/big/*' | wc -l)
	[ "$left" -le 3 ] || fail "$left hidden files are left"
	sshd_stop
}

if [ "$mode" = quick ]; then
	run "on the server" 150
	exit $bad
fi

# What else there is to see of connections is in every run.
SFTP_CONTRACT_ONLY=1
export SFTP_CONTRACT_ONLY
# The keys change every 256 KiB: more often than a packet of ours ends.
run "on a server that changes keys all the time" 300 "RekeyLimit 256K"
SSHD_SFTP_ARGS="-P hardlink,fsync,statvfs"
run "on a server that neither links nor syncs" 150
unset SSHD_SFTP_ARGS
if [ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1; then
	SSHD_AS=postgres
	run "as an ordinary user" 150
	unset SSHD_AS
fi

# ---- one server for the rest
unset SSHD_PORT
sshd_start
out=$SSHD_DIR/out
store=$SSHD_DIR/data/store
on() {
	"$try" "sftp.known-hosts=$SSHD_DIR/known_hosts" \
	    "sftp.key-file=$SSHD_DIR/id_ed25519" "$@"
}
url=$SSHD_URL/~/store
on "$url" create

# ---- long listings
mkdir -p "$store/many/one" "$store/many/deep"
( cd "$store/many/one" && seq 10050 | xargs touch )
( cd "$store/many/deep" && seq 300 | while read -r i; do
	mkdir "$i" && : >"$i/x"
done )
on "$url" list >"$out"
n=$(sort -u "$out" | wc -l)
[ "$n" = 10350 ] && [ "$(wc -l <"$out")" = 10350 ] &&
    echo "ok: 10,350 names in 302 directories are listed once each" ||
    fail "$n names of 10350 are listed"
rm -rf "$store/many"

# ---- what is not ours
on "$url" put a/x text
: >"$store/.tmp-0123456789abcdef"
: >"$store/a/.tmp-0123456789abcdef"
: >"$store/README"
: >"$store/odd name"
ln -s a/x "$store/link"
ln -s a "$store/dirlink"
mkfifo "$store/pipe"
mkdir "$store/lost+found"
[ "$(on "$url" list)" = "a/x 4" ] &&
    echo "ok: hidden files, links, pipes and odd names are not listed" ||
    fail "$(on "$url" list)"
on "$url" get link >"$out" && fail "a link is followed"
grep -q '^notfound' "$out" && echo "ok: a link is no object" || fail "$(cat "$out")"
on "$url" put link text >"$out" && fail "a link is written through"
grep -q '^exists' "$out" && echo "ok: a link is in the way" || fail "$(cat "$out")"
[ "$(stat -c '%a %h' "$store/a/x")" = "600 1" ] &&
    [ "$(stat -c %a "$store/a")" = 700 ] &&
    echo "ok: files and directories are their owner's only" ||
    fail "$(stat -c '%a %h %n' "$store/a" "$store/a/x")"

printf half >"$store/a/.tmp-fedcba9876543210"
touch -d '2 hours ago' "$store"/.tmp-* "$store/a/.tmp-fedcba9876543210" \
    "$store/a/x"
[ "$(on "$url" sweep 3600)" = "2 4" ] &&
    [ "$(find "$store" -name '.tmp-*')" = "$store/a/.tmp-0123456789abcdef" ] &&
    [ "$(on "$url" get a/x)" = text ] &&
    echo "ok: of what killed puts left the old ones are swept" ||
    fail "$(find "$store" -name '.tmp-*')"

# ---- what slept before it got its name is not old
below() { # SIGNAL: to all connections
	for p in $(sshd_sessions); do
		kill "-$1" $(pgrep -P "$p") "$p" 2>/dev/null || :
	done
}
i=0
slept=
while [ "$i" -lt 8 ] && [ -z "$slept" ]; do
	on "$url" fill "late$i/x" 60000000 1 >"$out" &
	pid=$!
	tmp="$store/late$i/.tmp-*"
	while kill -0 "$pid" 2>/dev/null &&
	    [ "$(stat -c %s $tmp 2>/dev/null)" != 60000000 ]; do
		:
	done
	below STOP
	since=$(date +%s)
	[ -e "$store/late$i/x-0" ] || slept=yes
	sleep 2
	below CONT
	wait "$pid" || fail "$(cat "$out")"
	if [ -n "$slept" ]; then
		[ "$(stat -c %Y "$store/late$i/x-0")" -gt "$since" ] &&
		    echo "ok: an object is not older than its name" ||
		    fail "an object is older than its name"
	fi
	rm -rf "$store/late$i"
	i=$((i + 1))
done

# ---- the server dies, again and again
i=0
while [ "$i" -lt 6 ]; do
	: >"$out" # not by who is in the background: he may come too late
	on "$url" fill "kill/$i" 3000000 100000 >"$out" &
	pid=$!
	while [ "$(wc -l <"$out")" -lt $((i + 1)) ]; do
		sleep 0.01
	done
	sshd_halt
	wait "$pid" && fail "no server, and no failure"
	grep -q '^transient' "$out" || fail "$(tail -n 3 "$out")"
	sshd_again
	on "$url" list >"$out.list" || fail "$(cat "$out.list")"
	for name in $(grep '^kill/' "$out"); do
		grep -q "^$name 3000000$" "$out.list" ||
		    fail "$name was acknowledged and is not there"
	done
	grep '^kill/' "$out.list" | grep -v ' 3000000$' && fail "half an object"
	i=$((i + 1))
done
echo "ok: a server that dies leaves whole objects, and those it promised"
on "$url" put kill/after text || fail "cannot put after that"

# ---- full
mkdir "$SSHD_DIR/data/small"
if [ "$(id -u)" = 0 ] &&
    mount -t tmpfs -o size=2m tmpfs "$SSHD_DIR/data/small" 2>/dev/null; then
	on "$SSHD_URL/~/small/s" create
	on "$SSHD_URL/~/small/s" put a/x text || fail "a small disk"
	on "$SSHD_URL/~/small/s" fill a/big 3000000 1 >"$out" &&
	    fail "a full disk takes more"
	grep -q '^io: .*write' "$out" &&
	    echo "ok: what does not fit is refused" || fail "$(cat "$out")"
	[ "$(on "$SSHD_URL/~/small/s" list)" = "a/x 4" ] &&
	    [ -z "$(find "$SSHD_DIR/data/small" -name '.tmp*')" ] &&
	    echo "ok: and leaves nothing" || fail "$(on "$url" list)"
	dd if=/dev/zero of="$SSHD_DIR/data/small/rest" bs=4k 2>/dev/null || :
	on "$SSHD_URL/~/small/s" fill a/one 1 1 >"$out" &&
	    fail "a full disk takes more"
	grep -q '^detail: .*is full' "$out" &&
	    echo "ok: a full disk is told" || fail "$(cat "$out")"
	umount "$SSHD_DIR/data/small"
fi

# ---- read-only
sshd_halt
SSHD_SFTP_ARGS=-R
sshd_again
unset SSHD_SFTP_ARGS
on "$url" put b/x text >"$out" && fail "a read-only server takes a put"
grep -q '^denied' "$out" && echo "ok: a read-only server denies a put" ||
    fail "$(cat "$out")"
[ "$(on "$url" get a/x)" = text ] && [ -n "$(on "$url" now)" ] &&
    echo "ok: but can be read" || fail "a read-only server cannot be read"
on "$url" delete a/x >"$out" && fail "a read-only server deletes"
grep -q '^denied' "$out" && echo "ok: and not be deleted from" ||
    fail "$(cat "$out")"
sshd_halt

# ---- another kind of server: passwords, and renames that replace
if command -v rclone >/dev/null; then
	other=$SSHD_DIR/other
	mkdir "$other" "$other/store"
	HOME=$other rclone serve sftp "$other" --addr 127.0.0.1:0 --user me \
	    --pass hush --key "$SSHD_DIR/host_ed25519" \
	    >"$other/log" 2>&1 &
	other_pid=$!
	while ! grep -q 'listening on' "$other/log"; do
		kill -0 "$other_pid" || break
		sleep 0.05
	done
	port=$(sed -n 's/.*listening on .*:\([0-9]*\).*/\1/p' "$other/log")
	echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$SSHD_DIR/host_ed25519.pub")" \
	    >"$SSHD_DIR/known_hosts"
	there() {
		"$try" "sftp.known-hosts=$SSHD_DIR/known_hosts" HOME="$other" \
		    "$@" >"$out"
	}
	url=sftp://me@127.0.0.1:$port/store
	there secret:sftp.password=hush "$url" list &&
	    grep -q 'asked: Password of me@127.0.0.1' "$out" &&
	    echo "ok: a password, asked for by its name" || fail "$(cat "$out")"
	there secret:sftp.password=wrong "$url" list &&
	    fail "a wrong password lets in"
	grep -q '^denied' "$out" && grep -q 'password: not accepted' "$out" &&
	    ! grep -q wrong "$out" && echo "ok: a wrong password is not shown" ||
	    fail "$(cat "$out")"
	there secret:sftp.password=hush "$url" put a/x text &&
	    fail "a server whose renames replace is taken"
	grep -q "^unsupported.*renames replace" "$out" &&
	    echo "ok: a server whose renames replace is told" ||
	    fail "$(cat "$out")"
	kill "$other_pid"
	wait "$other_pid" 2>/dev/null || :
	other_pid=
fi
exit $bad
