# SPDX-License-Identifier: PostgreSQL
# soak.sh PROGRAM SOURCE_DIR PLACE - four writers, two pruners and a reader on
# one repository, all at once, with a grace of seconds, and every one of them
# is killed again and again.  What they back up is made of pieces that come
# back: data dies, is condemned, and is wanted once more.
#
#   SNAP_TEST_SOAK   seconds (20; the heavy one: 1800)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
: "${SNAP_STRUCK:?is the program made with struck.c}"
seconds=${SNAP_TEST_SOAK:-20}
[ -z "${SNAP_TEST_HEAVY:-}" ] || seconds=${SNAP_TEST_SOAK:-1800}
grace=${SNAP_TEST_GRACE:-10}
# Over S3 a prune of what half an hour leaves takes longer than half of that.
[ -z "${SNAP_TEST_HEAVY:-}" ] || [ "$PLACE" = local ] ||
    grace=${SNAP_TEST_GRACE:-60}
keep=3
place_start
mkdir "$T/pieces" "$T/acked" "$T/tried" "$T/count"
for i in $(seq 40); do
	openssl rand 200000 >"$T/pieces/$i"
done
expect 0 "init with small packs and a grace of $grace seconds" env \
    STRIKE_PACK=1048576 STRIKE_GRACE=$grace "$SNAP_STRUCK" init --kdf-memory 8

below() { # N: a number from 0 on
	echo $(($(od -An -N4 -tu4 /dev/urandom) % $1))
}
sum() {
	sha256sum | cut -c -32
}
count() { # WHAT
	echo >>"$T/count/$1"
}
counted() {
	cat "$T/count/$1" 2>/dev/null | wc -l
}
# said WHO STATUS FILE: what was not to be expected.
said() {
	echo "$1: status $2"
	sed 's/^/    /' "$3"
}
# perhaps_killed SECONDS COMMAND...: one time in three it does not live long.
perhaps_killed() {
	longest=$1
	shift
	"$@" &
	pid=$!
	if [ "$(below 3)" = 0 ]; then
		sleep "0.$(below 10)"
		[ "$longest" -lt 2 ] || sleep "$(below "$longest")"
		kill -9 $pid 2>/dev/null
	fi
	wait $pid 2>/dev/null
}
# How long a kill may be waited for: over a line everything takes longer.
life=1
[ "$PLACE" = local ] || life=4

writer() { # N
	export XDG_CACHE_HOME="$T/cache.$1"
	f=$T/file.$1
	chosen=$(for i in 1 2 3 4 5 6 7 8 9 10; do below 40; done)
	while [ ! -e "$T/stop" ]; do
		# One piece in ten is another now.
		chosen=$(echo "$chosen" | sed "$((1 + $(below 10)))s/.*/$(below 40)/")
		for i in $chosen; do
			cat "$T/pieces/$((i + 1))"
		done >"$f"
		s=$(sum <"$f")
		: >"$T/tried/$s"
		perhaps_killed $life "$SNAP" backup --name "w$1" --json -- \
		    cat "$f" >"$f.out" 2>"$f.err"
		status=$?
		case $status in
		0)
			count backup
			id=$(sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$f.out")
			echo "w$1 $s" >"$T/acked/$id"
			cp "$f" "$T/newest.$1"
			;;
		137) count killed-backup ;;
		11) count late-backup ;;
		*) said "writer $1" $status "$f.err" >>"$T/wrong" ;;
		esac
	done
}
pruner() { # N
	export XDG_CACHE_HOME="$T/cache.p$1"
	f=$T/pruner.$1
	while [ ! -e "$T/stop" ]; do
		perhaps_killed $life "$SNAP" prune --keep-last $keep --force \
		    >"$f.out" 2>"$f.err"
		status=$?
		case $status in
		0) count prune ;;
		137) count killed-prune ;;
		11) count late-prune ;;
		*) said "pruner $1" $status "$f.err" >>"$T/wrong" ;;
		esac
		sleep "$(below 3)"
	done
}
# What was acknowledged comes back, or is not there any more.
reader() {
	export XDG_CACHE_HOME="$T/cache.r"
	f=$T/reader
	while [ ! -e "$T/stop" ]; do
		sleep 1
		id=$(ls "$T/acked" | sort -R | head -n 1)
		[ -n "$id" ] || continue
		"$SNAP" restore "$id" >"$f.out" 2>"$f.err"
		status=$?
		if [ $status = 0 ]; then
			count restore
			[ "$(sum <"$f.out")" = "$(cut -d ' ' -f 2 "$T/acked/$id")" ] ||
			    echo "$id comes back as something else" >>"$T/wrong"
		else
			"$SNAP" snapshots --json 2>/dev/null >"$f.list"
			! grep -q "$id" "$f.list" ||
			    said "restore $id" $status "$f.err" >>"$T/wrong"
		fi
	done
}

