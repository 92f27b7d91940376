#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# newcomer.sh README - the part of chroot.sh in which somebody follows the
# README in the fresh system, word by word: what is run is cut out of it.
. /test/inside.sh
README=$1

# section NAME: the commands of it.
section() {
	awk -v name="## $1" '/^## / { on = $0 == name }
	    on && /^    / { sub(/^    /, ""); print }' "$README"
}
# What it takes for granted: a server with such databases, and a place.
true_that "a server" server start
job "databases" /bin/sh -c "/usr/bin/createdb shop && /usr/bin/createdb other"
job "rows" /usr/bin/psql -X -q -v ON_ERROR_STOP=1 -d shop -c \
    "CREATE TABLE orders AS SELECT i AS id, 'item ' || i AS item
	FROM generate_series(1, 10000) i;
     ALTER TABLE orders ADD PRIMARY KEY (id)"
install -d -o postgres -m 700 /srv/backup /srv/newcomer

# ---- the quick start: one shell, and each line has to work
{
	echo 'export HOME=/srv/newcomer PATH=/usr/bin:/bin'
	echo 'cd; set -e'
	section 'Quick start' | sed \
	    's/1c6a09e2/$(snap snapshots | awk "NR == 2 { print \\$1 }")/'
} >/test/quick
chmod 644 /test/quick
true_that "the quick start has commands" test "$(wc -l </test/quick)" -gt 15
silent=no
job "the quick start" /bin/sh -x /test/quick
cp /tmp/job.out /tmp/quick.out
for each in 'recovery code' '^ID' '^id,item' '^10000,item 10000'; do
	true_that "it shows $each" grep -q -e "$each" /tmp/quick.out
done
for each in shop_copy shop_two other; do
	true_that "$each has the rows" test "$(rows $each)" = "$(rows shop)"
done
true_that "keys.txt to print" test -s /srv/newcomer/keys.txt
true_that "DIR is for pg_restore" sh -c \
    'pg_restore -l /srv/newcomer/DIR | grep -q "TABLE DATA public orders"'

# ---- every night: lines of a crontab, run as cron does
silent=yes
section 'Every night' | grep -E '^[0-9*]+ [0-9*]+ ' >/test/crontab
secrets=$(sed -n '1s/^\([^ ]* \)\{5\}\(.*\) [^ ]*\/snap .*/\2/p' /test/crontab)
# The package has the program in /usr/bin, says the README.
sed -e 's|/usr/local/bin/|/usr/bin/|' -e "s|\.\.\.|$secrets|" \
    -e 's/^\([^ ]* \)\{5\}//' /test/crontab >/test/lines
true_that "four lines for cron" test "$(wc -l </test/lines)" = 4
as_cron() { # TEXT LINE
	job "cron: $1" /usr/bin/env PATH=/usr/bin:/bin SHELL=/bin/sh \
	    HOME=/srv/newcomer LOGNAME=postgres /bin/sh -c "$2"
	true_that "and says nothing" test ! -s /tmp/job.out
}
while read -r line; do
	as_cron "${line##*/}" "$line"
done </test/lines
section 'Every night' | grep '^snap ' >/test/policy
{
	sed -n 1,4p /test/quick
	cat /test/policy
} >/test/policies
silent=no
job "the policy" /bin/sh /test/policies
true_that "keeps it" grep -q 'daily' /tmp/job.out

# ---- the last chapter: the database is gone
globals=$(sed -n 's/^4\. `\([^`]*\)`.*/\1/p' "$README")
properties=$(sed -n 's/^5\. `\([^`]*\)`.*/\1/p' "$README")
rows=$(sed -n 's/^6\. `\([^`]*\)`.*/\1/p' "$README")
was=$(rows shop)
{
	sed -n 1,4p /test/quick
	printf '%s\n' "$globals" "$properties" "$rows"
} >/test/disaster
true_that "three steps" test "$(grep -c 'snap restore' /test/disaster)" = 3
job "the database is gone" /usr/bin/dropdb shop
job "it comes back" /bin/sh -x /test/disaster
true_that "as it was" test "$(rows shop)" = "$was"
server stop
done_inside
