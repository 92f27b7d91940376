# SPDX-License-Identifier: PostgreSQL
# ransomware.sh PROGRAM SOURCE_DIR s3|b2 - the recipe of docs/ransomware.md, with
# the policies of the manual: a host that can only add, a machine that prunes and
# reads no row, an owner elsewhere; then a thief has all that the host has.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../offsite/places.sh"
place_start
umask 077
PASS=$SNAP_PASSPHRASE_FILE
unset SNAP_PASSPHRASE_FILE

# as WHO COMMAND...: with that machine's key and credentials, and its own cache.
as() {
	who=$1
	shift
	case $who in
	owner) set -- SNAP_PASSPHRASE_FILE="$PASS" "$@" ;;
	*) set -- SNAP_KEY_FILE="$T/$who.key" "$@" ;;
	esac
	case $PLACE-$who in
	*-owner) ;;
	s3-*) set -- AWS_SHARED_CREDENTIALS_FILE="$T/$who.aws" "$@" ;;
	b2-*) set -- SNAP_B2_KEY_ID="$(cat "$T/$who.id")" \
	    SNAP_B2_KEY_FILE="$T/$who.b2" "$@" ;;
	esac
	env XDG_CACHE_HOME="$T/cache.$who" "$@"
}
# policy NAME USER: of the manual, as statements of a bucket's, which may say
# how long what is put has to stay.
policy() {
	awk -v mark="<!-- policy: $1 -->" '$0 == mark { on = 1; next }
	    on && /^```json/ { print_it = 1; next }
	    print_it && /^```/ { exit } print_it' "$SRC/docs/transports.md" |
	    "$PY" -c '
import json, sys
text = sys.stdin.read().replace("BUCKET", "snap-vault").replace("PATH", "repo")
for s in json.loads(text)["Statement"]:
    s["Principal"] = {"AWS": ["arn:aws:iam:::user/" + sys.argv[1]]}
    if "s3:PutObject" in s["Action"]:
        s["Action"].append("s3:PutObjectRetention")
    print(json.dumps(s) + ",")' "$2"
}
rights_s3() {
	for who in host ops; do
		rgw_user $who "${who}key" "$who-secret" || exit 1
		printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
		    "${who}key" "$who-secret" >"$T/$who.aws"
	done
	{
		policy write-only host
		policy prune ops
		policy full person
	} | sed '$s/,$//' >"$T/statements"
	printf '{"Version": "2012-10-17", "Statement": [%s]}' \
	    "$(cat "$T/statements")" >"$T/policy"
	rgw_do PUT "/snap-vault?policy=" --data-binary "@$T/policy" ||
	    not_ok "the policies of the manual are taken"
}
rights_b2() {
	for who in host ops; do
		can='"listBuckets", "listFiles", "readFiles", "writeFiles"'
		[ $who = host ] || can="$can, \"deleteFiles\""
		service key "{\"capabilities\": [$can], \"bucket\": \"snap-test\"}"
		"$PY" -c '
import json, sys
k = json.load(open(sys.argv[1]))
open(sys.argv[2] + ".id", "w").write(k["id"])
open(sys.argv[2] + ".b2", "w").write(k["key"] + "\n")' \
		    "$T/service" "$T/$who" || not_ok "a key for $who"
	done
}
if [ "$PLACE" = s3 ]; then
	SNAP_REPOSITORY=s3://snap-vault/repo
	SNAP_S3_OBJECT_LOCK_MODE=governance
	SNAP_S3_OBJECT_LOCK_DAYS=1
	export SNAP_S3_OBJECT_LOCK_MODE SNAP_S3_OBJECT_LOCK_DAYS
fi

# ---- set up, by the owner
expect 0 "init" as owner "$SNAP" init --kdf-memory 8
rights_$PLACE
expect 0 "a key for the host" as owner "$SNAP" key add --write-only db1 \
    --output "$T/host.key"
expect 0 "one for the machine that prunes" as owner "$SNAP" key add \
    --maintenance ops --output "$T/ops.key"

