#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# chroot.sh SOURCE_DIR RELEASE - a fresh Debian of that release, with nothing in
# it but what the package asks for: the package is built in one, installed by
# apt in another.  There somebody follows the README, and then it runs as a
# schedule runs it: as postgres, with an empty environment, no terminal and the
# configuration of /etc alone.
#
# Needs root, debootstrap, and 1.5 GB; the archive is the one that apt has here.
# SNAP_TEST_DEB names a package that is built already.
. "$1/scripts/common.sh"
SRC=$1
RELEASE=$2

skip() {
	echo "skipped: $1"
	exit 77
}
if [ -z "${CHROOT_DIR:-}" ]; then
	[ "$(id -u)" = 0 ] || skip "not root"
	command -v debootstrap >/dev/null || skip "no debootstrap"
	unshare --mount --pid --fork true 2>/dev/null || skip "no namespaces here"
	CHROOT_DIR=$(mktemp -d "${TMPDIR:-/tmp}/snap-chroot-XXXXXX")
	export CHROOT_DIR
	chmod 755 "$CHROOT_DIR"
	# With the namespaces go all mounts and all processes: what is
	# removed then is files alone.
	trap 'rm -rf --one-file-system "$CHROOT_DIR"' EXIT
	trap 'exit 143' INT TERM HUP
	unshare --mount --pid --fork --kill-child sh "$0" "$@"
	exit $?
fi

set -eu
T=$CHROOT_DIR
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$KEYS" ] || skip "no keys of Debian"
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
    'Origin: Debian' | grep -E '/debian/?$' | head -n 1)
[ -n "$mirror" ] || skip "apt knows no archive of Debian here"

# a line of what went wrong, then the end of the log
stop() {
	echo "NOT OK: $1"
	tail -n 40 "$T/log"
	exit 1
}
say() {
	echo "ok: $1"
}
# enter TREE COMMAND...: as root, with little around it.
enter() {
	tree=$1
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
	    DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} \
	    chroot "$tree" "$@" </dev/null
}
mounts() {
	mount -t proc proc "$1/proc"
	mount -t tmpfs tmpfs "$1/dev/shm" 2>/dev/null ||
	    { mkdir -p "$1/dev/shm" && mount -t tmpfs tmpfs "$1/dev/shm"; }
}

debootstrap --variant=minbase --keyring="$KEYS" "$RELEASE" "$T/fresh" \
    "$mirror" >"$T/log" 2>&1 || stop "debootstrap"
# As apt gets at its archive here, so it does there.
apt-config dump Acquire | grep -E '^Acquire::(http|https|Check|Retries)' \
    >"$T/fresh/etc/apt/apt.conf.d/90host" || :
cp /etc/hosts "$T/fresh/etc/hosts"
# No server starts by itself.
printf '#!/bin/sh\nexit 101\n' >"$T/fresh/usr/sbin/policy-rc.d"
chmod 755 "$T/fresh/usr/sbin/policy-rc.d"
say "a fresh $RELEASE"

deb=${SNAP_TEST_DEB:-}
if [ -z "$deb" ]; then
	cp -a "$T/fresh" "$T/build"
	mounts "$T/build"
	mkdir "$T/build/src"
	( cd "$SRC" && tar -cf - --exclude='./build*' --exclude=./.git \
	    --exclude=./packages . ) | tar -xf - -C "$T/build/src"
	enter "$T/build" env SOURCE_DATE_EPOCH=1700000000 sh /src/scripts/package \
	    >"$T/log" 2>&1 || stop "the package is built"
	! grep -n 'warning:' "$T/log" || stop "without a warning"
	deb=$(echo "$T"/build/src/packages/*.deb)
	say "the package is built"
fi
cp "$deb" "$T/fresh/package.deb"
mounts "$T/fresh"
{
	enter "$T/fresh" apt-get update -q
	enter "$T/fresh" apt-get install -y -q --no-install-recommends \
	    systemd man-db cron
} >"$T/log" 2>&1 || stop "what the test needs is installed"
enter "$T/fresh" apt-get install -y -q /package.deb >"$T/log" 2>&1 ||
    stop "apt installs the package"
say "apt installs the package"
enter "$T/fresh" sh -c 'command -v pg_dump psql' >"$T/log" 2>&1 ||
    stop "and with it the clients of PostgreSQL"
enter "$T/fresh" apt-get install -y -q --no-install-recommends postgresql \
    >"$T/log" 2>&1 || stop "PostgreSQL is installed"
mkdir "$T/fresh/test"
cp "$SRC"/tests/packaging/*.sh "$SRC/README.md" "$T/fresh/test"
: >"$T/log"
enter "$T/fresh" sh /test/newcomer.sh /test/README.md ||
    stop "the README can be followed"
say "the README can be followed"
enter "$T/fresh" sh /test/unattended.sh || stop "it runs unattended"
say "it runs unattended"
package=$(dpkg-deb --field "$deb" Package)
enter "$T/fresh" apt-get purge -y -q "$package" >"$T/log" 2>&1 ||
    stop "apt removes the package"
left=$(find "$T/fresh/usr" -name 'snap*' -newer "$T/fresh/package.deb" | head)
[ -z "$left" ] || stop "nothing of it is left but: $left"
say "apt removes the package"
echo "all passed"
