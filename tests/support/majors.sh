# SPDX-License-Identifier: PostgreSQL
# majors.sh DIR - PostgreSQL 13 and 17 of other Debian releases into DIR, with
# the libraries they need, beside what is installed: pg.sh starts a server of
# theirs with PG_BINDIR=DIR/13/usr/lib/postgresql/13/bin.  Nothing is installed,
# and nothing but DIR is written.  Needs apt and 80 MB from Debian's archive;
# fails with a message where these are not to be had.
set -eu
DIR=$1
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

if [ ! -r "$KEYS" ] || ! command -v apt-get >/dev/null; then
	echo "majors: this is no Debian: its archive cannot be used" >&2
	exit 1
fi
mirror=$(sed -n 's/^URIs: *\(http[^ ]*\/debian\)\/*$/\1/p' \
    /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}

# apt RELEASE COMMAND...: with lists and archives of its own.
apt_of() {
	a=$DIR/apt/$1
	shift
	command=$1
	shift
	"$command" -q -o Dir::Etc::sourcelist="$a/sources.list" \
	    -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$a/state" \
	    -o Dir::Cache="$a/cache" -o Dir::State::status="$a/status" \
	    -o APT::Sandbox::User=root "$@"
}

# fetch RELEASE MAJOR: the server, its programs and all libraries it may want,
# but those that only other packages' scripts are written in.
fetch() {
	a=$DIR/apt/$1
	mkdir -p "$a/state/lists/partial" "$a/cache/archives/partial" "$a/debs"
	: >"$a/status"
	echo "deb [signed-by=$KEYS] $mirror $1 main" >"$a/sources.list"
	apt_of "$1" apt-get update >"$a/log" 2>&1 || {
		cat "$a/log" >&2
		return 1
	}
	packages=$(apt_of "$1" apt-get install -s --no-install-recommends \
	    "postgresql-$2" | awk '/^Inst/ { print $2 }' |
	    grep -E '^(lib|zlib|postgresql-(client-)?[0-9])' |
	    grep -vE 'perl|llvm|libz3|debconf|semanage|-dev$|common$|modules|libc-')
	# An older C library is of no use: the system's own one serves as well.
	[ "$1" != bullseye ] || packages=$(echo "$packages" | grep -vx libc6)
	( cd "$a/debs" && apt_of "$1" apt-get download $packages \
	    >>"$a/log" 2>&1 ) || {
		cat "$a/log" >&2
		return 1
	}
	for deb in "$a"/debs/*.deb; do
		dpkg-deb -x "$deb" "$DIR/$2.part"
	done
	rm -rf "$a"
}

# wrap MAJOR: each program by a script that starts it with its own libraries,
# and its own C library too where that is newer than the system's.
wrap() {
	root=$DIR/$1
	bin=$root/usr/lib/postgresql/$1/bin
	libs=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
	loader=$root/usr/lib64/ld-linux-x86-64.so.2
	mkdir "$bin/real"
	for program in "$bin"/*; do
		[ -f "$program" ] || continue
		name=${program##*/}
		mv "$program" "$bin/real/$name"
		# They look for their files from where they seem to be.
		if [ -x "$loader" ]; then
			run="exec '$loader' --argv0 '$program' --library-path '$libs'"
		else
			run="LD_LIBRARY_PATH='$libs'; export LD_LIBRARY_PATH
			    exec -a '$program'"
		fi
		printf '#!/bin/bash\n%s "%s" "$@"\n' "$run" "$bin/real/$name" \
		    >"$program"
		chmod 755 "$program"
	done
}

[ "$(uname -m)" = x86_64 ] || {
	echo "majors: only for x86_64" >&2
	exit 1
}
mkdir -p "$DIR"
chmod 755 "$DIR"
for pair in bullseye:13 trixie:17; do
	major=${pair#*:}
	[ ! -d "$DIR/$major" ] || continue
	rm -rf "$DIR/$major.part"
	fetch "${pair%:*}" "$major"
	mv "$DIR/$major.part" "$DIR/$major"
	wrap "$major"
	"$DIR/$major/usr/lib/postgresql/$major/bin/postgres" --version
done
