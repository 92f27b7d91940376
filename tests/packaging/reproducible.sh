#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# reproducible.sh PROGRAM SOURCE_DIR - two packages of one source, made in other
# directories, at other times and by other surroundings, are the same bytes; a
# package under another name has no trace of the first.
. "$2/tests/integration/lib.sh"
SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH

# made DIR [NAME]: packages into DIR/out, of a copy of the source in DIR.
made() {
	mkdir -p "$1/src"
	( cd "$SRC" && tar -cf - --exclude='./build*' --exclude=./.git \
	    --exclude=./packages . ) | tar -xf - -C "$1/src"
	SNAP_PACKAGE_DIR=$1/out sh "$1/src/scripts/package" ${2:+"$2"} \
	    >"$T/out" 2>"$T/err" || {
		tail -n 30 "$T/out"
		not_ok "packages in $1"
		done_testing
	}
	ok "packages in $1"
}
made "$T/one"
( umask 077
    LANG=de_DE.UTF-8
    TZ=Pacific/Auckland
    export LANG TZ
    made "$T/another/place" ) || exit 1
for f in "$T"/one/out/*; do
	same "${f##*/} is the same" "$f" "$T/another/place/out/${f##*/}"
done
is "as many of them" "$(ls "$T/one/out")" "$(ls "$T/another/place/out")"
is "a .tar.gz and, where Debian is, a .deb" "$(ls "$T/one/out" | grep -cE '\.(deb|tar\.gz)$')" \
    "$(command -v dpkg-shlibdeps >/dev/null && echo 2 || echo 1)"
if command -v lintian >/dev/null && ls "$T"/one/out/*.deb >/dev/null 2>&1; then
	# A package of nobody's distribution closes no bug and has no home.
	expect 0 "lintian" lintian --fail-on error,warning --suppress-tags \
	    initial-upload-closes-no-bugs,bad-distribution-in-changes-file \
	    "$T"/one/out/*.deb
	[ ! -s "$T/out" ] || cat "$T/out"
fi

# ---- another name
made "$T/named" pgsnap
mkdir "$T/tree"
tar -xzf "$T"/named/out/pgsnap-*.tar.gz -C "$T/tree" --strip-components=1
p=$T/tree/bin/pgsnap
expect 0 "it runs under its name" "$p" version
is "and says it" "$(cut -d ' ' -f 1 "$T/out")" pgsnap
is "files of the first name" "$(cd "$T/tree" && find . ! -path './share/doc/pgsnap/docs/*' |
    grep -w snap)" ""
is "no page and no completion has it" "$(cd "$T/tree" &&
    grep -rwl snap share/man share/bash-completion share/zsh share/fish)" ""
is "nor the example" "$(grep -w snap "$T"/tree/share/doc/pgsnap/examples/*)" ""
grep -q 'called `pgsnap`' "$T/tree/share/doc/pgsnap/README.md" &&
    ok "the pages say how it is called" || not_ok "the pages say how it is called"
printf 'repository = %s\n' "$T/r" >"$T/pgsnap.conf"
mkdir "$T/units"
expect 0 "a schedule" "$p" --config "$T/pgsnap.conf" schedule install --unit-dir "$T/units"
is "has its name" "$(ls "$T/units" | grep -vc '^pgsnap-')" 0
is "and only that" "$(sed "s|$T||g" "$T"/units/* | grep -w snap)" ""
# Words of the stored format, of JSON and of SQL are the same everywhere, and
# so are an example of a path, a session's name and an agent that services see.
is "nor does the program say it" "$(strings -n 4 "$p" | grep -w snap |
    grep -vE '^snap$|snap\.(v1|map|again|old|new|needs|moved)|\$snap\$|SAVEPOINT snap|^@?snap-[a-z0-9-]+|snap-digests|snap-XXXXXX|\.snap-(XXXXXX|probe)|service=snap|\[snap\]|/backups/snap|/~/snap|^snap tried')" ""
done_testing
