/* SPDX-License-Identifier: PostgreSQL */
/*
 * load.c - the rows and large objects of a snapshot over several connections.
 *
 * A large stream is a job of its own.  Small ones lie side by side in the
 * same blocks: they are read together, so that no block is fetched twice.
 */
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "workers.h"

#define JOB_BYTES ((uint64_t)8 << 20)
#define JOB_STREAMS 1000

struct load_job {
	struct load *load;
	uint32_t id; /* in job_of */
	size_t n;
	uint64_t bytes;
	bool first; /* its place among others matters */
};

/* Between the repository and a lane: what has come whole. */
struct feed {
	struct sink base;
	struct sink *to;
	struct load *l;
	const struct load_job *job;
	size_t at; /* stream that is open, or was last */
};

static enum snap_code
feed_begin(struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct feed *f = (struct feed *)base;

	while (f->at < f->l->m->n &&
	       (f->l->job_of[f->at] != f->job->id || f->l->done[f->at]))
		f->at++;
	if (f->at == f->l->m->n || f->l->m->v[f->at].kind != m->kind)
		return snap_fail(err, SNAP_CORRUPT, "streams out of order");
	return sink_begin(f->to, m, err);
}

static enum snap_code
feed_data(struct sink *base, struct span d, struct snap_err *err)
{
	return sink_data(((struct feed *)base)->to, d, err);
}

static enum snap_code
feed_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct feed *f = (struct feed *)base;
	enum snap_code rc = sink_end(f->to, rows, err);

	if (rc == SNAP_OK)
		f->l->done[f->at] = true;
	return rc;
}

static const struct sink_ops feed_ops = { feed_begin, feed_data, feed_end };

/* A table of an extension: the foreign keys are there before its rows. */
static bool
is_ranked(const struct repo_stream *s)
{
	return s->kind == STREAM_TABLE && s->name.len > 0 &&
	       s->name.p[0] == ' ';
}

static struct load_job *
new_job(struct load *l, bool first)
{
	struct load_job *j = &l->jobs[l->n_jobs];

	*j = (struct load_job){
		.load = l, .id = (uint32_t)l->n_jobs++, .first = first
	};
	return j;
}

static int
by_size(const void *a, const void *b)
{
	const struct load_job *x = a, *y = b;

	if (x->first != y->first)
		return x->first ? -1 : 1;
	if (x->bytes != y->bytes && !x->first)
		return x->bytes > y->bytes ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

enum snap_code
load_plan(struct load *l, struct snap_err *err)
{
	struct load_job *small = NULL, *j;
	const struct repo_stream *s;
	bool ranked;
	size_t i;

	l->jobs = calloc(l->m->n + 1, sizeof *l->jobs);
	l->job_of = calloc(l->m->n + 1, sizeof *l->job_of);
	l->done = calloc(l->m->n + 1, sizeof *l->done);
	if (l->jobs == NULL || l->job_of == NULL || l->done == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < l->m->n; i++) {
		s = &l->m->v[i];
		l->job_of[i] = LOAD_NONE;
		if ((s->kind != STREAM_TABLE &&
			s->kind != STREAM_LARGE_OBJECT) ||
		    (l->part != NULL && !select_stream(l->part, s)))
			continue;
		ranked = is_ranked(s);
		if (s->bytes >= JOB_BYTES) {
			j = new_job(l, ranked);
		} else {
			if (small == NULL || small->first != ranked ||
			    small->n == JOB_STREAMS ||
			    small->bytes >= JOB_BYTES)
				small = new_job(l, ranked);
			j = small;
		}
		l->job_of[i] = j->id;
		j->n++;
		j->bytes += s->bytes;
		l->bytes += s->bytes;
	}
	qsort(l->jobs, l->n_jobs, sizeof *l->jobs, by_size);
	while (l->n_first < l->n_jobs && l->jobs[l->n_first].first)
		l->n_first++;
	return SNAP_OK;
}

static bool
is_of_job(void *arg, const struct repo_stream *s)
{
	const struct load_job *j = arg;

	return j->load->job_of[s - j->load->m->v] == j->id;
}

static enum snap_code
run_job(void *arg, void *element, struct snap_err *err)
{
	struct load_job *j = element;
	struct load *l = arg;
	struct feed f = { .base = { &feed_ops }, .l = l, .job = j };
	struct select_filter filter;
	struct sink *lane = NULL;
	enum snap_code rc;

	rc = pgtarget_lane_take(l->target, &lane, err);
	select_filter_init(&filter, l->part, lane);
	filter.renamed = true;
	f.to = l->part != NULL ? &filter.base : lane;
	if (rc == SNAP_OK)
		rc = repo_read(l->repo, l->m, is_of_job, j, &f.base, err);
	if (rc == SNAP_OK)
		rc = pgtarget_lane_give(l->target, lane, err);
	select_filter_fini(&filter);
	if (rc != SNAP_OK)
		pgtarget_stop(l->target);
	return rc;
}

enum snap_code
load_run(struct load *l, struct snap_err *err)
{
	enum snap_code rc;
	size_t i;

	repo_share_reading(l->repo, 1);
	rc = workers_each(
	    1, run_job, l, l->jobs, l->n_first, sizeof *l->jobs, err);
	repo_share_reading(l->repo, l->n_threads);
	if (rc == SNAP_OK)
		rc =
		    workers_each(l->n_threads, run_job, l, l->jobs + l->n_first,
			l->n_jobs - l->n_first, sizeof *l->jobs, err);
	for (i = 0; rc == SNAP_OK && i < l->m->n; i++)
		if (l->job_of[i] != LOAD_NONE && !l->done[i])
			rc = snap_fail(err, SNAP_CORRUPT,
			    "stream %.*s did not come",
			    (int)l->m->v[i].name.len,
			    (const char *)l->m->v[i].name.p);
	return rc;
}

void
load_fini(struct load *l)
{
	free(l->jobs);
	free(l->job_of);
	free(l->done);
}
