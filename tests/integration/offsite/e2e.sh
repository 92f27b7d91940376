# SPDX-License-Identifier: PostgreSQL
# e2e.sh PROGRAM SOURCE_DIR PLACE - the same life of a repository on each
# back-end of places.sh: backups of a database, restores, check, a lost index,
# copies from and to, a kill in the middle of an upload.  At the end no secret
# is found in anything that was said or passed to another program.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
R=$T/said
mkdir "$R"
mib=12
[ -z "${SNAP_TEST_HEAVY:-}" ] || mib=200
place_start
pg_start || exit 1

# All that is said anywhere is kept, for the end.
keep() {
	cat "$T/err" >>"$R/err"
	cat "$T/out" >>"$R/out"
}
# try STATUS TEXT ARGUMENT...: of the program, which tells all it can.
try() {
	status=$1
	text=$2
	shift 2
	expect "$status" "$text" "$SNAP" -v "$@"
	keep
}
number() { # KEY: of the JSON in $T/out
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$T/out" | tail -n 1
}
# few_requests TEXT: one for a pack, and 20 more, however many snapshots there
# are.
few_requests() {
	n=0
	for k in put get stat list delete; do
		n=$((n + $(number $k)))
	done
	packs=$(($(place_names repo data/ | wc -l) + \
	    $(place_names repo meta/ | wc -l)))
	new=$((packs - had_packs))
	had_packs=$packs
	[ $n -le $((new + 20)) ] && ok "$1: $n requests for $new packs" ||
	    not_ok "$1: $n requests for $new packs"
}
had_packs=0
n_restored=0
# comes_back TEXT SNAPSHOT DUMP [REPOSITORY]
comes_back() {
	n_restored=$((n_restored + 1))
	target=restored$n_restored
	createdb -T template0 "$target"
	"$SNAP" -v ${4:+-r "$4"} restore "$2" 2>"$T/err" >"$T/script"
	is "$1: restore" $? 0
	cat "$T/err" >>"$R/err"
	psql -X -q -o "$T/psql" "$target" <"$T/script" 2>"$T/err"
	is "$1: psql" $? 0
	dump "$target" >"$T/b"
	same "$1: the database is as it was" "$T/$3" "$T/b"
	dropdb "$target"
}
last_id() {
	sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/out" | head -n 1
}

# ---- three backups, with changes between
[ "$PLACE" = local ] || try 10 "there is nothing yet" snapshots
try 0 "init" init --kdf-memory 8
grep -o '[0-9A-Z]\{4\}\(-[0-9A-Z]\{4\}\)\{13\}' "$T/out" >>"$T/recovery"
createdb shop
psql -X -q -o "$T/psql" shop -c "CREATE TABLE customers (id serial PRIMARY KEY,
	name text)" -c "CREATE TABLE orders (id int PRIMARY KEY, customer int
	REFERENCES customers, note text)" -c "CREATE INDEX ON orders (customer)" \
    -c "INSERT INTO customers (name) SELECT md5(i::text)
	FROM generate_series(1, 1000) i" -c "INSERT INTO orders
	SELECT i, 1 + i % 1000, md5(i::text) || md5((i * 3)::text)
	FROM generate_series(1, $((mib * 12000))) i" \
    -c "SELECT lo_from_bytea(4711, '\x00ff00ff0a5c2e')"
for n in 1 2 3; do
	dump shop >"$T/dump.$n"
	try 0 "backup $n" backup -d shop -j 2 --stats --json
	eval "id$n=$(last_id)"
	eval "stored$n=$(number stored-bytes)"
	few_requests "backup $n"
	psql -X -q shop -c "UPDATE orders SET note = md5(note)
	    WHERE id % 500 = $n" -c "INSERT INTO customers (name)
	    VALUES ('new in $n')"
done
[ "$stored2" -lt $((stored1 / 2)) ] &&
    ok "the second stores little: $stored2 of $stored1 bytes" ||
    not_ok "the second stores little: $stored2 of $stored1 bytes"
