#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# messages.sh PROGRAM SOURCE_DIR - hooks, heartbeat, webhook and mail of a run,
# to a web server and a mail server on loopback: what they are told of success,
# warnings and failure, and that a message which cannot be sent changes nothing.
. "$2/tests/integration/lib.sh"
# The system's own, if there are several.
python=python3
/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null && python=/usr/bin/python3
"$python" -c 'import aiosmtpd' 2>/dev/null || {
	echo "skipped: there is no aiosmtpd"
	exit 77
}
umask 077
mkdir "$T/at" "$T/tls"
# Whoever holds the other end of this pipe keeps the servers alive.
mkfifo "$T/alive" "$T/alive2"
"$python" "$SRC/tests/integration/unattended/listen.py" "$T/at" <"$T/alive" &
exec 7>"$T/alive"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls/tls.key" \
    -out "$T/tls/tls.pem" -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
"$python" "$SRC/tests/integration/unattended/listen.py" "$T/tls" <"$T/alive2" 2>/dev/null &
exec 8>"$T/alive2"
while [ ! -e "$T/at/ports" ] || [ ! -e "$T/tls/ports" ]; do
	sleep 0.05
done
read -r web mail <"$T/at/ports"
read -r ignored tls <"$T/tls/ports"

unset SNAP_CONFIG
XDG_CONFIG_HOME=$T/own
export XDG_CONFIG_HOME
conf=$T/own/snap/snap.conf
mkdir -p "$T/own/snap"
config() { # LINE...
	printf '%s\n' "$@" >"$conf"
}
# heard KIND N TEXT PATTERN: the N-th thing of that kind says so.
heard() {
	if grep -Eq -e "$4" "$T/at/$1/$2" 2>/dev/null; then
		ok "$3"
	else
		not_ok "$3 (no match for $4)"
		sed 's/^/    /' "$T/at/$1/$2" 2>/dev/null | head -n 30
	fi
}
count() { # KIND
	find "$T/at/$1" -type f | wc -l
}
forget() {
	rm -f "$T/at/http/"* "$T/at/mail/"* "$T/hooks"
}
backup() {
	sh -c "echo ${1:-1} | '$SNAP' backup --stdin --name n"
}

init
# ---- a heartbeat
config "ping-url = http://127.0.0.1:$web/ping/abc?x=1"
expect 0 "a backup with a heartbeat" backup
is "it began and ended" "$(count http)" 2
heard http 0 "first the start" '^POST /ping/abc/start\?x=1'
heard http 1 "then the end" '^POST /ping/abc\?x=1'
heard http 1 "with the end of the log" 'snapshot [0-9a-f]{8} of n'
forget
expect 1 "a backup that fails" \
    "$SNAP" backup --name n -- sh -c 'echo half; exit 4'
heard http 1 "is a failure" '^POST /ping/abc/fail\?x=1'
heard http 1 "which says why" 'error: command .* exit status 4'
forget
expect 0 "a dry run" "$SNAP" prune --dry-run
is "is no run" "$(count http)" 0
expect 0 "a listing" "$SNAP" snapshots
is "neither is that" "$(count http)" 0
config "backup.ping-url = http://127.0.0.1:$web/b" \
    "prune.ping-url = http://127.0.0.1:$web/p"
expect 0 "check has no heartbeat of its own" "$SNAP" check
is "so nobody hears of it" "$(count http)" 0
expect 0 "prune has" "$SNAP" prune
heard http 1 "and its own address" '^POST /p$'
forget

# ---- what cannot be sent
config "ping-url = http://127.0.0.1:$web/500/sesame"
expect 0 "a server that fails stops no backup" backup
says "but is told of" 'warning: the heartbeat could not be sent: .*500'
is "after some tries" "$(count http)" 6
grep -q sesame "$T/err" && not_ok "the address is not told" ||
    ok "the address is not told"
forget
config "ping-url = http://127.0.0.1:1/x" "webhook-url = http://127.0.0.1:1/y" \
    "notify-on = always" "mail-to = a@example.com" \
    "mail-server = smtp://127.0.0.1:1"
