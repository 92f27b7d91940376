# SPDX-License-Identifier: PostgreSQL
# off_site.sh - docs/off-site.md as it is written: on an SSH server, at a Ceph
# gateway and at a simulator of B2.  Run by tests/support/b2.sh.
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/support/page.sh"
. "$SRC/tests/support/sshd.sh"
. "$SRC/tests/support/tls.sh"
. "$SRC/tests/support/rgw.sh"
trap 'sshd_stop; rgw_stop; clean_up' EXIT
pg_start || exit 1
sshd_start || exit 1
rgw_start || exit 1
python3 -c 'import sys, urllib.request as u; u.urlopen(u.Request(
    sys.argv[1], data=b"{\"name\": \"my-backups\"}")).read()' \
    "$B2_REALM/sim/bucket" || not_ok "a bucket"
page_user
mkdir "$T/user/.ssh"
cp "$SSHD_DIR/id_ed25519" "$SSHD_DIR/known_hosts" "$T/user/.ssh"
# Somebody's keys for something else are there; their last line has no end.
mkdir "$T/user/.aws"
printf '%s\n%s\n%s' '[default]' 'aws_access_key_id = OTHER' \
    'aws_secret_access_key = OTHERS' >"$T/user/.aws/credentials"
createdb shop
psql -X -q -d shop -c 'CREATE TABLE t AS SELECT 1 AS a'
s3key=$AWS_ACCESS_KEY_ID
s3secret=$AWS_SECRET_ACCESS_KEY
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SHARED_CREDENTIALS_FILE \
    AWS_CONFIG_FILE AWS_REGION
export SNAP_S3_ENDPOINT="$RGW_URL" SNAP_B2_REALM="$B2_REALM"
page docs/off-site.md "s|sftp://db1@vault.example|$SSHD_URL/~|
    s|/srv/backup|$T/user|; s|eu-central-1|default|
    s|AKIAEXAMPLE|$s3key|; s|wJalrEXAMPLEKEY|$s3secret|
    s|K005EXAMPLEKEY|$B2_KEY|; s|005EXAMPLEID|$B2_KEY_ID|"
last=$T/page/$(tail -n 1 "$T/page/all").out
is "the copy is beside the backup" "$(grep -cE '^[0-9a-f]{8} .* shop ' "$last")" 2
is "other keys for S3 are still there" \
    "$(head -n 3 "$T/user/.aws/credentials" | tail -n 1)" \
    'aws_secret_access_key = OTHERS'
done_testing
