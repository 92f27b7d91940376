# SPDX-License-Identifier: PostgreSQL
# befall.sh - a fault of the line or of the service befalls one command; for
# the tests that have a table of them.  To be sourced behind lib.sh.
#
# Who gives up does so after few seconds of trying and of silence; what shall
# succeed has the time for it.
PLACE_SILENCE=3
TRY=${TRY:-4}
PATIENCE=120
. "$(dirname "$0")/places.sh"

befall() { # "line JSON" or "service WHAT JSON"
	what=${1%% *}
	rest=${1#* }
	case $what in
	line) line "$rest" ;;
	service) service "${rest%% *}" "${rest#* }" ;;
	esac
}
calm() {
	line '{"refuse": false, "blackhole": false, "stall_after": -1,
	    "reset_after": -1, "reset_after_down": -1, "close_after": -1,
	    "close_after_down": -1, "flip_down": -1, "flips": -1, "latency": 0,
	    "only": -1, "drop": true}'
	case $PLACE in
	s3 | b2*) service clear ;;
	esac
}

# one error: with what it says, and nothing behind that is another.
one_error() {
	n=$(grep -c 'error: ' "$T/err")
	[ "$n" = 1 ] && ok "$1: one error" || not_ok "$1: $n errors"
	[ -z "$2" ] || says "$1: that says why" "$2"
}

# judged TEXT STATUS PATTERN: the last command, whose status is $got; "any": it
# may succeed or fail.
judged() {
	case $2:$got in
	0:0)
		ok "$1: succeeds"
		[ -z "$3" ] || says "$1: and tells why it took longer" "$3"
		;;
	1:1 | 13:13)
		ok "$1: fails with status $2"
		one_error "$1" "$3"
		case "$2:$1" in
		1:refused* | 1:silence* | 1:*always*) says \
		    "$1: after the time that it had" "Gave up .*limit $TRY s" ;;
		esac
		;;
	any:0) ok "$1: succeeds" ;;
	any:1)
		ok "$1: fails with status 1"
		one_error "$1" "$3"
		;;
	*) not_ok "$1: status $got, not $2" ;;
	esac
}

patience() { # STATUS
	[ "$1" = 0 ] && echo $PATIENCE || echo $TRY
}
