# SPDX-License-Identifier: PostgreSQL
# badplace.sh - a repository that is not there, only half there, there already,
# or not ours to read; and passphrases that are not where they should be.
# Rights are no wrong passphrase, and nothing of it hurts what is stored.
. "$(dirname "$0")/lib.sh"
R=$SNAP_REPOSITORY
noise 1 400000 >"$T/one"

# ---- init
: >"$T/file"
expect 10 "a file is no repository" "$SNAP" -r "$T/file" snapshots
mkdir "$T/strange"
echo 'not ours' >"$T/strange/notes.txt"
expect 10 "a directory with other files is none" \
    "$SNAP" -r "$T/strange" snapshots
says "and the hint names init" 'hint:.*init'
init
code=$(sed -n 's/^recovery code *//p' "$T/out")
expect 0 "a backup" "$SNAP" backup --name one -- cat "$T/one"
find "$R" -type f -exec cksum {} + | sort >"$T/before"
expect 1 "init over a repository is refused" "$SNAP" init --kdf-memory 8
says "with what is there" 'repository at .* already'
says "and what to do" 'hint:'
expect 1 "also with another passphrase" env SNAP_PASSPHRASE=other \
    "$SNAP" init --kdf-memory 8
find "$R" -type f -exec cksum {} + | sort >"$T/after"
same "and changes no byte" "$T/before" "$T/after"

# Whatever init had put when it was interrupted.
for lost in config "config and one slot"; do
	rm -rf "$T/half"
	cp -a "$R" "$T/half"
	rm -rf "$T/half/config" "$T/half/data" "$T/half/meta" \
	    "$T/half/index" "$T/half/snapshots"
	case $lost in *slot) rm "$(ls -d "$T"/half/keys/* | head -n 1)" ;; esac
	expect 10 "without $lost it is half initialised" \
	    "$SNAP" -r "$T/half" snapshots
	says "and told" 'half initialised'
	says "with what to do" 'hint:.*keys/'
	expect 10 "a backup does not use it" \
	    "$SNAP" -r "$T/half" backup --name one -- cat "$T/one"
	expect 1 "init does not finish it" \
	    "$SNAP" -r "$T/half" init --kdf-memory 8
	says "and is told how" 'hint:.*keys/'
	rm -r "$T/half/keys"
	init "$T/half"
	expect 0 "what the hint says helps" "$SNAP" -r "$T/half" snapshots
done

if [ -c /dev/full ]; then
	"$SNAP" -r "$T/unseen" init --kdf-memory 8 >/dev/full 2>"$T/err"
	is "a recovery code that nobody sees is a failure" "$?" 1
	says "and told" 'detail:.*recovery code was not'
	says "with what to do" 'hint:.*Delete'
fi

# Two at once: one wins, and the other leaves nothing that is in its way.
"$SNAP" -r "$T/race" init --kdf-memory 8 >"$T/out1" 2>"$T/err1" &
"$SNAP" -r "$T/race" init --kdf-memory 8 >"$T/out2" 2>"$T/err2"
a=$?
wait $!
b=$?
is "of two inits at once one succeeds" "$((a == 0)) $((b == 0))" \
    "$((a == 0)) $((a != 0))"
expect 0 "and there is a repository" "$SNAP" -r "$T/race" snapshots
is "without a word about the other" "$(grep -c 'another repo' "$T/err")" 0

# ---- secrets
expect 12 "the wrong passphrase" env SNAP_PASSPHRASE=wrong "$SNAP" snapshots
says "is told" 'wrong passphrase'
expect 12 "one that is a prefix" env SNAP_PASSPHRASE='correct horse' \
    "$SNAP" snapshots
expect 2 "an empty one" env SNAP_PASSPHRASE= "$SNAP" snapshots
says "is told" 'empty'
pass=$SNAP_PASSPHRASE
without() {
	env -u SNAP_PASSPHRASE "$@"
}
secret() { # FORMAT: the file holds that of the passphrase
	# shellcheck disable=SC2059
	printf "$1" "$pass" >"$T/pass"
	chmod 600 "$T/pass"
}
for format in '%s' '%s\n' '%s\r\n'; do
	secret "$format"
	expect 0 "a passphrase file of \"$format\"" without "$SNAP" \
	    --passphrase-file "$T/pass" snapshots
	expect 0 "a command that prints \"$format\"" without \
	    SNAP_PASSPHRASE_COMMAND="cat '$T/pass'" "$SNAP" snapshots
done
for format in '%s \n' ' %s\n' '%s\n\n' '\n%s\n' '%s\nmore\n'; do
	secret "$format"
	expect 12 "a passphrase file of \"$format\" is another one" \
	    without "$SNAP" --passphrase-file "$T/pass" snapshots
