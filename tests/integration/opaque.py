# SPDX-License-Identifier: PostgreSQL
"""What a keeper of two repositories of the same data sees, measured.

    opaque.py REPOSITORY OTHER

Prints one line for each finding and nothing when there is none.  What is in
clear is known from docs/format.md; everything else has to look like noise, be
padded where it says so, and have no eight bytes in common with the other.
"""
import os
import re
import struct
import sys

NAME = re.compile(r"config|keys/[0-9a-f]{32}|index/[0-9a-f]{32}|"
                  r"(data|meta)/([0-9a-f]{2})/\2[0-9a-f]{30}|"
                  r"(snapshots|condemned|notes)/[0-9a-f]{32}(\.ok)?")
MAGIC = b"\x89SNP\r\n\x1a\n"
HEADER, TRAILER, SEAL = 64, 48, 32


def say(name, what):
    print("%s: %s" % (name, what))


def objects(repo):
    for folder, _dirs, files in os.walk(repo):
        for f in files:
            path = os.path.join(folder, f)
            with open(path, "rb") as o:
                yield os.path.relpath(path, repo), o.read()


def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    low = e - e.bit_length()
    return (n + (1 << low) - 1) >> low << low


def check_clear(name, raw):
    """Header and trailer say what the page says, and nothing more."""
    if not NAME.fullmatch(name):
        say(name, "is no name of an object")
    if raw[:8] != MAGIC or raw[9] != 1 or any(raw[10:16]) or \
            struct.unpack("<I", raw[48:52])[0] != 1 or any(raw[52:64]):
        say(name, "has something else in its header")
    total, off, size, version = struct.unpack("<QQII", raw[-48:-24])
    if total != len(raw) or off + size + TRAILER != total or version != 1 or \
            raw[-8:] != b"SNAPEND\n":
        say(name, "has something else in its trailer")
    kind = raw[8:9]
    if kind in b"DM" and padme(total) != total:
        say(name, "is the only pack of its kind in a run and is not padded")
    if kind in b"ISONXYHE" and padme(size - SEAL) != size - SEAL:
        say(name, "has a body of %d bytes, which is no padded size" % size)


def secret_part(raw):
    """Everything but what is fixed or counts something."""
    kind = raw[8:9]
    ids, payload = raw[16:48], raw[HEADER:-TRAILER]
    if kind == b"C":
        return [ids[:16], payload[28:]]      # the parameters are public
    if kind == b"K":
        return [ids, payload[12:]]           # so is the cost of a slot
    return [ids, payload]


def check_noise(name, data):
    """Chi squared of the bytes: 255 expected, 22.6 its deviation."""
    if len(data) < 4096:
        return
    mean = len(data) / 256
    chi = sum((data.count(i) - mean) ** 2 / mean for i in range(256))
    if not 255 - 8 * 22.6 < chi < 255 + 8 * 22.6:
        say(name, "does not look like noise: %.0f" % chi)


def windows(parts):
    for p in parts:
        for i in range(len(p) - 7):
            yield p[i:i + 8]


def main(repo, other):
    seen, n = set(), 0
    for name, raw in objects(repo):
        check_clear(name, raw)
        parts = secret_part(raw)
        check_noise(name, parts[1])
        # The repository's id is in every header; once is enough.
        seen.update(windows([parts[0][:16], parts[0][16:]] + parts[1:]))
    for name, raw in objects(other):
        check_clear(name, raw)
        parts = secret_part(raw)
        for w in windows([parts[0][:16], parts[0][16:]] + parts[1:]):
            n += 1
            if w in seen:
                say(name, "shares %s with the other repository" % w.hex())
    if len(seen) < 100000 or n < 100000:
        say(repo, "has too little to compare")


if __name__ == "__main__":
    main(*sys.argv[1:])
