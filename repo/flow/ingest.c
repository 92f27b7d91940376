/* SPDX-License-Identifier: PostgreSQL */
/*
 * ingest.c - the threads of a backup and what happens when one fails.
 *
 * producer -> lane thread (cut, hash, look up) -> workers (compress, seal) ->
 * the run's uploader.  Every arrow is a bounded queue.  The first failure is
 * kept, and handed to every queue, so that nobody waits for the dead.  A
 * ticking thread renews the run's lease however slow the producer is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ingest.h"
#include "lane.h"
#include "snapshots.h"
#include "run.h"
#include "watch.h"

#define TICK_SECONDS 2

#define NEAR_DIRS_MAX 256u /* of one lane, when there are not more than two */
#define NEAR_DIRS_ALL 360u /* of all of them, when there are */
#define NEAR_DIRS_MIN 64u

struct repo_backup {
	struct store *store;
	struct run *run;
	struct hooks *hooks;
	struct workers *pool;
	struct manifest *parent;
	uint8_t parent_id[ID_LEN];
	struct lane **lanes;
	size_t n_lanes;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t ticker;
	bool ticking, stop;
	struct snap_err err; /* the first failure */
	struct stream_done *done;
	size_t n_done;
};

static void
take_done(void *arg, struct stream_done *d)
{
	struct repo_backup *b = arg;

	pthread_mutex_lock(&b->lock);
	d->next = b->done;
	b->done = d;
	b->n_done++;
	pthread_mutex_unlock(&b->lock);
}

static void
take_failure(void *arg, const struct snap_err *err)
{
	struct repo_backup *b = arg;

	pthread_mutex_lock(&b->lock);
	if (b->err.code == SNAP_OK)
		b->err = *err;
	pthread_mutex_unlock(&b->lock);
	for (size_t i = 0; i < b->n_lanes; i++)
		if (b->lanes[i] != NULL)
			lane_stop(b->lanes[i], err);
	workers_fail(b->pool, err);
}

/* Compress and store a block; a failure has to reach the producers too. */
static enum snap_code
run_job(void *arg, void *job, struct snap_err *err)
{
	struct repo_backup *b = arg;

	return block_job_run(b->run, job, err);
}

static void *
ticker_main(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_backup *b = arg;
	enum snap_code rc = SNAP_OK;
	struct timespec until;

	pthread_mutex_lock(&b->lock);
	while (!b->stop && rc == SNAP_OK) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += TICK_SECONDS;
		while (!b->stop && pthread_cond_timedwait(
				       &b->wake, &b->lock, &until) != ETIMEDOUT)
			continue;
		if (b->stop)
			break;
		pthread_mutex_unlock(&b->lock);
		rc = run_tick(b->run, &err);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	if (rc != SNAP_OK)
		take_failure(b, &err);
	return NULL;
}

static void
stop_ticker(struct repo_backup *b)
{
	if (!b->ticking)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->ticker, NULL);
	b->ticking = false;
}

/* The parent speeds things up; without it hooks find what they can. */
static void
find_parent(struct repo_backup *b, const struct repo_backup_opts *o)
{
	struct snap_err err = SNAP_ERR_INIT;
	const struct repo_snapshot *p;
	struct repo_snapshots all;
	enum snap_code rc;

	rc = snapshots_load(b->store, &all, &err);
	if (rc == SNAP_OK) {
		p = snapshots_parent(
		    &all, o->system_identifier, o->database, o->name);
		if (p != NULL)
			rc = manifest_load(b->store, p->root, &b->parent, &err);
		if (p != NULL && rc == SNAP_OK)
			memcpy(b->parent_id, p->id, ID_LEN);
		repo_snapshots_free(&all);
	}
	if (rc != SNAP_OK)
		report_log(b->store->report, REPORT_WARNING,
		    "the parent snapshot is not used: %s", err.msg);
}

/* More lanes share less than two have: about 50 KiB for a directory. */
static uint32_t
near_dirs(size_t n_lanes)
{
	size_t share = NEAR_DIRS_ALL / n_lanes;

	if (n_lanes <= 2)
		return NEAR_DIRS_MAX;
	return share < NEAR_DIRS_MIN ? NEAR_DIRS_MIN : (uint32_t)share;
}

static enum snap_code
start_threads(struct repo_backup *b, struct snap_err *err)
{
	struct lane_shared shared = { .store = b->store,
		.run = b->run,
		.hooks = b->hooks,
		.pool = b->pool,
		.parent = b->parent,
		.near_dirs = near_dirs(b->n_lanes),
		.done = take_done,
		.fail = take_failure,
		.arg = b };
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < b->n_lanes && rc == SNAP_OK; i++)
		rc = lane_new(&shared, &b->lanes[i], err);
	if (rc != SNAP_OK)
		return rc;
	if (pthread_create(&b->ticker, NULL, ticker_main, b) != 0)
		return snap_fail(err, SNAP_NOMEM, "cannot start a thread");
	b->ticking = true;
	return SNAP_OK;
}

static enum snap_code
init_lock(struct repo_backup *b, struct snap_err *err)
{
	pthread_condattr_t attr;

	if (pthread_mutex_init(&b->lock, NULL) != 0)
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	if (pthread_condattr_init(&attr) != 0)
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (pthread_cond_init(&b->wake, &attr) != 0)
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	pthread_condattr_destroy(&attr);
	return SNAP_OK;
}

