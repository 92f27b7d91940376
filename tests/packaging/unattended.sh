#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# unattended.sh - the part of chroot.sh that runs in the fresh system, as root:
# configuration as the pages have it, then each job as a schedule runs it.
. /test/inside.sh

cd /
true_that "a server" server start
job "a database" /bin/sh -c '/usr/bin/dropdb --if-exists shop 2>/dev/null &&
    /usr/bin/createdb shop'
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

# ---- as root, without a directory said: where systemd runs, it would begin
true_that "the units are installed" /usr/bin/snap schedule install
true_that "a timer as well" test -s $units/snap-backup.timer
true_that "a table for cron" /usr/bin/snap schedule install --cron
grep -E '^[0-9*]+ ' /etc/cron.d/snap | sed 's/\\%/%/g' >/tmp/lines
true_that "of four lines" test "$(wc -l </tmp/lines)" = 4
silent=no
while read -r _ _ _ _ _ user line; do
	true_that "for postgres" test "$user" = postgres
	job "cron: $line" /usr/bin/env PATH=/usr/bin:/bin SHELL=/bin/sh \
	    HOME=/var/lib/postgresql LOGNAME=postgres /bin/sh -c "$line"
done </tmp/lines
true_that "cron's table is removed" /usr/bin/snap schedule remove --cron
true_that "wholly" test ! -e /etc/cron.d/snap
server stop
done_inside