# ---- every day
noise 1 3000000 >"$T/day1"
noise 2 3000000 >"$T/day2"
noise 3 100000 >"$T/day3"
expect 0 "the owner saves" as owner "$SNAP" backup --name own -- cat "$T/day3"
expect 0 "the host saves" as host "$SNAP" backup --name shop -- cat "$T/day1"
expect 0 "and once more" as host "$SNAP" backup --name shop -- cat "$T/day2"
expect 0 "and lists" as host "$SNAP" snapshots
expect 0 "and checks what it may see" as host "$SNAP" -v check
[ "$PLACE" = b2 ] || says "without reading data" 'does not let us read'
expect 12 "it restores nothing" as host "$SNAP" restore latest
expect 12 "it prunes nothing" as host "$SNAP" prune
expect 0 "the other machine prunes" as ops "$SNAP" prune --keep-last 7
expect 12 "and reads nothing" as ops "$SNAP" restore latest

# ---- the thief, who has the host's key file and credentials
expect 0 "he puts what he likes" as host "$SNAP" backup --name shop -- \
    echo nonsense
if [ "$PLACE" = s3 ]; then
	thief() { # METHOD PATH [OPTION...]
		method=$1
		at=$RGW_URL$2
		shift 2
		curl -s -o "$T/thief" -w '%{http_code}' -X "$method" \
		    --aws-sigv4 aws:amz:default:s3 -u hostkey:host-secret \
		    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" "$at"
	}
	list="/snap-vault?list-type=2&prefix=repo%2F"
	rgw_do GET "$list" | grep -o '<Key>[^<]*' | sed 's|<Key>||' >"$T/names"
	n=$(wc -l <"$T/names")
	while read -r name; do
		thief DELETE "/snap-vault/$name"
		echo
	done <"$T/names" | sort | uniq -c | tr -s ' ' >"$T/codes"
	is "he deletes none of $n objects" "$(cat "$T/codes")" " $n 403"
	pack=$(grep /data/ "$T/names" | head -n 1)
	is "he hides a pack behind a new version" \
	    "$(thief PUT "/snap-vault/$pack" --data-binary ransom)" 200
	rgw_do GET "/snap-vault?prefix=$(echo "$pack" |
	    sed 's|/|%2F|g')&versions=" >"$T/versions"
	"$PY" -c '
import re, sys
v = re.findall(r"<Version>.*?</Version>", open(sys.argv[1]).read(), re.S)
new = [x for x in v if "<IsLatest>true</IsLatest>" in x]
print(re.search(r"<VersionId>(.*?)</VersionId>", new[0]).group(1))' \
	    "$T/versions" >"$T/newer"
	expect 13 "which check names" as owner "$SNAP" --no-cache check
	rgw_do DELETE "/snap-vault/$pack?versionId=$(cat "$T/newer")" \
	    >"$T/gone" && ok "the newer version goes" ||
	    not_ok "the newer version goes"
fi
expect 0 "his key is revoked" as owner "$SNAP" key revoke db1
expect 0 "what he puts then" as host "$SNAP" backup --name shop -- echo more
expect 0 "is told from the rest" as owner "$SNAP" snapshots --json
sed -n '/"untrusted"/,$p' "$T/out" | grep -q '"id":' &&
    ok "as untrusted" || not_ok "as untrusted"

# ---- elsewhere
expect 0 "the owner reads all of it" as owner "$SNAP" --no-cache check \
    --read-data
as owner "$SNAP" --no-cache restore latest:own >"$T/got" 2>"$T/err"
same "what the owner saved comes back" "$T/day3" "$T/got"
for day in 1 2; do
	id=$(as owner "$SNAP" snapshots shop --json 2>/dev/null |
	    sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' | sed -n "${day}p")
	as owner "$SNAP" --no-cache restore "$id" >"$T/got" 2>"$T/err"
	same "day $day comes back" "$T/day$day" "$T/got"
done
done_testing
