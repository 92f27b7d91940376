/* SPDX-License-Identifier: PostgreSQL */
/*
 * lane.c - the producer's side of a lane: a sink that hands its bytes over.
 *
 * Bytes are copied once, into buffers of 256 KiB that travel through a
 * bounded queue to the lane's own thread (see lookup.c for what it does).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lane.h"
#include "lookup.h"

#define BUFFER_BYTES (256u << 10)
#define QUEUE_BUFFERS 4

enum item_type { ITEM_BEGIN, ITEM_DATA, ITEM_END };

struct item {
	enum item_type type;
	struct stream_done *stream; /* ITEM_BEGIN */
	uint64_t rows;              /* ITEM_END */
	struct bytes data;          /* ITEM_DATA */
};

struct lane {
	struct sink sink; /* first */
	struct lane_shared shared;
	struct queue *queue;
	struct lookup *lookup;
	struct item *filling;
	pthread_t thread;
	bool running;
	struct snap_err err; /* of the thread, read after the join */
};

static void
item_free(void *item)
{
	struct item *i = item;

	if (i == NULL)
		return;
	stream_done_free(i->stream);
	bytes_fini(&i->data);
	free(i);
}

static struct item *
item_new(enum item_type type, struct snap_err *err)
{
	struct item *i = calloc(1, sizeof *i);

	if (i == NULL) {
		snap_fail(err, SNAP_NOMEM, "no memory for a buffer");
		return NULL;
	}
	i->type = type;
	bytes_init(&i->data, BUFFER_BYTES);
	return i;
}

static enum snap_code
push(struct lane *l, struct item *i, struct snap_err *err)
{
	enum snap_code rc = queue_push(l->queue, i, err);

	if (rc != SNAP_OK)
		item_free(i);
	return rc;
}

static enum snap_code
flush(struct lane *l, struct snap_err *err)
{
	struct item *i = l->filling;

	l->filling = NULL;
	return i == NULL ? SNAP_OK : push(l, i, err);
}

static struct stream_done *
stream_new(const struct stream_meta *m, struct snap_err *err)
{
	struct stream_done *d = calloc(1, sizeof *d);
	enum snap_code rc = SNAP_OK;

	if (d == NULL) {
		snap_fail(err, SNAP_NOMEM, "no memory for a stream");
		return NULL;
	}
	bytes_init(&d->name, STREAM_NAME_MAX);
	bytes_init(&d->attr, STREAM_ATTR_MAX);
	bytes_init(&d->segments, BLOCK_PLAIN_MAX);
	bytes_init(&d->inline_recipe, MANIFEST_INLINE_MAX);
	d->row.kind = m->kind;
	d->row.cutter = m->cutter;
	d->row.part = m->part;
	bytes_put_span(&d->name, m->name);
	bytes_put_span(&d->attr, m->attr);
	if (m->name.len == 0 || m->name.len > STREAM_NAME_MAX ||
	    m->attr.len > STREAM_ATTR_MAX)
		rc = snap_fail(err, SNAP_USAGE,
		    "a stream's name of %zu or attribute of %zu bytes",
		    m->name.len, m->attr.len);
	else if (bytes_check(&d->name, err) != SNAP_OK ||
		 bytes_check(&d->attr, err) != SNAP_OK)
		rc = SNAP_NOMEM;
	if (rc != SNAP_OK) {
		stream_done_free(d);
		return NULL;
	}
	d->row.name = bytes_span(&d->name);
	d->row.attr = bytes_span(&d->attr);
	return d;
}

static enum snap_code
lane_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct lane *l = (struct lane *)s;
	struct item *i = item_new(ITEM_BEGIN, err);

	if (i == NULL)
		return err->code;
	i->stream = stream_new(m, err);
	if (i->stream == NULL) {
		item_free(i);
		return err->code;
	}
	return push(l, i, err);
}

