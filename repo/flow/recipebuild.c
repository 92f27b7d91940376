/* SPDX-License-Identifier: PostgreSQL */
/* recipebuild.c - one segment under construction, a list of those waiting. */
#include <stdlib.h>
#include <string.h>

#include "recipebuild.h"

#define BLOCK_OPEN UINT32_MAX /* no block of the segment is the open one */
#define MAP_SLOTS 8192u       /* for finding a block's place in the table */

struct building {
	struct building *next; /* waiting list */
	struct recipe r;
	uint32_t cap_blocks, cap_spans, cap_extents;
	uint32_t open; /* index of the open block, or BLOCK_OPEN */
	struct stream_done *stream;
	uint32_t ordinal; /* of the segment in its stream */
	bool last;        /* the stream ended with it */
};

struct recipebuild {
	const struct keys *keys;
	recipebuild_put put;
	void *arg;
	struct stream_done *stream;
	struct building *seg;
	struct building *waiting, **waiting_tail;
	uint32_t n_segments; /* of the stream, begun */
	uint64_t span_bytes;
	uint32_t span_extent;        /* first extent of the open span */
	struct bytes span_hashes;    /* chunk hashes of the open span */
	struct bytes stream_digests; /* span digests of the stream */
	uint32_t map[MAP_SLOTS];     /* block's index + 1, by id */
};

void
stream_done_free(struct stream_done *d)
{
	if (d == NULL)
		return;
	bytes_fini(&d->name);
	bytes_fini(&d->attr);
	bytes_fini(&d->segments);
	bytes_fini(&d->inline_recipe);
	free(d);
}

static void
building_free(struct building *g)
{
	if (g == NULL)
		return;
	recipe_fini(&g->r);
	free(g);
}

enum snap_code
recipebuild_new(const struct keys *k, recipebuild_put put, void *arg,
    struct recipebuild **out, struct snap_err *err)
{
	struct recipebuild *b = calloc(1, sizeof *b);

	if (b == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a recipe");
	b->keys = k;
	b->put = put;
	b->arg = arg;
	b->waiting_tail = &b->waiting;
	bytes_init(&b->span_hashes, SIZE_MAX);
	bytes_init(&b->stream_digests, SIZE_MAX);
	*out = b;
	return SNAP_OK;
}

void
recipebuild_free(struct recipebuild *b)
{
	struct building *g;

	if (b == NULL)
		return;
	building_free(b->seg);
	while ((g = b->waiting) != NULL) {
		b->waiting = g->next;
		building_free(g);
	}
	bytes_fini(&b->span_hashes);
	bytes_fini(&b->stream_digests);
	free(b);
}

void
recipebuild_start(struct recipebuild *b, struct stream_done *d)
{
	b->stream = d;
	b->n_segments = 0;
	b->span_bytes = 0;
	bytes_clear(&b->span_hashes);
	bytes_clear(&b->stream_digests);
}

/* Room for one more element of an array that doubles. */
static void *
grow(void *v, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	uint32_t bigger = *cap == 0 ? 64 : *cap * 2;
	void *p = realloc(v, bigger * size);

	if (p != NULL)
		*cap = bigger;
	return p;
}

static enum snap_code
no_memory(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOMEM, "no memory for a recipe");
}

static enum snap_code
begin_segment(struct recipebuild *b, struct snap_err *err)
{
	struct building *g = calloc(1, sizeof *g);

	if (g == NULL)
		return no_memory(err);
	g->open = BLOCK_OPEN;
	g->stream = b->stream;
	g->ordinal = b->n_segments++;
	b->seg = g;
	b->span_extent = 0;
	memset(b->map, 0, sizeof b->map);
	return SNAP_OK;
}

/* The index of block `id` in the segment's table, added when it is new. */
static enum snap_code
block_index(struct recipebuild *b, const uint8_t *id, uint32_t *out,
    struct snap_err *err)
{
	struct recipe *r = &b->seg->r;
	uint32_t slot = 0;
	void *p;

	if (id == NULL && b->seg->open != BLOCK_OPEN) {
		*out = b->seg->open;
		return SNAP_OK;
	}
	if (id != NULL) {
		slot = le32_get(id) % MAP_SLOTS;
		/* A full map only costs a second entry of the same block. */
		for (uint32_t tries = 0; b->map[slot] != 0 && tries < 64;
		     tries++) {
			uint32_t i = b->map[slot] - 1;

			if (i != b->seg->open &&
			    memcmp(r->blocks[i], id, ID_LEN) == 0) {
				*out = i;
				return SNAP_OK;
			}
			slot = (slot + 1) % MAP_SLOTS;
		}
	}
	p = grow(r->blocks, r->n_blocks, &b->seg->cap_blocks, ID_LEN);
	if (p == NULL)
		return no_memory(err);
	r->blocks = p;
	if (id != NULL) {
		memcpy(r->blocks[r->n_blocks], id, ID_LEN);
		b->map[slot] = r->n_blocks + 1;
	} else {
		memset(r->blocks[r->n_blocks], 0, ID_LEN);
		b->seg->open = r->n_blocks;
	}
	*out = r->n_blocks++;
	return SNAP_OK;
}

