# SPDX-License-Identifier: PostgreSQL
# slots.sh - the slots of a repository as its owner handles them: `key`.
. "$(dirname "$0")/../lib.sh"

init
code=$(sed -n 's/^recovery code *//p' "$T/out")
export code

expect 0 "key list shows the slots" "$SNAP" key list
is "a line each and a head" "$(wc -l <"$T/out" | tr -d ' ')" 3
grep -q 'passphrase .* 8192 kB, 8 passes.*(opened it now)' "$T/out" &&
    ok "with their cost, and which one opened it" ||
    not_ok "with their cost, and which one opened it"
expect 0 "opened with the recovery code" \
    sh -c 'SNAP_RECOVERY_CODE=$code exec "$1" key list' - "$SNAP"
grep -q 'recovery-code .*(opened it now)' "$T/out" &&
    ok "it is that slot" || not_ok "it is that slot"
expect 2 "a word that key does not know is refused" "$SNAP" key lost
says "with a hint" 'hint:.*help key'
expect 2 "what is too much is refused" "$SNAP" key list all


# slot_of TYPE N: the id of the N-th slot of a type, by age.
slot_of() {
	"$SNAP" key list --json | sed -n "s/^ *\"slot-id\": \"\(.*\)\",/\1/p;
	    s/^ *\"type\": \"\(.*\)\",/\1/p" | paste - - |
	    awk -v type="$1" '$2 == type { print $1 }' | sed -n "$2p"
}
# opens TEXT [VARIABLE=VALUE]...
opens() {
	how=$1
	shift
	expect 0 "$how opens it" env "$@" "$SNAP" snapshots
}
refuses() {
	how=$1
	shift
	expect 12 "$how does not open it" env "$@" "$SNAP" snapshots
}

first=$(slot_of passphrase 1)
expect 2 "an option that a word does not know is not passed over" \
    "$SNAP" key remove --dry-run "$first"
says "and named" '"key remove" takes no option --dry-run'
printf 'second words\n' >"$T/second"
chmod 600 "$T/second"
expect 0 "a further passphrase is added" "$SNAP" key add --kdf-memory 8 \
    --label 'Anna, at home' --new-passphrase-file "$T/second"
says "which is told with its id" 'added slot [0-9a-f]{8}'
opens "it" SNAP_PASSPHRASE='second words'
opens "the first one still"
second=$(slot_of passphrase 2)
expect 0 "list knows whose it is" "$SNAP" key list
grep -q 'Anna, at home$' "$T/out" && ok "by its label" || not_ok "by its label"
expect 2 "an empty passphrase is refused" \
    env SNAP_NEW_PASSPHRASE= "$SNAP" key add --new-passphrase-file /dev/null
expect 2 "and none, where there is no terminal" sh -c \
    '"$1" key add </dev/null' - "$SNAP"
says "with the way to do it" 'hint:.*--new-passphrase-file'
chmod 644 "$T/second"
expect 2 "a file for all to read is refused" \
    "$SNAP" key add --new-passphrase-file "$T/second"

expect 12 "a slot is not removed by its own passphrase" \
    "$SNAP" key remove "$first"
says "with what it takes" 'hint:.*another one'
expect 2 "three digits are too few" "$SNAP" key remove abc
expect 2 "and letters are none" "$SNAP" key remove latest
expect 1 "what is not there is not removed" "$SNAP" key remove 01234567
expect 0 "another one removes it" "$SNAP" key remove "$(echo "$second" | cut -c1-8)"
says "and says what that does not end" 'kept a copy.*still opens'
refuses "it" SNAP_PASSPHRASE='second words'
opens "the first one"

expect 0 "a new recovery code is shown" "$SNAP" key add --recovery-code
new=$(sed -n 's/^recovery code *//p' "$T/out")
opens "it" SNAP_RECOVERY_CODE="$new"
opens "the old one, too," SNAP_RECOVERY_CODE="$code"
expect 2 "the newest code is not removed" \
    "$SNAP" key remove "$(slot_of recovery-code 2)"
says "with the way to do it" 'hint:.*key add --recovery-code'
expect 0 "the older one is" "$SNAP" key remove "$(slot_of recovery-code 1)"
refuses "it" SNAP_RECOVERY_CODE="$code"
code=$new
expect 0 "with --qr it comes as a picture, too" \
    "$SNAP" key add --recovery-code --qr
grep -q '█' "$T/out" && ok "of blocks" || not_ok "of blocks"
expect 0 "as JSON" "$SNAP" key add --recovery-code --json
new=$(sed -n 's/.*"recovery-code": "\([-0-9A-Z]*\)".*/\1/p' "$T/out")
opens "it" SNAP_RECOVERY_CODE="$new"

expect 0 "an owner's key file is made" "$SNAP" key add --output "$T/owner.key" \
    --label laptop
