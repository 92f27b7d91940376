#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# schedule.sh PROGRAM SOURCE_DIR - what `schedule install` writes is what
# systemd takes, runs as it would be run, is the same when written again, and
# goes without a trace of anybody else's; two runs of a job do not collide.
. "$2/tests/integration/lib.sh"
unset SNAP_CONFIG SNAP_REPOSITORY SNAP_PASSPHRASE
umask 022
U=$T/units
mkdir "$U"
echo 'correct horse' >"$T/pass"
chmod 600 "$T/pass"
conf=$T/snap.conf
cat >"$conf" <<EOF
passphrase-file = $T/pass
[shop]
repository = $T/re po
[other]
repository = s3://bucket/x
EOF
schedule() {
	"$SNAP" --config "$conf" schedule "$@"
}
shop() {
	"$SNAP" --config "$conf" --profile shop schedule "$@"
}
files() {
	find "$U" -type f | wc -l
}

expect 0 "a dry run" shop install --dry-run --unit-dir "$U"
is "writes nothing" "$(files)" 0
grep -q 'OnCalendar=\*-\*-\* 00/6:00:00' "$T/out" &&
    ok "and shows it all" || not_ok "and shows it all"
expect 0 "install" shop install --unit-dir "$U"
is "four services and timers" "$(files)" 8
cp -r "$U" "$T/first"
expect 0 "install again" shop install --unit-dir "$U"
says "has nothing to do" 'nothing had to be changed'
if diff -r "$U" "$T/first"; then ok "the same each time"; else not_ok "the same each time"; fi
if command -v systemd-analyze >/dev/null; then
	cp -r "$U" "$T/check"
	# There is no manual page here, nor need there be that user.
	sed -i '/^Documentation=/d' "$T/check"/*
	expect 0 "systemd takes them" systemd-analyze verify "$T/check"/*.timer \
	    "$T/check"/*.service
	[ ! -s "$T/err" ] && ok "without a word" || not_ok "without a word"
	for every in '*-*-* 00/6:00:00' 'Sun *-*-* 04:30:00' '*-*-01 05:30:00'; do
		expect 0 "a time: $every" systemd-analyze calendar "$every"
	done
else
	echo "skipped: there is no systemd-analyze"
fi
if [ "$(id -u)" = 0 ]; then
	grep -q "^LoadCredential=passphrase:$T/pass" "$U/snap-shop-backup.service" &&
	    ok "the passphrase is a credential" ||
	    not_ok "the passphrase is a credential"
fi
grep -q "^ReadWritePaths=\"-$T/re po\"" "$U/snap-shop-backup.service" &&
    ok "a repository on disk may be written" ||
    not_ok "a repository on disk may be written"

# What ExecStart says runs, with an empty environment and no terminal.
SNAP_PASSPHRASE_FILE=$T/pass "$SNAP" -r "$T/re po" init --kdf-memory 8 >"$T/out" 2>&1
exec_of() { # FILE
	sed -n 's/^ExecStart=//p' "$1" | sed 's/%%/%/g'
}
mkdir "$T/credentials" "$T/state"
cp "$T/pass" "$T/credentials/passphrase"
chmod 440 "$T/credentials/passphrase"
run() { # FILE
	env -i PATH="$PATH" "CREDENTIALS_DIRECTORY=$T/credentials" \
	    "SNAP_PASSPHRASE_FILE=$T/credentials/passphrase" \
	    "SNAP_STATE_DIR=$T/state" sh -c "$(exec_of "$1")" </dev/null
}
expect 0 "check as systemd runs it, with a credential" run "$U/snap-shop-check.service"
expect 0 "prune likewise" run "$U/snap-shop-prune.service"
# In an empty repository it gets no further, but it was wrong usage once.
expect 1 "verify" run "$U/snap-shop-verify.service"
says "has all the words it needs" 'there is no snapshot'
expect 2 "the same file elsewhere is refused" env -i \
    "SNAP_PASSPHRASE_FILE=$T/credentials/passphrase" "$SNAP" -r "$T/re po" snapshots

# ---- two at once
printf '%s\n' 'before = touch "$HOLD.begun"; while [ -e "$HOLD" ]; do sleep 0.05; done' |
    cat - "$conf" >"$T/slow.conf"
touch "$T/hold"
HOLD=$T/hold SNAP_STATE_DIR=$T/state "$SNAP" --config "$T/slow.conf" \
    --profile shop check --job snap-shop-check >"$T/slow.out" 2>&1 &
slow=$!
while [ ! -e "$T/hold.begun" ]; do
	sleep 0.05
done
expect 15 "the second run of a job" run "$U/snap-shop-check.service"
says "says so" 'job "snap-shop-check" is running already'
expect 0 "another job is another" run "$U/snap-shop-prune.service"
rm "$T/hold"
wait "$slow"
is "the first goes on" $? 0
expect 0 "and then there is room" run "$U/snap-shop-check.service"
expect 2 "a job's name is no path" "$SNAP" --config "$conf" --profile shop \
    check --job ../x

# ---- another rhythm
expect 0 "another rhythm" shop install --unit-dir "$U" --every backup=1h \
    --every verify=never --every prune=weekly
is "what never runs goes" "$(files)" 6
grep -q 'OnCalendar=\*-\*-\* 00/1:00:00' "$U/snap-shop-backup.timer" &&
    ok "each hour" || not_ok "each hour"
expect 0 "show" shop show --unit-dir "$U"
grep -q 'verify  *monthly  *not installed' "$T/out" &&
    ok "says what is there" || not_ok "says what is there"
expect 2 "no such rhythm" shop install --unit-dir "$U" --every backup=7h
expect 2 "no such job" shop install --unit-dir "$U" --every tag=1h
expect 2 "no repository" schedule install --unit-dir "$U"
says "what to do" 'help config'
expect 2 "no such profile" "$SNAP" --config "$conf" --profile x schedule install
expect 2 "no such command" shop enable
expect 0 "all profiles in one" schedule install --all-profiles --unit-dir "$U"
grep -q 'backup --all-profiles --job=snap-backup' "$U/snap-backup.service" &&
    ok "have a job of their own" || not_ok "have a job of their own"

# ---- what is somebody else's
echo '# mine' >"$U/snap-shop-verify.timer"
expect 2 "a file of somebody else" shop install --unit-dir "$U"
says "is left alone" 'was not written by snap: it is left alone'
is "as it was" "$(cat "$U/snap-shop-verify.timer")" '# mine'
rm "$U/snap-shop-verify.timer"
touch "$U/nginx.service"
expect 0 "remove, though nothing names a repository" env SNAP_CONFIG= "$SNAP" \
    schedule remove --unit-dir "$U/none"
expect 0 "remove" shop remove --unit-dir "$U"
expect 0 "remove all of it" schedule remove --all-profiles --unit-dir "$U"
is "what is left is another's" "$(ls "$U")" nginx.service

# ---- cron
mkdir "$T/cron.d"
expect 0 "cron" shop install --cron --unit-dir "$T/cron.d" --run-as "$(id -un)"
lines=$(grep -cE "^[0-9]+ [0-9*/]+ [0-9*]+ \* [0-9*]+ $(id -un) $SNAP --config=$conf --profile=shop" \
    "$T/cron.d/snap-shop")
