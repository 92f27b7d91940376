# SPDX-License-Identifier: PostgreSQL
# patterns.sh - what options choose is what they choose to pg_dump.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init
createdb db
psql -X -q -o "$T/psql" -f "$SRC/tests/support/patterns.sql" db ||
    not_ok "load"
expect 0 "backup" "$SNAP" backup -d db

# Relations that are made, as pg_dump and pg_restore name them; "public", which is
# in no whole dump, comes out of pg_dump when a pattern hits it.
made() {
	grep -v '^-- Name: public; Type: SCHEMA;' |
	    grep -E '^-- Name: .*; Type: (TABLE|VIEW|SEQUENCE|MATERIALIZED VIEW|INDEX|DEFAULT|SEQUENCE OWNED BY|SCHEMA);' |
	    LC_ALL=C sort
}
total=0 nothing=0
# agree OPTION...: to restore and to pg_dump.
agree() {
	total=$((total + 1))
	"$SNAP" restore latest -s --no-dependencies "$@" >"$T/script" 2>"$T/err"
	ours=$?
	made <"$T/script" >"$T/ours"
	# Its own schemas are never meant here.
	case " $* " in
	*' -t '*) set -- "$@" -T 'pg_*.*' -T 'information_schema.*' ;;
	*' -n '*) set -- "$@" -N 'pg_*' -N information_schema ;;
	esac
	pg_dump -s "$@" db >"$T/dump" 2>"$T/dump.err"
	theirs=$?
	made <"$T/dump" >"$T/theirs"
	if [ "$((ours != 0))" != "$((theirs != 0))" ]; then
		not_ok "$*: status $ours, of pg_dump $theirs"
	elif [ "$ours" != 0 ]; then
		nothing=$((nothing + 1))
		ok "$*: both refuse"
	else
		same "$*: $(wc -l <"$T/ours")" "$T/theirs" "$T/ours"
	fi
}
for p in t T '"T"' 't*' 'y?' 'y[0-9]+' '(t|x)' '"t.t"' t.t '"a*b"' 'a?b' \
    'a$b' 'a"b' '"a""b"' '"""' '""""' '[x]' '"[x]"' 'x[]' 'a\b' '"a\b"' 'a|b' \
    '(p)' '"(p)"' '"^c"' 'r{2}' '"r{2}"' '+' '\+' "a'b" 'ÄÖ' '"ÄÖ"' '*' '*.*' \
    '"."' '' '""' '[' 'y{' '[[:digit:]]' 'y\d' view seq matview child owner \
    den.t 'den.*' '"Den".t' '"d.e".t' d.e.t 'd*.t' '"q""q".t' 'db.den.t' \
    'other.den.t' 'x.db.den.t' '"db".den.t'; do
	agree -t "$p"
done
for p in den Den '"Den"' 'd*' d.e '"d.e"' '*' 'den|pgx' other.den \
    '"q""q"' 'no*'; do
	agree -n "$p"
done
agree -n den -t y1
agree -n 'd*' -N den
agree -N 'd*' -N public
agree -t '*.t' -T 'den.*'
agree -T 'y*' -T '"T"' -t 't*'
agree -T 'y*' -T den.t
agree -t y1 -t y2 -t den.y1
agree -n den -T den.t
agree -t owner -T owner_id_seq
agree -t owner_id_seq
agree -t 'ow*' -t 's*'
agree -t 'p*' -t 'c*'
[ "$total" -gt 70 ] && [ "$nothing" -gt 8 ] && [ "$nothing" -lt 25 ] &&
    ok "$total choices, $nothing of nothing" || not_ok "$total, $nothing"
done_testing
