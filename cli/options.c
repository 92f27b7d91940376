/* SPDX-License-Identifier: PostgreSQL */
/*
 * options.c - the one table of options; whose they are is a set of commands.
 */
#include "cmd.h"
#include "retention.h"

#define PROG SNAP_PROGRAM_NAME
#define PART_COMMANDS (CMD_BACKUP | CMD_RESTORE)
#define KEEP_COMMANDS (CMD_PRUNE | CMD_POLICY)
#define REPO_COMMANDS                                                          \
	(CMD_INIT | CMD_BACKUP | CMD_SNAPSHOTS | CMD_LS | CMD_RESTORE |        \
	    CMD_CHECK | CMD_STATS | CMD_REPAIR | CMD_COPY | CMD_PRUNE |        \
	    CMD_FORGET | CMD_TAG | CMD_PIN | CMD_UNPIN | CMD_POLICY |          \
	    CMD_DIFF | CMD_CAT | CMD_VERIFY | CMD_KEY |         \
	    CMD_STATUS | CMD_HISTORY | CMD_REPORT)
/* Those that compare it with what they have seen before. */
#define MEMORY_COMMANDS                                                        \
	(CMD_INIT | CMD_SNAPSHOTS | CMD_RESTORE | CMD_STATUS | CMD_JOBS)
/* doctor unlocks nothing. */
#define STORE_COMMANDS (REPO_COMMANDS | CMD_DOCTOR)
#define CONFIG_COMMANDS (STORE_COMMANDS | CMD_CONFIG | CMD_SCHEDULE)
/* Those that read a server or write to one. */
#define SERVER_COMMANDS (CMD_BACKUP | CMD_RESTORE | CMD_VERIFY)
#define OFF(field) offsetof(struct opts, field)

