/* SPDX-License-Identifier: PostgreSQL */
/*
 * assemble.c - two walks over the same recipes.
 *
 * The first walk runs ahead and takes references to blocks, as many as the
 * block table gives; the second follows, and checks a span's digest over
 * hashes recomputed from the very bytes of its chunks.  Neither waits for a
 * recipe before it is the next to be delivered: threads load them.
 * Only a span that verified leaves, so nothing that storage invented reaches
 * the sink.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "blocks.h"
#include "workers.h"

/* Recipe segments on their way, with the one being delivered. */
#define SEGMENTS_AHEAD 4

struct segment {
	struct segment *next;
	size_t stream;    /* index into the manifest */
	uint32_t ordinal; /* in its stream */
	bool last;        /* of its stream */
	bool loaded;      /* or failed; under the reader's lock */
	enum snap_code rc;
	struct snap_err err;
	struct recipe r;
	struct block_ref **refs; /* per extent, as far as taken */
	uint32_t n_taken;
};

struct reader {
	struct store *store;
	const struct manifest *m;
	bool (*choose)(void *arg, const struct repo_stream *st);
	void *arg;
	struct sink *out;
	struct blocks *blocks;
	struct workers *loaders;
	pthread_mutex_t lock; /* of what is loaded */
	pthread_cond_t changed;
	struct segment *head, **tail; /* oldest first */
	struct segment *taking;       /* the first walk's place; NULL = end */
	size_t n_segments;
	size_t next_stream;    /* to be loaded next ... */
	uint32_t next_segment; /* ... and segment in it */
	size_t span_len;       /* so far */
	struct bytes span, hashes, digests;
	uint64_t bytes; /* of the stream, delivered */
};

/* After an error the references that are left go with the block table. */
static void
segment_free(struct segment *g)
{
	recipe_fini(&g->r);
	free(g->refs);
	free(g);
}

static enum snap_code
load_recipe(struct reader *rd, const struct stream_row *row, uint32_t i,
    struct recipe *out, struct snap_err *err)
{
	struct bytes plain;
	enum snap_code rc;

	if (row->inline_recipe.len > 0)
		return recipe_decode(row->inline_recipe, out, err);
	if (row->n_segments == 0)
		return SNAP_OK;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = store_read(rd->store, CLASS_RECIPE,
	    row->segments + (size_t)i * ID_LEN, &plain, err);
	if (rc == SNAP_OK)
		rc = recipe_decode(bytes_span(&plain), out, err);
	bytes_fini(&plain);
	return rc;
}

/* A failure is told when it is this segment's turn. */
static enum snap_code
load(void *arg, void *job, struct snap_err *err)
{
	struct reader *rd = arg;
	struct segment *g = job;
	const struct stream_row *row = &rd->m->rows[g->stream];

	(void)err;
	g->rc = load_recipe(rd, row, g->ordinal, &g->r, &g->err);
	if (g->rc == SNAP_OK) {
		g->refs = calloc((size_t)g->r.n_extents + 1, sizeof *g->refs);
		if (g->refs == NULL)
			g->rc = snap_fail(
			    &g->err, SNAP_NOMEM, "no memory for a recipe");
	}
	if (g->rc != SNAP_OK)
		(void)snap_wrap(&g->err, "stream %.*s", (int)row->name.len,
		    (const char *)row->name.p);
	(void)pthread_mutex_lock(&rd->lock);
	g->loaded = true;
	(void)pthread_cond_broadcast(&rd->changed);
	(void)pthread_mutex_unlock(&rd->lock);
	return SNAP_OK;
}

/* The next segment, behind the others; an empty stream gives one without
 * spans.  *end: there is none. */
