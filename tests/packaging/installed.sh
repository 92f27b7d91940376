#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# installed.sh PROGRAM SOURCE_DIR BUILD_DIR NAME - `cmake --install` writes what
# it should and only below DESTDIR, and the .deb made of the same says the truth
# of itself.
. "$2/tests/integration/lib.sh"
B=$3
name=$4

expect 0 "install below DESTDIR" env DESTDIR="$T/dest" cmake --install "$B" --prefix /opt/x
is "and nowhere else" "$(ls "$T/dest" "$T/dest/opt")" "$T/dest:
opt

$T/dest/opt:
x"
root=$T/dest/opt/x
doc=$(echo "$root"/share/doc/*)
for f in "bin/$name" "share/man/man1/$name.1" "share/man/man1/$name-backup.1" \
    "share/man/man5/$name.conf.5" "share/man/man7/$name-urls.7" \
    "share/bash-completion/completions/$name" \
    "share/zsh/vendor-completions/_$name" \
    "share/fish/vendor_completions.d/$name.fish"; do
	[ -s "$root/$f" ] && ok "$f" || not_ok "$f"
done
is "nothing more" "$(cd "$root" && find . -type f ! -path './share/doc/*' \
    ! -path './share/man/*' | wc -l)" 4
is "and a page of each" "$(ls "$root"/share/man/man? | grep -c '\.[157]$')" \
    "$(ls "$B/man" | wc -l)"
[ "${doc##*/}" != snap ] && ok "the pages are in no other package's directory" ||
    not_ok "the pages are in no other package's directory"
expect 0 "the program runs" "$root/bin/$name" version
expect 0 "the example is a configuration" "$root/bin/$name" \
    --config "$doc/examples/$name.conf" config show
# The parts that are commented out as well.
sed 's/^;//' "$doc/examples/$name.conf" >"$T/all.conf"
expect 0 "also what it leaves out" "$root/bin/$name" --config "$T/all.conf" \
    --profile shop config show
for f in $(cd "$doc" && echo README.md docs/index.md); do
	grep -oE '\]\([^)#: ]+[)#]' "$doc/$f" | sed 's/^](//; s/.$//' |
	    while read -r to; do
		[ -e "$(dirname "$doc/$f")/$to" ] ||
		    echo "$f: $to"
	    done
done >"$T/err"
is "links of the first pages lead somewhere" "$(cat "$T/err")" ""

if ! command -v dpkg-deb >/dev/null || ! command -v dpkg-shlibdeps >/dev/null ||
    ! command -v file >/dev/null; then
	echo "skipped: no tools to make a .deb"
	done_testing
fi
# One kind after the other: both use the same files of the build directory.
( cd "$B" && SOURCE_DATE_EPOCH=1500000000 cpack -G DEB -B "$T/made" ) \
    >"$T/out" 2>"$T/err"
is "a .deb" $? 0
deb=$(echo "$T"/made/*.deb)
dpkg-deb --ctrl-tarfile "$deb" | tar -xf - -C "$T"
field() {
	dpkg-deb --field "$deb" "$1"
}
[ "$(field Package)" != snap ] && ok "its name is its own" ||
    not_ok "its name is its own"
is "it is named as its directory" "$(field Package)" "${doc##*/}"
is "its place among Debian's" "$(field Section)" database
for lib in libc6 libpq5 libzstd1 libsodium23 libcurl4 libssh2-1 libqrencode4; do
	field Depends | grep -q "$lib" || echo "$lib"
done >"$T/err"
is "it depends on the libraries" "$(cat "$T/err")" ""
is "it recommends" "$(field Recommends)" "postgresql-client, ca-certificates"
dpkg-deb --fsys-tarfile "$deb" | tar -tvf - >"$T/list"
is "all of it is root's" "$(grep -vc 'root/root' "$T/list")" 0
is "nothing has another date" "$(dpkg-deb --fsys-tarfile "$deb" |
    TZ=UTC tar --full-time -tvf - | grep -vc '2017-07-14 02:40:00')" 0
for f in "bin/$name" "share/man/man1/$name.1.gz" "share/man/man5/$name.conf.5.gz" "share/doc/${doc##*/}/copyright" \
    "share/doc/${doc##*/}/changelog.gz"; do
	grep -q " \./usr/$f$" "$T/list" && ok "/usr/$f" || not_ok "/usr/$f"
done
mkdir "$T/unpacked"
dpkg-deb -x "$deb" "$T/unpacked"
( cd "$T/unpacked" && md5sum --quiet -c "$T/md5sums" ) >"$T/err" 2>&1
is "checksums" $? 0
is "of every file" "$(wc -l <"$T/md5sums")" "$(find "$T/unpacked" -type f | wc -l)"
done_testing
