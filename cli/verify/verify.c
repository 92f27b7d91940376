/* SPDX-License-Identifier: PostgreSQL */
/*
 * verify.c - would it come back?  A snapshot is restored into a scratch
 * database and compared with what its backup had recorded.
 *
 * The verdict is recorded in the repository.  What says nothing about the
 * snapshot (a server that went away, a missing role) is an error and no
 * verdict.  The database is dropped in any case.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "direct.h"
#include "json.h"
#include "load.h"
#include "place.h"
#include "recorded.h"
#include "repo_notes.h"
#include "server.h"
#include "tell.h"
#include "ui.h"

#define DETAIL_MAX 1000
#define JOBS_MAX 64

struct job {
	struct cli *c;
	struct place s;
	const struct repo_snapshot *snapshot;
	struct repo_manifest *m;
	struct recorded recorded;
	struct pgverify *v;
	struct pgverify_count count;
	size_t n_differ;    /* also those that the restore met */
	struct bytes first; /* the first of them, for the verdict */
	json_t *list;
};

/* ---- what is found */

static const char *
kind_name(uint8_t kind)
{
	switch (kind) {
	case STREAM_TABLE:
		return "table";
	case STREAM_SEQUENCES:
		return "sequence";
	case STREAM_LARGE_OBJECT:
		return "large object";
	default:
		return "assertion";
	}
}

static void
tell(struct job *j, const char *kind, struct span name, const char *what)
{
	struct bytes b;
	json_t *o;

	bytes_init(&b, SIZE_MAX);
	bytes_printf(&b, "%s ", kind);
	ui_escape(&b, name);
	bytes_put_str(&b, ": ");
	ui_escape(&b, span_str(what));
	if (j->n_differ++ == 0 && !b.bad)
		bytes_put(
		    &j->first, b.p, b.len < DETAIL_MAX ? b.len : DETAIL_MAX);
	bytes_u8(&b, 0);
	ui_warning("%s", b.bad ? "?" : (const char *)b.p);
	bytes_fini(&b);
	o = json_object();
	json_put_text(o, "kind", span_str(kind));
	json_put_text(o, "name", name);
	json_put_text(o, "what", span_str(what));
	(void)json_array_append_new(j->list, o);
}

static void
found(void *arg, const struct pgverify_finding *f)
{
	tell(arg, kind_name(f->kind), f->name, f->what);
}

/* ---- the restore */

/* Rows that the server does not take are the snapshot's fault. */
static enum snap_code
of_data(struct job *j, struct snap_err *err)
{
	if (!pgverify_is_of_data(err))
		return err->code;
	tell(j, "step", span_str("restore"), err->msg);
	return SNAP_OK;
}

static bool
is_definition(void *arg, const struct repo_stream *s)
{
	(void)arg;
	return s->kind == STREAM_ARCHIVE || s->kind == STREAM_PROPERTIES ||
	       s->kind == STREAM_SEQUENCES;
}

static enum snap_code
open_target(
    struct job *j, size_t jobs, struct pgtarget **out, struct snap_err *err)
{
	const struct opts *o = &j->c->o;
	struct pgtarget_opts to;

	direct_target_opts(j->snapshot, o, &to);
	to.jobs = jobs;
	to.create = true;
	to.database = pgverify_database(j->v);
	server_opts(j->c, o->dbname, &to.server);
	return pgtarget_open(&to, out, err);
}

/*
 * *whole: all of it is there to be compared.  *late: why not every definition
 * could be made.  That may be so because rows break it, or because the server
 * is another one: what the comparison finds will tell.
 */
static enum snap_code
restore(struct job *j, size_t jobs, bool *whole, struct snap_err *late,
    struct snap_err *err)
{
	struct load load = { .repo = j->s.repo, .m = j->m, .n_threads = jobs };
	struct pgtarget *t = NULL;
	enum snap_code rc;

	*whole = false;
	rc = load_plan(&load, err);
	if (rc == SNAP_OK)
		rc = open_target(j, jobs, &t, err);
	load.target = t;
	if (rc == SNAP_OK)
		rc = repo_read(j->s.repo, j->m, is_definition, NULL,
		    pgtarget_definitions(t), err);
	if (rc == SNAP_OK)
		rc = pgtarget_begin(t, err);
	if (rc != SNAP_OK)
		goto out;
	rc = load_run(&load, err);
	if (rc != SNAP_OK) {
		rc = of_data(j, err);
		goto out;
	}
	*whole = true;
	rc = pgtarget_finish(t, err);
	if (rc == SNAP_SOURCE) {
		*late = *err;
		rc = SNAP_OK;
	}
out:
	pgtarget_close(t);
	load_fini(&load);
	return rc;
}