is "four lines" "$lines" 4
if [ "$(id -u)" = 0 ] && command -v crontab >/dev/null; then
	chmod 755 "$T"
	chmod 644 "$conf" "$T/pass"
	# As a user, into a crontab that has other lines.
	user=nobody
	as() {
		su -s /bin/sh "$user" -c "cd /; HOME=$T XDG_CONFIG_HOME= $1"
	}
	crontab -u $user -l >"$T/before.cron" 2>/dev/null || : >"$T/before.cron"
	printf '# other\n1 2 3 4 5 true\n' >"$T/other.cron"
	crontab -u $user "$T/other.cron"
	cp "$conf" "$T/nobody.conf"
	chown $user "$T/nobody.conf"
	expect 0 "a user's crontab" as "'$SNAP' --config '$T/nobody.conf' --profile shop schedule install --cron"
	crontab -u $user -l >"$T/now.cron"
	is "has the lines" "$(grep -c 'job=snap-shop-' "$T/now.cron")" 4
	expect 0 "again" as "'$SNAP' --config '$T/nobody.conf' --profile shop schedule install --cron"
	crontab -u $user -l | cmp -s - "$T/now.cron" &&
	    ok "the same" || not_ok "the same"
	expect 0 "remove them" as "'$SNAP' --config '$T/nobody.conf' --profile shop schedule remove --cron"
	crontab -u $user -l | cmp -s - "$T/other.cron" &&
	    ok "the others stay" || not_ok "the others stay"
	if [ -s "$T/before.cron" ]; then
		crontab -u $user "$T/before.cron"
	else
		crontab -u $user -r
	fi
else
	echo "skipped: no crontab, or not root"
fi
done_testing
