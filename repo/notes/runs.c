/* SPDX-License-Identifier: PostgreSQL */
/*
 * runs.c - how runs ended.
 *
 * These notes lie apart from the others, for they may be many: who does not
 * ask for them pays for none.
 */
#include <stdlib.h>
#include <string.h>

#include "notes_internal.h"
#include "signed.h"
#include "workers.h"

struct listing_of_runs {
	struct runs runs;
	size_t cap;
};

static enum snap_code
collect(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct listing_of_runs *l = arg;
	uint8_t id[ID_LEN], kind;
	void *p = l->runs.v;
	enum snap_code rc;

	if (!store_name_parse(name, &kind, id) || kind != OBJ_RUN)
		return SNAP_OK;
	rc = vec_room(&p, &l->cap, l->runs.n, sizeof *l->runs.v, err);
	l->runs.v = p;
	if (rc != SNAP_OK)
		return rc;
	memcpy(l->runs.v[l->runs.n].id, id, ID_LEN);
	l->runs.v[l->runs.n].size = st->size;
	l->runs.v[l->runs.n++].time_ns = st->time_ns;
	return SNAP_OK;
}

static int
newest_first(const void *a, const void *b)
{
	const struct run_at *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? 1 : -1;
	return memcmp(x->id, y->id, ID_LEN);
}

enum snap_code
runs_list(struct store *s, struct runs *out, struct snap_err *err)
{
	struct listing_of_runs l = { { 0, NULL }, 0 };
	enum snap_code rc = transport_list(s->t, "runs/", collect, &l, err);

	if (rc != SNAP_OK) {
		free(l.runs.v);
		return rc;
	}
	if (l.runs.n != 0)
		qsort(l.runs.v, l.runs.n, sizeof *l.runs.v, newest_first);
	*out = l.runs;
	return SNAP_OK;
}

/* One that is listed, and what came of asking for it. */
struct asked {
	struct run_at at;
	bool is_read, is_damaged;
	struct repo_run run;
};

static enum snap_code
load_run(struct store *s, struct asked *q, struct snap_err *err)
{
	struct note n = { .time_ns = q->at.time_ns };
	struct repo_run *run = &q->run;
	struct store_body b;
	enum snap_code rc;

	memset(&b, 0, sizeof b);
	memcpy(n.id, q->at.id, ID_LEN);
	rc = note_read(s, OBJ_RUN, &n, &b, err);
	if (rc == SNAP_OK && n.type != NOTE_RUN) {
		free(n.props); /* what later versions may say there */
	} else if (rc == SNAP_OK) {
		run->time_ns = store_time(s, n.l0, n.time_ns);
		run->by_owner = n.maintenance;
		run->n_props = n.n_props;
		run->props = n.props;
		store_signer(
		    s, &b, run->time_ns, run->signer, sizeof run->signer);
		q->is_read = true;
	}
	store_body_fini(&b);
	return rc;
}

static enum snap_code
get_run(void *arg, void *job, struct snap_err *err)
{
	struct store *s = arg;
	struct asked *q = job;
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	store_name(OBJ_RUN, q->at.id, name);
	rc = q->at.size > RUN_SIZE_MAX
		 ? snap_fail(err, SNAP_CORRUPT,
		       "%s: is larger than a record can be", name)
		 : load_run(s, q, err);
	if (rc == SNAP_NOTFOUND) /* prune was faster */
		rc = SNAP_OK;
	if (rc == SNAP_UNSUPPORTED && !s->keys->maintenance)
		rc = SNAP_OK; /* of a later epoch */
	if (rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED || rc == SNAP_IO) {
		report_log(s->report, REPORT_WARNING, "left out: %s", err->msg);
		q->is_damaged = true;
		rc = SNAP_OK;
	}
	return rc == SNAP_OK ? report_check(s->report, err) : rc;
}

static int
oldest_first(const void *a, const void *b)
{
	const struct repo_run *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return strcmp(x->signer, y->signer);
}

static enum snap_code
take_all(struct asked *v, size_t n, struct repo_runs *all, struct snap_err *err)
{
	all->v = calloc(n + 1, sizeof *all->v);
	if (all->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for runs");
	for (size_t i = 0; i < n; i++) {
		all->n_damaged += v[i].is_damaged;
		if (v[i].is_read)
			all->v[all->n++] = v[i].run;
		v[i].is_read = false;
	}
	if (all->n != 0)
		qsort(all->v, all->n, sizeof *all->v, oldest_first);
	return SNAP_OK;
}

enum snap_code
runs_load(
    struct store *s, size_t max, struct repo_runs *out, struct snap_err *err)
{
	struct repo_runs all = { .n = 0 };
	struct runs list = { 0, NULL };
	struct asked *v = NULL;
	enum snap_code rc;
	size_t n = 0;

	rc = runs_list(s, &list, err);
	if (rc == SNAP_OK) {
		n = list.n < max ? list.n : max;
		n = n < RUNS_MAX ? n : RUNS_MAX;
		all.n_older = list.n - n;
		v = calloc(n + 1, sizeof *v);
		if (v == NULL)
			rc = snap_fail(err, SNAP_NOMEM, "no memory for runs");
	}
	for (size_t i = 0; rc == SNAP_OK && i < n; i++)
		v[i].at = list.v[i];
	if (rc == SNAP_OK)
		rc = workers_each(
		    s->n_requests, get_run, s, v, n, sizeof *v, err);
	if (rc == SNAP_OK)
		rc = take_all(v, n, &all, err);
	for (size_t i = 0; v != NULL && i < n; i++)
		if (v[i].is_read)
			free(v[i].run.props);
	free(v);
	free(list.v);
	if (rc == SNAP_OK)
		*out = all;
	return rc;
}

enum snap_code
runs_put(struct store *s, const struct repo_property *props, size_t n,
    struct snap_err *err)
{
	enum snap_code rc;
	int64_t now;

	/* It ends now, which may be hours after the look; that stays what the
	 * rest of this process goes by. */
	rc = transport_now(s->t, &now, err);
	return rc == SNAP_OK ? note_put(s, NOTE_RUN, NULL, now, props, n, err)
			     : rc;
}