done
for format in '' '\n' '\r\n'; do
	secret "$format"
	expect 2 "a passphrase file of \"$format\" is empty" \
	    without "$SNAP" --passphrase-file "$T/pass" snapshots
	expect 2 "also for init" without "$SNAP" -r "$T/never" \
	    --passphrase-file "$T/pass" init
done
[ ! -e "$T/never" ] && ok "and nothing is made" || not_ok "and nothing is made"
head -c 5000 /dev/zero >"$T/pass"
expect 2 "a passphrase file that is none" without "$SNAP" \
    --passphrase-file "$T/pass" snapshots
says "is told" 'more than'
expect 2 "a directory as a passphrase file" without "$SNAP" \
    --passphrase-file "$T" snapshots
secret '%s\n'
for mode in 604 640 660 622 601 610; do
	chmod $mode "$T/pass"
	expect 2 "a passphrase file with mode $mode is refused" without \
	    "$SNAP" --passphrase-file "$T/pass" snapshots
	says "with what to do" "hint: chmod 600 '$T/pass'"
	expect 2 "also one with a recovery code" without "$SNAP" \
	    --recovery-code-file "$T/pass" snapshots
done
for mode in 600 400; do
	chmod $mode "$T/pass"
	expect 0 "one with mode $mode is not" without \
	    "$SNAP" --passphrase-file "$T/pass" snapshots
done
chmod 600 "$T/pass"
printf '%s\n' "$code" | tr '[:upper:]' '[:lower:]' | tr -d - >"$T/code"
chmod 600 "$T/code"
expect 0 "a recovery code in small letters without hyphens" without \
    "$SNAP" --recovery-code-file "$T/code" snapshots
expect 2 "is no passphrase for a new repository" without "$SNAP" \
    -r "$T/never" --recovery-code-file "$T/code" init

# ---- rights: as somebody else, when we may become one
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null ||
    ! id nobody >/dev/null 2>&1; then
	echo "not root: rights were not tried"
	done_testing
fi
chmod 755 "$T"
as_nobody() {
	setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups -- \
	    env XDG_CACHE_HOME="$T/nobody" "$@"
}
mkdir "$T/nobody"
chown nobody "$T/nobody"
if ! as_nobody "$SNAP" version >/dev/null 2>&1; then
	echo "nobody may not run the program: rights were not tried"
	done_testing
fi
expect 1 "a repository of somebody else" as_nobody "$SNAP" snapshots
says "is a matter of rights" 'Permission denied'
says "with what to do" 'hint:'
for closed in config keys snapshots index data; do
	rm -rf "$T/copy"
	cp -a "$R" "$T/copy"
	chown -R nobody "$T/copy"
	chown root "$T/copy/$closed"
	chmod go-rwx "$T/copy/$closed"
	expect 1 "$closed that may not be read" as_nobody "$SNAP" \
	    -r "$T/copy" restore latest
	says "is a matter of rights" 'Permission denied'
	grep -q passphrase "$T/err" && not_ok "and not of the passphrase" ||
	    ok "and not of the passphrase"
done
for closed in keys data; do
	rm -rf "$T/copy"
	cp -a "$R" "$T/copy"
	chown -R nobody "$T/copy"
	f=$(find "$T/copy/$closed" -type f | head -n 1)
	[ $closed = data ] || f=$T/copy/keys/'*'
	# shellcheck disable=SC2086
	chown root $f
	expect 1 "objects of $closed that may not be read" as_nobody "$SNAP" \
	    -r "$T/copy" restore latest
	says "are a matter of rights" 'Permission denied'
done

# Reading needs no right to write: a copy on a medium, a backup of backups.
rm -rf "$T/copy"
cp -a "$R" "$T/copy"
chmod -R go+rX "$T/copy"
expect 0 "a repository that may only be read: snapshots" \
    as_nobody "$SNAP" -r "$T/copy" snapshots
expect 0 "a repository that may only be read: restore" \
    as_nobody "$SNAP" -r "$T/copy" restore latest
same "gives all" "$T/out" "$T/one"
expect 0 "a repository that may only be read: check" \
    as_nobody "$SNAP" -r "$T/copy" check --read-data
expect 1 "a repository that may only be read: backup" \
    as_nobody "$SNAP" -r "$T/copy" backup --name x -- cat "$T/one"
says "is a matter of rights" 'Permission denied'
expect 1 "init where nothing may be made" \
    as_nobody "$SNAP" -r "$T/not-here" init --kdf-memory 8
says "is a matter of rights" 'Permission denied'
secret '%s\n'
expect 2 "a passphrase file of somebody else" as_nobody \
    env -u SNAP_PASSPHRASE "$SNAP" -r "$T/copy" \
    --passphrase-file "$T/pass" snapshots
says "is a matter of rights" 'Permission denied'
done_testing