/* One option a line reads better than what the formatter makes of it. */
/* clang-format off */
const struct opt opts_table[] = {
	{ 'r', "repo", "URL", OPT_STRING, OFF(repo.url), STORE_COMMANDS,
	    "the repository; default $SNAP_REPOSITORY" },
	{ 0, "passphrase-file", "FILE", OPT_STRING, OFF(repo.passphrase_file),
	    REPO_COMMANDS, "read the passphrase from FILE, which nobody else "
	    "may read; default $SNAP_PASSPHRASE_FILE" },
	{ 0, "passphrase-command", "COMMAND", OPT_STRING,
	    OFF(repo.passphrase_command), REPO_COMMANDS, "take the passphrase from "
	    "what COMMAND prints; default $SNAP_PASSPHRASE_COMMAND" },
	{ 0, "recovery-code-file", "FILE", OPT_STRING,
	    OFF(repo.recovery_code_file), REPO_COMMANDS & ~(unsigned)CMD_INIT,
	    "unlock with the recovery code in FILE" },
	{ 0, "key-file", "FILE", OPT_STRING, OFF(repo.key_file),
	    REPO_COMMANDS & ~(unsigned)CMD_INIT, "unlock with the key in FILE, "
	    "of a host, for maintenance or an owner's; default $SNAP_KEY_FILE" },
	{ 'o', "option", "NAME=VALUE", OPT_LIST, OFF(repo.options), STORE_COMMANDS,
	    "a setting of the store, as s3.region=eu-central-1; may be "
	    "repeated" },
	{ 0, "limit-upload", "KIB", OPT_STRING, OFF(limit_upload),
	    STORE_COMMANDS, "send at most KIB KiB a second" },
	{ 0, "limit-download", "KIB", OPT_STRING, OFF(limit_download),
	    STORE_COMMANDS, "receive at most KIB KiB a second" },
	{ 0, "retry-for", "SECONDS", OPT_STRING, OFF(retry_for),
	    STORE_COMMANDS, "how long to try again what fails for a moment; "
	    "default 900" },
	{ 0, "stats", NULL, OPT_FLAG, OFF(stats), STORE_COMMANDS,
	    "tell of the requests to the store and their cost" },
	{ 0, "from", "URL", OPT_STRING, OFF(from.url), CMD_COPY,
	    "the repository to read; default $SNAP_FROM_REPOSITORY" },
	{ 0, "from-passphrase-file", "FILE", OPT_STRING,
	    OFF(from.passphrase_file), CMD_COPY,
	    "its passphrase; default $SNAP_FROM_PASSPHRASE_FILE" },
	{ 0, "from-passphrase-command", "COMMAND", OPT_STRING,
	    OFF(from.passphrase_command), CMD_COPY,
	    "what prints it; default $SNAP_FROM_PASSPHRASE_COMMAND" },
	{ 0, "from-recovery-code-file", "FILE", OPT_STRING,
	    OFF(from.recovery_code_file), CMD_COPY,
	    "unlock it with the recovery code in FILE" },
	{ 0, "from-key-file", "FILE", OPT_STRING, OFF(from.key_file), CMD_COPY,
	    "unlock it with an owner's key in FILE; default "
	    "$SNAP_FROM_KEY_FILE" },
	{ 0, "from-option", "NAME=VALUE", OPT_LIST, OFF(from.options),
	    CMD_COPY, "a setting of its store; default $SNAP_FROM_..." },
	{ 0, "cache-dir", "DIR", OPT_STRING, OFF(cache_dir), REPO_COMMANDS,
	    "where to cache what is known of the repository; default "
	    "$SNAP_CACHE_DIR, $XDG_CACHE_HOME/" PROG ", ~/.cache/" PROG },
	{ 0, "cache-size", "MIB", OPT_STRING, OFF(cache_size), REPO_COMMANDS,
	    "how large the cache of a repository may become; default 2048" },
	{ 0, "state-dir", "DIR", OPT_STRING, OFF(state_dir), MEMORY_COMMANDS,
	    "where to remember what was seen of the repository; default "
	    "$SNAP_STATE_DIR, $XDG_STATE_HOME/" PROG ", ~/.local/state/" PROG
	    "; '' for nowhere" },
	{ 0, "no-cache", NULL, OPT_FLAG, OFF(no_cache), REPO_COMMANDS,
	    "keep no cache on disk" },
	{ 0, "chunk-size", "BYTES", OPT_STRING, OFF(chunk_size), CMD_INIT,
	    "mean size of a chunk, a power of two from 256 to 16384; "
	    "default 512" },
	{ 0, "kdf-memory", "MIB", OPT_STRING, OFF(kdf_memory),
	    CMD_INIT | CMD_KEY,
	    "memory that trying a passphrase costs; default 64" },
	{ 'd', "dbname", "DBNAME", OPT_STRING, OFF(dbname), SERVER_COMMANDS,
	    "database: a name, a conninfo string or a postgresql:// URI" },
	{ 'h', "host", "HOST", OPT_STRING, OFF(host), SERVER_COMMANDS,
	    "server or directory of its socket" },
	{ 'p', "port", "PORT", OPT_STRING, OFF(port), SERVER_COMMANDS,
	    "port of the server" },
	{ 'U', "username", "USER", OPT_STRING, OFF(user), SERVER_COMMANDS,
	    "user to connect as" },
	{ 'w', "no-password", NULL, OPT_FLAG, OFF(no_password), SERVER_COMMANDS,
	    "never ask for a password" },
	{ 'W', "password", NULL, OPT_FLAG, OFF(password), SERVER_COMMANDS,
	    "ask for a password in any case" },
	{ 'j', "jobs", "N", OPT_STRING, OFF(jobs), SERVER_COMMANDS,
	    "read, or write, over N connections at once; default 1" },
	{ 'n', "schema", "PATTERN", OPT_LIST, OFF(schemas), PART_COMMANDS,
	    "matching schemas only; may be repeated" },
	{ 'N', "exclude-schema", "PATTERN", OPT_LIST, OFF(exclude_schemas),
	    PART_COMMANDS, "leave matching schemas out" },
	{ 't', "table", "PATTERN", OPT_LIST, OFF(tables), PART_COMMANDS,
	    "matching tables only; may be repeated" },
	{ 'T', "exclude-table", "PATTERN", OPT_LIST, OFF(exclude_tables),
	    PART_COMMANDS, "leave matching tables out" },
	{ 0, "exclude-table-data", "PATTERN", OPT_LIST,
	    OFF(exclude_table_data), PART_COMMANDS,
	    "leave the rows of matching tables out" },
	{ 'a', "data-only", NULL, OPT_FLAG, OFF(data_only), CMD_RESTORE,
	    "rows, values of sequences and large objects, no definitions" },
	{ 's', "schema-only", NULL, OPT_FLAG, OFF(schema_only), CMD_RESTORE,
	    "definitions, no data" },
	{ 0, "section", "SECTION", OPT_LIST, OFF(sections), CMD_RESTORE,
	    "pre-data, data or post-data only; may be repeated" },
	{ 0, "no-dependencies", NULL, OPT_FLAG, OFF(no_dependencies),
	    CMD_RESTORE, "leave out what was not chosen, also when what was "
	    "chosen needs it: it is there already" },
	{ 0, "schema-map", "OLD=NEW", OPT_LIST, OFF(schema_map), CMD_RESTORE,
	    "with --schema or --table: restore what was in schema OLD into a "
	    "new schema NEW; may be repeated" },
	{ 'O', "no-owner", NULL, OPT_FLAG, OFF(no_owner), CMD_RESTORE | CMD_VERIFY,
	    "leave all to the user who restores it" },
	{ 'x', "no-privileges", NULL, OPT_FLAG, OFF(no_privileges),
	    CMD_RESTORE | CMD_VERIFY, "restore no privileges (GRANT, REVOKE)" },
	{ 0, "no-tablespaces", NULL, OPT_FLAG, OFF(no_tablespaces),
	    CMD_RESTORE | CMD_VERIFY, "leave all in the default tablespace" },
	{ 0, "role-map", "OLD=NEW", OPT_LIST, OFF(role_maps), CMD_RESTORE,
	    "what belongs to role OLD or is granted to it goes to role NEW; "
	    "may be repeated" },
	{ 0, "assert", "FILE", OPT_LIST, OFF(asserts), CMD_VERIFY,
	    "SQL that has to be true of what was restored: an error, or a "
	    "row whose last column is false or NULL, fails; may be repeated" },
	{ 0, "psql", "PATH", OPT_STRING, OFF(psql), CMD_VERIFY,
	    "the psql that runs it; default: one not older than the server" },
	{ 0, "pg-restore", "PATH", OPT_STRING, OFF(pg_restore), CMD_RESTORE | CMD_VERIFY,
	    "the pg_restore to use; default: one not older than the "
	    "snapshot's definitions" },
	{ 0, "serializable-deferrable", NULL, OPT_FLAG, OFF(deferrable),
	    CMD_BACKUP, "wait for a snapshot without anomalies" },
	{ 0, "lock-wait-timeout", "MS", OPT_STRING, OFF(lock_wait_timeout),
	    CMD_BACKUP, "wait at most MS milliseconds for a table's lock; "
	    "default 60000" },
	{ 0, "no-role-passwords", NULL, OPT_FLAG, OFF(no_role_passwords),
	    CMD_BACKUP, "do not read passwords of roles" },
	{ 0, "pg-dump", "PATH", OPT_STRING, OFF(pg_dump), CMD_BACKUP,
	    "the pg_dump to use; default: one not older than the server" },
	{ 0, "all", NULL, OPT_FLAG, OFF(all), CMD_BACKUP | CMD_RESTORE,
	    "every database of the server, or of a run" },
	{ 0, "exclude-database", "PATTERN", OPT_LIST, OFF(exclude_databases),
	    CMD_BACKUP | CMD_RESTORE,
	    "with --all: leave matching databases out" },
	{ 0, "database", "NAME", OPT_LIST, OFF(databases), CMD_RESTORE,
	    "with --all: only this database of the run; may be repeated" },
	{ 0, "stdin", NULL, OPT_FLAG, OFF(is_stdin), CMD_BACKUP,
	    "back up standard input" },
	{ 0, "sqlite", "FILE", OPT_STRING, OFF(sqlite), CMD_BACKUP,
	    "back up a database of SQLite, which may be in use" },
	{ 0, "name", "NAME", OPT_STRING, OFF(name), CMD_BACKUP,
	    "what to file standard input or a command's output under; of "
	    "--sqlite the default is the last part of FILE" },
	{ 0, "tag", "TAG", OPT_LIST, OFF(tags), CMD_BACKUP | CMD_SNAPSHOTS,
	    "mark the snapshot, or list only those that have one of these; "
	    "may be repeated" },
	{ 0, "keep-last", "N", OPT_STRING, OFF(keep[RETAIN_LAST]),
	    KEEP_COMMANDS, "keep the newest N snapshots; \"all\" for any number" },
	{ 0, "keep-hourly", "N", OPT_STRING, OFF(keep[RETAIN_HOURLY]),
	    KEEP_COMMANDS, "keep the newest of each of N hours that have one" },
	{ 0, "keep-daily", "N", OPT_STRING, OFF(keep[RETAIN_DAILY]),
	    KEEP_COMMANDS, "the same of days" },
	{ 0, "keep-weekly", "N", OPT_STRING, OFF(keep[RETAIN_WEEKLY]),
	    KEEP_COMMANDS, "the same of weeks, which begin on Monday" },
	{ 0, "keep-monthly", "N", OPT_STRING, OFF(keep[RETAIN_MONTHLY]),
	    KEEP_COMMANDS, "the same of months" },
	{ 0, "keep-yearly", "N", OPT_STRING, OFF(keep[RETAIN_YEARLY]),
	    KEEP_COMMANDS, "the same of years" },
	{ 0, "keep-within", "SPAN", OPT_STRING, OFF(keep[RETAIN_WITHIN]),
	    KEEP_COMMANDS, "keep all that are younger than this, counted from "
	    "the newest: 36h, 14d, 2w, 1y6m" },
	{ 0, "keep-tag", "TAG", OPT_LIST, OFF(keep_tags), KEEP_COMMANDS,
	    "keep those with this tag as well; may be repeated" },
	{ 0, "keep-id", "SNAPSHOT", OPT_LIST, OFF(keep_ids), CMD_PRUNE,
	    "keep this one as well, this time; may be repeated" },
	{ 0, "timezone", "ZONE", OPT_STRING, OFF(timezone), KEEP_COMMANDS,
	    "whose days, weeks and months are meant, as Europe/Berlin; "
	    "default UTC" },
	{ 0, "at", "TIME", OPT_STRING, OFF(at), CMD_RESTORE | CMD_LS | CMD_CAT,
	    "with 'latest': the newest snapshot that stood at TIME, as "
	    "2026-11-22T03:15, or so long ago, as 36h" },
	{ 0, "dry-run", NULL, OPT_FLAG, OFF(dry_run),
	    CMD_PRUNE | CMD_FORGET | CMD_SCHEDULE | CMD_KEY,
	    "only show what would be done; key export: do not record that it "
	    "was" },
	{ 0, "force", NULL, OPT_FLAG, OFF(force),
	    CMD_PRUNE | CMD_FORGET | CMD_KEY,
	    "also if most snapshots go by it, or the newest one; key: also what "
	    "is damaged" },
	{ 0, "yes", NULL, OPT_FLAG, OFF(yes), CMD_PRUNE | CMD_FORGET,
	    "confirm what would be asked for on a terminal" },
	{ 0, "broken", NULL, OPT_FLAG, OFF(broken), CMD_FORGET,
	    "all that cannot be read any more; they are named first" },
	{ 0, "repack-below", "PERCENT", OPT_STRING, OFF(repack_below),
	    CMD_PRUNE, "write packs anew of which less than this is needed; "
	    "default 60" },
	{ 0, "max-repack-size", "SIZE", OPT_STRING, OFF(max_repack_size),
	    CMD_PRUNE, "write at most about SIZE anew, as 20G" },
	{ 0, "max-time", "TIME", OPT_STRING, OFF(max_time), CMD_PRUNE,
	    "begin no new work after TIME, as 2h; the next prune goes on" },
	{ 0, "no-snapshots", NULL, OPT_FLAG, OFF(no_snapshots), CMD_PRUNE,
	    "no backup ever finished here: what is there is garbage" },
	{ 0, "grace", "0", OPT_STRING, OFF(grace), CMD_PRUNE,
	    "delete at once; only with --i-am-alone" },
	{ 0, "i-am-alone", NULL, OPT_FLAG, OFF(alone), CMD_PRUNE,
	    "nothing else uses this repository, on any machine, until this "
	    "has ended" },
	{ 0, "new-passphrase-file", "FILE", OPT_STRING, OFF(new_passphrase_file),
	    CMD_KEY, "add, passwd: read the new passphrase from FILE; default "
	    "$SNAP_NEW_PASSPHRASE_FILE" },
	{ 0, "new-passphrase-command", "COMMAND", OPT_STRING,
	    OFF(new_passphrase_command), CMD_KEY, "add, passwd: take it from "
	    "what COMMAND prints; default $SNAP_NEW_PASSPHRASE_COMMAND" },
	{ 0, "recovery-code", NULL, OPT_FLAG, OFF(recovery_code), CMD_KEY,
	    "add: a new recovery code, which is shown" },
	{ 0, "qr", NULL, OPT_FLAG, OFF(qr), CMD_KEY,
	    "add --recovery-code: also as a QR code, as on a terminal anyway" },
	{ 0, "label", "TEXT", OPT_STRING, OFF(label), CMD_KEY,
	    "add, passwd: whose slot it is, for list" },
	{ 0, "write-only", "NAME", OPT_STRING, OFF(write_only), CMD_KEY,
	    "add: a key file for the host NAME, which backs up and lists, "
	    "decrypts no row and decides of no snapshot" },
	{ 0, "maintenance", "NAME", OPT_STRING, OFF(maintenance), CMD_KEY,
	    "add: a key file that also prunes, forgets, pins and tags, and "
	    "decrypts no row either" },
	{ 0, "add", "TAG", OPT_LIST, OFF(add_tags), CMD_TAG,
	    "add a tag; may be repeated" },
	{ 0, "remove", "TAG", OPT_LIST, OFF(remove_tags), CMD_TAG,
	    "remove a tag; may be repeated" },
	{ 0, "set", "TAG,...", OPT_LIST, OFF(set_tags), CMD_TAG,
	    "these tags and no others; '' for none" },
	{ 0, "max-age", "TIME", OPT_STRING, OFF(max_age), CMD_STATUS,
	    "as 26h: CRITICAL when the newest snapshot is older; answers as a "
	    "monitoring plugin" },
	{ 0, "max-verify-age", "TIME", OPT_STRING, OFF(max_verify_age),
	    CMD_STATUS, "as 35d: WARNING when verify found none good since; "
	    "likewise" },
	{ 0, "check", NULL, OPT_FLAG, OFF(monitor), CMD_STATUS,
	    "answer as a monitoring plugin: one line, status 0, 1, 2 or 3" },
	{ 0, "prometheus", "FILE", OPT_STRING, OFF(prometheus), CMD_STATUS,
	    "also write metrics into FILE, for the textfile collector" },
	{ 0, "print-head", NULL, OPT_FLAG, OFF(print_head), CMD_STATUS,
	    "print one line that says what is there, to be kept elsewhere" },
	{ 0, "expect-head", "FILE", OPT_STRING, OFF(expect_head), CMD_STATUS,
	    "is what such lines in FILE say still there?" },
	{ 0, "accept", NULL, OPT_FLAG, OFF(accept), CMD_STATUS,
	    "what was found to be gone or other than before is as it should "
	    "be" },
	{ 0, "last", "N", OPT_STRING, OFF(last), CMD_HISTORY,
	    "show the newest N runs; default 30" },
	{ 0, "html", "FILE", OPT_STRING, OFF(html), CMD_REPORT,
	    "where to write the page; - for stdout" },
	{ 0, "compression-level", "N", OPT_STRING, OFF(level), CMD_BACKUP,
	    "level of zstd, 1 to 19; default: of 1 to 3 the one that suits "
	    "the data" },
	{ 0, "globals", NULL, OPT_FLAG, OFF(globals), CMD_RESTORE,
	    "write roles and tablespaces instead; psql goes on behind those "
	    "that exist" },
	{ 0, "properties", NULL, OPT_FLAG, OFF(properties), CMD_RESTORE,
	    "write what makes the database instead: CREATE DATABASE, its "
	    "owner and settings" },
	{ 0, "no-transaction", NULL, OPT_FLAG, OFF(no_transaction),
	    CMD_RESTORE, "do not wrap all in one transaction, for a server "
	    "with a small lock table" },
	{ 0, "no-restrict", NULL, OPT_FLAG, OFF(no_restrict), CMD_RESTORE,
	    "leave \\restrict out of the script" },
	{ 0, "partial", NULL, OPT_FLAG, OFF(partial), CMD_RESTORE,
	    "leave out the tables that cannot be read; status 14 if there "
	    "are any" },
	{ 0, "format", "FORMAT", OPT_STRING, OFF(format), CMD_CAT,
	    "of the rows of a table: text, the default, or csv" },
	{ 0, "header", NULL, OPT_FLAG, OFF(header), CMD_CAT,
	    "csv: the names of the columns first" },
	{ 0, "null", "STRING", OPT_STRING, OFF(null), CMD_CAT,
	    "csv: what stands for NULL; default: nothing, without quotes" },
	{ 0, "output", "PATH", OPT_STRING, OFF(output), CMD_RESTORE | CMD_KEY,
	    "restore: write an archive for pg_restore, as of pg_dump -Fd, "
	    "into the new or empty directory PATH; key: the new file to "
	    "write, - for stdout" },
	{ 0, "sqlite-to", "FILE", OPT_STRING, OFF(sqlite_to), CMD_RESTORE,
	    "make a database of SQLite of it, check it, and call it FILE" },
	{ 0, "overwrite", NULL, OPT_FLAG, OFF(overwrite), CMD_RESTORE,
	    "sqlite-to: also if FILE is there" },
	{ 0, "roles", "WHICH", OPT_STRING, OFF(roles), CMD_RESTORE,
	    "with --all: make those that are missing, the default; all, so "
	    "that others become as they were; or none" },
	{ 0, "tablespace-map", "NAME=DIR", OPT_LIST, OFF(tablespace_map),
	    CMD_RESTORE, "with --all: where a tablespace shall be; may be "
	    "repeated" },
	{ 0, "create", NULL, OPT_FLAG, OFF(create), CMD_RESTORE,
	    "with --dbname: make the database, under its own name; --dbname "
	    "is the one to connect to first" },
	{ 'c', "clean", NULL, OPT_FLAG, OFF(clean), CMD_RESTORE,
	    "with --dbname: drop first what the snapshot has, or what was "
	    "chosen of it, or with --create the database" },
	{ 0, "if-exists", NULL, OPT_FLAG, OFF(if_exists), CMD_RESTORE,
	    "what --clean does anyway; as with pg_restore" },
	{ 0, "backup-first", NULL, OPT_FLAG, OFF(backup_first), CMD_RESTORE,
	    "with --clean or a part: make a snapshot of what is there before "
	    "it is touched, and say how it comes back" },
	{ 0, "write", NULL, OPT_FLAG, OFF(write), CMD_REPAIR,
	    "snapshots: write a salvaged one beside each damaged one" },
	{ 0, "read-data", "PERCENT%", OPT_PERCENT, OFF(read_percent),
	    CMD_CHECK, "read the data as well, or the part of it that was "
	    "not read for longest" },
	{ 0, "read-data-since", "TIME", OPT_STRING, OFF(read_since), CMD_CHECK,
	    "read what no check here has read since TIME, or for a span "
	    "as 30d" },
	{ 0, "scrub", NULL, OPT_FLAG, OFF(scrub), CMD_CHECK,
	    "look at checksums and lengths only, which needs no key" },
	{ 0, "config", "FILE", OPT_STRING, OFF(config), CONFIG_COMMANDS,
	    "the only configuration to read; default $SNAP_CONFIG, else the "
	    "system's and your own ('" PROG " help config')" },
	{ 0, "profile", "NAME", OPT_STRING, OFF(profile), CONFIG_COMMANDS,
	    "the section of it that holds; default $SNAP_PROFILE" },
	{ 0, "all-profiles", NULL, OPT_FLAG, OFF(all_profiles),
	    CMD_JOBS | CMD_SCHEDULE,
	    "once for each profile of the configuration; one that fails does "
	    "not stop the others" },
	{ 0, "job", "NAME", OPT_STRING, OFF(job), CMD_JOBS,
	    "do nothing, with status 15, while another run of this job goes "
	    "on" },
	{ 0, "every", "JOB=HOW", OPT_LIST, OFF(every), CMD_SCHEDULE,
	    "backup, prune, check or verify: 1h, 2h, 3h, 4h, 6h, 8h, 12h, "
	    "daily, weekly, monthly or never; may be repeated" },
	{ 0, "run-as", "USER", OPT_STRING, OFF(run_as), CMD_SCHEDULE,
	    "root: whom the jobs run as; default postgres, if there is one" },
	{ 0, "cron", NULL, OPT_FLAG, OFF(cron), CMD_SCHEDULE,
	    "cron instead of systemd" },
	{ 0, "unit-dir", "DIR", OPT_STRING, OFF(unit_dir), CMD_SCHEDULE,
	    "write the files there and tell nobody" },
	{ 0, "log-format", "FORMAT", OPT_STRING, OFF(log_format), CMD_ALL,
	    "of messages: text, json (one object a line) or journal (with "
	    "priorities for systemd; the default where it listens)" },
	{ 0, "json", NULL, OPT_FLAG, OFF(json),
	    (STORE_COMMANDS & ~(unsigned)(CMD_CAT | CMD_REPORT)) |
		CMD_VERSION | CMD_CONFIG,
	    "write JSON (docs/exit-codes.md, \"JSON\")" },
	{ 'q', "quiet", NULL, OPT_FLAG, OFF(quiet), CMD_ALL,
	    "say nothing but warnings and errors" },
	{ 'v', "verbose", NULL, OPT_FLAG, OFF(verbose), CMD_ALL,
	    "say more" },
	{ 'V', "version", NULL, OPT_FLAG, OFF(version), CMD_ALL,
	    "show the version, then exit" },
	{ '?', "help", NULL, OPT_FLAG, OFF(help), CMD_ALL,
	    "show this help, then exit" },
	{ 0, "completion", "SHELL", OPT_STRING, OFF(completion), CMD_HELP,
	    "print completion for bash, zsh or fish" },
	{ 0, "man", "DIR", OPT_STRING, OFF(man), CMD_HELP, NULL },
	{ 0, NULL, NULL, OPT_END, 0, 0, NULL }
};
/* clang-format on */