expect 0 "nobody listens" backup
says "a heartbeat lost" 'warning: the heartbeat could not be sent'
says "a message lost" 'warning: the message to the webhook could not be sent'
says "a mail lost" 'warning: the mail could not be sent'
config "ping-url = http://example.com/x"
expect 0 "no secret goes over a line in clear" backup
says "which is told" 'heartbeat could not be sent: .*http'
config "ping-url-file = $T/none"
expect 0 "a secret's file that is not there stops nothing" backup
says "and is told" 'warning: ping-url: open ping-url file'
echo "http://127.0.0.1:$web/file" >"$T/url"
config "ping-url-file = $T/url"
expect 0 "an address out of a file" backup
heard http 1 "is asked" '^POST /file$'
forget
expect 0 "an address of the environment" \
    env "SNAP_PING_URL=http://127.0.0.1:$web/env" sh -c \
    "echo 1 | '$SNAP' backup --stdin --name n"
heard http 1 "beats that of the file" '^POST /env$'
forget
config "before = env"
expect 0 "an address of one command" \
    env "SNAP_BACKUP_PING_URL=http://127.0.0.1:$web/own/sesame" sh -c \
    "echo 1 | '$SNAP' backup --stdin --name n"
heard http 1 "is asked" '^POST /own/sesame$'
if grep -q sesame "$T/err"; then
	not_ok "and no child of ours sees it"
else
	ok "and no child of ours sees it"
fi
forget

# ---- webhooks
config "webhook-url = http://127.0.0.1:$web/hook"
expect 0 "a success" backup
is "is no message by default" "$(count http)" 0
config "webhook-url = http://127.0.0.1:$web/hook" "notify-on = always"
expect 0 "a success that is told" backup 2
heard http 0 "as JSON" 'application/json'
tail -n 1 "$T/at/http/0" | python3 -c '
import json, sys
m = json.load(sys.stdin)
assert m["schema"] == "snap.v1" and m["outcome"] == "success"
assert m["command"] == "backup" and m["status"] == 0
assert len(m["run"]) == 32 and m["duration-ms"] >= 0
f = m["facts"]
assert f["source"] == "n" and f["bytes"] == 2 and len(f["snapshot"]) == 32
assert f["snapshots"] >= 2 and f["oldest"] <= m["began"]
assert "snapshot" in m["log"]
print(m["run"], f["snapshot"])
' >"$T/told" && ok "which says it all" || not_ok "which says it all"
read -r run id <"$T/told"
expect 0 "the snapshot knows its run" "$SNAP" snapshots --json
python3 -c '
import json, sys
s = [s for s in json.load(open(sys.argv[1]))["snapshots"]
     if s["id"] == sys.argv[3]]
assert s[0]["properties"]["run"] == sys.argv[2]
' "$T/out" "$run" "$id" && ok "by the same id" || not_ok "by the same id"
forget
for format in slack discord telegram; do
	config "webhook-url = http://127.0.0.1:$web/$format" \
	    "webhook-format = $format" "webhook-chat = -100123"
	expect 1 "a failure for $format" \
	    "$SNAP" backup --name n -- sh -c 'echo "\"quoted\" é" >&2; exit 1'
	tail -n 1 "$T/at/http/0" | python3 -c '
import json, sys
m = json.load(sys.stdin)
key = {"slack": "text", "discord": "content", "telegram": "text"}[sys.argv[1]]
assert m[key].startswith("snap: backup on "), m
assert "failure" in m[key] and "exit status 1" in m[key], m
assert ("chat_id" in m) == (sys.argv[1] == "telegram"), m
assert len(m[key]) <= 2000 or key == "text"
' "$format" && ok "is told as $format wants it" || not_ok "is told as $format wants it"
	forget
