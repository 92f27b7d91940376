/* SPDX-License-Identifier: PostgreSQL */
/*
 * backupall.c - every database of a server, a snapshot each.
 *
 * One repository and one look at the server serve all of them.  What binds the
 * snapshots is known before the first one is begun, so that a run that was cut
 * short can be told by any that it left.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "json.h"
#include "pgcluster.h"
#include "pgsource.h"
#include "run.h"
#include "tell.h"
#include "ui.h"

#define LIST_MAX ((size_t)1 << 20) /* bytes of a property */
#define TEXT_MAX ((size_t)1 << 20)

struct whole {
	struct job *j;
	struct pgsource_opts po;
	struct pgclient_opts server; /* as the options have it */
	char *password;              /* that was typed, or NULL */
	struct pgcluster cluster;
	struct span globals;
	const char *run; /* its id */
	size_t n_made, n_failed;
	json_t *made, *failed;
	struct bytes names; /* of those that failed, for the error */
};

enum snap_code
cluster_check_backup(const struct opts *o, struct snap_err *err)
{
	if (o->is_stdin || o->has_command || o->sqlite != NULL ||
	    o->name != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--all and another source exclude each other");
	if (o->n_args > 0 && o->dbname != NULL)
		return snap_fail(
		    err, SNAP_USAGE, "the database is named twice");
	if (o->schemas.n + o->exclude_schemas.n + o->tables.n +
		o->exclude_tables.n + o->exclude_table_data.n >
	    0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "patterns of schemas and tables do not go with --all");
		return snap_hint(err,
		    "--exclude-database leaves out a database, which can be "
		    "backed up in part by itself.");
	}
	return SNAP_OK;
}

/* Asked for once, not for each database. */
static char *
ask_once(void *arg, const char *prompt)
{
	struct whole *w = arg;

	if (w->password == NULL && w->server.ask_password != NULL)
		w->password = w->server.ask_password(w->server.ask_arg, prompt);
	return w->password != NULL ? strdup(w->password) : NULL;
}

static enum snap_code
read_cluster(struct whole *w, struct snap_err *err)
{
	const struct opts *o = &w->j->cli->o;
	struct pgcluster_opts co = { .no_role_passwords = o->no_role_passwords,
		.pg_dump = o->pg_dump };
	enum snap_code rc;

	if ((rc = source_opts(w->j, &w->po, err)) != SNAP_OK)
		return rc;
	w->server = w->po.server;
	w->po.server.ask_password = ask_once;
	w->po.server.ask_arg = w;
	co.server = w->po.server;
	co.exclude = o->exclude_databases.n > 0 ? o->exclude_databases.v : NULL;
	if ((rc = pgcluster_read(&co, &w->cluster, err)) != SNAP_OK) {
		w->j->cli->before_work = true;
		return rc;
	}
	w->j->cli->n_warnings += w->cluster.n_warnings;
	w->globals = bytes_span(&w->cluster.globals);
	w->po.globals = &w->globals;
	if (w->cluster.n_databases == 0)
		return snap_fail(
		    err, SNAP_USAGE, "no database is left to be backed up");
	return SNAP_OK;
}

/* Into the first snapshot that stands: in each it would be too much. */
static enum snap_code
add_list(struct whole *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes list;

	bytes_init(&list, LIST_MAX);
	for (size_t i = 0; i < w->cluster.n_databases; i++)
		run_list_add(&list, w->cluster.databases[i]);
	bytes_u8(&list, 0);
	if (!list.bad) /* else one has to do with their number */
		rc = props_add(
		    &w->j->props, RUN_PROP_LIST, (const char *)list.p, err);
	bytes_fini(&list);
	return rc;
}

static enum snap_code
backup_one(struct whole *w, const char *name, struct snap_err *err)
{
	struct job *j = w->j;
	enum snap_code rc;

	j->verb = "backing up the databases";
	atomic_store(&j->cli->report.bytes_done, 0);
	atomic_store(&j->cli->report.bytes_new, 0);
	w->po.server.database = name;
	rc = props_add_u64(
	    &j->props, RUN_PROP_DATABASES, w->cluster.n_databases, err);
	if (rc == SNAP_OK && w->n_made == 0)
		rc = add_list(w, err);
	if (rc == SNAP_OK)
		rc =
		    backup_source(j, &w->po, w->cluster.system_identifier, err);
	if (rc != SNAP_OK)
		return rc;
	w->n_made++;
	if (j->cli->o.json)
		(void)json_array_append_new(
		    w->made, json_snapshot(&j->snapshot));
	else
		job_tell(j);
	return SNAP_OK;
}

