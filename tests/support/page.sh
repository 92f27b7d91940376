# SPDX-License-Identifier: PostgreSQL
# page.sh - a page of the documentation does what it says: its commands
# (```sh) are run as they stand there, and print what stands below them
# (```text), numbers and ids apart.  `<!-- test: COMMANDS -->`, which no reader
# sees, is run before the next block: the accident that a recipe is for.
# `. page.sh` behind lib.sh.

# page_user: a HOME with nothing but what the page makes, in which snap is found
# under its name, and no variable says what the page has to say.  $T/bin is in
# front of the PATH, for what a test has to replace.  Root's pages are run by the
# owner of the server: as root they would change this machine.
page_user() {
	mkdir -p "$T/user" "$T/bin"
	cp "$SNAP" "$T/bin/snap"
	chmod 755 "$T" "$T/bin/snap"
}

# What differs from night to night becomes one letter.
alike() {
	sed -E 's/\b[0-9a-f]{8,32}\b/I/g; s/[0-9][0-9.:T+-]*/N/g; s/ +/ /g
	    s/^ //; s/ $//; s/\bbytes\b|\b[kMG]B\b/B/g; /^$/d' "$1"
}

# page FILE SED_SCRIPT: one shell runs all blocks, one after the other; the
# script puts the test's places for the page's.  It reads ~/.profile first.
page() {
	rm -rf "$T/page"
	mkdir "$T/page"
	awk -v dir="$T/page" '
	    /^```/ && inside { inside = 0; close(to); next }
	    !inside && sub(/^<!-- test: /, "") && sub(/ -->$/, "") {
		print >(dir "/" n + 1 ".before")
		next
	    }
	    /^```sh$/ { inside = 1; to = dir "/" ++n ".sh"; next }
	    /^```text$/ && n { inside = 1; to = dir "/" n ".text"; next }
	    /^```/ { inside = 1; to = "/dev/null"; next }
	    inside { print >to }
	    END { for (i = 1; i <= n; i++) print i }' "$SRC/$1" >"$T/page/all"
	[ -s "$T/page/all" ] || not_ok "$1 has commands"
	{
		echo '[ ! -e ~/.profile ] || . ~/.profile'
		echo 'set -e'
		while read -r n; do
			sed -i "$2" "$T/page/$n".[bs]*
			echo "echo $n >'$T/page/at'"
			[ ! -e "$T/page/$n.before" ] ||
				echo ". '$T/page/$n.before' >'$T/page/$n.out' 2>&1"
			echo ". '$T/page/$n.sh' >'$T/page/$n.out' 2>&1"
		done <"$T/page/all"
		echo "echo end >'$T/page/at'"
	} >"$T/page/script"
	[ "$(id -u)" != 0 ] ||
		chown -R "${PG_OSUSER:-postgres}" "$T/user" "$T/page"
	( cd "$T/user" && pg_as env -u SNAP_PASSPHRASE -u SNAP_REPOSITORY \
	    -u SNAP_CONFIG -u SNAP_STATE_DIR -u XDG_CACHE_HOME \
	    HOME="$T/user" PATH="$T/bin:$PATH" sh "$T/page/script" )
	at=$(cat "$T/page/at")
	[ "$at" = end ] || cp "$T/page/$at.out" "$T/err"
	is "$1: its commands succeed" "$at" end
	while read -r n; do
		[ -e "$T/page/$n.text" ] && [ -e "$T/page/$n.out" ] || continue
		alike "$T/page/$n.text" >"$T/page/want"
		sed "s|$T/user|/var/lib/postgresql|; s|$T/bin|/usr/bin|" "$T/page/$n.out" >"$T/err"
		alike "$T/err" >"$T/page/has"
		is "$1, block $n: $(head -n 1 "$T/page/$n.sh")" \
		    "$(grep -Fxv -f "$T/page/has" "$T/page/want")" ""
	done <"$T/page/all"
}
