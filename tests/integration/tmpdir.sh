# SPDX-License-Identifier: PostgreSQL
# tmpdir.sh - pg_dump as a child: its temporary files go where TMPDIR says and
# leave no name; no room or no right there is told; and it sees no secret.
. "$(dirname "$0")/lib.sh"
pg_start || exit 1
init
createdb shop
psql -X -q shop -c "CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS a
    FROM generate_series(1, 1000) i"
mkdir "$T/tmp"
cat >"$T/pg_dump" <<EOF2
#!/bin/sh
env >>"$T/environ"
tr '\0' '\n' <"/proc/\$PPID/environ" >>"$T/parent" 2>/dev/null
ls -A "$T/tmp" >>"$T/names"
for a; do
	case \$a in --use-list=*)
		ls -ldL "\${a#*=}" | awk '{ print \$2 }' >>"$T/links" ;;
	esac
done
exec pg_dump "\$@"
EOF2
for p in pg_restore pg_dumpall; do
	sed "s/exec pg_dump/exec $p/" "$T/pg_dump" >"$T/$p"
done
chmod +x "$T"/pg_*
code=$(sed -n 's/^recovery code *//p' "$T/out")
expect 0 "a backup" env TMPDIR="$T/tmp" SNAP_RECOVERY_CODE="$code" \
    "$SNAP" backup -d shop --pg-dump "$T/pg_dump"
[ -s "$T/environ" ] && ok "pg_dump was watched" || not_ok "pg_dump was watched"
for f in environ parent; do
	grep -qF -e 'battery staple' -e "$code" "$T/$f" &&
	    not_ok "no secret in the environment ($f)" ||
	    ok "no secret in the environment ($f)"
done
is "temporary files have no names" "$(cat "$T/names")" ""
is "nor has pg_restore's list one anywhere" "$(sort -u "$T/links")" 0
is "and are gone" "$(ls -A "$T/tmp")" ""
expect 1 "a TMPDIR that is not there" env TMPDIR="$T/none" \
    "$SNAP" backup -d shop
says "is named" "$T/none"
says "with what to do" 'hint:.*TMPDIR'
expect 0 "a restore needs none" env TMPDIR="$T/none" "$SNAP" restore latest
expect 2 "a pg_dump that is not there" \
    "$SNAP" backup -d shop --pg-dump "$T/none"
says "is named" "$T/none"
if [ "$(id -u)" = 0 ] &&
    mount -t tmpfs -o size=512k,mode=777 none "$T/tmp" 2>/dev/null; then
	trap 'umount "$T/tmp"; clean_up' EXIT
	head -c 1000000 /dev/zero >"$T/tmp/ballast" 2>/dev/null
	expect 1 "a TMPDIR that is full" env TMPDIR="$T/tmp" \
	    "$SNAP" backup -d shop
	says "is told" 'full|No space'
	rm "$T/tmp/ballast"
	# Room for one dump of the definitions, not for all that follows.
	psql -X -q -o "$T/psql" shop <<'SQL'
SELECT format('CREATE VIEW v%s AS SELECT %L::text AS v, * FROM orders',
    i, repeat(md5(i::text), 100)) FROM generate_series(1, 300) i
\gexec
SQL
	expect 1 "a TMPDIR that gets full" env TMPDIR="$T/tmp" \
	    "$SNAP" backup -d shop
	says "is told" 'full|No space'
	is "no snapshot is left of it" "$(n_snapshots)" 1
fi
expect 0 "with room" "$SNAP" backup -d shop
is "there is a snapshot" "$(n_snapshots)" 2
done_testing
