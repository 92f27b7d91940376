/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgsource.c - the order of a dump: checks, snapshot and locks, then streams.
 *
 * Thread 0 does the definitions and everything small, in order of name, on
 * the connection that holds the locks; the others start with the large
 * tables at once, and thread 0 joins them when it is done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

#define SLICE_BLOCKS 32768
#define JOBS_MAX 64

/* A large table or one slice of it. */
struct job {
	const struct table *table;
	uint32_t part;
	uint64_t size;
};

struct dump {
	struct pgsource *s;
	struct job *jobs;
	size_t n_jobs;
	atomic_size_t next;
};

struct streamer {
	struct dump *d;
	struct sink *sink;
	size_t index;
	pthread_t thread;
	bool started;
};

/* What a person can do about the SQLSTATEs that a dump meets in practice. */
static void
hint_for(void *arg, const char *state, struct snap_err *err)
{
	const struct pgsource *s = arg;

	if (strcmp(state, "42501") == 0)
		snap_hint(err, "GRANT pg_read_all_data TO %s",
		    s->pg.user != NULL ? s->pg.user : "the user");
	else if (strcmp(state, "55P03") == 0)
		snap_hint(err, "another session holds a lock on it: wait for "
			       "it, or allow a longer lock timeout");
	else if (strcmp(state, "40001") == 0 && s->pg.standby)
		snap_hint(err, "set hot_standby_feedback = on or raise "
			       "max_standby_streaming_delay on the standby");
	else if (strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0)
		snap_hint(err, "it was changed during the backup: run again");
	else if (err->hint[0] != '\0')
		return; /* the server's own */
	else if (strcmp(state, "54000") == 0 || strcmp(state, "53200") == 0 ||
		 strstr(err->msg, "alloc request size") != NULL)
		snap_hint(err, "one field may be too large for COPY in text: "
			       "the escaped text must stay below 1 GB");
}

/* Some managed services hide it; then nothing is compared by it. */
uint64_t
server_identity(struct pgclient *pg)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	uint64_t id = 0;
	char *v = NULL;

	if (conn_value(pg, pg->conn,
		"SELECT system_identifier FROM pg_catalog.pg_control_system()",
		&v, &ignored) == SNAP_OK)
		id = strtoull(v, NULL, 10);
	free(v);
	return id;
}

static enum snap_code
check_server(struct pgsource *s, struct snap_err *err)
{
	if (s->pg.standby && s->o.serializable_deferrable)
		return snap_fail(err, SNAP_USAGE,
		    "a standby cannot do serializable-deferrable");
	s->sysid = server_identity(&s->pg);
	return SNAP_OK;
}

static enum snap_code
find_dump(struct pgsource *s, struct snap_err *err)
{
	struct pgtool_want want = { .program = "pg_dump",
		.path = s->o.pg_dump,
		.at_least = s->pg.server_num,
		.because = "the server is" };

	return tools_find(&s->pg, &want, &s->tool, err);
}

static void
warn_line(void *arg, const char *line)
{
	src_warn(arg, "%s", line);
}

enum snap_code
pgsource_open(const struct pgsource_opts *opts, struct pgsource **out,
    struct snap_err *err)
{
	struct pgsource *s = calloc(1, sizeof *s);
	struct tables t = { NULL, 0 };
	enum snap_code rc;

