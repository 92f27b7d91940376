/* SPDX-License-Identifier: PostgreSQL */
/*
 * database.c - a database of PostgreSQL becomes a snapshot.
 */
#include <inttypes.h>
#include <limits.h>

#include "job.h"
#include "json.h"
#include "pgsource.h"
#include "server.h"
#include "run.h"
#include "tell.h"
#include "ui.h"

#define JOBS_MAX 64

static uint64_t
elapsed_ms(const struct job *j)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - j->start.tv_sec) * 1000 +
			  (now.tv_nsec - j->start.tv_nsec) / 1000000);
}

enum snap_code
job_start(struct job *j, struct snap_err *err)
{
	(void)clock_gettime(CLOCK_MONOTONIC, &j->start);
	if (j->cli->run != NULL &&
	    props_add(&j->props, RUN_PROP_ID, j->cli->run, err) != SNAP_OK)
		return err->code;
	return props_add_usual(&j->props, &j->cli->o, err);
}

enum snap_code
job_commit(struct job *j, struct snap_err *err)
{
	struct repo_backup *b = j->backup;
	enum snap_code rc;

	rc = props_add_u64(&j->props, "duration-ms", elapsed_ms(j), err);
	if (rc == SNAP_OK)
		rc = report_check(&j->cli->report, err);
	if (rc != SNAP_OK)
		return rc;
	j->backup = NULL; /* over, either way */
	rc = repo_backup_commit(b, j->props.v, j->props.n, &j->snapshot, err);
	if (rc == SNAP_OK)
		tell_snapshot(j->cli, &j->snapshot);
	return rc;
}

void
job_end(struct job *j)
{
	repo_backup_abort(j->backup);
	j->backup = NULL;
	repo_snapshot_fini(&j->snapshot);
	props_clear(&j->props);
}

static const char *const *
list_or_null(const struct opt_list *l)
{
	return l->n > 0 ? l->v : NULL;
}

enum snap_code
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
		rc = job_commit(j, err);
	props_clear(&system);
	return rc;
}

static enum snap_code
other_cluster(uint64_t is, uint64_t expected, struct snap_err *err)
{
	(void)snap_fail(err, SNAP_SOURCE,
	    "another cluster answered: %" PRIu64 " instead of %" PRIu64, is,
	    expected);
	return snap_hint(err, "Name one server only.");
}

enum snap_code
backup_source(struct job *j, const struct pgsource_opts *po, uint64_t cluster,
    struct snap_err *err)
{
	struct pgsource *src = NULL;
	enum snap_code rc;
	uint64_t is;

	if ((rc = pgsource_open(po, &src, err)) != SNAP_OK) {
		j->cli->before_work = true;
		return rc;
	}
	is = pgsource_system_identifier(src);
	if (cluster != 0 && is != cluster)
		rc = other_cluster(is, cluster, err);
	/* Not before: a password may have been asked for. */
	ui_progress_begin(
	    j->verb != NULL ? j->verb : "backing up", &j->cli->report);
	if (rc == SNAP_OK)
		rc = dump_into(j, src, po->jobs, err);
	ui_progress_end();
	j->cli->n_warnings += pgsource_n_warnings(src);
	pgsource_close(src);
	return rc;
}

enum snap_code
backup_database(struct job *j, struct snap_err *err)
{
	struct pgsource_opts po;
	enum snap_code rc;

	if ((rc = source_opts(j, &po, err)) != SNAP_OK ||
	    (rc = props_add_selection(&j->props, &j->cli->o, err)) != SNAP_OK)
		return rc;
	return backup_source(j, &po, 0, err);
}

void
job_tell(const struct job *j)
{
	const struct repo_snapshot *s = &j->snapshot;
	char hex[2 * REPO_ID_LEN + 1], a[UI_SIZE_MAX], b[UI_SIZE_MAX],
	    d[UI_SIZE_MAX];
	uint64_t ms = elapsed_ms(j);

	hex_encode(s->id, REPO_ID_LEN, hex);
	ui_info("snapshot %.8s of %s: %s in %" PRIu64 " stream%s, %s new, %s "
		"stored, %" PRIu64 ".%" PRIu64 " s",
	    hex, place_source(s), ui_size(s->bytes, a), s->n_streams,
	    s->n_streams == 1 ? "" : "s", ui_size(s->new_bytes, b),
	    ui_size(s->stored_bytes, d), ms / 1000, ms / 100 % 10);
}

enum snap_code
job_show(struct job *j, struct snap_err *err)
{
	json_t *root;

	if (!j->cli->o.json) {
		job_tell(j);
		return SNAP_OK;
	}
	root = place_json(&j->place);
	(void)json_object_set_new(
	    root, "snapshot", json_snapshot(&j->snapshot));
	json_put_u64(root, "warnings", j->cli->n_warnings);
	return json_print(root, err);
}