/* Has this one database failed, or all that are left as well? */
static bool
is_of_one(enum snap_code rc)
{
	return rc == SNAP_SOURCE || rc == SNAP_USAGE || rc == SNAP_UNSUPPORTED;
}

static void
note_failure(struct whole *w, const char *name, struct snap_err *why)
{
	json_t *o = json_object();

	(void)snap_wrap(why, "database \"%s\"", name);
	ui_error(why);
	json_put_text(o, "database", span_str(name));
	json_put_text(o, "message", span_str(why->msg));
	(void)json_array_append_new(w->failed, o);
	bytes_printf(&w->names, "%s%s", w->n_failed == 0 ? "" : ", ", name);
	w->n_failed++;
}

static enum snap_code
backup_each(struct whole *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t i;

	for (i = 0; i < w->cluster.n_databases; i++) {
		struct snap_err why = SNAP_ERR_INIT;

		if ((i > 0 && (rc = job_start(w->j, err)) != SNAP_OK) ||
		    (rc = report_check(&w->j->cli->report, err)) != SNAP_OK)
			break;
		rc = backup_one(w, w->cluster.databases[i], &why);
		job_end(w->j);
		w->j->cli->before_work = false;
		/* A child may have met the signal before us. */
		if (rc != SNAP_OK && report_cancelled(&w->j->cli->report))
			rc = snap_fail(&why, SNAP_CANCELLED, "cancelled");
		if (rc != SNAP_OK && !is_of_one(rc)) {
			*err = why;
			(void)snap_wrap(
			    err, "database \"%s\"", w->cluster.databases[i]);
			break;
		}
		if (rc != SNAP_OK)
			note_failure(w, w->cluster.databases[i], &why);
		rc = SNAP_OK;
	}
	if (rc != SNAP_OK && w->n_made > 0)
		(void)snap_detail(err,
		    "%zu of %zu databases were backed up before, as run %.8s.",
		    w->n_made, w->cluster.n_databases, w->run);
	return rc;
}

static enum snap_code
show(struct whole *w, struct snap_err *err)
{
	const struct cli *c = w->j->cli;
	json_t *root;

	if (!c->o.json) {
		ui_info("run %.8s: %zu of %zu databases", w->run, w->n_made,
		    w->cluster.n_databases);
		return SNAP_OK;
	}
	root = place_json(&w->j->place);
	json_put_text(root, "run", span_str(w->run));
	(void)json_object_set(root, "snapshots", w->made);
	(void)json_object_set(root, "failed", w->failed);
	json_put_u64(root, "warnings", c->n_warnings);
	return json_print(root, err);
}

enum snap_code
cluster_backup(struct job *j, struct snap_err *err)
{
	struct whole w = { .j = j, .run = j->cli->run };
	enum snap_code rc;

	bytes_init(&w.names, TEXT_MAX);
	w.made = json_array();
	w.failed = json_array();
	if ((rc = read_cluster(&w, err)) != SNAP_OK ||
	    (rc = backup_each(&w, err)) != SNAP_OK ||
	    (rc = show(&w, err)) != SNAP_OK)
		goto out;
	if (w.n_failed > 0) {
		bytes_u8(&w.names, 0);
		rc = snap_fail(err, SNAP_SOURCE,
		    "%zu of %zu databases were not backed up: %s", w.n_failed,
		    w.cluster.n_databases,
		    w.names.bad ? "named above" : (const char *)w.names.p);
	}
	tell_number(j->cli, "databases", w.n_made);
	tell_number(j->cli, "databases-failed", w.n_failed);
out:
	if (w.password != NULL)
		explicit_bzero(w.password, strlen(w.password));
	free(w.password);
	pgcluster_fini(&w.cluster);
	json_decref(w.made);
	json_decref(w.failed);
	bytes_fini(&w.names);
	return rc;
}