	if (s == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	s->o = *opts;
	bytes_init(&s->warnings, (size_t)1 << 20);
	bytes_init(&s->archive, DDL_MAX);
	bytes_init(&s->setvals, DDL_MAX);
	bytes_init(&s->digests, DIGESTS_MAX);
	pthread_mutex_init(&s->lock, NULL);
	if (s->o.slice_blocks == 0)
		s->o.slice_blocks = SLICE_BLOCKS;
	if (s->o.jobs < 1 || s->o.jobs > JOBS_MAX) {
		rc = snap_fail(err, SNAP_USAGE, "jobs: from 1 to %d", JOBS_MAX);
		goto out;
	}
	s->pg = (struct pgclient){
		.o = opts->server, .arg = s, .hint = hint_for, .warn = warn_line
	};
	rc = conn_open(&s->pg, err);
	if (rc == SNAP_OK)
		rc = check_server(s, err);
	if (rc == SNAP_OK)
		rc = find_dump(s, err);
	if (rc == SNAP_OK)
		rc = patterns_resolve(s, err);
	if (rc == SNAP_OK)
		rc = catalog_tables(s, false, &t, err);
	if (rc == SNAP_OK)
		rc = catalog_check(s, &t, err);
out:
	tables_free(&t);
	if (rc != SNAP_OK)
		pgsource_close(s);
	else
		*out = s;
	return rc;
}

void
pgsource_close(struct pgsource *s)
{
	if (s == NULL)
		return;
	workers_close(s);
	conn_close(&s->pg);
	bytes_fini(&s->archive);
	bytes_fini(&s->setvals);
	bytes_fini(&s->digests);
	PQclear(s->sequences);
	selection_free(&s->sel);
	tables_free(&s->tables);
	props_free(s);
	bytes_fini(&s->warnings);
	pthread_mutex_destroy(&s->lock);
	free(s->snapshot);
	tools_free(&s->tool);
	free(s);
}

uint64_t
pgsource_system_identifier(const struct pgsource *s)
{
	return s->sysid;
}

const char *
pgsource_database(const struct pgsource *s)
{
	return PQdb(s->pg.conn);
}

size_t
pgsource_properties(
    const struct pgsource *s, const struct pgsource_property **out)
{
	*out = s->props;
	return s->n_props;
}

size_t
pgsource_n_warnings(const struct pgsource *s)
{
	return s->n_warnings;
}

/* The first failure is the one to tell; those it causes are only echoes. */
static void
dump_failed(struct pgsource *s, const struct snap_err *err)
{
	pthread_mutex_lock(&s->lock);
	if (s->first_err.code == SNAP_OK)
		s->first_err = *err;
	pthread_mutex_unlock(&s->lock);
	atomic_store(&s->pg.stop, 1);
}

static enum snap_code
run_jobs(struct dump *d, PGconn *c, struct sink *sink, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t i;

	while (
	    rc == SNAP_OK && (i = atomic_fetch_add(&d->next, 1)) < d->n_jobs) {
		rc = conn_check(&d->s->pg, err);
		if (rc == SNAP_OK)
			rc = copy_table(d->s, c, d->jobs[i].table,
			    d->jobs[i].part, sink, err);
	}
	return rc;
}

static void *
stream_main(void *arg)
{
	struct streamer *st = arg;
	struct pgsource *s = st->d->s;
	struct snap_err err = SNAP_ERR_INIT;

	if (run_jobs(st->d, s->workers[st->index], st->sink, &err) != SNAP_OK)
		dump_failed(s, &err);
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	const struct job *x = a, *y = b;
	int c;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	c = strcmp(x->table->stream, y->table->stream);
	if (c != 0)
		return c;
	return x->part < y->part ? -1 : x->part > y->part;
}

static enum snap_code
plan_jobs(struct dump *d, struct snap_err *err)
{
	const struct tables *t = &d->s->tables;
	uint64_t total = 0;
	size_t i, n = 0;
	uint32_t k, parts;

	for (i = 0; i < t->n; i++) {
		total += t->v[i].size;
		parts = table_parts(d->s, &t->v[i]);
		t->v[i].sums = calloc(parts, sizeof *t->v[i].sums);
		if (t->v[i].sums == NULL)
			return snap_fail(err, SNAP_NOMEM, "out of memory");
		if (!table_small(d->s, &t->v[i]))
			n += parts;
	}
	if (d->s->pg.o.report != NULL)
		atomic_store(&d->s->pg.o.report->bytes_total, total);
	d->jobs = calloc(n + 1, sizeof *d->jobs);
	if (d->jobs == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < t->n; i++) {
		if (table_small(d->s, &t->v[i]))
			continue;
		parts = table_parts(d->s, &t->v[i]);
		for (k = 0; k < parts; k++) {
			d->jobs[d->n_jobs].table = &t->v[i];
			d->jobs[d->n_jobs].part = k;
			d->jobs[d->n_jobs++].size = t->v[i].size / parts;
		}
	}
	qsort(d->jobs, d->n_jobs, sizeof *d->jobs, by_size);
	return SNAP_OK;
}

/* Thread 0: all but the large tables, then its share of those. */
static enum snap_code
dump_small(struct dump *d, struct sink *sink, struct snap_err *err)
{
	struct pgsource *s = d->s;
	enum snap_code rc;
	size_t i;

	rc = ddl_dump(s, sink, err);
	if (rc == SNAP_OK)
		rc = globals_dump(s, sink, err);
	for (i = 0; rc == SNAP_OK && i < s->tables.n; i++) {
		if (!table_small(s, &s->tables.v[i]))
			continue;
		rc = conn_check(&s->pg, err);
		if (rc == SNAP_OK)
			rc = copy_table(
			    s, s->pg.conn, &s->tables.v[i], 0, sink, err);
	}
	if (rc == SNAP_OK)
		rc = sequences_dump(s, sink, err);
	if (rc == SNAP_OK)
		rc = largeobj_dump(s, sink, err);
	if (rc == SNAP_OK)
		rc = run_jobs(d, s->pg.conn, sink, err);
	return rc;
}

/* When all is read: then the tables' are there as well. */
static enum snap_code
digests_dump(struct pgsource *s, struct sink *sink, struct snap_err *err)
{
	enum snap_code rc;

	for (size_t i = 0; i < s->tables.n; i++) {
		const struct table *t = &s->tables.v[i];
		struct digest_entry e = { .kind = STREAM_TABLE,
			.name = span_str(t->stream) };

		for (; e.part < table_parts(s, t); e.part++) {
			e.sum = t->sums[e.part];
			digests_put(&s->digests, &e);
		}
	}
	rc = bytes_check(&s->digests, err);
	return rc != SNAP_OK ? rc
			     : push_stream(sink, STREAM_DIGESTS, DIGESTS_NAME,
				   bytes_span(&s->digests), err);
}

static void
run_all(struct dump *d, struct sink **sinks)
{
	struct streamer st[JOBS_MAX];
	struct snap_err err = SNAP_ERR_INIT;
	size_t i, n = d->s->n_workers + 1;

	for (i = 1; i < n; i++) {
		st[i].d = d;
		st[i].sink = sinks[i];
		st[i].index = i;
		st[i].started = pthread_create(&st[i].thread, NULL, stream_main,
				    &st[i]) == 0;
	}
	if (dump_small(d, sinks[0], &err) != SNAP_OK)
		dump_failed(d->s, &err);
	for (i = 1; i < n; i++)
		if (st[i].started)
			pthread_join(st[i].thread, NULL);
}

enum snap_code
pgsource_dump(struct pgsource *s, struct sink **sinks, struct snap_err *err)
{
	struct dump d = { .s = s };
	enum snap_code rc;

	atomic_init(&d.next, 0);
	rc = locks_take(s, err);
	if (rc == SNAP_OK)
		rc = props_collect(s, err);
	if (rc == SNAP_OK)
		rc = plan_jobs(&d, err);
	if (rc != SNAP_OK)
		goto out;
	run_all(&d, sinks);
	if (s->first_err.code != SNAP_OK) {
		*err = s->first_err;
		rc = err->code;
		goto out;
	}
	rc = digests_dump(s, sinks[0], err);
	if (rc == SNAP_OK)
		rc = conn_exec(&s->pg, s->pg.conn, "COMMIT", NULL, err);
	if (rc == SNAP_OK)
		rc = props_finish(s, err);
out:
	workers_close(s);
	free(d.jobs);
	return rc;
}