done
config "webhook-format = irc"
expect 2 "a format that there is not" backup
says "is named" '"webhook-format" cannot be "irc"'
config "webhook-format = telegram"
expect 2 "telegram needs a chat" backup
config "notify-on = never"
expect 2 "an unknown occasion" backup
config "ping-ulr = x"
expect 2 "an unknown key" backup
says "has a nearest one" 'Did you mean "ping-url"'
config "ls.ping-url = x"
expect 2 "a command that is no job" backup

# ---- mail
config "mail-to = dba@example.com, boss@example.com" "mail-from = snap@example.com" \
    "mail-server = smtp://127.0.0.1:$mail" "notify-on = always"
expect 0 "a policy, for the mail" "$SNAP" policy set --keep-daily 7
expect 0 "a backup with a mail" backup 3
heard mail 0 "comes from whom it says" '^from snap@example.com'
heard mail 0 "to all of them" '^to dba@example.com boss@example.com'
heard mail 0 "with a subject" '^Subject: snap: backup of n on .*: success'
heard mail 0 "a date" '^Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} '
heard mail 0 "the size" '^bytes +2 bytes'
heard mail 0 "what is new" '^new-bytes +'
heard mail 0 "how long it took" '^duration +[0-9]+\.[0-9] s'
heard mail 0 "how many there are" '^snapshots +[0-9]+'
heard mail 0 "the policy" '^policy +keep-daily 7'
forget
config "mail-to = nobody@example.com" "mail-from = snap@example.com" \
    "mail-server = smtp://127.0.0.1:$mail" "notify-on = always"
expect 0 "a mail that is refused" backup
says "is told" 'mail could not be sent: .*'
config "mail-to = dba@example.com" "mail-from = snap@example.com" \
    "mail-server = smtp://127.0.0.1:$mail"
expect 1 "a mail of a failure" "$SNAP" backup --name 'n
X-Evil: 1' -- sh -c 'exit 3'
heard mail 0 "says so" '^Subject: snap: backup on .*: failure'
if grep -q '^X-Evil' "$T/at/mail/0"; then
	not_ok "names add no header"
else
	ok "names add no header"
fi
forget
config "mail-to = dba@example.com" "notify-on = always" \
    "sendmail = cat >'$T/sent'; test \$SNAP_RUN_COMMAND = backup"
expect 0 "sendmail instead" backup
grep -q '^To: dba@example.com$' "$T/sent" &&
    ok "reads the mail" || not_ok "reads the mail"
config "mail-to = dba@example.com; rm -rf x"
expect 2 "what is no address" backup
says "is named" '"mail-to" is no list of addresses'
config "mail-to = dba@example.com" "mail-server = http://x"
expect 2 "what is no mail server" backup

# ---- mail over TLS, with a login
echo 'p4ss w0rd' >"$T/mailpass"
secure() { # LINE...
	config "mail-to = dba@example.com" "mail-from = snap@example.com" \
	    "mail-server = smtp://localhost:$tls" "notify-on = always" "$@"
}
secure "mail-user = u" "mail-password-file = $T/mailpass" \
    "message.ca-file = $T/tls/tls.pem"
expect 0 "a mail over TLS" backup
[ -e "$T/tls/mail/0" ] && ok "arrives" || not_ok "arrives"
secure "mail-user = u" "mail-password-file = $T/mailpass"
expect 0 "a certificate that nobody vouches for" backup
says "stops the mail" 'mail could not be sent: .*(certificate|SSL)'
echo 'wrong' >"$T/mailpass"
secure "mail-user = u" "mail-password-file = $T/mailpass" \
    "message.ca-file = $T/tls/tls.pem"
expect 0 "a wrong password" backup
says "stops it as well" 'mail could not be sent: .*(ogin|auth)'
[ ! -e "$T/tls/mail/1" ] && ok "so no other came" || not_ok "so no other came"

# ---- hooks
log="printf '%s\\n' \"\$SNAP_RUN_HOOK \$SNAP_RUN_COMMAND \$SNAP_RUN_STATUS \$SNAP_RUN_OUTCOME \$SNAP_RUN_SOURCE\" >>'$T/hooks'"
config "before = $log; echo noise" "after = $log" "on-success = $log" \
    "on-failure = $log"