for n in 1 2 3; do
	eval "comes_back 'backup $n' \$id$n dump.$n"
done
try 0 "snapshots" snapshots
is "there are three" "$(grep -c shop "$T/out")" 3
try 0 "ls" ls "$id1"
grep -q "table *$((mib * 12000)) " "$T/out" && ok "ls counts rows" ||
    not_ok "ls counts rows"
try 0 "stats" stats --json
is "which know all three" "$(number snapshots)" 3
try 0 "check --read-data" check --read-data
try 0 "the same without a cache" --no-cache check --read-data
try 0 "doctor" doctor
grep -q 'role  *full: back up, restore, prune' "$T/out" &&
    ok "finds all rights" || not_ok "finds all rights"

# ---- the index is lost
place_drop repo index/
is "no segment is left" "$(place_names repo index/ | wc -l | tr -d ' ')" 0
try 13 "without it nothing comes back" --no-cache restore latest
try 0 "repair index" repair index --json
is "finds every pack" "$(number packs-added)" $had_packs
comes_back "after that" "$id3" dump.3
try 0 "check after that" --no-cache check --read-data

# ---- to another repository, and from one
(umask 077 && secret other >"$T/other.pass")
cat "$T/other.pass" >>"$T/secrets"
SNAP_FROM_PASSPHRASE_FILE=$T/other.pass
export SNAP_FROM_PASSPHRASE_FILE
own=$SNAP_REPOSITORY
try 0 "a local repository" -r "$T/other" --passphrase-file "$T/other.pass" \
    init --kdf-memory 8 --chunk-size 1024
# Who is copied from has the settings with FROM in their names.
from_here() {
	(
		for v in $(env | sed -n 's/^\(SNAP_\(S3\|B2\|SFTP\)_[A-Z0-9_]*\)=.*/\1/p'); do
			eval "SNAP_FROM_${v#SNAP_}=\$$v"
			export "SNAP_FROM_${v#SNAP_}"
			unset "$v"
		done
		SNAP_FROM_PASSPHRASE_FILE=$T/passphrase
		exec "$SNAP" -v -r "$T/other" --passphrase-file \
		    "$T/other.pass" copy --from "$own" "$@"
	)
}
expect 0 "copy from here" from_here
keep
says "takes all" 'copied 3 snapshots, 0 were there'
expect 0 "once more" from_here
keep
says "has nothing to do" 'copied 0 snapshots, 3 were there'
SNAP_PASSPHRASE_FILE=$T/other.pass
comes_back "the copy" latest dump.3 "$T/other"
SNAP_PASSPHRASE_FILE=$T/passphrase
second=$(place_url second)
try 0 "another repository here" -r "$second" init --kdf-memory 8
try 0 "copy to it" -r "$second" copy --from "$T/other"
says "gives all" 'copied 3 snapshots, 0 were there'
comes_back "what was copied" latest dump.3 "$second"
try 0 "check it" -r "$second" check --read-data

# ---- killed in mid-upload; small packs, that there are many
SNAP_REPOSITORY=$(place_url killed)
STRIKE_PACK=1048576 "$SNAP_STRUCK" init --kdf-memory 8 >"$T/out" 2>"$T/err" ||
    not_ok "init with small packs"
noise 1 2000000 >"$T/old"
head -c $((mib * 2000000)) /dev/urandom >"$T/new"
try 0 "an older backup" backup --name f -- cat "$T/old"
n_segments=$(place_names killed index/ | wc -l)
# A source that does not end: however slow the listings are, it is never late.
mkfifo "$T/hold"
"$SNAP" -v --limit-upload 4096 backup --name f -- cat "$T/new" "$T/hold" \
    >"$T/out" 2>"$T/err" &
pid=$!
while kill -0 $pid 2>/dev/null &&
    [ "$(place_names killed index/ | wc -l)" -le $((n_segments)) ]; do
	sleep 0.05
done
# What anybody on this machine sees of it.
for f in cmdline environ; do
	tr '\0' '\n' <"/proc/$pid/$f" >>"$R/$f" 2>/dev/null
