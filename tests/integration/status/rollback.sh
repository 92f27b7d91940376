#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# rollback.sh PROGRAM SOURCE_DIR - a store that shows less, or something else,
# than it has shown before is found, once, by each command; and what is as it
# should be is not.
. "$2/tests/integration/lib.sh"
SNAP_STATE_DIR=$T/state
export SNAP_STATE_DIR

add() { # NAME [PROGRAM...]: one more, of its own bytes
	n_added=$((${n_added:-0} + 1))
	stream=$1
	shift
	echo "$stream $n_added" >"$T/in"
	"${@:-$SNAP}" backup --stdin --name "$stream" <"$T/in"
}
# elsewhere COMMAND...: on a machine of its own, that saw it at `known`.
elsewhere() {
	SNAP_STATE_DIR=$T/elsewhere "$@"
}
# quiet TEXT COMMAND...: succeeds, and has nothing to warn of.
quiet() {
	calm=$1
	shift
	expect 0 "$calm" "$@"
	if grep -q 'warning:' "$T/err"; then not_ok "$calm: a warning"; fi
}
# keep NAME and back NAME: the store as it is now, and as it was then.
keep() {
	rm -rf "$T/kept.$1"
	cp -a "$SNAP_REPOSITORY" "$T/kept.$1"
}
back() {
	rm -rf "$SNAP_REPOSITORY" "$T/cache"
	cp -a "$T/kept.$1" "$SNAP_REPOSITORY"
}
memory() { # DIR: its file
	find "$1" -type f -name '*.*'
}

init
quiet "a first backup" add a
quiet "another one" add a
quiet "of another stream too" add b
keep old
quiet "a third" add a
last=$("$SNAP" snapshots a 2>/dev/null | tail -n 1 | cut -c 1-8)
quiet "status sees it" "$SNAP" status
is "one file remembers" "$(memory "$T/state" | wc -l | tr -d ' ')" 1
is "that nobody else reads" "$(find "$T/state" -name '*.*' -perm 600 | wc -l | tr -d ' ')" 1
is "in a directory for nobody else" "$(find "$T/state" -maxdepth 0 -perm 700 | wc -l | tr -d ' ')" 1
if grep -aq "\"a\"\|$last" "$(memory "$T/state")"; then not_ok "nothing of it in clear"; fi
cp -a "$T/state" "$T/saw"

# ---- the older state is back: each command finds it, and tells once
gone='went backwards: of "a" snapshot '$last'.*is gone.*what is there is older'
for how in "3 backup" "3 check" "3 snapshots" "3 status" "0 restore"; do
	command=${how#* }
	back old
	rm -rf "$T/state"
	cp -a "$T/saw" "$T/state"
	case $command in
	backup) set -- add b ;;
	restore) set -- "$SNAP" restore latest:a ;;
	*) set -- "$SNAP" $command ;;
	esac
	expect "${how% *}" "$command finds it" "$@"
	says "$command says so" "warning: the repository $gone"
	says "$command says what to do" 'hint: .*status --accept'
	[ $command = status ] || quiet "$command told it once" "$@"
	quiet "so do others" "$SNAP" snapshots
	expect 3 "status goes on ($command)" "$SNAP" status
	says "status still says so ($command)" "warning: the repository $gone"
done
expect 13 "prune does not touch what may only be hidden" "$SNAP" prune
says "prune says so" "warning: the repository $gone"
says "prune says what it means" 'error: what was here is gone without a record'
expect 0 "it shows what it would do" "$SNAP" prune --dry-run
back old
rm -rf "$T/state"
cp -a "$T/saw" "$T/state"
mkdir -p "$SNAP_REPOSITORY/notes"
noise 3 500 >"$SNAP_REPOSITORY/notes/00112233445566778899aabbccddeeff"
expect 3 "garbage among the notes silences nobody" "$SNAP" snapshots
says "it is said all the same" "warning: the repository $gone"
rm "$SNAP_REPOSITORY/notes/00112233445566778899aabbccddeeff"
expect 2 "monitoring calls" "$SNAP" status --check
grep -q 'SNAP CRITICAL - .*went backwards' "$T/out" && ok "it critical" || not_ok "it critical"
quiet "it is accepted" "$SNAP" status --accept
quiet "and no more told" "$SNAP" status
quiet "and never again" "$SNAP" check
quiet "and prune works" "$SNAP" prune

