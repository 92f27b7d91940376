#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# The tables that a pattern means are those that it means to pg_dump: their
# rows are chosen here, their definitions there.
. "$(dirname "$0")/common.sh"

pg_start || exit 1
createdb db
createdb other
sql db -f "$HERE/../support/patterns.sql" || exit 1
sql db -At -c "SELECT c.oid, format('%I.%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r'" >"$PG_DIR/oids"

total=0
# agree LETTER=PATTERN...: with the tool's options; pg_dump has the same but D.
agree() {
	set -- "$@" --
	theirs=
	while [ "$1" != -- ]; do
		letter=${1%%=*} pattern=${1#*=}
		shift
		set -- "$@" "-$letter" "$pattern"
	done
	shift
	total=$((total + 1))
	rm -rf "$PG_DIR/ours"
	"$TOOL" -d "$PG_DIR/ours" "$@" db 2>"$PG_DIR/log"
	ours=$?
	n=$#
	while [ "$n" -gt 0 ]; do
		case $1 in
		-D) set -- "$@" --exclude-table-data ;;
		*) set -- "$@" "$1" ;;
		esac
		set -- "$@" "$2"
		shift 2
		n=$((n - 2))
	done
	# The catalogs are never meant here; pg_dump has to be told.
	case " $* " in
	*' -t '*) set -- "$@" -T 'pg_*.*' -T 'information_schema.*' ;;
	*' -n '*) set -- "$@" -N 'pg_*' -N information_schema ;;
	esac
	pg_dump -Fc "$@" db >"$PG_DIR/dump" 2>"$PG_DIR/dump.log"
	theirs=$?
	if [ "$((ours != 0))" != "$((theirs != 0))" ]; then
		fail "$*: status $ours, of pg_dump $theirs"
		cat "$PG_DIR/log" "$PG_DIR/dump.log"
		return
	fi
	[ "$ours" = 0 ] || {
		ok "$*: both refuse"
		return
	}
	awk '$2 == 5 { print substr($0, index($0, $6)) }' "$PG_DIR/ours/INDEX" |
	    awk -F'|' 'FNR == NR { o = $1; sub(/^[^|]*\|/, ""); oid[$0] = o
		next } { print $0 in oid ? oid[$0] : "no oid of " $0 }' \
		"$PG_DIR/oids" - | sort >"$PG_DIR/got"
	pg_restore -l "$PG_DIR/dump" >"$PG_DIR/toc"
	awk '/ TABLE DATA / { print $3 }' "$PG_DIR/toc" | sort >"$PG_DIR/want"
	n=$(awk '$2 == 6 { print $1 }' "$PG_DIR/ours/INDEX")
	echo "$(grep -c ' SEQUENCE SET ' "$PG_DIR/toc") sequences" \
	    >>"$PG_DIR/want"
	echo "$(grep -c 'setval(' "$PG_DIR/ours/$n") sequences" \
	    >>"$PG_DIR/got"
	check "$*: $(($(wc -l <"$PG_DIR/want") - 1)) tables" \
	    cmp "$PG_DIR/want" "$PG_DIR/got"
}

# What a name can be, and how it has to be quoted.
for p in t T '"T"' 't*' 'y?' 'y[12]' 'y[0-9]+' 'y1|t' '(t|x)' '"t.t"' t.t \
    'a*b' '"a*b"' 'a?b' '"a?b"' 'a$b' '"a$b"' '$' 'a"b' '"a""b"' '"""' '""""' \
    '""""""' '[x]' '"[x]"' 'x[]' '"x[]"' 'x"[]"' 'a\b' '"a\b"' 'a|b' '"a|b"' \
    '(p)' '"(p)"' '^c' '"^c"' 'r{2}' '"r{2}"' '+' '"+"' '\+' ' t' 'sp ace' \
    "a'b" 'ÄÖ' '"ÄÖ"' 'äö' '*' '"*"' '*.*' '.*' '"."' '.t' 'den.' '' '""' \
    '[' '(' 'y{' '*y' 'z-z' 'z.z' u_v view seq matview parent child owner \
    'YY' 'no*thing' '[[:digit:]]' 'y[[:digit:]]*' '\d' 'y\d'; do
	agree "t=$p"
done
# Schemas, and databases in front of them.
for p in den.t 'den.*' '*.t' '"Den".t' Den.t DEN.T '"d.e".t' d.e.t 'd.t' \
    '"d*".*' 'd*.t' '"den"."t"' '"den.t"' 'den"."t' '"q""q".t' 'd?n.y?' \
    'db.den.t' \
    'DB.den.t' '"db".den.t' 'other.den.t' 'd*.den.t' 'x.db.den.t' \
    'db.d*.t' '"other.den".t'; do
	agree "t=$p"
done
for p in den Den '"Den"' 'd*' d.e '"d.e"' '"d*"' '*' '**' 'den|pgx' \
    '[dp]*' db.den other.den a.b.c '"q""q"' information '' 'no*'; do
	agree "n=$p"
done
# Together.
agree 'n=den' 't=y1'
agree 'n=d*' 'N=den'
agree 'N=d*' 'N=public'
agree 'N=other.den'
agree 'N=no*'
agree 't=*.t' 'N=den'
agree 't=*.t' 'T=den.*'
agree 'T=y*' 'T="T"' 't=*'
agree 'T=other.den.t'
agree 'n=den' 'n=Den' 'n="Den"'
agree 't=y1' 't=y2' 't=den.y1'
agree 'D=y*' 'D=*.t'
agree 'D=db.den.t'
agree 'D=other.den.t'
agree 'D=a.b.c.d'
agree 'D=no*thing'
agree 'D=child'
agree 'D=parent'
agree 'D=seq'
agree 'D=owner_id_seq'
agree 'D=owner'
agree 't=owner' 'T=owner_id_seq'
agree 't=*' 'T=owner'
agree 't=owner_id_seq'
agree 't=ow*' 't=s*'
# refuses OPTION PATTERN: nothing there that could be restored.
refuses() {
	"$TOOL" -d "$PG_DIR/ours" "$@" db 2>"$PG_DIR/log"
	[ $? != 0 ] && grep -q 'matches the pattern' "$PG_DIR/log" &&
	    ok "$*: refused" || fail "$*: refused"
}
refuses -t pg_class
refuses -t 'pg_catalog.pg_*'
refuses -t 'information_schema.*'
refuses -n pg_catalog
refuses -n 'pg_*'
createdb copy
"$TOOL" -t '*' db 2>"$PG_DIR/log" | psql -X -q copy >/dev/null 2>"$PG_DIR/log"
check "what -t '*' takes can be restored" [ $? = 0 ]
check "many patterns were tried" [ "$total" -gt 120 ]
done_testing