done
kill -9 $pid 2>/dev/null && ok "killed in mid-upload" ||
    not_ok "killed in mid-upload"
wait $pid 2>/dev/null
# For the source, if it came so far; nobody waits for one that did not.
: <>"$T/hold"
keep
try 0 "it left no snapshot" snapshots --json
is "and the older one" "$(grep -c '"id":' "$T/out")" 1
try 0 "check after it" check --read-data
try 0 "the next run" backup --name f --json -- cat "$T/new"
# A segment names twelve packs of a MiB.
new=$(number new-bytes)
[ "$new" -lt $((mib * 2000000 - 7000000)) ] &&
    ok "uses what was stored: $new of $((mib * 2000000)) bytes are new" ||
    not_ok "uses what was stored: $new of $((mib * 2000000)) bytes are new"
expect 0 "and comes back" "$SNAP" restore latest
same "byte for byte" "$T/out" "$T/new"
try 0 "check in the end" check --read-data

# ---- what other programs are told
: >"$T/script"
try 0 "a command as source" backup --name env -- \
    sh -c 'env; tr "\0" "\n" <"/proc/$PPID/cmdline"; tr "\0" "\n" </proc/$PPID/environ'
"$SNAP" restore latest:env >"$R/child" 2>"$T/err" || not_ok "its output"
grep -q SNAP_REPOSITORY "$R/child" && ok "sees variables" ||
    not_ok "sees variables"
# Secrets that are variables themselves.
env SNAP_PASSPHRASE="$(cat "$T/passphrase")" \
    SNAP_B2_KEY="${b2_secret:-secret-of-b2}" \
    SNAP_SFTP_PASSWORD=secret-of-sftp \
    SNAP_SFTP_KEY_PASSPHRASE='pass phrase' "$SNAP" -v backup --name env2 -- \
    sh -c 'env; tr "\0" "\n" </proc/$PPID/environ' >"$T/out" 2>"$T/err"
is "variables that are secrets" $? 0
keep
"$SNAP" restore latest:env2 >"$R/child2" 2>"$T/err" || not_ok "its output"
printf '%s\n' secret-of-b2 secret-of-sftp >>"$T/secrets"
# A wrong secret is no less secret.
printf 'wrong-secret-%s\n' "$$" >"$T/wrong"
chmod 600 "$T/wrong"
cat "$T/wrong" >>"$T/secrets"
try 12 "a wrong passphrase" --passphrase-file "$T/wrong" snapshots
case $PLACE in
sftp) try 1 "a wrong passphrase of the key" -o \
    sftp.key-passphrase-file="$T/wrong" snapshots ;;
s3*)
	printf '[default]\naws_access_key_id = personkey\naws_secret_access_key = %s\naws_session_token = secret-token\n' \
	    "$(cat "$T/wrong")" >"$T/wrong.aws"
	echo secret-token >>"$T/secrets"
	AWS_SHARED_CREDENTIALS_FILE=$T/wrong.aws
	try 1 "a wrong key" --retry-for 1 snapshots
	AWS_SHARED_CREDENTIALS_FILE=$T/aws
	;;
b2*) try 1 "a wrong key" --retry-for 1 -o b2.key-file="$T/wrong" snapshots ;;
esac
cat "$T/recovery" >>"$T/secrets"
is "the recovery code is known" "$(wc -l <"$T/recovery" | tr -d ' ')" 1
sed -i '/^$/d' "$T/secrets"
for f in "$R"/*; do
	what=${f##*/}
	# init has to print the code once.
	[ "$what" != out ] || sed -i "/$(cat "$T/recovery")/d" "$f"
	if grep -aqF -f "$T/secrets" "$f"; then
		not_ok "no secret in $what: $(grep -aF -f "$T/secrets" "$f" |
		    head -n 3)"
	else
		ok "no secret in $what ($(wc -c <"$f" | tr -d ' ') bytes)"
	fi
done
done_testing
