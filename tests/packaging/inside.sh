# SPDX-License-Identifier: PostgreSQL
# inside.sh - what the parts of chroot.sh share that run in the fresh system, as
# root: `. inside.sh`.
set -u
failures=0

# as_postgres COMMAND...: with nothing around it, and no terminal.
as_postgres() {
	env -i setsid --wait setpriv --reuid=postgres --regid=postgres \
	    --init-groups -- "$@" </dev/null
}
# job TEXT COMMAND...: as postgres.  It fails when the command does, or, if it
# is to be silent, when it says anything on stderr.
silent=yes
job() {
	text=$1
	shift
	if as_postgres "$@" >/tmp/job.out 2>/tmp/job.err &&
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
# server start|stop: the cluster that Debian's package made.
server() {
	pg_lsclusters -h >/tmp/clusters
	read -r version cluster _ </tmp/clusters
	if [ "$1" = start ]; then
		pg_conftool "$version" "$cluster" set listen_addresses ''
		pg_conftool "$version" "$cluster" set fsync off
	fi
	pg_ctlcluster --skip-systemctl-redirect "$version" "$cluster" "$1"
}
rows() { # DATABASE: how many orders, and a sum of them
	as_postgres /usr/bin/psql -X -A -t -d "$1" -c \
	    'SELECT count(*), sum(hashtext(o::text)) FROM orders o'
}
done_inside() {
	[ "$failures" = 0 ] || echo "$failures failed"
	exit "$((failures > 0))"
}
