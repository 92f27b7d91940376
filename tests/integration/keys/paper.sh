# SPDX-License-Identifier: PostgreSQL
# paper.sh - `key export` and `key import`: a repository that lost its config and
# all of its keys opens again, by what stands on paper.
. "$(dirname "$0")/../lib.sh"

# lose: what paper is for.
lose() {
	rm -f "$SNAP_REPOSITORY/config" "$SNAP_REPOSITORY"/keys/*
}

init
code=$(sed -n 's/^recovery code *//p' "$T/out")
noise 1 100000 >"$T/one"
expect 0 "a backup" "$SNAP" -q backup --name one -- cat "$T/one"
printf 'second words\n' >"$T/second"
chmod 600 "$T/second"
expect 0 "by an owner" "$SNAP" key add --kdf-memory 8 --label second \
    --new-passphrase-file "$T/second"
expect 0 "and by a host" "$SNAP" key add --write-only web --output "$T/web.key"
expect 0 "another backup" "$SNAP" -q --key-file "$T/web.key" \
    backup --name two -- cat "$T/one"
cp -R "$SNAP_REPOSITORY" "$T/whole"

n_notes() {
	find "$SNAP_REPOSITORY/notes" -type f 2>/dev/null | wc -l | tr -d ' '
}
notes=$(n_notes)
expect 0 "an export that is only shown" "$SNAP" key export --dry-run
is "is not recorded" "$(n_notes)" "$notes"
expect 0 "doctor reminds of it" "$SNAP" doctor
says "with what to type" 'hint: No key was exported yet.*key export'
expect 0 "but asks nobody for a passphrase" env -u SNAP_PASSPHRASE "$SNAP" doctor
if grep -q exported "$T/err"; then not_ok "so it knows nothing"; fi
expect 0 "an export into a file" "$SNAP" key export --output "$T/paper"
expect 0 "doctor is content" "$SNAP" doctor
if grep -q exported "$T/err"; then not_ok "and says no more"; fi
is "is for its owner alone" "$(stat -c %a "$T/paper")" 600
is "and is recorded" "$(n_notes)" $((notes + 1))
expect 2 "what is there is not replaced" "$SNAP" key export --output "$T/paper"
grep -q "^place  *$SNAP_REPOSITORY\$" "$T/paper" && ok "it says of what" ||
    not_ok "it says of what"
expect 0 "as JSON" "$SNAP" key export --json --dry-run
grep -q '"lines": "01: ' "$T/out" && ok "the lines alone" ||
    not_ok "the lines alone"

lose
expect 10 "without config and keys there is no repository" "$SNAP" snapshots
expect 1 "and none is made there" "$SNAP" init --kdf-memory 8
says "with what helps" 'hint:.*key import'
expect 12 "with the wrong passphrase nothing is put back" \
    env SNAP_PASSPHRASE=wrong "$SNAP" key import "$T/paper"
expect 12 "nor with one whose slot was not on the paper" \
    "$SNAP" --passphrase-file "$T/second" key import "$T/paper"
is "not one object" "$(find "$SNAP_REPOSITORY/keys" -type f | wc -l | tr -d ' ')" 0

# Retyped: small letters, no hyphens, O for 0 and l for 1, one line a time.
grep '^[0-9]*: ' "$T/paper" | sed 's/[- ]//g' | tr 'A-Z01' 'a-zol' >"$T/typed"
sed '7s/.\(....\)$/z\1/; 7s/z\(z....\)$/y\1/' "$T/typed" >"$T/wrong"
cmp -s "$T/typed" "$T/wrong" && not_ok "a line is wrong"
expect 2 "a typing error is refused" "$SNAP" key import "$T/wrong"
says "and its line named" 'line 7 has a typing error'
sed 9d "$T/typed" >"$T/wrong"
expect 2 "so is a line that is missing" "$SNAP" key import "$T/wrong"
says "by its number" 'line 9 is missing'
expect 0 "retyped it opens the repository" sh -c \
    '"$1" key import - <"$2"' - "$SNAP" "$T/typed"
expect 0 "the backup comes back" "$SNAP" restore latest:one
same "byte for byte" "$T/out" "$T/one"
expect 0 "the one of the host, too" "$SNAP" restore latest:two
same "for its record was on the paper" "$T/out" "$T/one"
expect 0 "the recovery code opens it as well" \
    env SNAP_RECOVERY_CODE="$code" "$SNAP" snapshots
expect 0 "once more changes nothing" "$SNAP" key import "$T/paper"
says "for all is there" 'put back 0 objects, replaced 0'

lose
expect 0 "with the recovery code it comes back, too" \
    env SNAP_RECOVERY_CODE="$code" "$SNAP" key import "$T/paper"

slot=$SNAP_REPOSITORY/keys/$("$SNAP" key list --json |
    sed -n 's/^ *"slot-id": "\(.*\)",/\1/p' | head -n 1)
chmod u+w "$slot" "$SNAP_REPOSITORY/config"
printf x >>"$SNAP_REPOSITORY/config"
cut -c2- "$slot" >"$T/slot"
cat "$T/slot" >"$slot"
expect 13 "what is damaged is not replaced by itself" \
    "$SNAP" key import "$T/paper"
says "it takes --force" 'hint:.*--force'
expect 0 "with it all is as it was" "$SNAP" key import --force "$T/paper"
says "which is told" 'replaced 2'
expect 0 "and opens" "$SNAP" snapshots

cp -f "$T/whole"/keys/* "$SNAP_REPOSITORY/keys/"
expect 0 "only the slot that was named" \
    env SNAP_RECOVERY_CODE="$code" "$SNAP" key export --output "$T/other" \
    "$("$SNAP" key list | awk '/second/ { print $1 }')"
lose
expect 0 "is on the paper" \
    "$SNAP" --passphrase-file "$T/second" key import "$T/other"

expect 0 "another repository" "$SNAP" -r "$T/another" init --kdf-memory 8
expect 2 "is not mixed with this one" \
    "$SNAP" -r "$T/another" key import --force "$T/paper"
says "which is told" 'another repository'
mkdir "$T/empty"
expect 2 "nor is a place filled where nothing is" \
    "$SNAP" -r "$T/empty" key import "$T/paper"
expect 2 "what is no paper form is refused" "$SNAP" key import "$T/one"

# ---- the codes, read by somebody else's program
if [ -z "${SNAP_TEST_HEAVY-}" ]; then
	done_testing
fi
command -v zbarimg >/dev/null || {
	echo "zbarimg is not installed"
	exit 77
}
python3 - "$T/paper" "$T/code" <<'EOF'
import sys
codes, rows = [], []
for line in open(sys.argv[1], encoding="utf-8").read().split("\n") + ["end"]:
    if line and not line.strip(" \u2580\u2584\u2588"):
        rows.append([c in "\u2580\u2588" for c in line])
        rows.append([c in "\u2584\u2588" for c in line])
    elif rows:
        codes.append(rows)
        rows = []
for n, rows in enumerate(codes):
    with open("%s%d.pgm" % (sys.argv[2], n), "wb") as f:
        f.write(b"P5 %d %d 255\n" % (4 * len(rows[0]), 4 * len(rows)))
        for row in rows:
            f.write(b"".join(b"\0\0\0\0" if c else b"\xff" * 4 for c in row) * 4)
EOF
zbarimg -q --raw "$T"/code*.pgm >"$T/scanned" 2>"$T/err"
lose
expect 0 "what zbarimg reads from the codes opens the repository" \
    "$SNAP" key import "$T/scanned"

done_testing
