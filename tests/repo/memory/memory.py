#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""The peak memory of every command on a synthetic repository.

    memory.py SNAP SYNTHETIC BLOCKS [--limit MIB] [--database NAME]

Makes a repository of BLOCKS blocks of 1 MiB and runs every command on it with
four workers.  Without --limit each has a limit of its own, a third above what
it took with 131,072 blocks.  --database backs up a database of the server that
PGHOST names with -j 4 as well, and NAME_far as if to a store over a line, which
has more packs in memory.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

MIB = 1 << 20
LIMITS = {
    "init": 90, "snapshots": 24, "ls": 34, "stats": 28, "backup": 78,
    "backup over a line": 110,
    "restore": 76, "check": 160, "prune": 44, "repair index": 36,
    "repair index, all lost": 90,
}


def write_rows(path, n, seed):
    """n bytes of rows that compress and have nothing in common.  Bit by bit:
    a process begins with the peak of the one that started it."""
    x, size = seed, 0
    with open(path, "wb") as f:
        while size < n:
            x = (x * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
            size += f.write(b"%d\t%016x\tthe same remark in every row\n" % (
                size, x))


class Repo:
    def __init__(self, a, work, blocks):
        self.a = a
        self.path = os.path.join(work, "repo%d" % blocks)
        self.cache = os.path.join(work, "cache%d" % blocks)
        subprocess.run([a.synthetic, self.path, str(blocks)], check=True)

    def peak(self, argv, data=None, far=False):
        env = {**os.environ, "SNAP_REPOSITORY": self.path,
               "SNAP_PASSPHRASE": "bench", "SNAP_CACHE_DIR": self.cache,
               "SNAP_STATE_DIR": "",
               "WORKERS": "4"}
        if far:
            env["FAR"] = "1"
        with open(data or os.devnull, "rb") as i:
            p = subprocess.Popen([self.a.snap, "-q"] + argv, stdin=i,
                                 stdout=subprocess.DEVNULL, env=env)
            _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode != 0:
            sys.exit("memory.py: snap %s: exit status %d" % (
                " ".join(argv), p.returncode))
        return usage.ru_maxrss * 1024

    def measure(self, data):
        path, self.path = self.path, self.path + "-new"
        yield "init", self.peak(["init"])
        self.path = path
        # What comes first fetches what is not cached yet.
        yield "snapshots", self.peak(["snapshots"])
        yield "ls", self.peak(["ls", "latest:big"])
        yield "stats", self.peak(["stats"])
        yield "backup", self.peak(["backup", "--stdin", "--name", "x"], data)
        yield "backup over a line", self.peak(
            ["backup", "--stdin", "--name", "y"], data + "-far", far=True)
        yield "restore", self.peak(["restore", "latest:x"])
        if self.a.database:
            yield "backup -j 4", self.peak(
                ["backup", "-j", "4", "-d", self.a.database])
            yield "the same over a line", self.peak(
                ["backup", "-j", "4", "-d", self.a.database + "_far"],
                far=True)
        yield "check", self.peak(["check"])
        # As the first one, which reads what each pack says of itself.
        yield "prune", self.peak(["prune"])
        yield "repair index", self.peak(["repair", "index"])
        shutil.rmtree(os.path.join(self.path, "index"))
        yield "repair index, all lost", self.peak(["repair", "index"])
        # That it was written, all of it.
        self.peak(["restore", "latest:x"])


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("snap")
    p.add_argument("synthetic")
    p.add_argument("blocks", type=int)
    p.add_argument("--limit", type=int)
    p.add_argument("--database")
    a = p.parse_args()
    work = tempfile.mkdtemp(prefix="snap-memory-")
    data = os.path.join(work, "rows")
    bad = []
    try:
        for n, path in enumerate((data, data + "-far")):
            write_rows(path, MIB * (256 if a.limit else 24), n + 1)
        print("| %d blocks of 1 MiB | peak, MiB |" % a.blocks)
        print("|---|---|")
        for what, peak in Repo(a, work, a.blocks).measure(data):
            limit = a.limit or LIMITS[what]
            print("| %s | %.0f |" % (what, peak / MIB), flush=True)
            if peak > limit * MIB:
                bad.append("%s takes more than %d MiB" % (what, limit))
    finally:
        shutil.rmtree(work)
    for b in bad:
        print("memory.py: " + b, file=sys.stderr)
    sys.exit(1 if bad else 0)


main()