static enum snap_code
lane_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct lane *l = (struct lane *)s;
	enum snap_code rc = report_check(l->shared.store->report, err);

	report_done(l->shared.store->report, d.len);
	while (rc == SNAP_OK && d.len > 0) {
		size_t n;

		if (l->filling == NULL) {
			l->filling = item_new(ITEM_DATA, err);
			if (l->filling == NULL)
				return err->code;
			rc =
			    bytes_reserve(&l->filling->data, BUFFER_BYTES, err);
			if (rc != SNAP_OK)
				return rc;
		}
		n = BUFFER_BYTES - l->filling->data.len;
		n = n < d.len ? n : d.len;
		bytes_put(&l->filling->data, d.p, n);
		d.p += n;
		d.len -= n;
		if (l->filling->data.len == BUFFER_BYTES)
			rc = flush(l, err);
	}
	return rc;
}

static enum snap_code
lane_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct lane *l = (struct lane *)s;
	enum snap_code rc = flush(l, err);
	struct item *i;

	if (rc != SNAP_OK)
		return rc;
	if ((i = item_new(ITEM_END, err)) == NULL)
		return err->code;
	i->rows = rows;
	report_stream(l->shared.store->report);
	return push(l, i, err);
}

static enum snap_code
handle(struct lane *l, struct item *i, struct snap_err *err)
{
	struct stream_done *d;

	switch (i->type) {
	case ITEM_BEGIN:
		d = i->stream;
		i->stream = NULL;
		return lookup_begin(l->lookup, d, err);
	case ITEM_DATA:
		return lookup_data(l->lookup, bytes_span(&i->data), err);
	case ITEM_END:
		return lookup_end(l->lookup, i->rows, err);
	}
	return SNAP_OK;
}

static void *
lane_main(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct lane *l = arg;
	enum snap_code rc;
	void *i;

	for (;;) {
		rc = queue_pop(l->queue, &i, &err);
		if (rc != SNAP_OK || i == NULL)
			break;
		rc = handle(l, i, &err);
		item_free(i);
		if (rc != SNAP_OK)
			break;
	}
	if (rc != SNAP_OK) {
		l->err = err;
		queue_fail(l->queue, &err);
		l->shared.fail(l->shared.arg, &err);
	}
	return NULL;
}

static const struct sink_ops lane_ops = {
	.begin = lane_begin, .data = lane_data, .end = lane_end
};

enum snap_code
lane_new(
    const struct lane_shared *shared, struct lane **out, struct snap_err *err)
{
	struct lane *l = calloc(1, sizeof *l);
	enum snap_code rc;

	if (l == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a lane");
	l->sink.ops = &lane_ops;
	l->shared = *shared;
	rc = queue_new(QUEUE_BUFFERS, &l->queue, err);
	if (rc == SNAP_OK)
		rc = lookup_new(&l->shared, &l->lookup, err);
	if (rc == SNAP_OK) {
		l->running =
		    pthread_create(&l->thread, NULL, lane_main, l) == 0;
		if (!l->running)
			rc =
			    snap_fail(err, SNAP_NOMEM, "cannot start a thread");
	}
	if (rc != SNAP_OK) {
		lane_free(l);
		return rc;
	}
	*out = l;
	return SNAP_OK;
}

struct sink *
lane_sink(struct lane *l)
{
	return &l->sink;
}

void
lane_stop(struct lane *l, const struct snap_err *err)
{
	queue_fail(l->queue, err);
}

enum snap_code
lane_finish(struct lane *l, struct snap_err *err)
{
	queue_close(l->queue);
	if (l->running)
		pthread_join(l->thread, NULL);
	l->running = false;
	if (l->err.code != SNAP_OK) {
		*err = l->err;
		return err->code;
	}
	if (l->filling != NULL)
		return snap_fail(
		    err, SNAP_USAGE, "the last stream was not ended");
	return lookup_finish(l->lookup, err);
}

void
lane_join(struct lane *l)
{
	struct snap_err err = SNAP_ERR_INIT;

	if (l == NULL || !l->running)
		return;
	snap_fail(&err, SNAP_CANCELLED, "cancelled");
	queue_fail(l->queue, &err);
	pthread_join(l->thread, NULL);
	l->running = false;
}

void
lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	lane_join(l);
	queue_free(l->queue, item_free);
	item_free(l->filling);
	lookup_free(l->lookup);
	free(l);
}