# ---- one alone is gone, with and without a record
quiet "two more" add a
quiet "of it" add a
middle=$("$SNAP" snapshots a --json | sed -n 's/^.*"id": "\(.*\)",$/\1/p' | sed -n 2p)
keep whole
rm "$SNAP_REPOSITORY/snapshots/$middle" "$SNAP_REPOSITORY/snapshots/$middle.ok"
expect 3 "one that is deleted is missed" "$SNAP" check
says "and is no way back" "warning: of \"a\" snapshot $(echo "$middle" | cut -c 1-8) .*no record"
quiet "told once" "$SNAP" check
back whole
quiet "it comes back" "$SNAP" check
quiet "accepted" "$SNAP" status --accept
rm "$SNAP_REPOSITORY/snapshots/$middle.ok"
expect 3 "its confirmation alone" "$SNAP" snapshots
back whole
quiet "accepted again" "$SNAP" status --accept

# ---- forgotten and pruned elsewhere
quiet "another machine forgets one" elsewhere "$SNAP" forget "$middle"
quiet "which is no news here" "$SNAP" check
cp "$T/kept.whole/snapshots/$middle" "$T/kept.whole/snapshots/$middle.ok" \
    "$SNAP_REPOSITORY/snapshots/"
quiet "nor that the store has kept it" "$SNAP" check
quiet "as long as it does" "$SNAP" snapshots
rm "$SNAP_REPOSITORY/snapshots/$middle" "$SNAP_REPOSITORY/snapshots/$middle.ok"
quiet "and no longer" "$SNAP" check
quiet "nor for a backup" add a
quiet "a policy elsewhere" elsewhere "$SNAP" prune --keep-last=1 --force
quiet "is no news" "$SNAP" snapshots
quiet "a prune without grace" elsewhere "$SNAP" prune --grace=0 --i-am-alone --yes --keep-last=1
quiet "is none either" "$SNAP" status
quiet "the last of a stream, by force" elsewhere "$SNAP" forget --force \
    "$("$SNAP" snapshots b | tail -n 1 | cut -c 1-8)"
quiet "is recorded as well" "$SNAP" check
quiet "mended" "$SNAP" repair packs
quiet "and nothing to tell" "$SNAP" check

