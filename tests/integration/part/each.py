# SPDX-License-Identifier: PostgreSQL
"""each.py SNAP DATABASE [RELATION...] - every relation alone into an empty
database: pg_dump -t shows there what it shows of the source, but for what is
listed: the place of a partition in its parent, foreign keys to what was left
behind, defaults and triggers that only undo those of the parent.

DATABASE has to come from a restore itself: pg_dump reorders inherited columns.
"""
import difflib
import os
import re
import subprocess
import sys

SNAP, SOURCE, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
# The database's own settings are no part of a table.
os.environ["PGOPTIONS"] = " ".join("-c " + s for s in (
    "standard_conforming_strings=on", "escape_string_warning=on",
    "timezone=UTC", "bytea_output=hex", "search_path=public",
    "datestyle=ISO", "intervalstyle=postgres", "extra_float_digits=1"))
RELATIONS = """
SELECT CASE WHEN relispartition THEN 'P' ELSE 'x' END || quote_ident(nspname) ||
    '.' || quote_ident(relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS (
    SELECT 1 FROM pg_depend d WHERE classid = 'pg_class'::regclass
    AND objid = c.oid AND (deptype = 'e' OR deptype = 'i' AND relkind = 'S'))
ORDER BY 1
"""


def run(*args, **more):
    return subprocess.run(args, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more)


def pattern_of(name):
    """All of it in quotes, whatever quote_ident() thought needs them."""
    parts = re.findall(r'"(?:[^"]|"")*"|[^.]+', name)
    return ".".join(p if p[0] == '"' else '"' + p + '"' for p in parts)


def dump_of(database, pattern, partition):
    out = run("pg_dump", "-t", pattern, "--quote-all-identifiers", database)
    text = re.sub(r"(?m)^\\(un)?restrict .*\n", "", out.stdout.decode())
    blocks = re.split(r"(?m)^--\n(?=-- (?:Name|Data for Name): )", text)
    listed = "TABLE ATTACH|INDEX ATTACH|FK CONSTRAINT"
    blocks = [b for b in blocks if not re.match(
        "-- Name: .*; Type: (%s);" % listed, b) and not re.match(
        "-- Name: CONSTRAINT .*; Type: COMMENT;", b)]
    if partition:
        blocks = [re.sub(r'^(COPY )\S+', r"\1itself",
                         re.sub(" DEFAULT NULL", "", b), flags=re.M)
                  for b in blocks if " ALWAYS TRIGGER " not in b and
                  " DISABLE TRIGGER " not in b]
    return out.returncode, re.sub(r"(?m)^(--.*|)\n", "", "".join(blocks))


def alone(name, partition):
    """What is wrong, or nothing."""
    pattern = pattern_of(name)
    run("dropdb", "--if-exists", "alone")
    run("createdb", "-T", "template0", "alone")
    snap = run(SNAP, "restore", "latest:" + SOURCE, "--table=" + pattern)
    psql = run("psql", "-X", "-q", "-d", "alone", input=snap.stdout)
    if snap.returncode != 0 or psql.returncode != 0:
        return "status %d, of psql %d\n%s%s" % (
            snap.returncode, psql.returncode, snap.stderr.decode(),
            psql.stderr.decode()[:2000])
    want = dump_of(SOURCE, pattern, partition)
    got = dump_of("alone", pattern, partition)
    if want == got and want[0] == 0 and want[1]:
        return ""
    return "differs\n%s\n%s" % (snap.stderr.decode(), "\n".join(list(
        difflib.unified_diff(want[1].splitlines(), got[1].splitlines(),
                             lineterm="", n=1))[:40]))


rows = run("psql", "-X", "-At", "-0", "-d", SOURCE, "-c", RELATIONS)
names = [r for r in rows.stdout.decode().split("\0") if r.strip()]
bad = n = 0
for row in names:
    relation, is_partition = row[1:], row[0] == "P"
    if ONLY and relation not in ONLY:
        continue
    n += 1
    wrong = alone(relation, is_partition)
    if wrong:
        bad += 1
        print("NOT OK: %s: %s" % (relation, wrong), file=sys.stderr)
print("%d relations alone, %d wrong" % (n, bad))
sys.exit(bad != 0 or n < max(1, len(ONLY)))