static enum snap_code
end_span(struct recipebuild *b, struct snap_err *err)
{
	struct recipe *r = &b->seg->r;
	struct recipe_span *s;
	void *p;

	p = grow(r->spans, r->n_spans, &b->seg->cap_spans, sizeof *r->spans);
	if (p == NULL)
		return no_memory(err);
	r->spans = p;
	s = &r->spans[r->n_spans++];
	s->bytes = b->span_bytes;
	s->first_extent = b->span_extent;
	s->n_extents = r->n_extents - b->span_extent;
	keys_digest(b->keys, bytes_span(&b->span_hashes), s->digest);
	bytes_put(&b->stream_digests, s->digest, ID_LEN);
	bytes_clear(&b->span_hashes);
	b->stream->row.bytes += b->span_bytes;
	b->span_bytes = 0;
	b->span_extent = r->n_extents;
	return SNAP_OK;
}

/* Encode a segment whose blocks are all known; frees it. */
static enum snap_code
emit_segment(struct recipebuild *b, struct building *g, struct snap_err *err)
{
	struct stream_done *d = g->stream;
	uint8_t id[ID_LEN];
	struct bytes plain;
	enum snap_code rc;

	bytes_init(&plain, BLOCK_PLAIN_MAX);
	recipe_encode(&g->r, &plain);
	rc = bytes_check(&plain, err);
	if (rc != SNAP_OK)
		goto out;
	if (g->last && g->ordinal == 0 && plain.len <= MANIFEST_INLINE_MAX) {
		bytes_put_span(&d->inline_recipe, bytes_span(&plain));
		rc = bytes_check(&d->inline_recipe, err);
		goto out;
	}
	keys_meta_id(b->keys, CLASS_RECIPE, bytes_span(&plain), id);
	/* Segments of a stream are emitted in order: one open block at a
	 * time means that a later one never overtakes. */
	bytes_put(&d->segments, id, ID_LEN);
	rc = bytes_check(&d->segments, err);
	if (rc == SNAP_OK)
		rc = b->put(b->arg, bytes_span(&plain), id, err);
out:
	bytes_fini(&plain);
	building_free(g);
	return rc;
}

static enum snap_code
end_segment(struct recipebuild *b, bool last, struct snap_err *err)
{
	struct building *g = b->seg;

	b->seg = NULL;
	g->last = last;
	/* Behind one that waits all wait, or segments would change places. */
	if (g->open == BLOCK_OPEN && b->waiting == NULL)
		return emit_segment(b, g, err);
	*b->waiting_tail = g;
	b->waiting_tail = &g->next;
	return SNAP_OK;
}

enum snap_code
recipebuild_chunk(struct recipebuild *b, const uint8_t *id, uint32_t chunk,
    uint32_t len, const uint8_t hash[ID_LEN], struct snap_err *err)
{
	enum snap_code rc;
	struct recipe *r;
	uint32_t block = 0;
	void *p;

	if (b->seg == NULL && (rc = begin_segment(b, err)) != SNAP_OK)
		return rc;
	if ((rc = block_index(b, id, &block, err)) != SNAP_OK)
		return rc;
	r = &b->seg->r;
	struct extent *e = r->n_extents > b->span_extent
			       ? &r->extents[r->n_extents - 1]
			       : NULL;
	if (e != NULL && e->block == block && e->first + e->count == chunk) {
		e->count++;
	} else {
		p = grow(r->extents, r->n_extents, &b->seg->cap_extents,
		    sizeof *r->extents);
		if (p == NULL)
			return no_memory(err);
		r->extents = p;
		r->extents[r->n_extents++] = (struct extent){ block, chunk, 1 };
	}
	bytes_put(&b->span_hashes, hash, ID_LEN);
	if ((rc = bytes_check(&b->span_hashes, err)) != SNAP_OK)
		return rc;
	b->span_bytes += len;
	if (b->span_bytes < SPAN_BYTES ||
	    ((hash[0] & 63) != 0 &&
		b->span_bytes < SPAN_BYTES_MAX - (1u << 18)))
		return SNAP_OK;
	if ((rc = end_span(b, err)) != SNAP_OK)
		return rc;
	return r->n_spans == SEGMENT_SPANS ? end_segment(b, false, err)
					   : SNAP_OK;
}

enum snap_code
recipebuild_end(struct recipebuild *b, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (b->seg != NULL && b->span_bytes > 0)
		rc = end_span(b, err);
	if (rc == SNAP_OK && b->seg != NULL)
		rc = end_segment(b, true, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&b->stream_digests, err);
	if (rc == SNAP_OK)
		keys_digest(b->keys, bytes_span(&b->stream_digests),
		    b->stream->row.digest);
	b->stream = NULL;
	return rc;
}

enum snap_code
recipebuild_sealed(
    struct recipebuild *b, const uint8_t id[ID_LEN], struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct building *g;

	if (b->seg != NULL && b->seg->open != BLOCK_OPEN) {
		memcpy(b->seg->r.blocks[b->seg->open], id, ID_LEN);
		b->seg->open = BLOCK_OPEN;
	}
	while (rc == SNAP_OK && (g = b->waiting) != NULL) {
		if ((b->waiting = g->next) == NULL)
			b->waiting_tail = &b->waiting;
		if (g->open != BLOCK_OPEN)
			memcpy(g->r.blocks[g->open], id, ID_LEN);
		g->open = BLOCK_OPEN;
		rc = emit_segment(b, g, err);
	}
	return rc;
}