expect 0 "hooks of a success" sh -c "echo 1 | '$SNAP' backup --stdin --name n --json"
printf '%s\n' 'before backup   ' 'after backup 0 success n' \
    'on-success backup 0 success n' >"$T/hooks.right"
same "run in order, and know what happened" "$T/hooks" "$T/hooks.right"
python3 -m json.tool "$T/out" >/dev/null &&
    ok "what they print is no data" || not_ok "what they print is no data"
says "but shown" '^noise$'
forget
expect 1 "hooks of a failure" "$SNAP" backup --name n -- false
printf '%s\n' 'before backup   ' 'after backup 1 failure ' \
    'on-failure backup 1 failure ' >"$T/hooks.right"
same "likewise" "$T/hooks" "$T/hooks.right"
forget
config "before = exit 9" "on-failure = $log" \
    "ping-url = http://127.0.0.1:$web/h"
expect 1 "a hook that says no" backup
says "is an error" 'error: hook "before": command .*: exit status 9'
says "which says what came of it" 'detail: So the backup was not begun'
grep -q '^on-failure backup 1 failure' "$T/hooks" &&
    ok "and a failure for others" || not_ok "and a failure for others"
heard http 1 "also for the heartbeat" '^POST /h/fail'
forget
config "after = exit 9"
expect 3 "one that fails afterwards is a warning" backup
says "that names it" 'warning: hook "after"'
config "before = cat"
expect 0 "a hook reads nothing of the dump" backup 77
expect 0 "so it is whole" "$SNAP" restore latest:n
is "to the last byte" "$(cat "$T/out")" 77
config "before = env" "repository = $T/repo"
expect 0 "no secret in the environment of a hook" backup
grep -q "correct horse" "$T/err" && not_ok "not one" || ok "not one"

# ---- every profile
config "passphrase-file = $T/pass" '[a]' "repository = $T/repo" "ping-url = http://127.0.0.1:$web/a" \
    '[b]' "repository = $T/nowhere" "ping-url = http://127.0.0.1:$web/b"
echo 'correct horse battery staple' >"$T/pass"
forget
unset SNAP_REPOSITORY
expect 1 "all profiles, of which one fails" "$SNAP" check --all-profiles
says "which is named" 'check failed for 1 of 2 profiles: b$'
heard http 1 "the first was right" '^POST /a$'
heard http 3 "the second was not" '^POST /b/fail$'
expect 2 "one or all" "$SNAP" check --all-profiles --profile a

# ---- logs
expect 0 "messages as JSON" "$SNAP" --log-format json --profile a check
python3 -c '
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert lines and all(l["command"] == "check" and l["profile"] == "a" and
    len(l["run"]) == 32 and l["level"] == "info" for l in lines), lines
' "$T/err" && ok "one a line" || not_ok "one a line"
expect 10 "an error as JSON" "$SNAP" --log-format json --profile b check
tail -n 1 "$T/err" | python3 -c '
import json, sys
m = json.load(sys.stdin)
assert m["level"] == "error" and m["message"] and m["hint"], m
' && ok "with its hint" || not_ok "with its hint"
expect 0 "messages for the journal" "$SNAP" --log-format journal --profile a check
says "have priorities" '^<6>snap: checked'
expect 2 "another format" "$SNAP" --log-format xml --profile a check
expect 0 "the journal is known by its socket" sh -c "
exec 2>'$T/journal'
JOURNAL_STREAM=\$(stat -L -c %d:%i '$T/journal') '$SNAP' --profile a check"
grep -q '^<6>snap: checked' "$T/journal" &&
    ok "without being told" || not_ok "without being told"
expect 0 "config show" "$SNAP" --profile a config show
grep -q 'ping-url = http://127.0.0.1:[0-9]*... (hidden)' "$T/out" &&
    ok "hides the end of an address" || not_ok "hides the end of an address"
exec 7>&- 8>&-
wait
done_testing