static enum snap_code
begin_next(struct reader *rd, bool *end, struct snap_err *err)
{
	const struct stream_row *row;
	struct segment *g;

	while (rd->next_stream < rd->m->m.n && rd->next_segment == 0 &&
	       rd->choose != NULL &&
	       !rd->choose(rd->arg, &rd->m->m.v[rd->next_stream]))
		rd->next_stream++;
	*end = rd->next_stream == rd->m->m.n;
	if (*end)
		return SNAP_OK;
	if ((g = calloc(1, sizeof *g)) == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a recipe");
	row = &rd->m->rows[rd->next_stream];
	g->stream = rd->next_stream;
	g->ordinal = rd->next_segment++;
	g->last =
	    row->inline_recipe.len > 0 || rd->next_segment >= row->n_segments;
	if (g->last) {
		rd->next_stream++;
		rd->next_segment = 0;
	}
	*rd->tail = g;
	rd->tail = &g->next;
	rd->n_segments++;
	if (rd->taking == NULL)
		rd->taking = g;
	if (row->inline_recipe.len > 0 || row->n_segments == 0)
		return load(rd, g, err); /* nothing to wait for */
	return workers_push(rd->loaders, g, err);
}

static bool
is_loaded(struct reader *rd, const struct segment *g)
{
	bool loaded;

	(void)pthread_mutex_lock(&rd->lock);
	loaded = g->loaded;
	(void)pthread_mutex_unlock(&rd->lock);
	return loaded;
}

static enum snap_code
wait_for(struct reader *rd, const struct segment *g, struct snap_err *err)
{
	(void)pthread_mutex_lock(&rd->lock);
	while (!g->loaded)
		(void)pthread_cond_wait(&rd->changed, &rd->lock);
	(void)pthread_mutex_unlock(&rd->lock);
	if (g->rc != SNAP_OK)
		*err = g->err;
	return g->rc;
}

/* Take the blocks of one segment, as many as there is room for. */
static enum snap_code
take_blocks(struct reader *rd, struct segment *g, struct snap_err *err)
{
	enum snap_code rc;

	while (g->n_taken < g->r.n_extents) {
		uint32_t i = g->n_taken;
		const struct extent *e = &g->r.extents[i];

		if (i > 0 && g->refs[i - 1] != NULL &&
		    g->r.extents[i - 1].block == e->block) {
			g->refs[i] = g->refs[i - 1];
			blocks_take_again(g->refs[i]);
		} else {
			rc = blocks_take(rd->blocks, g->r.blocks[e->block],
			    &g->refs[i], err);
			if (rc != SNAP_OK || g->refs[i] == NULL)
				return rc;
		}
		g->n_taken++;
	}
	return SNAP_OK;
}

/* The first walk: as far as there is room for, and recipes are there. */
static enum snap_code
walk_ahead(struct reader *rd, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	bool end = false;

	while (rc == SNAP_OK && !end && rd->n_segments < SEGMENTS_AHEAD)
		rc = begin_next(rd, &end, err);
	while (rc == SNAP_OK && rd->taking != NULL) {
		struct segment *g = rd->taking;

		if (!is_loaded(rd, g) || g->rc != SNAP_OK)
			return SNAP_OK;
		rc = take_blocks(rd, g, err);
		if (g->n_taken < g->r.n_extents)
			return rc;
		rd->taking = g->next;
	}
	return rc;
}

static enum snap_code
damaged(struct reader *rd, size_t stream, const char *why, struct snap_err *err)
{
	const struct stream_row *row = &rd->m->rows[stream];

	return snap_fail(err, SNAP_CORRUPT, "stream %.*s does not verify: %s",
	    (int)row->name.len, (const char *)row->name.p, why);
}

/* Wait for the block of one extent, hold the extent against it and add its
 * chunks to the span's hashes and bytes. */
static enum snap_code
check_extent(struct reader *rd, struct segment *g, uint32_t i,
    const struct read_block **block, struct snap_err *err)
{
	const struct extent *e = &g->r.extents[i];
	const struct read_block *b;
	enum snap_code rc;

	if (i >= g->n_taken && (rc = walk_ahead(rd, err)) != SNAP_OK)
		return rc;
	if (i >= g->n_taken)
		return damaged(rd, g->stream, "no room for its blocks", err);
	rc = blocks_wait(rd->blocks, g->refs[i], &b, err);
	if (rc != SNAP_OK)
		return rc;
	if (e->first >= b->n || e->count > b->n - e->first)
		return damaged(
		    rd, g->stream, "an extent beyond its block", err);
	for (uint32_t c = e->first; c < e->first + e->count; c++) {
		if (b->chunks[c] == NULL)
			return damaged(rd, g->stream,
			    "a chunk that no copy of its block has", err);
		rd->span_len += b->lens[c];
		if (rd->span_len > 2 * SPAN_BYTES_MAX)
			return damaged(
			    rd, g->stream, "a span longer than any", err);
	}
	if ((size_t)e->count * ID_LEN > rd->hashes.max - rd->hashes.len)
		return damaged(rd, g->stream, "a span of too many chunks", err);
	bytes_put(&rd->hashes, b->hashes[e->first], (size_t)e->count * ID_LEN);
	*block = b;
	return bytes_check(&rd->hashes, err);
}

/* The chunks of an extent, as many as lie in a row at a time. */
static enum snap_code
each_run(const struct read_block *b, const struct extent *e,
    enum snap_code (*take)(void *arg, struct span run, struct snap_err *err),
    void *arg, struct snap_err *err)
{
	uint32_t c = e->first, end = e->first + e->count;
	enum snap_code rc = SNAP_OK;

	while (c < end && rc == SNAP_OK) {
		struct span run = span_of(b->chunks[c], b->lens[c]);

		for (c++; c < end && b->chunks[c] == run.p + run.len; c++)
			run.len += b->lens[c];
		rc = take(arg, run, err);
	}
	return rc;
}

static enum snap_code
copy_run(void *arg, struct span run, struct snap_err *err)
{
	struct reader *rd = arg;

	bytes_put_span(&rd->span, run);
	return bytes_check(&rd->span, err);
}

static enum snap_code
write_run(void *arg, struct span run, struct snap_err *err)
{
	return sink_data(arg, run, err);
}

static void
give_extent(struct reader *rd, struct segment *g, uint32_t i)
{
	blocks_give(rd->blocks, g->refs[i]);
	g->refs[i] = NULL;
}

/* A verified span, from the blocks where it lies or from its copy. */
static enum snap_code
write_span(struct reader *rd, struct segment *g, const struct recipe_span *s,
    bool copied, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	const struct read_block *b;

	if (copied)
		return sink_data(rd->out, bytes_span(&rd->span), err);
	for (uint32_t i = s->first_extent;
	     i < s->first_extent + s->n_extents && rc == SNAP_OK; i++) {
		rc = blocks_wait(rd->blocks, g->refs[i], &b, err);
		if (rc == SNAP_OK)
			rc = each_run(
			    b, &g->r.extents[i], write_run, rd->out, err);
		give_extent(rd, g, i);
	}
	return rc;
}

/*
 * Nothing leaves before the whole span verified.  Until then its blocks are
 * held; where it is in too many pieces for that it is copied.
 */
static enum snap_code
deliver_span(struct reader *rd, struct segment *g, const struct recipe_span *s,
    struct snap_err *err)
{
	enum snap_code rc = report_check(rd->store->report, err);
	bool copied = s->n_extents > blocks_ahead(rd->blocks) / 2;
	const struct read_block *b = NULL;
	uint8_t digest[ID_LEN];

	rd->span_len = 0;
	bytes_clear(&rd->span);
	bytes_clear(&rd->hashes);
	for (uint32_t i = s->first_extent;
	     i < s->first_extent + s->n_extents && rc == SNAP_OK; i++) {
		rc = check_extent(rd, g, i, &b, err);
		if (rc == SNAP_OK && copied) {
			rc = each_run(b, &g->r.extents[i], copy_run, rd, err);
			give_extent(rd, g, i);
		}
	}
	if (rc != SNAP_OK)
		return rc;
	keys_digest(rd->store->keys, bytes_span(&rd->hashes), digest);
	if (rd->span_len != s->bytes || memcmp(digest, s->digest, ID_LEN) != 0)
		return damaged(rd, g->stream, "a span's digest", err);
	bytes_put(&rd->digests, digest, ID_LEN);
	rd->bytes += rd->span_len;
	if ((rc = walk_ahead(rd, err)) != SNAP_OK)
		return rc;
	report_done(rd->store->report, rd->span_len);
	return write_span(rd, g, s, copied, err);
}

static enum snap_code
end_stream(struct reader *rd, size_t stream, struct snap_err *err)
{
	const struct stream_row *row = &rd->m->rows[stream];
	enum snap_code rc = bytes_check(&rd->digests, err);
	uint8_t digest[ID_LEN];

	if (rc != SNAP_OK)
		return rc;
	keys_digest(rd->store->keys, bytes_span(&rd->digests), digest);
	if (rd->bytes != row->bytes || memcmp(digest, row->digest, ID_LEN) != 0)
		return damaged(rd, stream, "its digest", err);
	report_stream(rd->store->report);
	return sink_end(rd->out, row->rows, err);
}

static enum snap_code
deliver_segment(struct reader *rd, struct segment *g, struct snap_err *err)
{
	const struct stream_row *row = &rd->m->rows[g->stream];
	struct stream_meta meta = { .kind = row->kind,
		.cutter = row->cutter,
		.part = row->part,
		.name = row->name,
		.attr = row->attr };
	enum snap_code rc = wait_for(rd, g, err);

	if (rc == SNAP_OK)
		rc = walk_ahead(rd, err);
	if (rc == SNAP_OK && g->ordinal == 0) {
		bytes_clear(&rd->digests);
		rd->bytes = 0;
		rc = sink_begin(rd->out, &meta, err);
	}
	for (uint32_t i = 0; i < g->r.n_spans && rc == SNAP_OK; i++)
		rc = deliver_span(rd, g, &g->r.spans[i], err);
	if (rc == SNAP_OK && g->last)
		rc = end_stream(rd, g->stream, err);
	return rc;
}

static void
drop_head(struct reader *rd)
{
	struct segment *g = rd->head;

	rd->head = g->next;
	if (rd->head == NULL)
		rd->tail = &rd->head;
	if (rd->taking == g)
		rd->taking = g->next;
	rd->n_segments--;
	segment_free(g);
}

enum snap_code
assemble_read(struct store *s, const struct manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *st), void *arg,
    struct sink *out, struct snap_err *err)
{
	struct reader rd = {
		.store = s, .m = m, .choose = choose, .arg = arg, .out = out
	};
	enum snap_code rc;

