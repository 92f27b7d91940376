# SPDX-License-Identifier: PostgreSQL
# image.sh PROGRAM SOURCE_DIR - the image is built from its Containerfile and
# runs as the compose file has it: read-only, without capabilities, as a user
# of its own, secrets as files that all may read; the database is one of this
# machine, on its socket.
#
# Needs root, podman, buildah, runc, debootstrap and 3 GB.  No registry: the
# image that it begins with is made of Debian's archive.
. "$2/tests/integration/lib.sh"
skip() {
	echo "skipped: $1"
	exit 77
}
[ "$(id -u)" = 0 ] || skip "not root"
for each in podman buildah runc debootstrap; do
	command -v $each >/dev/null || skip "no $each"
done
[ -n "$(pg_bindir)" ] || skip "no PostgreSQL"
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
    'Origin: Debian' | grep -E '/debian/?$' | head -n 1)
[ -r "$KEYS" ] && [ -n "$mirror" ] || skip "apt knows no archive of Debian here"

STORAGE_DRIVER=vfs
BUILDAH_ISOLATION=chroot
export STORAGE_DRIVER BUILDAH_ISOLATION
b() {
	buildah --root "$T/store" --runroot "$T/run" "$@"
}
p() {
	podman --root "$T/store" --runroot "$T/run" --runtime runc \
	    --cgroup-manager cgroupfs --events-backend file "$@"
}
trap 'p rm -f -a >/dev/null 2>&1; rm -rf --one-file-system "$T/tree"; clean_up' EXIT

expect 0 "a fresh trixie" debootstrap --variant=minbase --keyring="$KEYS" \
    trixie "$T/tree" "$mirror"
apt-config dump Acquire | grep -E '^Acquire::(http|https|Check|Retries)' \
    >"$T/tree/etc/apt/apt.conf.d/90host" || :
tar -C "$T/tree" -cf "$T/tree.tar" .
base=$(b from scratch)
expect 0 "is an image" b add "$base" "$T/tree.tar" /
expect 0 "of the name that is asked for" b commit "$base" \
    docker.io/library/debian:trixie-slim
b rm "$base" >/dev/null
rm -rf "$T/tree" "$T/tree.tar"
mkdir "$T/src"
( cd "$SRC" && tar -cf - --exclude='./b' --exclude='./b-*' --exclude='./build*' \
    --exclude=./.git --exclude=./packages . ) | tar -xf - -C "$T/src"
expect 0 "the Containerfile" b bud --pull-never --format docker --network host \
    -t snap-backup -f "$T/src/packaging/container/Containerfile" "$T/src"
rm -rf "$T/src"

pg_start || exit 1
psql -X -q -c "CREATE DATABASE shop"
psql -X -q -d shop -c "CREATE TABLE t AS SELECT generate_series(1, 1000) i"
chmod 755 "$T"
mkdir "$T/secrets"
echo "$SNAP_PASSPHRASE" >"$T/secrets/passphrase"
echo nobody >"$T/secrets/database"
chmod 755 "$T/secrets"
chmod 644 "$T"/secrets/*
unset SNAP_PASSPHRASE SNAP_REPOSITORY
# Its health is asked for by hand: there may be no systemd that could.
run() { # [OPTION...] snap-backup WORD...
	p run --network none --read-only --tmpfs /tmp --cap-drop ALL \
	    --security-opt no-new-privileges --health-interval disable \
	    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
	    -v repository:/repository -v cache:/var/cache/snap \
	    -v state:/var/lib/snap -v "$T/secrets:/run/secrets:ro" \
	    -v "$PG_DIR:/pg:ro" -e PGHOST=/pg -e PGUSER=postgres \
	    -e PGDATABASE=postgres -e PGPASSWORD_FILE=/run/secrets/database \
	    -e SNAP_PASSPHRASE_FILE=/run/secrets/passphrase "$@"
}
expect 0 "a container runs" run --rm snap-backup version
expect 0 "as a user of its own" run --rm --entrypoint id snap-backup -u
is "without rights" "$(cat "$T/out")" 10001
expect 10 "there is no repository yet" run --rm snap-backup snapshots
expect 0 "init" run --rm snap-backup init
grep -q 'recovery code' "$T/out" && ok "prints the recovery code" ||
    not_ok "prints the recovery code"
is "the service" "$(run -d --name backup snap-backup every 600 backup --all \
    --job=backup 2>/dev/null | wc -l)" 1
until p exec backup entrypoint snapshots 2>/dev/null | grep -q shop; do
	running=$(p inspect --format '{{.State.Running}}' backup 2>"$T/err")
	if [ "$running" != true ]; then
		p logs backup >>"$T/err" 2>&1
		not_ok "makes backups"
		done_testing
	fi
	sleep 1
done
ok "makes backups"
expect 0 "and is healthy" p healthcheck run backup
expect 0 "it is stopped" p stop -t 60 backup
is "and stops by itself" \
    "$(p inspect --format '{{.State.ExitCode}}' backup)" 143
expect 0 "a script comes out of it" run --rm snap-backup restore latest:shop
mv "$T/out" "$T/script"
psql -X -q -c "CREATE DATABASE copy"
expect 0 "which psql takes" psql -X -q -o /dev/null -d copy -f "$T/script"
is "whole" "$(psql -X -A -t -d copy -c 'SELECT sum(i) FROM t')" 500500
expect 1 "an old backup is not healthy" run --rm -e SNAP_MAX_AGE=1s \
    snap-backup healthy
done_testing
