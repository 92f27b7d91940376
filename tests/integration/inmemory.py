# SPDX-License-Identifier: PostgreSQL
"""Is a text anywhere in what a process can write?  inmemory.py PID TEXT

Prints the regions that have it; the status is 1 when there are some, 2 when
the memory cannot be read.
"""
import re
import sys


def main():
    pid, text = sys.argv[1], sys.argv[2].encode()
    found = 0
    try:
        maps = open("/proc/%s/maps" % pid).read().splitlines()
        memory = open("/proc/%s/mem" % pid, "rb", 0)
    except OSError as e:
        print(e)
        sys.exit(2)
    for line in maps:
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if m is None:
            continue
        start, end = (int(x, 16) for x in m.groups())
        # Sanitizers reserve terabytes of shadow.
        if end - start > 1 << 30:
            continue
        try:
            memory.seek(start)
            data = memory.read(end - start)
        except (OSError, OverflowError, ValueError):
            continue
        if text in data:
            print(line)
            found = 1
    sys.exit(found)


if __name__ == "__main__":
    main()
