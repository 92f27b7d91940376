# SPDX-License-Identifier: PostgreSQL
# years.sh - sourced: a repository with a hundred days behind it.
CALENDAR=$T/calendar
export CALENDAR
: "${SNAP_CALENDAR:?is the program made with calendar.c}"
SNAP=$SNAP_CALENDAR
day=86400
odd='<b>"o&dd"</b>'
leap() { # DAYS: all clocks are so much ahead from now on
	echo "$(date +%s%N) $(($1 * day))" >>"$CALENDAR"
}
push() { # NAME SEED BYTES: of which the last 20,000 are new
	{
		noise 7 "$3"
		noise "$2" 20000
	} >"$T/in"
	"$SNAP" -q backup --name "$1" -- cat "$T/in" 2>>"$T/warned"
}

# a_hundred_days STEP: a backup each STEP days, and what else there is.
a_hundred_days() {
	for d in $(seq 0 "$1" 100); do
		leap "$d"
		push shop "$d" $((500000 + d * 6000))
		[ $((d % 3)) != 0 ] || push blog "$((d + 1000))" $((300000 + d * 500))
		[ $((d % 20)) != 0 ] || {
			"$SNAP" -q backup --name shop -- false
			"$SNAP" -q check
		} 2>>"$T/warned"
	done
	push "$odd" 1 1000
}
