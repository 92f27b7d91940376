#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Days of an evolving database under a policy, with snap and with restic.

    month.py --snap PROGRAM [--work DIR] DUMP...

PROGRAM is snap_calendar: each dump is backed up on a day of its own, and then
pruned under 7 daily, 4 weekly and 12 monthly.  restic is told the same days by
--time.  Prints a row for each day: what the repositories take, what of snap's
still lives, what prune took, and at the end restores of the newest and the
oldest snapshot, each compared with its dump.
"""
import argparse
import datetime
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import compare

MIB = compare.MIB
POLICY = ["--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "12"]
DAY = 86400


class Snap(compare.Snap):
    def env(self):
        return {**super().env(), "CALENDAR": self.repo + ".calendar"}

    def leap(self, day):
        # Files have the time of the last tick of the kernel's clock.
        time.sleep(0.1)
        with open(self.env()["CALENDAR"], "a") as f:
            f.write("%d %d\n" % (time.time_ns(), day * DAY))
        time.sleep(0.1)

    def prune(self, out):
        cost = compare.run(
            [self.program, "-q", "prune", "--json", "--stats"] + POLICY,
            os.devnull, out, self.env())
        with open(out) as f:
            return cost, json.load(f)

    def ids(self):
        out = subprocess.run(
            [self.program, "snapshots", "--json"], check=True,
            capture_output=True, env={**os.environ, **self.env()}).stdout
        return [s["id"] for s in json.loads(out)["snapshots"]]


class Restic(compare.Restic):
    start = datetime.datetime.now()

    def backup_argv(self, day):
        when = self.start + datetime.timedelta(days=day)
        return super().backup_argv(day) + [
            "--time", when.strftime("%Y-%m-%d %H:%M:%S")]

    def days(self):
        out = subprocess.run(
            ["restic", "-q", "snapshots", "--json"], check=True,
            capture_output=True, env={**os.environ, **self.env()}).stdout
        return [int(s["tags"][0][3:]) for s in json.loads(out)]

    def prune(self):
        return compare.run(["restic", "-q", "forget", "--prune"] + POLICY,
                           os.devnull, os.devnull, self.env())


def requests(report):
    return sum(report["requests"][k]
               for k in ("put", "get", "stat", "list", "delete"))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--snap", required=True)
    p.add_argument("--work", help="where to store; default: temporary")
    p.add_argument("dumps", nargs="+")
    a = p.parse_args()
    Snap.program = os.path.abspath(a.snap)
    work = tempfile.mkdtemp(prefix="snap-month-", dir=a.work)
    out = os.path.join(work, "out")
    try:
        snap, restic = Snap(work), Restic(work)
        open(snap.env()["CALENDAR"], "w").close()
        snap.init()
        restic.init()
        day_of = {}
        print("| day | dump, MiB | snap: stored | live | written anew | "
              "prune, s | requests | restic: stored | prune, s |")
        print("|---|---|---|---|---|---|---|---|---|")
        for day, dump in enumerate(a.dumps):
            if day > 0:
                snap.leap(day)
            before = set(snap.ids())
            snap.backup(day, dump)
            for i in snap.ids():
                if i not in before:
                    day_of[i] = day
            cost, report = snap.prune(out)
            restic.backup(day, dump)
            theirs = restic.prune()
            print("| %d | %.1f | %.1f | %.2f | %.1f | %.2f | %d | %.1f | "
                  "%.2f |" % (
                      day, os.path.getsize(dump) / MIB,
                      compare.size_of(snap.repo) / MIB,
                      report["live-bytes"] / max(1, report["bytes"]),
                      report["bytes-written"] / MIB, cost.wall,
                      requests(report), compare.size_of(restic.repo) / MIB,
                      theirs.wall), flush=True)
        kept = sorted(day_of[i] for i in snap.ids())
        print("\nkept: days %s" % ", ".join(str(d) for d in kept))
        theirs = restic.days()
        both = [d for d in kept if d in theirs]
        for text, day in (("newest", both[-1]), ("oldest of both", both[0])):
            ident = next(i for i, d in day_of.items() if d == day)
            argv = [snap.program, "-q", "restore", ident]
            costs = []
            for tool, args in ((snap, argv), (restic,
                                              restic.restore_argv(day))):
                compare.run(args, os.devnull, out, tool.env())
                if not filecmp.cmp(out, a.dumps[day], shallow=False):
                    sys.exit("%s: day %d came back changed" % (tool.name, day))
                costs.append(compare.run(args, os.devnull, os.devnull,
                                         tool.env()))
            print("restore of the %s (day %d): %.2f s, restic %.2f s" % (
                text, day, costs[0].wall, costs[1].wall))
        compare.run([snap.program, "check", "--read-data"], os.devnull,
                    os.devnull, snap.env())
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
