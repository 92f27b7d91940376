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