/* ---- all of it */

static enum snap_code
assert_all(struct job *j, struct snap_err *err)
{
	const struct opt_list *files = &j->c->o.asserts;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; rc == SNAP_OK && i < files->n; i++)
		rc = pgverify_assert(j->v, files->v[i], &j->count, err);
	return rc;
}

static enum snap_code
check_all(struct job *j, size_t jobs, struct snap_err *err)
{
	struct snap_err late = SNAP_ERR_INIT;
	bool whole;
	enum snap_code rc;

	atomic_store(&j->c->report.bytes_done, 0);
	atomic_store(&j->c->report.bytes_total, j->snapshot->bytes);
	ui_progress_begin("restoring", &j->c->report);
	rc = restore(j, jobs, &whole, &late, err);
	ui_progress_end();
	if (rc != SNAP_OK || !whole)
		return rc;
	rc = pgverify_compare(j->v, j->recorded.rows, j->recorded.n_rows,
	    &j->recorded.list, &j->count, err);
	if (rc == SNAP_OK && j->n_differ == 0 && late.code != SNAP_OK) {
		*err = late;
		return late.code;
	}
	return rc == SNAP_OK ? assert_all(j, err) : rc;
}

static void
drop(struct job *j)
{
	struct snap_err err = SNAP_ERR_INIT;

	if (pgverify_drop(j->v, &err) == SNAP_OK)
		return;
	ui_warning("the scratch database is still there: %s", err.msg);
	ui_hint("DROP DATABASE %s;", pgverify_database(j->v));
	j->c->n_warnings++;
}

static enum snap_code
record(struct job *j, struct snap_err *err)
{
	char server[16], n[24];
	struct repo_property props[] = {
		{ "compared", j->recorded.by_source ? "recorded" : "stored" },
		{ "detail", NULL }, { REPO_VERDICT_DIFFERENCES, n },
		{ "server-version", server },
		{ REPO_VERDICT,
		    j->n_differ == 0 ? REPO_VERDICT_GOOD : REPO_VERDICT_BAD }
	};
	struct repo_notes *said = NULL;
	enum snap_code rc;

	(void)snprintf(
	    server, sizeof server, "%d", pgverify_server(j->v) / 10000);
	(void)snprintf(n, sizeof n, "%zu", j->n_differ);
	bytes_u8(&j->first, 0);
	props[1].value = j->first.bad ? "" : (const char *)j->first.p;
	rc = repo_notes(j->s.repo, &said, err);
	if (rc == SNAP_OK)
		rc = repo_say_verdict(j->s.repo, said, j->snapshot->id, props,
		    sizeof props / sizeof props[0], err);
	repo_notes_free(said);
	return rc == SNAP_OK ? rc : snap_wrap(err, "record the verdict");
}

static enum snap_code
show(struct job *j, struct snap_err *err)
{
	const struct pgverify_count *n = &j->count;
	json_t *root;

	tell_snapshot(j->c, j->snapshot);
	tell_number(j->c, "differences", j->n_differ);
	if (j->c->o.json) {
		root = place_json(&j->s);
		(void)json_object_set_new(
		    root, "snapshot", json_snapshot(j->snapshot));
		(void)json_object_set_new(
		    root, "good", json_boolean(j->n_differ == 0));
		json_put_text(root, "compared",
		    span_str(j->recorded.by_source ? "recorded" : "stored"));
		json_put_u64(root, "tables", n->n_tables);
		json_put_u64(root, "rows", n->rows);
		json_put_u64(root, "sequences", n->n_sequences);
		json_put_u64(root, "large-objects", n->n_large_objects);
		json_put_u64(root, "assertions", n->n_assertions);
		(void)json_object_set(root, "differences", j->list);
		if (json_print(root, err) != SNAP_OK)
			return err->code;
	}
	if (j->n_differ == 0) {
		ui_info("it is what was recorded; tables: %zu, rows: %" PRIu64
			", sequences: %zu, large objects: %zu, assertions: %zu",
		    n->n_tables, n->rows, n->n_sequences, n->n_large_objects,
		    n->n_assertions);
		return SNAP_OK;
	}
	return snap_fail(err, SNAP_CORRUPT,
	    "what was restored is not what was recorded: %zu difference%s",
	    j->n_differ, j->n_differ == 1 ? "" : "s");
}

