#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# hardened.sh PROGRAM - is it built so that a mistake in memory is hard to use?
# Position independent, its tables of addresses read-only from the start, no
# memory both writable and executable, stack and string functions guarded.
set -u
program=$1
if ! command -v readelf >/dev/null; then
	echo "no readelf: skipped"
	exit 77
fi
failures=0
# has TEXT PATTERN OPTION...: what readelf prints with the options matches.
has() {
	text=$1
	pattern=$2
	shift 2
	if readelf -W "$@" "$program" 2>/dev/null | grep -Eq "$pattern"; then
		echo "ok: $text"
	else
		echo "NOT OK: $text"
		failures=$((failures + 1))
	fi
}
has "position independent" 'Type: *DYN' -h
has "relocations are read-only" 'GNU_RELRO' -l
has "and all done at the start" '(BIND_NOW|FLAGS.*NOW)' -d
has "the stack is no code" 'GNU_STACK.* RW +0x' -l
has "returns are guarded" '__stack_chk_fail' --dyn-syms
has "lengths of copies are checked" '__(memcpy|read|snprintf|vsnprintf)_chk' \
    --dyn-syms
if readelf -W -l "$program" | grep -Eq 'LOAD.* RWE '; then
	echo "NOT OK: nothing is writable and code"
	failures=$((failures + 1))
else
	echo "ok: nothing is writable and code"
fi
# Large frames touch each page of the stack: the loop of a probe.
case $(uname -m) in
x86_64)
	command -v objdump >/dev/null || exit $((failures > 0))
	objdump -d "$program" | awk '
	/or[ql]? +\$0x0,(0x[0-9a-f]+)?\(%rsp|movq? +\$0x0,\(%rsp/ { probes++ }
	/endbr64/ { targets++ }
	END {
		print (probes > 0 ? "ok" : "NOT OK") ": the stack is probed"
		print (targets > 100 ? "ok" : "NOT OK") ": jumps have targets"
		exit !(probes > 0 && targets > 100)
	}' || failures=$((failures + 1))
	;;
esac
exit $((failures > 0))
