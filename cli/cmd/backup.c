/* SPDX-License-Identifier: PostgreSQL */
/*
 * backup.c - a database, stdin or a command's output becomes a snapshot.
 *
 * Whatever fails before repo_backup_commit() returned SNAP_OK ends in
 * repo_backup_abort(): there is a snapshot of everything, or none.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "cmd.h"
#include "json.h"
#include "pgsource.h"
#include "place.h"
#include "props.h"
#include "raw.h"
#include "sqlite.h"
#include "server.h"
#include "ui.h"

#define JOBS_MAX 64

struct job {
	struct cli *cli;
	struct place place;
	struct props props;
	struct timespec start;
	struct repo_backup *backup;
	struct repo_snapshot snapshot;
};

static uint64_t
elapsed_ms(const struct job *j)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - j->start.tv_sec) * 1000 +
			  (now.tv_nsec - j->start.tv_nsec) / 1000000);
}

static bool
is_raw(const struct opts *o)
{
	return o->is_stdin || o->has_command || o->sqlite != NULL;
}

/* What a stream that is no database of PostgreSQL is filed under. */
static const char *
raw_name(const struct opts *o)
{
	const char *slash;

	if (o->name != NULL || o->sqlite == NULL)
		return o->name;
	slash = strrchr(o->sqlite, '/');
	return slash != NULL ? slash + 1 : o->sqlite;
}

