/* SPDX-License-Identifier: PostgreSQL */
/*
 * commands.c - the one table of commands.
 *
 * Parser, help, completion and manual page read this one and that of options.c
 * and nothing else.
 */
#include <string.h>

#include "cmd.h"
#include "near.h"

#define PROG SNAP_PROGRAM_NAME

const struct cmd cmd_table[] = {
	{ CMD_INIT, "init", "", "make a new repository",
	    "Makes an encrypted repository at the place given by --repo and "
	    "prints its recovery code, once. Keep that code away from this "
	    "machine: it opens the repository when the passphrase is lost.",
	    0, 0, cmd_init },
	{ CMD_BACKUP, "backup",
	    "[DBNAME] | --all | --sqlite FILE | --stdin --name NAME | "
	    "--name NAME -- COMMAND [ARG]...",
	    "make a snapshot of a database, of stdin or of a command's output",
	    "Reads one consistent snapshot of a PostgreSQL database through "
	    "COPY and pg_dump and stores what is not in the repository yet. "
	    "With -- the bytes come from a command, whose exit status "
	    "decides: if it fails there is no snapshot. With --stdin they "
	    "come from standard input, where the end of half a dump looks "
	    "like any other, and an empty input is refused. From both a "
	    "script of pg_dump without its last line is refused. With "
	    "--sqlite they are a consistent copy of a database of SQLite, "
	    "made beside its users in $TMPDIR, where it has no name. With --all "
	    "each database of the server that allows connections, but not "
	    "template0, becomes a snapshot of its own, all of one run; one "
	    "that fails does not stop the others. DBNAME is then the one to "
	    "connect to first, by default postgres.",
	    0, 1, cmd_backup },
	{ CMD_SNAPSHOTS, "snapshots", "[DBNAME-OR-NAME]", "list the snapshots",
	    "Lists all snapshots, or those of one database or stream name, "
	    "oldest first. RUN says which ones one 'backup --all' made, as "
	    "1c6a09e2 2/3 where of three databases only two are there.",
	    0, 1, cmd_snapshots },
	{ CMD_LS, "ls", "SNAPSHOT", "list the streams of a snapshot",
	    "SNAPSHOT is an id or its first digits, 'latest', or "
	    "'latest:NAME' for a database or stream name. A snapshot of a "
	    "part of a database is the latest only when there is no whole "
	    "one.",
	    1, 1, cmd_ls },
	{ CMD_DIFF, "diff", "SNAPSHOT SNAPSHOT",
	    "show what is different between two snapshots",
	    "Tables that are new, gone or have other rows, with their rows "
	    "and bytes and by how many these are more; definitions, sequence "
	    "values, privileges and globals that differ, as a unified diff. "
	    "What is equal is known without reading it, and rows are never "
	    "read. The snapshots may be of different databases: tables are "
	    "compared by name.",
	    2, 2, cmd_diff },
	{ CMD_RESTORE, "restore", "SNAPSHOT | --all RUN",
	    "write a snapshot to standard output or into a server",
	    "A snapshot of a database becomes one SQL script for psql 11 or "
	    "newer. It is wrapped so that a script that breaks off anywhere "
	    "changes nothing and makes psql fail. A snapshot of --stdin or "
	    "of a command comes back byte for byte. SNAPSHOT is an id or its "
	    "first digits, 'latest', or 'latest:NAME', which pass over "
	    "snapshots of a part of a database while there is a whole one. "
	    "--table, --schema and the like choose a part, by the patterns "
	    "of pg_dump; what it needs comes with it, and what else comes or "
	    "is left out is told. With --dbname a part goes into a database "
	    "that is in use: what was chosen must not be there, unless "
	    "--clean is given. "
	    "With --dbname it goes straight into a server, over several "
	    "connections with -j, and is no one transaction: what is there "
	    "after a failure is told. With --all it is everything that one "
	    "'backup --all' made, RUN being the first digits of its id or "
	    "'latest', the newest complete one: roles, tablespaces, then the "
	    "databases, which may not exist unless --clean is given. What "
	    "fails does not stop the others and is named.",
	    1, 1, cmd_restore },
	{ CMD_CAT, "cat", "SNAPSHOT STREAM",
	    "write one stream of a snapshot to standard output",
	    "STREAM is one that ls shows: a table, whose rows come as COPY "
	    "writes them, a large object by its number, pre-data, post-data, "
	    "acl, globals, properties, sequences or archive, or the name of "
	    "a stream of stdin or of a command. A table may be named without "
	    "quotes, and without its schema while there is one of that name. "
	    "With --format=csv its rows are what COPY ... CSV would have "
	    "written, byte for byte. Only what is needed is read from the "
	    "store.",
	    2, 2, cmd_cat },
	{ CMD_VERIFY, "verify", "[SNAPSHOT]",
	    "restore a snapshot into a scratch database and compare",
	    "Makes a database with a random name beside the one that --dbname "
	    "names, restores the snapshot (default: the newest of a database) "
	    "into it, compares "
	    "the rows of each table, each sequence and each large object with "
	    "what the backup had read, and drops it, whatever happened. The "
	    "verdict is recorded in the repository: snapshots shows it. "
	    "Status 13 if anything is different.",
	    0, 1, cmd_verify },
	{ CMD_CHECK, "check", "", "verify the repository",
	    "Verifies that every snapshot, index and pack is there and "
	    "consistent; --read-data also reads, decrypts and hashes the "
	    "data itself. What was read is remembered in the cache, so that "
	    "--read-data=5% every night has read everything in twenty. Each "
	    "table that a damage touches is named, with its snapshot. "
	    "--scrub asks for no passphrase: it is for a cron on the machine "
	    "that stores the repository.",
	    0, 0, cmd_check },
	{ CMD_STATS, "stats", "", "show what the repository holds", "", 0, 0,
	    cmd_stats },
	{ CMD_REPAIR, "repair",
	    "index | packs [PACK]... | snapshots [SNAPSHOT]...",
	    "write again what got lost, and say what cannot be",
	    "'index' reads the contents of packs that no readable index "
	    "names and writes an index for them. 'packs' reads all packs, or "
	    "those that are named, keeps of the damaged ones what is good and "
	    "condemns them, so that the next backup stores anew what is lost; "
	    "given once more after that backup it makes the lost blocks again "
	    "out of what was stored, for the old snapshots. It makes lost "
	    "directories again as well. 'snapshots' reads all data "
	    "and lists, table by table, what each snapshot lacks; with "
	    "--write what is left of a damaged one becomes a snapshot of its "
	    "own, a salvaged one, which is never the latest and comes back "
	    "with 'restore --partial' only. Nothing is deleted.",
	    1, 1000, cmd_repair },
	{ CMD_COPY, "copy", "[SNAPSHOT]...",
	    "copy snapshots from another repository",
	    "Reads snapshots of the repository given by --from, all of them "
	    "if none is named, verifies them and stores them in that of "
	    "--repo, deduplicated and under its own keys. What was copied "
	    "before is passed over, so a copy that broke off goes on when "
	    "the command is given again.",
	    0, 1000, cmd_copy },
	{ CMD_PRUNE, "prune", "",
	    "forget what a policy does not keep, and free room",
	    "Compares the snapshots of each database of a cluster, or of each "
	    "stream name, by a policy: that of the options, else that of "
	    "SNAP_KEEP_DAILY and so on, of the configuration, or the "
	    "repository's own (policy set); without any no snapshot is "
	    "forgotten. Shows by which rules "
	    "each one stays. The newest of each and what is pinned always do; "
	    "a policy by which most would go at once is refused. Then "
	    "collects what no snapshot needs: what is found today is deleted "
	    "by a prune three days later, so that backups may run at any "
	    "time, on any machine. Needs the owner's passphrase or a "
	    "maintenance key.",
	    0, 0, cmd_prune },
	{ CMD_FORGET, "forget", "SNAPSHOT... | --broken",
	    "forget snapshots by their ids",
	    "Snapshots that are named here, whatever the policy says; or, "
	    "with --broken, all that cannot be read any more and therefore "
	    "keep garbage; that is refused while packs are in no index, for "
	    "repair may bring such snapshots back. Room is freed by prune.",
	    0, 1000, cmd_forget },
	{ CMD_STATUS, "status", "[DBNAME-OR-NAME]...",
	    "say how the backups are, for people and for monitoring",
	    "Of each database or stream name: how old its newest snapshot is, "
	    "when one was last verified, its size and how that grows, and "
	    "what looks wrong with the newest: much smaller or larger than "
	    "before, tables gone, hardly deduplicated. Also what is not as "
	    "this machine has seen it before: a repository that went "
	    "backwards, snapshots that are gone without a record; that is "
	    "shown until --accept. Needs no more than the key of a write-only "
	    "host. docs/monitoring.md has the rules, alerts and a dashboard.",
	    0, 1000, cmd_status },
	{ CMD_HISTORY, "history", "[DBNAME-OR-NAME]...",
	    "show past runs, from the repository itself",
	    "When each run ended, how long it took, how much was new, and "
	    "what failed: backups by the snapshots that stand, also of those "
	    "databases or stream names alone; checks, prunes, verifies and "
	    "copies, and backups that failed, by the records that they left. "
	    "Then a sparkline of what was new in the last backups of each. "
	    "docs/history.md says who leaves a record, and for how long.",
	    0, 1000, cmd_history },
	{ CMD_REPORT, "report", "--html=FILE [DBNAME-OR-NAME]...",
	    "write a page of HTML about the backups",
	    "One file without scripts that needs nothing else: how the "
	    "backups grow, new bytes per day, durations, deduplication, which "
	    "days the policy keeps, how old the verifications are, and the "
	    "last runs. Of all databases and stream names, or of those that "
	    "are given. FILE is replaced as a whole.",
	    0, 1000, cmd_report },
	{ CMD_TAG, "tag",
	    "SNAPSHOT... --add=TAG | --remove=TAG | --set=TAG,...",
	    "change the tags of snapshots", "", 1, 1000, cmd_tag },
	{ CMD_PIN, "pin", "SNAPSHOT...", "keep snapshots whatever the policy",
	    "No policy forgets what is pinned, and neither does forget, until "
	    "it is unpinned.",
	    1, 1000, cmd_pin },
	{ CMD_UNPIN, "unpin", "SNAPSHOT...", "undo pin",
	    "One that cannot be read is named by its whole id.", 1, 1000,
	    cmd_unpin },
	{ CMD_POLICY, "policy", "show | set | clear",
	    "the repository's own policy for prune",
	    "It lies in the repository, signed, and counts for each prune "
	    "that is given no other. show draws what it keeps of a backup "
	    "each day; with rules among the options it shows these instead. "
	    "7 daily, 4 weekly and 12 monthly is a good start.",
	    1, 1, cmd_policy },
	{ CMD_KEY, "key",
	    "list | add | remove SLOT | passwd [SLOT] | export [SLOT]... | "
	    "import FILE | revoke HOST | rotate",
	    "the keys that open the repository",
	    "list shows the slots, each of which opens the repository with a "
	    "passphrase or a recovery code, the hosts that have a key of their "
	    "own, and the key epochs. add makes a further slot: with a "
	    "passphrase, with --recovery-code, or with --output a file for "
	    "--key-file that opens everything. With --write-only or "
	    "--maintenance that file is for a machine that must not read "
	    "rows. The file is its key, so nobody else may read it. passwd "
	    "changes the passphrase that opened the repository, or that of "
	    "SLOT, remove takes a slot away; it has to be opened by another "
	    "one, and the newest recovery code stays. export writes what "
	    "opens the repository in a form for paper, import puts it back "
	    "when it was lost (- reads standard input). revoke ends the key of "
	    "a host, rotate that of all key files. All need the owner's "
	    "passphrase or a recovery code. docs/keys.md has examples.",
	    1, 17, cmd_key },
	{ CMD_CONFIG, "config", "show",
	    "show what configuration and environment say",
	    "A configuration says once what the options would say each time: "
	    "/etc/" PROG "/" PROG ".conf, then $XDG_CONFIG_HOME/" PROG "/" PROG
	    ".conf, or only the file of --config. It is INI: KEY = VALUE, the "
	    "keys called as the options (dbname, exclude-table, keep-daily), "
	    "'repository', and the settings of stores (s3.region); in front "
	    "of all sections what always holds, in section [NAME] what holds "
	    "for --profile=NAME. Options beat the environment, which beats "
	    "the configuration. show prints what holds and where it comes "
	    "from. " PROG ".conf(5) has all keys.",
	    1, 1, cmd_config },
	{ CMD_SCHEDULE, "schedule", "install | show | remove",
	    "let systemd or cron run what has to run",
	    "Writes timers and services of systemd, the system's for root and "
	    "else your own, or with --cron lines of crontab, for backup (every "
	    "6 hours), prune (daily), check of a twentieth of the data "
	    "(weekly) and verify (monthly), each as the configuration says "
	    "for --profile or --all-profiles. All that is written is shown; "
	    "installing again writes what holds now. A run that comes while "
	    "the same job still runs says so and ends with status 15.",
	    1, 1, cmd_schedule },
	{ CMD_DOCTOR, "doctor", "", "examine a store and our rights there",
	    "Writes, reads, lists, replaces and deletes small objects next "
	    "to those of the repository, which stays as it is and need not "
	    "exist, but its directory or bucket must; says how far away the "
	    "store is, whether it keeps its promises, and which role the "
	    "credentials can play. Needs no passphrase; where one is at hand "
	    "it reminds of \"key export\".",
	    0, 0, cmd_doctor },
	{ CMD_VERSION, "version", "", "show the version", "", 0, 0,
	    cmd_version },
	{ CMD_HELP, "help", "[COMMAND | settings]",
	    "explain a command, or the settings of stores", "", 0, 1,
	    cmd_help },
	{ 0, NULL, NULL, NULL, NULL, 0, 0, NULL }
};

const struct cmd *
cmd_find(const char *name)
{
	const struct cmd *c;

	for (c = cmd_table; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

enum snap_code
cmd_named(const char *name, const struct cmd **out, struct snap_err *err)
{
	struct near n = { .word = name };

	if ((*out = cmd_find(name)) != NULL)
		return SNAP_OK;
	for (const struct cmd *c = cmd_table; c->name != NULL; c++)
		near_try(&n, c->name);
	(void)snap_fail(err, SNAP_USAGE, "there is no command \"%s\"", name);
	if (n.best != NULL)
		return snap_hint(
		    err, "Did you mean \"%s %s\"?", SNAP_PROGRAM_NAME, n.best);
	return snap_hint(err, "Try \"%s help\".", SNAP_PROGRAM_NAME);
}
