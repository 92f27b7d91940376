/* SPDX-License-Identifier: PostgreSQL */
/* guide.c - examples and exit statuses: see guide.h. */
#include <string.h>

#include "guide.h"

#define PROG SNAP_PROGRAM_NAME

/* clang-format off */
const struct guide guides[] = {
	{ CMD_INIT, CMD_KEY | CMD_BACKUP | CMD_DOCTOR, {
	    { "init --repo /srv/backup/shop",
	      "a directory of this machine; asks for a passphrase" },
	    { "init -r sftp://backup@vault.example/~/shop "
	      "--passphrase-file ~/." PROG "-passphrase",
	      "on an SSH server" } } },
	{ CMD_BACKUP, CMD_SNAPSHOTS | CMD_RESTORE | CMD_VERIFY | CMD_SCHEDULE, {
	    { "backup -d shop", "one database" },
	    { "backup --all -j 4", "every database, over four connections" },
	    { "backup -d shop -n sales --exclude-table-data 'sales.log_*'",
	      "one schema, without the rows of its logs" },
	    { "backup --sqlite /var/lib/app/app.db", "a database of SQLite" },
	    { "backup --name etc -- tar -C / -cf - etc",
	      "what a command prints, if it succeeds" } } },
	{ CMD_SNAPSHOTS, CMD_LS | CMD_DIFF | CMD_STATUS, {
	    { "snapshots shop", "those of one database" },
	    { "snapshots --tag before-upgrade --json", "by a tag, for a script" } } },
	{ CMD_LS, CMD_CAT | CMD_SNAPSHOTS, {
	    { "ls latest:shop", "the tables of the newest one" },
	    { "ls latest:shop --at 36h", "of what was the newest 36 hours ago" } } },
	{ CMD_DIFF, CMD_SNAPSHOTS | CMD_LS, {
	    { "diff 1c6a09e2 latest", "what happened since then" } } },
	{ CMD_RESTORE, CMD_SNAPSHOTS | CMD_VERIFY | CMD_CAT, {
	    { "restore latest:shop | psql -X shop_copy",
	      "into an empty database, in one transaction" },
	    { "restore latest:shop -d shop_copy -j 4",
	      "the same, faster, in pieces" },
	    { "restore latest:shop -t orders -d shop --clean --backup-first",
	      "one table of a database in use, as it was" },
	    { "restore latest:shop --output dump",
	      "an archive for pg_restore -Fd" },
	    { "restore --all latest -d postgres",
	      "every database of the newest run, with the roles" } } },
	{ CMD_CAT, CMD_LS | CMD_RESTORE, {
	    { "cat --format=csv --header latest:shop orders >orders.csv",
	      "a table as a file" },
	    { "cat latest:shop pre-data", "the definitions of the tables" } } },
	{ CMD_VERIFY, CMD_CHECK | CMD_STATUS | CMD_RESTORE, {
	    { "verify latest:shop -d postgres",
	      "on the server where the database postgres is" },
	    { "verify latest:shop -d postgres --assert rules.sql",
	      "and let SQL say whether it is what it should be" } } },
	{ CMD_CHECK, CMD_REPAIR | CMD_VERIFY, {
	    { "check", "is everything there?" },
	    { "check --read-data=5%", "and readable, a twentieth each time" },
	    { "check --scrub -r /srv/backup/shop",
	      "where the repository is stored, without a passphrase" } } },
	{ CMD_STATS, CMD_STATUS | CMD_SNAPSHOTS, {
	    { "stats", "sizes, and what deduplication and compression saved" } } },
	{ CMD_REPAIR, CMD_CHECK | CMD_BACKUP, {
	    { "repair index", "an index that was lost is made again" },
	    { "repair packs", "the intact part of damaged packs is saved" },
	    { "repair snapshots --write", "what is left of damaged snapshots" } } },
	{ CMD_COPY, CMD_INIT | CMD_PRUNE, {
	    { "copy -r s3://bucket/shop --from /srv/backup/shop "
	      "--from-passphrase-file ~/." PROG "-passphrase",
	      "a second repository, elsewhere" } } },
	{ CMD_PRUNE, CMD_POLICY | CMD_FORGET | CMD_PIN, {
	    { "prune --dry-run", "what the policy keeps, and why" },
	    { "prune --keep-daily=7 --keep-weekly=4 --keep-monthly=12",
	      "by a policy of this once" },
	    { "prune --max-time=2h --max-repack-size=20G",
	      "within bounds; the next one goes on" } } },
	{ CMD_FORGET, CMD_PRUNE | CMD_PIN | CMD_SNAPSHOTS, {
	    { "forget 1c6a09e2 --dry-run", "would it go?" },
	    { "forget --broken", "those that cannot be read any more" } } },
	{ CMD_STATUS, CMD_VERIFY | CMD_CHECK | CMD_HISTORY, {
	    { "status", "a table, and what looks wrong" },
	    { "status --max-age=26h --max-verify-age=35d",
	      "one line and a status, for a monitoring" },
	    { "status --prometheus /var/lib/node_exporter/textfile/" PROG ".prom",
	      "metrics, for the textfile collector" } } },
	{ CMD_HISTORY, CMD_STATUS | CMD_SNAPSHOTS | CMD_REPORT, {
	    { "history", "the last 30 runs" },
	    { "history shop --last 100", "backups of one database" } } },
	{ CMD_REPORT, CMD_HISTORY | CMD_STATUS, {
	    { "report --html=backups.html", "a page to look at" },
	    { "report --html=- shop >shop.html", "about one database" } } },
	{ CMD_TAG, CMD_PIN | CMD_SNAPSHOTS, {
	    { "tag latest:shop --add=before-upgrade", "to find it again" },
	    { "tag 1c6a09e2 --set=''", "without any" } } },
	{ CMD_PIN, CMD_UNPIN | CMD_PRUNE | CMD_TAG, {
	    { "pin 1c6a09e2", "it stays whatever the policy says" } } },
	{ CMD_UNPIN, CMD_PIN | CMD_PRUNE, {
	    { "unpin 1c6a09e2", "the policy counts again" } } },
	{ CMD_POLICY, CMD_PRUNE, {
	    { "policy set --keep-daily=7 --keep-weekly=4 --keep-monthly=12",
	      "once" },
	    { "policy show", "as a calendar" },
	    { "policy show --keep-last=3 --keep-yearly=all",
	      "what another one would keep" } } },
	{ CMD_KEY, CMD_INIT, {
	    { "key list", "who opens the repository" },
	    { "key add --recovery-code", "a further code, for paper" },
	    { "key export --output keys.txt", "all keys, for paper" },
	    { "key add --write-only db1 --output db1.key",
	      "for a machine that can neither read nor delete" },
	    { "key revoke db1", "and the end of that" } } },
	{ CMD_CONFIG, CMD_SCHEDULE, {
	    { "config show", "what holds, and where it was said" },
	    { "config show --profile shop --json", "of one profile" } } },
	{ CMD_SCHEDULE, CMD_CONFIG | CMD_STATUS, {
	    { "schedule install --every backup=6h --every prune=daily",
	      "timers of systemd" },
	    { "schedule install --cron --dry-run", "which lines cron would get" },
	    { "schedule remove", "none of it any more" } } },
	{ CMD_DOCTOR, CMD_INIT | CMD_STATUS, {
	    { "doctor -r s3://bucket/shop", "before anything is trusted to it" } } },
	{ CMD_VERSION, CMD_HELP, {
	    { "version --json", "for a script" } } },
	{ CMD_HELP, CMD_VERSION, {
	    { "help restore", "the same as 'restore --help'" },
	    { "help settings", "how to reach a store" },
	    { "help --completion=bash", "for the shell" } } },
	{ 0, 0, { { NULL, NULL } } }
};