static enum snap_code
check_usage(const struct opts *o, struct snap_err *err)
{
	bool raw = is_raw(o);

	if (o->is_stdin + o->has_command + (o->sqlite != NULL) > 1)
		return snap_fail(err, SNAP_USAGE,
		    "--stdin, --sqlite and a command exclude each other");
	if (o->has_command && o->command[0] == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "there is no command behind --");
	if (raw && (raw_name(o) == NULL || raw_name(o)[0] == '\0')) {
		(void)snap_fail(err, SNAP_USAGE, "a name is missing");
		return snap_hint(
		    err, "Say with --name=NAME what this stream is.");
	}
	if (raw && strlen(raw_name(o)) > STREAM_NAME_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "the name has more than %d bytes", STREAM_NAME_MAX);
	if (raw && (o->n_args > 0 || o->dbname != NULL))
		return snap_fail(err, SNAP_USAGE,
		    "a database and another source exclude each other");
	if (!raw && o->name != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--name goes with --stdin, --sqlite or a command");
	if (o->n_args > 0 && o->dbname != NULL)
		return snap_fail(
		    err, SNAP_USAGE, "the database is named twice");
	if (o->is_stdin && isatty(STDIN_FILENO) == 1)
		return snap_fail(
		    err, SNAP_USAGE, "standard input is a terminal");
	return SNAP_OK;
}

static enum snap_code
commit(struct job *j, struct snap_err *err)
{
	struct repo_backup *b = j->backup;
	enum snap_code rc;

	rc = props_add_u64(&j->props, "duration-ms", elapsed_ms(j), err);
	if (rc == SNAP_OK)
		rc = report_check(&j->cli->report, err);
	if (rc != SNAP_OK)
		return rc;
	j->backup = NULL; /* over, either way */
	return repo_backup_commit(b, j->props.v, j->props.n, &j->snapshot, err);
}

/* ---- stdin, commands and files of SQLite */

static enum snap_code
backup_raw(struct job *j, struct snap_err *err)
{
	const struct opts *o = &j->cli->o;
	struct repo_backup_opts bo = { .n_lanes = 1, .name = raw_name(o) };
	struct child child = CHILD_INIT;
	enum snap_code rc;
	int fd = STDIN_FILENO;

	if ((rc = props_add(&j->props, REPO_PROP_NAME, bo.name, err)) !=
		SNAP_OK ||
	    (o->sqlite != NULL &&
		(rc = sqlite_source(j->cli, &j->props, &fd, err)) != SNAP_OK) ||
	    (rc = repo_backup_begin(j->place.repo, &bo, &j->backup, err)) !=
		SNAP_OK)
		goto out;
	if (o->has_command) {
		if ((rc = child_start(&child, o->command, err)) != SNAP_OK) {
			j->cli->before_work = true;
			goto out;
		}
		fd = child.fd;
	}
	ui_progress_begin("backing up", &j->cli->report);
	rc = raw_push(fd, bo.name, !o->is_stdin, repo_backup_lane(j->backup, 0),
	    &j->cli->report, err);
	if (rc == SNAP_OK && o->has_command) {
		rc = child_wait(&child, &j->cli->report, err);
		if (rc != SNAP_OK)
			(void)snap_detail(err,
			    "Its output may be incomplete: no snapshot was "
			    "made.");
	}
	child_kill(&child);
	if (rc == SNAP_OK)
		rc = commit(j, err);
	ui_progress_end();
out:
	if (o->sqlite != NULL && fd > STDIN_FILENO)
		(void)close(fd);
	return rc;
}

/* ---- PostgreSQL */

static const char *const *
list_or_null(const struct opt_list *l)
{
	return l->n > 0 ? l->v : NULL;
}

static enum snap_code
source_opts(struct job *j, struct pgsource_opts *po, struct snap_err *err)
{
	struct cli *c = j->cli;
	const struct opts *o = &c->o;
	unsigned long jobs = 1, lock_ms = 0;
	struct repo_params params;

	if (o->jobs != NULL &&
	    opts_number(o->jobs, "jobs", 1, JOBS_MAX, &jobs, err) != SNAP_OK)
		return err->code;
	if (o->lock_wait_timeout != NULL &&
	    opts_number(o->lock_wait_timeout, "lock-wait-timeout", 1, INT_MAX,
		&lock_ms, err) != SNAP_OK)
		return err->code;
	repo_get_params(j->place.repo, &params);
	*po = (struct pgsource_opts){
		.jobs = jobs,
		.slice_blocks = params.slice_blocks,
		.serializable_deferrable = o->deferrable,
		.lock_timeout_ms = (unsigned)lock_ms,
		.schemas = list_or_null(&o->schemas),
		.exclude_schemas = list_or_null(&o->exclude_schemas),
		.tables = list_or_null(&o->tables),
		.exclude_tables = list_or_null(&o->exclude_tables),
		.exclude_table_data = list_or_null(&o->exclude_table_data),
		.no_role_passwords = o->no_role_passwords,
		.pg_dump = o->pg_dump,
	};
	server_opts(c, o->n_args > 0 ? o->args[0] : o->dbname, &po->server);
	return SNAP_OK;
}

static enum snap_code
source_props(struct job *j, const struct pgsource *src, struct snap_err *err)
{
	const struct pgsource_property *v;
	uint64_t sysid = pgsource_system_identifier(src);
	size_t i, n = pgsource_properties(src, &v);
	enum snap_code rc;

	rc = props_add(
	    &j->props, REPO_PROP_DATABASE, pgsource_database(src), err);
	if (rc == SNAP_OK && sysid != 0)
		rc = props_add_u64(&j->props, REPO_PROP_SYSTEM, sysid, err);
	for (i = 0; rc == SNAP_OK && i < n; i++)
		rc = props_add(&j->props, v[i].key, v[i].value, err);
	return rc;
}

static enum snap_code
dump_into(
    struct job *j, struct pgsource *src, size_t jobs, struct snap_err *err)
{
	struct repo_backup_opts bo = { .n_lanes = jobs,
		.database = pgsource_database(src) };
	uint64_t sysid = pgsource_system_identifier(src);
	struct sink *sinks[JOBS_MAX];
	struct props system = { .n = 0 };
	enum snap_code rc;
	size_t i;

	if (sysid != 0) {
		rc = props_add_u64(&system, REPO_PROP_SYSTEM, sysid, err);
		if (rc != SNAP_OK)
			return rc;
		bo.system_identifier = system.v[0].value;
	}
	rc = repo_backup_begin(j->place.repo, &bo, &j->backup, err);
	for (i = 0; rc == SNAP_OK && i < jobs; i++)
		sinks[i] = repo_backup_lane(j->backup, i);
	if (rc == SNAP_OK)
		rc = pgsource_dump(src, sinks, err);
	if (rc == SNAP_OK)
		rc = source_props(j, src, err);
	if (rc == SNAP_OK)
		rc = commit(j, err);
	props_clear(&system);
	return rc;
}

static enum snap_code
backup_database(struct job *j, struct snap_err *err)
{
	struct pgsource *src = NULL;
	struct pgsource_opts po;
	enum snap_code rc;

	if ((rc = source_opts(j, &po, err)) != SNAP_OK ||
	    (rc = props_add_selection(&j->props, &j->cli->o, err)) != SNAP_OK)
		return rc;
	if ((rc = pgsource_open(&po, &src, err)) != SNAP_OK) {
		j->cli->before_work = true;
		return rc;
	}
	ui_progress_begin("backing up", &j->cli->report);
	rc = dump_into(j, src, po.jobs, err);
	ui_progress_end();
	j->cli->n_warnings = pgsource_n_warnings(src);
	pgsource_close(src);
	return rc;
}

static enum snap_code
show(struct job *j, struct snap_err *err)
{
	const struct repo_snapshot *s = &j->snapshot;
	char hex[2 * REPO_ID_LEN + 1], a[UI_SIZE_MAX], b[UI_SIZE_MAX],
	    d[UI_SIZE_MAX];
	uint64_t ms = elapsed_ms(j);
	json_t *root;

	if (j->cli->o.json) {
		root = place_json(&j->place);
		(void)json_object_set_new(root, "snapshot", json_snapshot(s));
		json_put_u64(root, "warnings", j->cli->n_warnings);
		return json_print(root, err);
	}
	hex_encode(s->id, REPO_ID_LEN, hex);
	ui_info("snapshot %.8s of %s: %s in %" PRIu64 " stream%s, %s new, %s "
		"stored, %" PRIu64 ".%" PRIu64 " s",
	    hex, place_source(s), ui_size(s->bytes, a), s->n_streams,
	    s->n_streams == 1 ? "" : "s", ui_size(s->new_bytes, b),
	    ui_size(s->stored_bytes, d), ms / 1000, ms / 100 % 10);
	return SNAP_OK;
}

enum snap_code
cmd_backup(struct cli *c, struct snap_err *err)
{
	struct job j = { .cli = c, .place = PLACE_INIT };
	char hex[2 * REPO_ID_LEN + 1];
	enum snap_code rc;

	(void)clock_gettime(CLOCK_MONOTONIC, &j.start);
	j.place.for_backup = true;
	if ((rc = check_usage(&c->o, err)) != SNAP_OK ||
	    (rc = props_add_usual(&j.props, &c->o, err)) != SNAP_OK ||
	    (rc = place_open(&j.place, c, err)) != SNAP_OK)
		goto out;
	rc = is_raw(&c->o) ? backup_raw(&j, err) : backup_database(&j, err);
	if (rc == SNAP_OK && (rc = show(&j, err)) != SNAP_OK) {
		hex_encode(j.snapshot.id, REPO_ID_LEN, hex);
		(void)snap_detail(err, "Snapshot %s was made.", hex);
	}
out:
	repo_backup_abort(j.backup);
	repo_snapshot_fini(&j.snapshot);
	props_clear(&j.props);
	place_close(&j.place);
	return rc;
}
