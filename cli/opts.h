/* SPDX-License-Identifier: PostgreSQL */
/*
 * opts.h - the command line as one struct.
 *
 * There is one table of options (options.c); the parser, the help texts and the
 * manual page are all made from it, so they cannot disagree.  Letters that
 * libpq tools know mean here what they mean there.
 */
#ifndef SNAP_OPTS_H
#define SNAP_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define OPTS_LIST_MAX 256

struct opt_list {
	size_t n;
	const char *v[OPTS_LIST_MAX + 1]; /* NULL behind the last */
};

/* A repository, and how to get at it. */
struct repo_words {
	const char *url, *passphrase_file, *passphrase_command;
	const char *recovery_code_file, *key_file;
	struct opt_list options; /* NAME=VALUE */
};

struct opts {
	/* everywhere */
	struct repo_words repo, from; /* `from`: of copy */
	const char *cache_dir, *cache_size, *state_dir;
	const char *limit_upload, *limit_download, *retry_for;
	bool stats;
	const char *config, *profile, *log_format;
	bool all_profiles;
	const char *job;
	/* schedule */
	struct opt_list every;
	const char *unit_dir, *run_as;
	bool cron;
	bool no_cache, quiet, verbose, json, help, version;
	/* init */
	const char *chunk_size, *kdf_memory;
	/* backup */
	const char *dbname, *host, *port, *user, *jobs, *name, *pg_dump,
	    *sqlite;
	const char *lock_wait_timeout, *level;
	bool no_password, password, is_stdin, deferrable;
	bool no_role_passwords, all;
	struct opt_list databases, exclude_databases, tablespace_map;
	const char *roles;
	struct opt_list schemas, exclude_schemas, tables, exclude_tables;
	struct opt_list exclude_table_data, tags;
	/* restore */
	const char *at;
	bool globals, properties, no_transaction, no_restrict, partial;
	const char *output, *sqlite_to;
	bool overwrite;
	struct opt_list sections, schema_map;
	bool data_only, schema_only, no_dependencies;
	bool no_owner, no_privileges, no_tablespaces;
	struct opt_list role_maps;
	const char *pg_restore;
	/* verify */
	struct opt_list asserts;
	const char *psql;
	/* cat */
	const char *format, *null;
	bool header;
	bool create, clean, if_exists, backup_first;
	/* repair */
	bool write;
	/* check */
	bool read_data, scrub;
	const char *read_percent, *read_since;
	/* prune, forget, policy */
	const char *keep[7]; /* by enum retain_rule, up to RETAIN_WITHIN */
	const char *timezone, *grace;
	const char *max_repack_size, *max_time, *repack_below;
	struct opt_list keep_tags, keep_ids;
	bool dry_run, force, yes, alone, no_snapshots, broken;
	/* key */
	const char *write_only, *maintenance, *label;
	const char *new_passphrase_file, *new_passphrase_command;
	bool recovery_code, qr;
	/* status */
	const char *max_age, *max_verify_age, *prometheus, *expect_head;
	bool monitor, print_head, accept;
	/* history, report */
	const char *last, *html;
	/* tag */
	struct opt_list add_tags, remove_tags, set_tags;
	/* help */
	const char *completion, *man;

	/* what is no option */
	size_t n_args;
	char **args;
	bool has_command; /* "--" was there: command[] is what follows */
	char **command;   /* NULL-terminated */
};

enum opt_kind {
	OPT_FLAG,    /* bool */
	OPT_STRING,  /* const char * */
	OPT_LIST,    /* struct opt_list */
	OPT_PERCENT, /* optional =ARG: bool read_data, const char * */
	OPT_END
};

struct opt {
	char letter; /* 0 = none */
	const char *name;
	const char *arg; /* NULL = takes none */
	enum opt_kind kind;
	size_t off;        /* in struct opts */
	unsigned commands; /* bits of enum cmd_bit */
	const char *help;  /* NULL = not shown */
};

extern const struct opt opts_table[];

/*
 * Split what follows the command's name.  `bit`: the command whose options
 * are allowed.  Strings stay argv's.  SNAP_USAGE names what is wrong.
 */
SNAP_MUST_CHECK enum snap_code opts_parse(struct opts *o, unsigned bit,
    const char *command, int argc, char **argv, struct snap_err *err);
/* The options in front of the command's name; *used counts their words. */
SNAP_MUST_CHECK enum snap_code opts_parse_front(
    struct opts *o, int argc, char **argv, int *used, struct snap_err *err);

/* What an option of the table says, into *o; `arg` is borrowed. */
SNAP_MUST_CHECK enum snap_code opts_store(struct opts *o, const struct opt *opt,
    const char *arg, struct snap_err *err);

/* A whole decimal number in [min, max] out of `text`. */
SNAP_MUST_CHECK enum snap_code opts_number(const char *text, const char *option,
    unsigned long min, unsigned long max, unsigned long *out,
    struct snap_err *err);
/* Bytes: a number and, behind it, nothing, K, M, G or T (powers of 1024). */
SNAP_MUST_CHECK enum snap_code opts_size(
    const char *text, const char *option, uint64_t *out, struct snap_err *err);
/* Seconds: a number and s, m, h or d. */
SNAP_MUST_CHECK enum snap_code opts_seconds(
    const char *text, const char *option, uint64_t *out, struct snap_err *err);

#endif
