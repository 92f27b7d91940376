# SPDX-License-Identifier: PostgreSQL
# quick_start.sh - docs/quick-start.md as it is written: a server, an SSH server
# that somebody has a key for, and from there on its commands.
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/support/page.sh"
. "$SRC/tests/support/sshd.sh"
trap 'sshd_stop; clean_up' EXIT
pg_start || exit 1
sshd_start || exit 1
page_user
mkdir "$T/jobs"
chmod 777 "$T/jobs"
mkdir "$T/user/.ssh"
cp "$SSHD_DIR/id_ed25519" "$SSHD_DIR/known_hosts" "$T/user/.ssh"
# This machine's crontab is none of ours.
cat >"$T/bin/crontab" <<END
#!/bin/sh
case \$1 in
-l) cat '$T/jobs/crontab' ;;
-r) rm '$T/jobs/crontab' ;;
*) cat -- \$1 >'$T/jobs/crontab' ;;
esac
END
chmod +x "$T/bin/crontab"
createdb shop
psql -X -q -d shop -v ON_ERROR_STOP=1 -c "
    CREATE TABLE orders (id int PRIMARY KEY, placed timestamptz, what text);
    INSERT INTO orders SELECT i, now(), md5(i::text)
	FROM generate_series(1, 20000) i" || exit 1

page docs/quick-start.md "s|sftp://backup@vault.example|$SSHD_URL|"
is "four jobs are in the crontab" "$(grep -c 'snap.* --job' "$T/jobs/crontab")" 4
[ -e "$SSHD_DIR/data/db1/config" ] && ok "the repository is elsewhere" ||
    not_ok "the repository is elsewhere"
done_testing
