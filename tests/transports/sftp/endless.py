#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""endless.py KIND - an SFTP server for sshd to start, whose directories have no
end: each reading of one brings a hundred more names of this KIND (junk, file,
directory, or empty: none at all)."""
import os
import struct
import sys

INIT, VERSION, CLOSE, OPENDIR, READDIR, REALPATH, STAT = 1, 2, 4, 11, 12, 16, 17
STATUS, HANDLE, NAME, ATTRS = 101, 102, 104, 105
DIRECTORY, FILE = 0o040755, 0o100644
kind = sys.argv[1]
count = 0


def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) < n:
        sys.exit(0)
    return data


def string(b):
    return struct.pack(">I", len(b)) + b


def attrs(mode):
    # Size, permissions and times.
    return struct.pack(">IQIII", 1 | 4 | 8, 1, mode, 1, 1)


def names():
    global count
    out = []
    for _ in range(0 if kind == "empty" else 100):
        count += 1
        name = b"%016x" % count
        mode = DIRECTORY if kind == "directory" else FILE
        if kind == "junk":
            name = b".hidden-" + name
        out.append(string(name) + string(b"-") + attrs(mode))
    return struct.pack(">I", len(out)) + b"".join(out)


def answer(kind_of, body):
    data = bytes([kind_of]) + body
    os.write(1, struct.pack(">I", len(data)) + data)


while True:
    (length,) = struct.unpack(">I", read(4))
    packet = read(length)
    request, number = packet[0], packet[1:5]
    if request == INIT:
        answer(VERSION, struct.pack(">I", 3))
    elif request == REALPATH:
        answer(NAME, number + struct.pack(">I", 1) + string(b"/store")
               + string(b"-") + attrs(DIRECTORY))
    elif request == STAT:
        answer(ATTRS, number + attrs(DIRECTORY))
    elif request == OPENDIR:
        answer(HANDLE, number + string(b"h"))
    elif request == READDIR:
        answer(NAME, number + names())
    else:  # all is well, but for what only a store has
        code = 0 if request == CLOSE else 2
        answer(STATUS, number + struct.pack(">I", code) + string(b"-") * 2)