is "for its owner alone" "$(stat -c %a "$T/owner.key")" 600
opens "as --key-file" SNAP_KEY_FILE="$T/owner.key" SNAP_PASSPHRASE=wrong
expect 0 "as --recovery-code-file it opens, too" \
    "$SNAP" snapshots --recovery-code-file "$T/owner.key"
expect 2 "a file that is there is not replaced" \
    "$SNAP" key add --output "$T/owner.key"

printf 'third words\n' >"$T/third"
chmod 600 "$T/third"
expect 0 "the passphrase is changed" "$SNAP" key passwd --kdf-memory 8 \
    --new-passphrase-file "$T/third"
refuses "the old one"
opens "the new one" SNAP_PASSPHRASE='third words'
SNAP_PASSPHRASE='third words'
expect 0 "by the recovery code, which has no passphrase of its own" \
    env SNAP_RECOVERY_CODE="$code" SNAP_NEW_PASSPHRASE='fourth words' \
    "$SNAP" key passwd --kdf-memory 8 --json
grep -q '"removed"' "$T/out" && ok "it is told as JSON" ||
    not_ok "it is told as JSON"
refuses "the old one"
SNAP_PASSPHRASE='fourth words'
opens "the new one"
expect 0 "with two slots" env SNAP_NEW_PASSPHRASE=fifth \
    "$SNAP" key add --kdf-memory 8
expect 2 "the recovery code does not say which is meant" \
    env SNAP_RECOVERY_CODE="$code" SNAP_NEW_PASSPHRASE=sixth \
    "$SNAP" key passwd --kdf-memory 8
says "and that is said" 'hint:.*key passwd SLOT'
expect 0 "a slot can be named" env SNAP_NEW_PASSPHRASE=sixth \
    "$SNAP" key passwd --kdf-memory 8 "$(slot_of passphrase 2)"
refuses "the old one" SNAP_PASSPHRASE=fifth
opens "the new one" SNAP_PASSPHRASE=sixth

# ---- killed at every call to the file system
if [ -n "${SNAP_STRUCK-}" ]; then
	export STRIKE=kill STRIKE_COUNT="$T/count"
	lost=0
	SNAP_PASSPHRASE=sixth
	expect 0 "a change of the passphrase, counted" env STRIKE_AT=1000000 \
	    SNAP_NEW_PASSPHRASE=other "$SNAP_STRUCK" key passwd --kdf-memory 8
	calls=$(cat "$T/count")
	step=$((calls / 6 + 1))
	[ -z "${SNAP_TEST_HEAVY-}" ] || step=1
	cp -R "$SNAP_REPOSITORY" "$T/kept"
	at=1
	while [ "$at" -le "$calls" ]; do
		rm -rf "$SNAP_REPOSITORY"
		cp -R "$T/kept" "$SNAP_REPOSITORY"
		STRIKE_AT=$at SNAP_PASSPHRASE=other SNAP_NEW_PASSPHRASE=sixth \
		    "$SNAP_STRUCK" key passwd --kdf-memory 8 >"$T/out" 2>"$T/err"
		SNAP_PASSPHRASE=other "$SNAP" -q snapshots >/dev/null 2>&1 ||
		    SNAP_PASSPHRASE=sixth "$SNAP" -q snapshots >/dev/null 2>&1 ||
		    lost=$((lost + 1))
		at=$((at + step))
	done
	is "killed at any of $calls calls it leaves a passphrase" "$lost" 0
	rm -rf "$SNAP_REPOSITORY"
	cp -R "$T/kept" "$SNAP_REPOSITORY"
	SNAP_PASSPHRASE=other
fi

# ---- a machine with little memory
expect 0 "a slot that takes 192 MB" env SNAP_NEW_PASSPHRASE=large \
    "$SNAP" key add --kdf-memory 192

# (Sanitizers need more address space than any machine has memory.)
if ! grep -Eqa '__(asan|tsan)_init' "$SNAP"; then
	expect 1 "is not opened where there are 150" sh -c \
	    'ulimit -v 150000; SNAP_PASSPHRASE=large exec "$1" snapshots' \
	    - "$SNAP"
	says "which is said with the number" '192 MiB are needed'
fi
slot=$(find "$SNAP_REPOSITORY/keys" -type f | head -n 1)
cp "$slot" "$T/slot"
chmod u+w "$slot"
printf x >>"$slot"
expect 0 "with a damaged slot one of the secrets still lists" sh -c \
    '"$1" key list --json || SNAP_RECOVERY_CODE=$code exec "$1" key list --json' - "$SNAP"
grep -q '"error": ' "$T/out" && ok "and names the damaged one" ||
    not_ok "and names the damaged one"
cp "$T/slot" "$slot"

done_testing
