# SPDX-License-Identifier: PostgreSQL
# common.sh - installing and building, for the scripts beside it.

# What the build needs; README.md says it for other systems.
BUILD_PACKAGES="build-essential cmake ninja-build pkg-config libpq-dev
    libzstd-dev libsodium-dev libxxhash-dev libjansson-dev libcmocka-dev
    libcurl4-openssl-dev libssh2-1-dev libssl-dev libexpat1-dev libinih-dev
    libsqlite3-dev libqrencode-dev"

# install_packages PACKAGE...: these and BUILD_PACKAGES, where dpkg knows that
# one is missing.  Elsewhere the caller has to have seen to that.
install_packages() {
	command -v dpkg-query >/dev/null || return 0
	missing=
	for p in $BUILD_PACKAGES "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
		    grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif command -v sudo >/dev/null; then
		as_root=sudo
	else
		echo "please install:$missing" >&2
		exit 1
	fi
	echo "installing:$missing"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
	# Debian would make and start a server of its own, which nobody needs
	# here: it is told not to, for as long as this takes.
	conf=/etc/postgresql-common/createcluster.d/zz-$$.conf
	$as_root mkdir -p "${conf%/*}"
	echo 'create_main_cluster = false' | $as_root tee "$conf" >/dev/null
	# Nor do other servers start by themselves.
	policy=/usr/sbin/policy-rc.d
	[ ! -e "$policy" ] || policy=
	if [ -n "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
		$as_root chmod 755 "$policy"
	fi
	status=0
	# --no-install-recommends brings no mail server along.
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
	    --no-install-recommends $missing || status=$?
	$as_root rm -f "$conf" ${policy:+"$policy"}
	return $status
}

# build DIR OPTION...
build() {
	dir=$1
	shift
	echo "building in $dir"
	cmake -G Ninja -S "$SRC" -B "$dir" "$@" >"$dir.log" 2>&1 &&
	    ninja -C "$dir" >>"$dir.log" 2>&1 || {
		cat "$dir.log"
		exit 1
	}
	rm -f "$dir.log"
}