# ---- the records themselves
keep forgotten
rm "$SNAP_REPOSITORY"/notes/*
cp "$T/kept.whole/snapshots/$middle" "$T/kept.whole/snapshots/$middle.ok" \
    "$SNAP_REPOSITORY/snapshots/"
expect 3 "what was forgotten is back, without its record" "$SNAP" snapshots
says "is said" 'was forgotten and is there again'
says "and that others lost theirs" 'forgotten is gone before its time'
back forgotten
expect 3 "it is gone again, and forgotten" "$SNAP" status
quiet "accepted once more" "$SNAP" status --accept

# ---- condemned lists
condemned() {
	find "$SNAP_REPOSITORY/condemned" -type f ! -name '.*' | wc -l | tr -d ' '
}
noise 1 300000 >"$T/big"
"$SNAP" backup --name c -- cat "$T/big" 2>/dev/null
"$SNAP" backup --name c -- cat "$T/in" 2>/dev/null
SNAP_CALENDAR_AT=$T/calendar
: >"$SNAP_CALENDAR_AT"
on_day() { # SECONDS COMMAND...: all clocks that much ahead, from now on
	echo "$(date +%s%N) $1" >>"$SNAP_CALENDAR_AT"
	shift
	CALENDAR=$SNAP_CALENDAR_AT "$SNAP_CALENDAR" "$@"
}
day=86400
quiet "what is old is condemned" on_day $((5 * day)) prune --keep-last=1 --force
[ "$(condemned)" -gt 0 ] && ok "on a list" || not_ok "on a list"
quiet "which a check sees" on_day $((5 * day)) check
keep condemned
rm "$SNAP_REPOSITORY"/condemned/*
expect 3 "the list is gone, its packs are not" on_day $((5 * day)) check
says "is said" 'a list of condemned packs, .*gone, while packs'
back condemned
quiet "accepted" on_day $((5 * day)) status --accept
quiet "a prune later takes the packs" on_day $((9 * day)) prune
quiet "the list is still there" on_day $((9 * day)) check
quiet "and one much later the list" on_day $((20 * day)) prune
is "none is left" "$(condemned)" 0
quiet "which is as it should be" on_day $((20 * day)) check

# ---- away for longer than records stay
for i in 1 2 3; do
	quiet "number $i" on_day $((21 * day)) backup --name d -- echo "$i"
done
keep before
quiet "another machine forgets two" \
    elsewhere on_day $((22 * day)) prune --keep-last=1 --force
quiet "makes another" elsewhere on_day $((30 * day)) backup --name d -- echo 4
quiet "and takes record and rest away" elsewhere on_day $((40 * day)) prune
quiet "all of which is no news weeks later" on_day $((45 * day)) check
keep after
back before
expect 3 "but an older state is" on_day $((60 * day)) check
says "one that" 'went backwards: of "d"'
says "has what was gone" 'was forgotten and is there again|were forgotten and are there again'
back after
expect 3 "and loses it again" on_day $((60 * day)) check
quiet "accepted" on_day $((60 * day)) status --accept

# ---- a check that began before a list was there, and ends behind who saw it
quiet "one" on_day $((61 * day)) backup --name c -- cat "$T/big"
quiet "and another" on_day $((61 * day)) backup --name c -- cat "$T/in"
on_day $((66 * day)) --limit-download=100 check --read-data >"$T/slow" 2>&1 &
slow=$!
sleep 1
quiet "a prune meanwhile" on_day $((66 * day)) prune --keep-last=1 --force
[ "$(condemned)" -gt 0 ] && ok "makes a list" || not_ok "makes a list"
quiet "and a check sees it" on_day $((66 * day)) check
wait $slow
is "the first one misses nothing" "$(grep -c 'list of condemned' "$T/slow")" 0

# ---- clocks of hosts: what they claim decides of nothing
SNAP_STATE_DIR=$T/state.clock
"$SNAP" -r "$T/clock" init --kdf-memory 8 >/dev/null 2>&1
lie() { # SECONDS COMMAND...
	seconds=$1
	shift
	LIES=$seconds "$SNAP_CALENDAR" -r "$T/clock" "$@"
}
ids_of() {
	"$SNAP" -r "$T/clock" snapshots --json 2>/dev/null |
	    sed -n 's/^.*"id": "\(.*\)",$/\1/p'
}
for years in 0 10 -10 0; do
	n_lies=$((${n_lies:-0} + 1))
	quiet "a backup of a host whose clock is $years years off" \
	    lie $((years * 365 * day)) backup --name t -- echo "$n_lies"
done
"$SNAP" -r "$T/clock" snapshots --json >"$T/out" 2>/dev/null
is "it claims what it likes" \
    "$(grep '"time": ' "$T/out" | grep -vc "\"$(date -u +%Y)")" 2
ids_of >"$T/ids"
"$SNAP" -r "$T/clock" prune --keep-last=2 --dry-run --json >"$T/out" 2>"$T/err"
is "two go" "$(grep -c '"stays": false' "$T/out")" 2
for n in 3 4; do
	grep -A 9 "\"id\": \"$(sed -n ${n}p "$T/ids")\"" "$T/out" | sed '/}/q' |
	    grep -q '"stays": true' && ok "number $n by the store's time stays" ||
	    not_ok "number $n by the store's time stays"
done
is "each at a time of the store's" "$(grep -c "\"time\": \"$(date -u +%Y)" "$T/out")" 4
expect 2 "the newest of them is not forgotten" \
    "$SNAP" -r "$T/clock" forget "$(sed -n 4p "$T/ids")"
quiet "the one from the future is" "$SNAP" -r "$T/clock" forget "$(sed -n 2p "$T/ids")"

# ---- another repository at the same place
SNAP_STATE_DIR=$T/state.place
quiet "seen here" add a
"$SNAP" -r "$T/other" init --kdf-memory 8 >/dev/null 2>&1
mv "$SNAP_REPOSITORY" "$T/aside"
mv "$T/other" "$SNAP_REPOSITORY"
rm -rf "$T/cache"
expect 3 "another repository in its place" add a
says "is found" 'this is another repository: until now [0-9a-f]{32} was here'
quiet "once" add a
expect 3 "shown by status" "$SNAP" status
quiet "accepted" "$SNAP" status --accept
rm -rf "$SNAP_REPOSITORY"
mv "$T/aside" "$SNAP_REPOSITORY"
quiet "the one before is known: two disks may take turns" "$SNAP" check
rm -rf "$SNAP_REPOSITORY"
quiet "init makes a new one" "$SNAP" init --kdf-memory 8
quiet "that is no news to who made it" add a
cp -a "$SNAP_REPOSITORY" "$T/mirror"
quiet "more" add a
quiet "a mirror that lags behind is another place" "$SNAP" -r "$T/mirror" check
quiet "in other words the same place" "$SNAP" -r "$T/../$(basename "$T")/repo" check
is "one file for each place" "$(memory "$T/state.place" | wc -l | tr -d ' ')" 2

# ---- the memory is lost, damaged, somebody else's, or cannot be written
mine=$T/state.place
file=$(ls "$mine"/*.* | head -n 1)
spoil() { # TEXT COMMAND...: told once, then as if there had been none
	what=$1
	shift
	rm -rf "$T/spoilt"
	cp -a "$mine" "$T/spoilt"
	for one in "$T"/spoilt/*.*; do "$@" "$one"; done
	expect 0 "$what: check" env SNAP_STATE_DIR="$T/spoilt" "$SNAP" check
	says "$what: it is told" 'warning: what this machine remembered .*damaged'
	quiet "$what: once" env SNAP_STATE_DIR="$T/spoilt" "$SNAP" check
}
cut_it() { head -c 100 "$1" >"$T/x" && cat "$T/x" >"$1"; }
flip() { printf 'XXXXXXXX' | dd of="$1" bs=1 seek=90 conv=notrunc 2>/dev/null; }
empty() { : >"$1"; }
pipe() { rm "$1" && mkfifo "$1"; }
point() { rm "$1" && ln -s /etc/passwd "$1"; }
spoil "cut" cut_it
spoil "a flipped byte" flip
spoil "empty" empty
spoil "a pipe" pipe
spoil "a link" point
rm -rf "$T/spoilt"
cp -a "$mine" "$T/spoilt"
# Another repository's memory, under the name of this one's.
cp "$(ls "$T"/state/*.* | head -n 1)" "$T/spoilt/$(basename "$file")"
expect 0 "somebody else's" env SNAP_STATE_DIR="$T/spoilt" "$SNAP" -r "$T/mirror" check
expect 0 "and this one" env SNAP_STATE_DIR="$T/spoilt" "$SNAP" check
rm -rf "$T/spoilt"
quiet "a lost one" env SNAP_STATE_DIR="$T/spoilt" "$SNAP" check
: >"$T/plain"
expect 0 "a file where the directory should be stops nobody" \
    env SNAP_STATE_DIR="$T/plain" "$SNAP" backup --name z -- echo 1
says "but is told" 'warning: .*cannot be remembered'
expect 0 "a place that cannot be made" env SNAP_STATE_DIR=/proc/none "$SNAP" check
says "neither" 'warning: .*cannot be remembered'
quiet "if nobody asked for it it is no news" \
    env -u SNAP_STATE_DIR XDG_STATE_HOME=/proc/none "$SNAP" check
quiet "nor that there is none" env -u SNAP_STATE_DIR -u XDG_STATE_HOME HOME= "$SNAP" check
quiet "the default" env -u SNAP_STATE_DIR XDG_STATE_HOME="$T/xdg" "$SNAP" check
is "is there" "$(memory "$T/xdg/snap" | wc -l | tr -d ' ')" 1
quiet "the option" "$SNAP" check --state-dir="$T/by-option"
is "beats it" "$(memory "$T/by-option" | wc -l | tr -d ' ')" 1
quiet "or none" env -u SNAP_STATE_DIR XDG_STATE_HOME="$T/none" "$SNAP" check --state-dir=
[ ! -e "$T/none" ] && ok "is kept" || not_ok "is kept"

# ---- at once
for i in 1 2 3 4; do
	"$SNAP" -q backup --name "p$i" -- echo $i 2>>"$T/err.many" &
done
wait
quiet "four at once lose nothing of each other" "$SNAP" check
for i in 1 2 3 4; do
	id=$("$SNAP" --state-dir= snapshots "p$i" 2>/dev/null | tail -n 1 | cut -c 1-8)
	rm "$SNAP_REPOSITORY/snapshots/$id"*
done
expect 3 "all four are missed" "$SNAP" check
is "by name" "$(grep -c 'warning: the repository went backwards: of "p[1-4]"' "$T/err")" 4
is "nothing was said meanwhile" "$(grep -c warning "$T/err.many")" 0
done_testing
