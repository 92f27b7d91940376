#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Give the same daily dumps to snap, restic and gzip, and print one table.

    compare.py --snap PROGRAM [--work DIR] [--restore-all] DUMP...

Each tool backs up the dumps in the order given, one after another and day by
day, so that a disturbance of the machine hits all of them; then each restores
the newest and the oldest one to /dev/null, after one restore of each was
compared byte by byte.  Wall and CPU seconds are those of the whole command,
memory is its peak.  Each compresses as it does by default: snap and restic
with zstd, gzip with its own.
"""
import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20


class Cost:
    """What a command took."""

    def __init__(self, wall, usage):
        self.wall = wall
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss * 1024


def run(argv, stdin, stdout, env):
    """Run one command; its cost."""
    with open(stdin, "rb") as i, open(stdout, "wb") as o, \
            tempfile.TemporaryFile() as e:
        start = time.monotonic()
        p = subprocess.Popen(argv, stdin=i, stdout=o, stderr=e,
                             env={**os.environ, **env})
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        cost = Cost(time.monotonic() - start, usage)
        if p.returncode != 0:
            e.seek(0)
            sys.exit("%s: exit status %d: %s" % (
                " ".join(argv), p.returncode,
                e.read().decode("utf-8", "replace")))
    return cost


def size_of(folder):
    total = 0
    for base, _, names in os.walk(folder):
        total += sum(os.path.getsize(os.path.join(base, n)) for n in names)
    return total


class Tool:
    def __init__(self, work):
        self.repo = os.path.join(work, self.name, "repo")
        self.cache = os.path.join(work, self.name, "cache")
        os.makedirs(os.path.join(work, self.name))
        self.backups, self.sizes = [], []

    def backup(self, day, dump):
        self.backups.append(run(self.backup_argv(day), dump, os.devnull,
                                self.env()))
        self.sizes.append(size_of(self.repo))

    def restore(self, day, out):
        return run(self.restore_argv(day), os.devnull, out, self.env())


class Snap(Tool):
    name = "snap"
    program = None

    def env(self):
        return {"SNAP_REPOSITORY": self.repo, "SNAP_PASSPHRASE": "bench",
                "SNAP_CACHE_DIR": self.cache, "SNAP_STATE_DIR": ""}

    def init(self):
        run([self.program, "init"], os.devnull, os.devnull, self.env())

    def backup_argv(self, _day):
        return [self.program, "-q", "backup", "--stdin", "--name", "db"]

    def restore_argv(self, day):
        listed = subprocess.run(
            [self.program, "snapshots", "--json"], check=True,
            capture_output=True, env={**os.environ, **self.env()})
        import json
        ids = [s["id"] for s in json.loads(listed.stdout)["snapshots"]]
        return [self.program, "-q", "restore", ids[day]]


class Restic(Tool):
    name = "restic"

    def env(self):
        return {"RESTIC_REPOSITORY": self.repo, "RESTIC_PASSWORD": "bench",
                "RESTIC_CACHE_DIR": self.cache}

    def init(self):
        run(["restic", "init", "--repository-version", "2"], os.devnull,
            os.devnull, self.env())

    def backup_argv(self, day):
        return ["restic", "-q", "backup", "--stdin", "--stdin-filename",
                "db", "--tag", "day%d" % day]

    def restore_argv(self, day):
        return ["restic", "-q", "dump", "--tag", "day%d" % day, "latest",
                "/db"]


class Gzip(Tool):
    name = "gzip"

    def env(self):
        return {}

    def init(self):
        os.makedirs(self.repo)

    def path(self, day):
        return os.path.join(self.repo, "day%d.gz" % day)

    def backup_argv(self, day):
        return ["sh", "-c", 'gzip >"$1"', "-", self.path(day)]

    def restore_argv(self, day):
        return ["gzip", "-dc", self.path(day)]


def growth(sizes):
    """Mean bytes stored on a day after the first."""
    return (sizes[-1] - sizes[0]) / max(1, len(sizes) - 1)


def report(tools, dumps, restores):
    raw = [os.path.getsize(d) for d in dumps]
    print("%d dumps of %.1f to %.1f MiB\n" % (
        len(dumps), min(raw) / MIB, max(raw) / MIB))
    print("| | " + " | ".join(t.name for t in tools) + " |")
    print("|---|" + "---|" * len(tools))

    def row(text, form, values):
        print("| %s | %s |" % (text, " | ".join(form % v for v in values)))

    def both(text, costs):
        row(text + ", wall s", "%.2f", [c.wall for c in costs])
        row(text + ", CPU s", "%.2f", [c.cpu for c in costs])
        row(text + ", peak MiB", "%.0f", [c.rss / MIB for c in costs])

    both("first backup", [t.backups[0] for t in tools])
    if len(dumps) > 1:
        later = [t.backups[1:] for t in tools]
        row("later backups, wall s each", "%.2f",
            [sum(c.wall for c in b) / len(b) for b in later])
        row("later backups, CPU s each", "%.2f",
            [sum(c.cpu for c in b) / len(b) for b in later])
        row("later backups, peak MiB", "%.0f",
            [max(c.rss for c in b) / MIB for b in later])
    row("stored on the first day, MiB", "%.2f",
        [t.sizes[0] / MIB for t in tools])
    row("stored a day later on, MiB", "%.3f",
        [growth(t.sizes) / MIB for t in tools])
    row("stored in the end, MiB", "%.2f", [t.sizes[-1] / MIB for t in tools])
    both("restore of the newest", [restores[t.name][0] for t in tools])
    both("restore of the oldest", [restores[t.name][1] for t in tools])
    ours = tools[0]
    print("\nsnap against the others:")
    for t in tools[1:]:
        first = ours.backups[0], t.backups[0]
        line = ["stored %.3f" % (ours.sizes[-1] / t.sizes[-1])]
        if len(dumps) > 1:
            line.append("growth %.3f" % (growth(ours.sizes) /
                                         growth(t.sizes)))
            a, b = ours.backups[1:], t.backups[1:]
            line.append("next day wall %.2f" % (
                sum(c.wall for c in a) / sum(c.wall for c in b)))
            line.append("next day CPU %.2f" % (
                sum(c.cpu for c in a) / sum(c.cpu for c in b)))
        line.append("first wall %.2f" % (first[0].wall / first[1].wall))
        line.append("first CPU %.2f" % (first[0].cpu / first[1].cpu))
        line.append("restore newest wall %.2f, oldest %.2f" % tuple(
            a.wall / b.wall for a, b in zip(restores[ours.name],
                                            restores[t.name])))
        print("- %s: %s" % (t.name, "; ".join(line)))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--snap", required=True)
    p.add_argument("--work", help="where to store; default: temporary")
    p.add_argument("--without", action="append", default=[],
                   choices=["restic", "gzip"])
    p.add_argument("dumps", nargs="+")
    a = p.parse_args()
    Snap.program = os.path.abspath(a.snap)
    work = tempfile.mkdtemp(prefix="snap-bench-", dir=a.work)
    try:
        tools = [c(work) for c in (Snap, Restic, Gzip)
                 if c.name not in a.without]
        for t in tools:
            t.init()
        for day, dump in enumerate(a.dumps):
            for t in tools:
                t.backup(day, dump)
        restores = {}
        last = len(a.dumps) - 1
        out = os.path.join(work, "restored")
        for t in tools:
            for day in (last, 0):
                t.restore(day, out)
                if not filecmp.cmp(out, a.dumps[day], shallow=False):
                    sys.exit("%s: day %d came back changed" % (t.name, day))
        os.unlink(out)
        for day in (last, 0):
            for t in tools:
                restores.setdefault(t.name, []).append(
                    t.restore(day, os.devnull))
        report(tools, a.dumps, restores)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