static enum snap_code
check_usage(const struct opts *o, unsigned long *jobs, struct snap_err *err)
{
	if (o->dbname == NULL) {
		(void)snap_fail(err, SNAP_USAGE, "no server was named");
		return snap_hint(err,
		    "Say with --dbname which database to connect to first, as "
		    "postgres: a scratch database is made beside it.");
	}
	for (size_t i = 0; i < o->asserts.n; i++)
		if (access(o->asserts.v[i], R_OK) != 0)
			return snap_fail_errno(
			    err, SNAP_USAGE, "read %s", o->asserts.v[i]);
	*jobs = 1;
	return o->jobs == NULL
		   ? SNAP_OK
		   : opts_number(o->jobs, "jobs", 1, JOBS_MAX, jobs, err);
}

/* A schedule names no snapshot, and the newest may be a stream of stdin. */
static enum snap_code
newest_of_a_database(struct job *j, struct snap_err *err)
{
	const struct repo_snapshots *all = &j->s.all;
	const char *name = NULL;
	struct bytes spec;
	enum snap_code rc;

	for (size_t i = all->n; i-- > 0 && name == NULL;)
		name = repo_snapshot_prop(&all->v[i], REPO_PROP_DATABASE);
	if (name == NULL)
		return SNAP_OK;
	bytes_init(&spec, strlen(name) + 16);
	bytes_printf(&spec, "latest:%s%c", name, 0);
	rc = bytes_check(&spec, err);
	if (rc == SNAP_OK)
		rc = repo_snapshot_find(
		    all, (const char *)spec.p, &j->snapshot, err);
	bytes_fini(&spec);
	if (rc == SNAP_OK)
		ui_info("the newest snapshot is of no database: this is of "
			"\"%s\"",
		    name);
	return rc;
}

static enum snap_code
find(struct job *j, struct snap_err *err)
{
	bool any = j->c->o.n_args == 0;
	const char *spec = any ? "latest" : j->c->o.args[0];
	enum snap_code rc = place_find(&j->s, spec, &j->snapshot, err);

	if (rc == SNAP_OK && any &&
	    repo_snapshot_prop(j->snapshot, REPO_PROP_DATABASE) == NULL)
		rc = newest_of_a_database(j, err);
	if (rc == SNAP_OK && j->snapshot->salvaged)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the snapshot was salvaged from a damaged one and lacks "
		    "data: there is nothing to verify");
	if (rc == SNAP_OK)
		rc = repo_manifest(j->s.repo, j->snapshot, &j->m, err);
	if (rc == SNAP_OK)
		rc = direct_check_kinds(j->m, err);
	if (rc != SNAP_OK)
		return rc;
	for (size_t i = 0; i < j->m->n; i++)
		if (j->m->v[i].kind == STREAM_ARCHIVE)
			return SNAP_OK;
	return snap_fail(err, SNAP_USAGE,
	    "the snapshot is not one of a PostgreSQL database");
}

static enum snap_code
run(struct job *j, size_t jobs, struct snap_err *err)
{
	struct pgverify_opts vo = {
		.jobs = jobs, .psql = j->c->o.psql, .found = found, .arg = j
	};
	enum snap_code rc;

	server_opts(j->c, j->c->o.dbname, &vo.server);
	rc = pgverify_open(&vo, &j->v, err);
	if (rc != SNAP_OK) {
		j->c->before_work = true;
		return rc;
	}
	rc = recorded_load(j->s.repo, j->m, &j->c->report, &j->recorded, err);
	if (rc != SNAP_OK)
		return rc;
	if (!j->recorded.by_source)
		ui_info("the backup recorded no digests: this compares with "
			"what is stored");
	ui_info(
	    "restoring into the scratch database %s", pgverify_database(j->v));
	rc = check_all(j, jobs, err);
	drop(j);
	if (rc == SNAP_OK)
		rc = record(j, err);
	return rc == SNAP_OK ? show(j, err) : rc;
}

enum snap_code
cmd_verify(struct cli *c, struct snap_err *err)
{
	struct job j = { .c = c, .s = PLACE_INIT, .list = json_array() };
	unsigned long jobs;
	enum snap_code rc;

	bytes_init(&j.first, DETAIL_MAX + 1);
	j.s.needs = REPO_MAY_READ;
	if ((rc = check_usage(&c->o, &jobs, err)) == SNAP_OK &&
	    (rc = place_open(&j.s, c, err)) == SNAP_OK &&
	    (rc = find(&j, err)) == SNAP_OK)
		rc = run(&j, jobs, err);
	pgverify_close(j.v);
	recorded_free(&j.recorded);
	repo_manifest_free(j.m);
	tell_record(c, &j.s, rc, err);
	place_close(&j.s);
	bytes_fini(&j.first);
	json_decref(j.list);
	return rc;
}
