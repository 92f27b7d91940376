#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# unattended.sh - the part of chroot.sh that runs in the fresh system, as root:
# configuration as the pages have it, then each job as a schedule runs it.
set -u
failures=0

# job TEXT COMMAND...: as postgres, with nothing around it.  It fails when the
# command does, or, if it is to be silent, when it says anything on stderr.
silent=yes
job() {
	text=$1
	shift
	if env -i setsid --wait setpriv --reuid=postgres --regid=postgres \
	    --init-groups -- "$@" >/tmp/job.out 2>/tmp/job.err </dev/null &&
	    { [ $silent = no ] || [ ! -s /tmp/job.err ]; }; then
		echo "ok: $text"
	else
		echo "NOT OK: $text"
		cat /tmp/job.out /tmp/job.err
		failures=$((failures + 1))
	fi
}
# true_that TEXT COMMAND...
true_that() {
	text=$1
	shift
	if "$@" >/tmp/out 2>&1; then
		echo "ok: $text"
	else
		echo "NOT OK: $text"
		cat /tmp/out
		failures=$((failures + 1))
	fi
}

cd /
set -- $(pg_lsclusters -h)
pg_conftool "$1" "$2" set listen_addresses ''
pg_conftool "$1" "$2" set fsync off
true_that "a server" pg_ctlcluster --skip-systemctl-redirect "$1" "$2" start
job "a database" /usr/bin/createdb shop
job "with rows" /usr/bin/psql -X -q -v ON_ERROR_STOP=1 -d shop -c \
    "CREATE TABLE orders AS SELECT i AS id, 'item ' || i AS item
	FROM generate_series(1, 10000) i"

# The example is the configuration.
install -d /etc/snap
install -m 644 /usr/share/doc/snap-backup/examples/snap.conf /etc/snap/snap.conf
(umask 077 && head -c 24 /dev/urandom | base64 >/etc/snap/passphrase)
chown postgres /etc/snap/passphrase
install -d -o postgres -m 700 /var/backups/snap /var/lib/snap \
    /var/cache/snap

job "init" /usr/bin/snap -q init
job "backup" /usr/bin/snap -q backup
job "snapshots" /usr/bin/snap snapshots
true_that "there is one of the database" grep -q shop /tmp/job.out

# The units, with their manual page in place; then what they run, with what
# systemd gives it.
units=/etc/systemd/system
true_that "a schedule" /usr/bin/snap schedule install --unit-dir $units
for unit in $units/snap-*; do
	true_that "systemd takes ${unit##*/}" systemd-analyze verify "$unit"
	true_that "without a word" test ! -s /tmp/out
done
silent=no
for each in backup prune check verify; do
	exec=$(sed -n 's/^ExecStart=//p' $units/snap-$each.service | sed 's/%%/%/g')
	true_that "$each is in a unit" test -n "$exec"
	job "$each" /usr/bin/env SNAP_STATE_DIR=/var/lib/snap \
	    SNAP_CACHE_DIR=/var/cache/snap /bin/sh -c "$exec"
done
silent=yes
if /usr/bin/snap help status >/dev/null 2>&1; then
	job "status" /usr/bin/snap status --max-age 26h
fi
job "restore" /bin/sh -c '/usr/bin/createdb copy &&
    /usr/bin/snap -q restore latest:shop | /usr/bin/psql -X -q -o /dev/null copy'
job "the rows" /usr/bin/psql -X -A -t -d copy -c 'SELECT count(*) FROM orders'
true_that "are all there" grep -qx 10000 /tmp/job.out
true_that "the manual page" man -w snap
true_that "has no fault" sh -c \
    '[ -z "$(man --warnings -l "$(man -w snap)" 2>&1 >/dev/null)" ]'
true_that "completion" bash -c \
    '. /usr/share/bash-completion/completions/snap && complete -p snap'
pg_ctlcluster --skip-systemctl-redirect "$1" "$2" stop
[ "$failures" = 0 ] || echo "$failures failed"
exit "$((failures > 0))"
