#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# container.sh PROGRAM SOURCE_DIR - what of the container can be seen without
# one: what the entry point makes of secrets and how it stops, and that what the
# Containerfile and the compose file name is there.
. "$2/tests/integration/lib.sh"
C=$SRC/packaging/container

mkdir "$T/bin"
PATH=$T/bin:$PATH
# The program may have another name.
printf '#!/bin/sh\nexec "%s" "$@"\n' "$SNAP" >"$T/bin/snap"
chmod 755 "$T/bin/snap"
SNAP_STATE_DIR=$T/state
export SNAP_STATE_DIR
mkdir "$SNAP_STATE_DIR"
secret="$T/it's one"
echo "$SNAP_PASSPHRASE" >"$secret"
chmod 644 "$secret"
unset SNAP_PASSPHRASE
entry() {
	env "SNAP_PASSPHRASE_FILE=$secret" "$C/entrypoint" "$@"
}
expect 0 "a secret that all in the container may read" entry init --kdf-memory 8
expect 12 "and no other opens it" env SNAP_PASSPHRASE=x "$SNAP" snapshots
expect 1 "no backup is not healthy" entry healthy
expect 0 "a backup" entry backup --name x -- echo x
expect 0 "is healthy" entry healthy
sleep 2
expect 1 "an old one is not" env SNAP_MAX_AGE=1s \
    "SNAP_PASSPHRASE_FILE=$secret" "$C/entrypoint" healthy
expect 1 "nor is one that cannot be looked at" env "SNAP_REPOSITORY=$T/none" \
    "SNAP_PASSPHRASE_FILE=$secret" "$C/entrypoint" healthy

# ---- something that says what it was given, in the place of the program
cat >"$T/bin/snap" <<'EOF'
#!/bin/sh
[ "$1" != backup ] || {
	echo "$* password=$PGPASSWORD file=${PGPASSWORD_FILE-none}" >>"$LOG"
	exit 3
}
sleep 1000 &
trap 'echo "$1 stops" >>"$LOG"; kill $!; exit 143' TERM
echo "$1 begins" >>"$LOG"
wait
EOF
LOG=$T/log
export LOG
lines() { # N: until the log has so many
	until [ "$(wc -l <"$LOG")" -ge "$1" ]; do
		sleep 0.1
	done
}
printf 'a b"$c\n' >"$T/password"
: >"$LOG"
PGPASSWORD_FILE=$T/password "$C/entrypoint" every 0 backup 2>"$T/err" &
entry=$!
lines 3
kill "$entry"
wait "$entry"
is "it goes on until it is stopped" $? 143
says "and tells of failures" 'snap backup: status 3'
is "a password out of a file" "$(head -n 1 "$LOG")" \
    'backup password=a b"$c file=none'
: >"$LOG"
"$C/entrypoint" every 1000 check 2>"$T/err" &
entry=$!
lines 1
kill "$entry"
wait "$entry"
is "it stops in the middle" $? 143
is "and what it runs with it" "$(tail -n 1 "$LOG")" 'check stops'

# ---- what they name is there
awk '$1 == "COPY" && $2 !~ /^--from/ { print $2 }' "$C/Containerfile" |
    while read -r f; do
	[ -e "$SRC/$f" ] || echo "$f"
done >"$T/err"
is "what the image copies" "$(cat "$T/err")" ""
[ -x "$C/entrypoint" ] && ok "the entry point can be run" ||
    not_ok "the entry point can be run"
if python3 -c 'import yaml' 2>/dev/null; then
	expect 0 "the compose file" python3 - "$C" <<'EOF'
import os, sys, yaml
c = yaml.safe_load(open(sys.argv[1] + '/compose.yaml'))
for name, s in c['services'].items():
    assert {'image', 'restart'} <= set(s), name
    for secret in s.get('secrets', []):
        assert secret in c['secrets'], secret
        assert '/run/secrets/' + secret in s['environment'].values(), secret
    for volume in s['volumes']:
        assert volume.split(':')[0] in c['volumes'], volume
    for other in s.get('depends_on', {}):
        assert other in c['services'], other
    if 'build' in s:
        b = os.path.join(sys.argv[1], s['build']['context'])
        assert os.path.exists(os.path.join(b, s['build']['dockerfile']))
EOF
else
	echo "skipped: python3 has no yaml"
fi
if apt-cache show libpq-dev >/dev/null 2>&1; then
	sed -n '/apt-get install/,/rm -rf/p' "$C/Containerfile" |
	    grep -oE '\b[a-z]+(-[a-z]+)+\b' |
	    grep -vxE 'apt-get|no-install-recommends' >"$T/packages"
	is "two packages" "$(wc -l <"$T/packages")" 2
	while read -r p; do
		apt-cache show "$p" >/dev/null 2>&1 || echo "$p"
	done <"$T/packages" >"$T/err"
	is "that Debian has" "$(cat "$T/err")" ""
else
	echo "skipped: apt has no lists"
fi
done_testing
