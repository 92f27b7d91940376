/* SPDX-License-Identifier: PostgreSQL */
/*
 * cmd.h - the sub-commands and what they are given.
 *
 * A command gets the parsed options and returns a code with its error filled
 * in; only main.c turns that into an exit status.  What a command wants to
 * add to its status beyond the code it leaves in struct cli.
 */
#ifndef SNAP_CMD_H
#define SNAP_CMD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "opts.h"
#include "report.h"

struct repo;
struct repo_manifest;
struct repo_snapshot;
struct tell;
struct transport;

enum cmd_bit {
	CMD_INIT = 1 << 0,
	CMD_BACKUP = 1 << 1,
	CMD_SNAPSHOTS = 1 << 2,
	CMD_LS = 1 << 3,
	CMD_RESTORE = 1 << 4,
	CMD_CHECK = 1 << 5,
	CMD_STATS = 1 << 6,
	CMD_REPAIR = 1 << 7,
	CMD_VERSION = 1 << 8,
	CMD_HELP = 1 << 9,
	CMD_COPY = 1 << 10,
	CMD_DOCTOR = 1 << 11,
	CMD_PRUNE = 1 << 12,
	CMD_FORGET = 1 << 13,
	CMD_TAG = 1 << 14,
	CMD_PIN = 1 << 15,
	CMD_UNPIN = 1 << 16,
	CMD_POLICY = 1 << 17,
	CMD_DIFF = 1 << 18,
	CMD_CAT = 1 << 19,
	CMD_VERIFY = 1 << 20,
	CMD_CONFIG = 1 << 21,
	CMD_KEY = 1 << 22,
	CMD_STATUS = 1 << 23,
	CMD_SCHEDULE = 1 << 24,
	CMD_HISTORY = 1 << 25,
	CMD_REPORT = 1 << 26,
	CMD_ALL = (1 << 27) - 1,
	/* What a schedule runs: others hear of it (tell.h). */
	CMD_JOBS = CMD_BACKUP | CMD_PRUNE | CMD_CHECK | CMD_VERIFY | CMD_COPY
};

struct cli {
	struct opts o;
	struct report report;
	unsigned bit;      /* of the command */
	bool confine;      /* before bytes of a repository are parsed */
	bool before_work;  /* a failure of the source now is one of usage */
	size_t n_warnings; /* it finished, but somebody must look */
	bool partial;      /* a restore left something out, as it was asked */
	bool runs_already; /* another process has this --job */
	struct tell *tell; /* of a job; NULL = nobody hears of it */
	const char *run;   /* the id of this run, 32 hex digits; of jobs */
	bool has_status;   /* `status` is that of a monitoring plugin */
	int status;
};

struct cmd {
	unsigned bit;
	const char *name;
	const char *args;    /* as shown in the usage line */
	const char *summary; /* one line, no full stop */
	const char *text;    /* paragraphs for `help` and the manual page */
	size_t min_args, max_args;
	enum snap_code (*run)(struct cli *c, struct snap_err *err);
};

extern const struct cmd cmd_table[]; /* ends with name == NULL */
const struct cmd *cmd_find(const char *name);
/* The same; SNAP_USAGE with the nearest one that there is. */
SNAP_MUST_CHECK enum snap_code cmd_named(
    const char *name, const struct cmd **out, struct snap_err *err);

enum snap_code cmd_init(struct cli *c, struct snap_err *err);
enum snap_code cmd_backup(struct cli *c, struct snap_err *err);
enum snap_code cmd_snapshots(struct cli *c, struct snap_err *err);
enum snap_code cmd_ls(struct cli *c, struct snap_err *err);
enum snap_code cmd_cat(struct cli *c, struct snap_err *err);
enum snap_code cmd_restore(struct cli *c, struct snap_err *err);
/* May it be restored whole, by this version? */
enum snap_code restore_check(const struct repo_snapshot *s,
    const struct repo_manifest *m, struct snap_err *err);
enum snap_code cmd_verify(struct cli *c, struct snap_err *err);
enum snap_code cmd_check(struct cli *c, struct snap_err *err);
enum snap_code cmd_stats(struct cli *c, struct snap_err *err);
enum snap_code cmd_diff(struct cli *c, struct snap_err *err);
enum snap_code cmd_repair(struct cli *c, struct snap_err *err);
enum snap_code cmd_copy(struct cli *c, struct snap_err *err);
enum snap_code cmd_doctor(struct cli *c, struct snap_err *err);
enum snap_code cmd_prune(struct cli *c, struct snap_err *err);
enum snap_code cmd_forget(struct cli *c, struct snap_err *err);
enum snap_code cmd_tag(struct cli *c, struct snap_err *err);
enum snap_code cmd_pin(struct cli *c, struct snap_err *err);
enum snap_code cmd_unpin(struct cli *c, struct snap_err *err);
enum snap_code cmd_policy(struct cli *c, struct snap_err *err);
enum snap_code cmd_key(struct cli *c, struct snap_err *err);
enum snap_code cmd_schedule(struct cli *c, struct snap_err *err);
enum snap_code cmd_status(struct cli *c, struct snap_err *err);
enum snap_code cmd_history(struct cli *c, struct snap_err *err);
enum snap_code cmd_report(struct cli *c, struct snap_err *err);
enum snap_code cmd_config(struct cli *c, struct snap_err *err);
enum snap_code cmd_version(struct cli *c, struct snap_err *err);
enum snap_code cmd_help(struct cli *c, struct snap_err *err);

#endif
