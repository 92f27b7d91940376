#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# memory.sh SNAP SYNTHETIC SOURCE - the memory of every command, with an index of
# 128 GiB.  SNAP_TEST_HEAVY=1: with one of 1 TiB no command may take more than
# 256 MiB; needs a PostgreSQL and 3 GB of disk.
set -eu
command -v python3 >/dev/null || exit 77
py=$3/tests/repo/memory/memory.py
if [ -z "${SNAP_TEST_HEAVY:-}" ]; then
	exec python3 "$py" "$1" "$2" 131072
fi
. "$3/tests/support/pg.sh"
trap pg_stop EXIT
trap 'exit 1' INT TERM HUP
pg_start autovacuum=off max_wal_size=4GB
for db in four four_far; do
	createdb $db
	for t in 1 2 3 4; do
		psql -qX $db -c "CREATE UNLOGGED TABLE t$t AS SELECT i AS id,
		  md5('$db $t a' || i) AS a, md5('$db $t b' || i) AS b,
		  'a remark that is the same in all rows' AS c
		FROM generate_series(1, 2000000) i"
	done
done
python3 "$py" "$1" "$2" 1048576 --limit 256 --database four