enum snap_code
ingest_begin(struct store *s, const struct repo_backup_opts *o,
    struct repo_backup **out, struct snap_err *err)
{
	struct repo_backup *b;
	enum snap_code rc;

	if (o->n_lanes == 0)
		return snap_fail(err, SNAP_USAGE, "a backup without lanes");
	b = calloc(1, sizeof *b);
	if (b == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a backup");
	b->store = s;
	b->lanes = calloc(o->n_lanes, sizeof(struct lane *));
	if (b->lanes == NULL) {
		free(b);
		return snap_fail(err, SNAP_NOMEM, "no memory for a backup");
	}
	b->n_lanes = o->n_lanes;
	if ((rc = init_lock(b, err)) != SNAP_OK) {
		free(b->lanes);
		free(b);
		return rc;
	}
	rc = run_begin(s, &b->run, err);
	if (rc == SNAP_OK)
		rc = hooks_new(s, &b->hooks, err);
	if (rc == SNAP_OK)
		rc = workers_new(s->n_threads, s->n_threads, run_job,
		    block_job_free, b, &b->pool, err);
	if (rc == SNAP_OK) {
		find_parent(b, o);
		rc = start_threads(b, err);
	}
	if (rc != SNAP_OK) {
		ingest_abort(b);
		return rc;
	}
	*out = b;
	return SNAP_OK;
}

struct sink *
ingest_lane(struct repo_backup *b, size_t i)
{
	return lane_sink(b->lanes[i]);
}

static enum snap_code
write_manifest(
    struct repo_backup *b, struct snapshot_body *snap, struct snap_err *err)
{
	struct stream_done **v = calloc(b->n_done + 1, sizeof *v), *d;
	enum snap_code rc;
	size_t n = 0;

	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "too many streams");
	for (d = b->done; d != NULL; d = d->next) {
		d->row.segments = d->segments.p;
		d->row.n_segments = (uint32_t)(d->segments.len / ID_LEN);
		d->row.inline_recipe = bytes_span(&d->inline_recipe);
		snap->bytes += d->row.bytes;
		snap->new_bytes += d->new_bytes;
		snap->rows += d->row.rows;
		v[n++] = d;
	}
	snap->n_streams = n;
	rc = manifest_write(b->store, b->run, v, n, snap->root, err);
	free(v);
	return rc;
}

static int
prop_cmp(const void *a, const void *b)
{
	return span_cmp(((const struct property *)a)->key,
	    ((const struct property *)b)->key);
}

static enum snap_code
finish_lanes(struct repo_backup *b, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < b->n_lanes && rc == SNAP_OK; i++)
		rc = lane_finish(b->lanes[i], err);
	if (rc == SNAP_OK)
		rc = workers_wait(b->pool, err);
	/* What failed first says more than what failed because of it. */
	pthread_mutex_lock(&b->lock);
	if (b->err.code != SNAP_OK) {
		*err = b->err;
		rc = err->code;
	}
	pthread_mutex_unlock(&b->lock);
	return rc;
}

enum snap_code
ingest_commit(struct repo_backup *b, const struct repo_property *props,
    size_t n_props, struct repo_snapshot *out, struct snap_err *err)
{
	struct snapshot_body *snap = calloc(1, sizeof *snap);
	uint8_t id[ID_LEN];
	int64_t time_ns = 0;
	enum snap_code rc;

	if (snap == NULL || n_props > PROPERTIES_MAX)
		rc = snap_fail(err, SNAP_NOMEM, "%zu properties", n_props);
	else
		rc = finish_lanes(b, err);
	if (rc == SNAP_OK)
		rc = write_manifest(b, snap, err);
	if (rc != SNAP_OK)
		goto out;
	memcpy(snap->parent, b->parent_id, ID_LEN);
	for (size_t i = 0; i < n_props; i++) {
		snap->props[i].key = span_str(props[i].key);
		snap->props[i].value = span_str(props[i].value);
	}
	snap->n_props = (uint32_t)n_props;
	qsort(snap->props, n_props, sizeof *snap->props, prop_cmp);
	stop_ticker(b);
	/* Behind the commit nothing may fail any more. */
	memset(id, 0, sizeof id);
	rc = snapshots_describe(snap, id, 0, out, err);
	if (rc != SNAP_OK)
		goto out;
	rc = run_commit(b->run, snap, id, &time_ns, err);
	if (rc == SNAP_OK) {
		memcpy(out->id, id, ID_LEN);
		out->time_ns = time_ns;
		out->stored_bytes = snap->stored_bytes;
		if (b->store->watch != NULL)
			b->store->watch->added(b->store->watch->arg, out);
	} else {
		repo_snapshot_fini(out);
	}
out:
	free(snap);
	ingest_abort(b);
	return rc;
}

void
ingest_abort(struct repo_backup *b)
{
	struct stream_done *d;

	if (b == NULL)
		return;
	stop_ticker(b);
	for (size_t i = 0; i < b->n_lanes; i++)
		lane_join(b->lanes[i]);
	for (size_t i = 0; i < b->n_lanes; i++)
		lane_free(b->lanes[i]);
	workers_free(b->pool);
	run_free(b->run);
	hooks_free(b->hooks);
	manifest_free(b->parent);
	while ((d = b->done) != NULL) {
		b->done = d->next;
		stream_done_free(d);
	}
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b->lanes);
	free(b);
}
