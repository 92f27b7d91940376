/* SPDX-License-Identifier: PostgreSQL */
/*
 * recipe.c - a segment of a stream as extents of chunks.
 *
 * A changed row costs two extents, so their size decides what a day of
 * scattered changes costs.  Each is coded against what a growing stream makes
 * likely: the block as difference from the extent before, the first chunk as
 * difference from where this recipe last left that block.  So going to the
 * block of new chunks and back costs three or four bytes a time.
 */
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define SPAN_MIN (1 + 1 + ID_LEN)
#define EXTENT_MIN 2

static void
put_extents(const struct recipe *r, uint32_t *next, struct bytes *out)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < r->n_extents; i++) {
		const struct extent *e = &r->extents[i];
		uint64_t jump = codec_zigzag((int64_t)e->block - at);
		int64_t skip = (int64_t)e->first - next[e->block];

		bytes_varint(out, jump << 1 | (skip != 0));
		if (skip != 0)
			bytes_varint(out, codec_zigzag(skip));
		bytes_varint(out, e->count);
		at = e->block;
		next[at] = e->first + e->count;
	}
}

void
recipe_encode(const struct recipe *r, struct bytes *out)
{
	uint32_t *next = codec_alloc(r->n_blocks, sizeof *next);

	if (next == NULL) {
		out->bad = true;
		return;
	}
	bytes_varint(out, r->n_blocks);
	bytes_put(out, r->blocks, (size_t)r->n_blocks * ID_LEN);
	bytes_varint(out, r->n_spans);
	for (uint32_t i = 0; i < r->n_spans; i++) {
		bytes_varint(out, r->spans[i].bytes);
		bytes_varint(out, r->spans[i].n_extents);
		bytes_put(out, r->spans[i].digest, ID_LEN);
	}
	put_extents(r, next, out);
	free(next);
}

/* The spans cover all extents in order; *r gets their number. */
static void
read_spans(struct cursor *c, struct recipe *r)
{
	uint64_t bytes = 0, extents = 0;

	for (uint32_t i = 0; i < r->n_spans && !c->bad; i++) {
		struct recipe_span *s = &r->spans[i];

		s->bytes = codec_max(c, INT64_MAX);
		s->first_extent = (uint32_t)extents;
		s->n_extents = (uint32_t)codec_max(c, UINT32_MAX);
		cursor_copy(c, s->digest, ID_LEN);
		bytes += s->bytes;
		extents += s->n_extents;
		if (bytes > INT64_MAX || extents > UINT32_MAX ||
		    s->n_extents == 0 || s->bytes == 0)
			c->bad = true;
	}
	if (!c->bad && extents > c->left / EXTENT_MIN)
		c->bad = true;
	r->n_extents = c->bad ? 0 : (uint32_t)extents;
}

static void
read_extents(struct cursor *c, struct recipe *r, uint32_t *next)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < r->n_extents && !c->bad; i++) {
		uint64_t token = cursor_varint(c);
		int64_t jump = codec_unzigzag(token >> 1), first, skip = 0;
		uint32_t count;

		if (jump < -(int64_t)at || jump >= (int64_t)r->n_blocks - at) {
			c->bad = true;
			return;
		}
		at = (uint32_t)((int64_t)at + jump);
		if ((token & 1) != 0)
			skip =
			    codec_unzigzag(codec_max(c, 2 * BLOCK_CHUNKS_MAX));
		count = (uint32_t)codec_max(c, BLOCK_CHUNKS_MAX);
		first = (int64_t)next[at] + skip;
		if (count == 0 || first < 0 ||
		    first + count > BLOCK_CHUNKS_MAX ||
		    ((token & 1) != 0) != (skip != 0)) {
			c->bad = true;
			return;
		}
		r->extents[i].block = at;
		r->extents[i].first = (uint32_t)first;
		r->extents[i].count = count;
		next[at] = (uint32_t)first + count;
	}
}

enum snap_code
recipe_decode(struct span in, struct recipe *out, struct snap_err *err)
{
	struct recipe r = { 0, 0, 0, NULL, NULL, NULL };
	uint32_t *next = NULL;
	enum snap_code rc;
	struct cursor c;

	cursor_init(&c, in);
	r.n_blocks = codec_count(&c, ID_LEN, BLOCK_PLAIN_MAX);
	r.blocks = codec_alloc(r.n_blocks, ID_LEN);
	next = codec_alloc(r.n_blocks, sizeof *next);
	if (r.blocks == NULL || next == NULL) {
		rc = codec_nomem(err);
		goto out;
	}
	cursor_copy(&c, r.blocks, (size_t)r.n_blocks * ID_LEN);
	r.n_spans = codec_count(&c, SPAN_MIN, BLOCK_PLAIN_MAX);
	r.spans = codec_alloc(r.n_spans, sizeof *r.spans);
	if (r.spans == NULL) {
		rc = codec_nomem(err);
		goto out;
	}
	read_spans(&c, &r);
	r.extents = codec_alloc(r.n_extents, sizeof *r.extents);
	if (r.extents == NULL) {
		rc = codec_nomem(err);
		goto out;
	}
	read_extents(&c, &r, next);
	rc = codec_done(&c, in, "a recipe", err);
out:
	free(next);
	if (rc == SNAP_OK)
		*out = r;
	else
		recipe_fini(&r);
	return rc;
}

void
recipe_fini(struct recipe *r)
{
	free(r->blocks);
	free(r->spans);
	free(r->extents);
	memset(r, 0, sizeof *r);
}
