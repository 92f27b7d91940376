#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Run a command and say what it took.

    cost.py [--repeat N] LABEL COMMAND...

Prints "LABEL: wall s, CPU s, peak MiB" to stderr; with --repeat the run with
the least wall time.  CPU and memory are those of the command and of what it
started and waited for, memory the largest of these.  COUNTS, when the command
is snap_counted, adds the requests it made.
"""
import os
import subprocess
import sys
import tempfile
import time


def once(argv):
    with tempfile.NamedTemporaryFile("r") as counts:
        start = time.monotonic()
        p = subprocess.Popen(argv, env={**os.environ, "COUNTS": counts.name})
        _, status, usage = os.wait4(p.pid, 0)
        wall = time.monotonic() - start
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode != 0:
            sys.exit("cost.py: %s: exit status %d" % (
                " ".join(argv), p.returncode))
        return (wall, usage.ru_utime + usage.ru_stime,
                usage.ru_maxrss / 1024, counts.read().strip())


def main():
    argv = sys.argv[1:]
    repeat = 1
    if argv[0] == "--repeat":
        repeat = int(argv[1])
        argv = argv[2:]
    best = min(once(argv[1:]) for _ in range(repeat))
    print("%s: wall %.2f s, CPU %.2f s, peak %.0f MiB%s" % (
        argv[0], *best[:3], best[3] and "; " + best[3]), file=sys.stderr)


main()