/* Those that change which snapshots stay. */
#define DECIDE (CMD_PRUNE | CMD_FORGET)

const struct exit_status exit_statuses[] = {
	{ "0", CMD_ALL, "success" },
	{ "1", CMD_ALL, "failure" },
	{ "2", CMD_ALL, "wrong usage" },
	{ "2", CMD_BACKUP | CMD_RESTORE | CMD_VERIFY, "the source, or the server "
	    "to restore into, could not be reached or read before any work was "
	    "done" },
	{ "2", DECIDE, "a policy by which most snapshots would go, a snapshot "
	    "that is not forgotten without --force, or what was not confirmed" },
	{ "3", CMD_JOBS | CMD_RESTORE | CMD_REPAIR | CMD_SNAPSHOTS | CMD_STATUS |
	    CMD_DOCTOR | CMD_SCHEDULE | CMD_HISTORY | CMD_REPORT,
	    "finished, with warnings that somebody must look at" },
	{ "3", CMD_BACKUP, "a backup that could not read everything it is asked "
	    "to (named in its messages)" },
	{ "3", CMD_SNAPSHOTS | CMD_HISTORY | CMD_REPORT,
	    "a list with damaged snapshots" },
	{ "3", CMD_REPAIR, "a repair after which something is still lost or "
	    "could not be read" },
	{ "3", CMD_PRUNE, "a prune beside snapshots that cannot be read or that "
	    "was let delete nothing" },
	{ "3", CMD_BACKUP | CMD_CHECK | CMD_SNAPSHOTS, "a backup, check or "
	    "snapshots that found the repository other than it was" },
	{ "3", CMD_STATUS, "status and something looks wrong" },
	{ "10", 0, "there is no repository at that place, or half of one" },
	{ "11", 0, "somebody else is busy with the repository, or removed a key "
	    "slot at the same time" },
	{ "11", CMD_PRUNE | CMD_REPAIR, "this run lost its lease on it" },
	{ "11", CMD_RESTORE, "the database of SQLite that a restore is to "
	    "replace is in use" },
	{ "12", 0, "wrong passphrase or recovery code, or a key file that may "
	    "not do this: nothing was begun" },
	{ "13", 0, "stored data did not verify" },
	{ "13", CMD_VERIFY, "verify found a difference" },
	{ "13", CMD_BACKUP | CMD_RESTORE, "a database of SQLite that was damaged "
	    "when it was backed up" },
	{ "14", CMD_RESTORE, "a partial restore: what is intact was written, "
	    "what was left out is named in its messages" },
	{ "14", CMD_RESTORE, "a restore into a server by somebody who may not "
	    "make an extension or an event trigger of the snapshot, restore "
	    "--all of a run that lacks databases, or into a server that refused "
	    "something about a role" },
	{ "15", CMD_JOBS, "nothing was done: the same --job is running already "
	    "(docs/schedule.md)" },
	{ "129, 130, 143", CMD_ALL, "stopped by SIGHUP, SIGINT, SIGTERM" },
	{ NULL, 0, NULL }
};
/* clang-format on */

const struct guide *
guide_of(const struct cmd *c)
{
	const struct guide *g = guides;

	while (g->bit != 0 && g->bit != c->bit)
		g++;
	return g->bit != 0 ? g : NULL;
}

bool
exit_status_is_of(const struct exit_status *s, const struct cmd *c)
{
	const struct opt *o = opts_table;

	if (s->commands != 0)
		return (s->commands & c->bit) != 0;
	while (strcmp(o->name, "passphrase-file") != 0)
		o++;
	return (o->commands & c->bit) != 0;
}