for n in 1 2 3 4; do
	writer $n &
	all="${all:-} $!"
done
for n in 1 2; do
	pruner $n &
	all="$all $!"
done
reader &
all="$all $!"
sleep "$seconds"
: >"$T/stop"
wait $all
for what in backup killed-backup late-backup prune killed-prune late-prune \
    restore; do
	echo "    $what: $(counted $what)"
done
: >"$T/err"
[ ! -s "$T/wrong" ] || cp "$T/wrong" "$T/err"
is "nothing else happened" "$(wc -l <"$T/err" | tr -d ' ')" 0
[ "$(counted backup)" -gt 8 ] && ok "there were backups" ||
    not_ok "there were backups"
[ "$(counted prune)" -gt 1 ] && ok "there were prunes" ||
    not_ok "there were prunes"

# ---- what is there now
"$SNAP" snapshots --json >"$T/list" 2>"$T/err" || not_ok "snapshots"
listed() { # those of a writer
	sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/list" | while read -r i; do
		[ ! -e "$T/acked/$i" ] && continue
		grep -q "^w$1 " "$T/acked/$i" && echo "$i"
	done
}
bad=0
n=0
for id in $(sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/list"); do
	n=$((n + 1))
	"$SNAP" restore "$id" >"$T/out" 2>"$T/err" || {
		not_ok "restore $id"
		bad=1
		continue
	}
	s=$(sum <"$T/out")
	if [ -e "$T/acked/$id" ]; then
		[ "$s" = "$(cut -d ' ' -f 2 "$T/acked/$id")" ]
	else # its writer was killed before it could say so
		[ -e "$T/tried/$s" ]
	fi || {
		not_ok "$id is what was backed up"
		bad=1
	}
done
is "all $n snapshots are what was backed up" $bad 0
for w in 1 2 3 4; do
	new=$(ls -t "$T/acked" | while read -r i; do
		grep -q "^w$w " "$T/acked/$i" && echo "$i"
	done | head -n 1)
	[ -z "$new" ] || grep -q "\"$new\"" "$T/list" ||
	    not_ok "the newest of writer $w is listed"
done
# ---- all garbage goes, and nothing that lives is condemned
# The first condemns it, and what was interrupted goes; the second deletes it.
for n in 1 2; do
	sleep $((grace + 2))
	expect 0 "prune at rest" "$SNAP" prune --keep-last $keep --force --json
done
is "rescues nothing" \
    "$(sed -n 's/.*"rescued-packs": \([0-9]*\).*/\1/p' "$T/out")" 0
expect 0 "check --read-data" "$SNAP" check --read-data
is "finds nothing condemned that is needed" \
    "$(grep -c condemned "$T/err")" 0
for w in 1 2 3 4; do
	[ -e "$T/newest.$w" ] || continue
	expect 0 "writer $w once more" "$SNAP" backup --name "w$w" --json -- \
	    cat "$T/newest.$w"
	stored=$(sed -n 's/.*"stored-bytes": \([0-9]*\).*/\1/p' "$T/out")
	[ "$stored" -lt 65536 ] && ok "finds all again: $stored" ||
	    not_ok "finds all again: $stored"
done
# stored URL: what a repository takes.
stored() {
	"$SNAP" -r "$1" stats --json | sed -n 's/.*"stored-.*": \([0-9]*\).*/\1/p' |
	    awk '{ n += $1 } END { print n }'
}
pruned=$(stored "$SNAP_REPOSITORY")
copy=$T/copy
for v in $(env | sed -n 's/^SNAP_\(S3_[A-Z0-9_]*\)=.*/\1/p'); do
	eval "export SNAP_FROM_$v=\$SNAP_$v"
done
expect 0 "a repository without a past" "$SNAP" -r "$copy" init --kdf-memory 8
expect 0 "with the same snapshots" env \
    SNAP_FROM_PASSPHRASE_FILE="$SNAP_PASSPHRASE_FILE" "$SNAP" -r "$copy" copy \
    --from "$SNAP_REPOSITORY"
fresh=$(stored "$copy")
[ "$pruned" -le $((fresh * 3 / 2 + 2000000)) ] &&
    ok "no garbage stays: $pruned bytes, of which $fresh are needed" ||
    not_ok "no garbage stays: $pruned bytes, of which $fresh are needed"
done_testing