	rd.tail = &rd.head;
	bytes_init(&rd.span, 2 * SPAN_BYTES_MAX);
	bytes_init(&rd.hashes, 2 * SPAN_BYTES_MAX);
	bytes_init(&rd.digests, SIZE_MAX);
	if (pthread_mutex_init(&rd.lock, NULL) != 0)
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	if (pthread_cond_init(&rd.changed, NULL) != 0) {
		(void)pthread_mutex_destroy(&rd.lock);
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	}
	rc = blocks_new(s, &rd.blocks, err);
	if (rc == SNAP_OK)
		rc = workers_new(SEGMENTS_AHEAD, SEGMENTS_AHEAD, load, NULL,
		    &rd, &rd.loaders, err);
	if (rc == SNAP_OK)
		rc = walk_ahead(&rd, err);
	while (rc == SNAP_OK && rd.head != NULL) {
		rc = deliver_segment(&rd, rd.head, err);
		drop_head(&rd);
		if (rc == SNAP_OK)
			rc = walk_ahead(&rd, err);
	}
	workers_free(rd.loaders);
	while (rd.head != NULL)
		drop_head(&rd);
	blocks_free(rd.blocks);
	(void)pthread_cond_destroy(&rd.changed);
	(void)pthread_mutex_destroy(&rd.lock);
	bytes_fini(&rd.span);
	bytes_fini(&rd.hashes);
	bytes_fini(&rd.digests);
	return rc;
}
