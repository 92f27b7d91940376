# SPDX-License-Identifier: PostgreSQL
# live.sh - a run of the program in the background, watched through the
# server: what the tests of this folder share.
. "$(dirname "$0")/../lib.sh"

# A shell's background jobs ignore SIGINT, and the program respects that.
if env --default-signal=INT true 2>/dev/null; then
	ENV='env --default-signal=INT'
else
	ENV=env
fi

# start COMMAND...: its process is $pid; then finish.
start() {
	rm -f "$T/status" "$T/pid"
	(
		$ENV "$@" >"$T/out" 2>"$T/err" &
		echo $! >"$T/pid.new"
		mv "$T/pid.new" "$T/pid"
		wait "$!"
		echo $? >"$T/status.new"
		mv "$T/status.new" "$T/status"
	) 2>/dev/null &
	runner=$!
	while [ ! -e "$T/pid" ]; do
		sleep 0.01
	done
	pid=$(cat "$T/pid")
}

running() {
	[ ! -e "$T/status" ]
}

# finish: wait for it; $status is how it ended.
finish() {
	wait "$runner"
	status=$(cat "$T/status")
}

ask() { # DATABASE SQL
	psql -X -A -t -d "$1" -c "$2"
}

# until_query PATTERN: a session of the program runs it, or the program is over.
until_query() {
	while running && [ "$(ask postgres "SELECT count(*)
	    FROM pg_stat_activity WHERE query ~ '$1' AND state = 'active'
	    AND pid <> pg_backend_pid()")" = 0 ]; do :; done
	running || not_ok "the program was over before it ran $1"
}
