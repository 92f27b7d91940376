/* SPDX-License-Identifier: PostgreSQL */
/*
 * cursor.c - two decoded recipe segments and a position in the first.
 *
 * A segment keeps its extents also sorted by (block, first chunk), so that a
 * chunk met elsewhere is found again by two binary searches.
 */
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

/*
 * Directories brought near: those of this span and the next, but of no more
 * blocks than half of what a lane keeps, or a fragmented recipe would push
 * out what it needs first.
 */
#define WANT_SPANS 2
#define WANT_BLOCKS 128

struct segment {
	struct recipe r;    /* n_spans == 0: not loaded */
	uint32_t *by_block; /* extents sorted by (block, first) */
	uint32_t *ids;      /* blocks sorted by id */
	uint32_t *wanted;   /* per block: 1 + last extent that wanted it */
};

struct cursor_pos {
	struct store *store;
	struct bytes row; /* inline recipe, or segment ids */
	uint32_t n_segments;
	bool is_inline;
	uint32_t next_segment; /* first not loaded */
	struct segment cur, ahead;
	uint32_t extent, off, span; /* position in cur */
	uint32_t want_extent;       /* the next to be wanted */
};

/* For qsort, which has no argument: one lane sorts at a time per thread. */
static _Thread_local const struct recipe *sorting;

static int
by_block_cmp(const void *a, const void *b)
{
	const struct extent *x = &sorting->extents[*(const uint32_t *)a];
	const struct extent *y = &sorting->extents[*(const uint32_t *)b];

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int
ids_cmp(const void *a, const void *b)
{
	return memcmp(sorting->blocks[*(const uint32_t *)a],
	    sorting->blocks[*(const uint32_t *)b], ID_LEN);
}

static void
segment_fini(struct segment *s)
{
	recipe_fini(&s->r);
	free(s->by_block);
	free(s->ids);
	free(s->wanted);
	memset(s, 0, sizeof *s);
}

static bool
segment_index(struct segment *s)
{
	s->by_block = malloc((s->r.n_extents + 1) * sizeof *s->by_block);
	s->ids = malloc((s->r.n_blocks + 1) * sizeof *s->ids);
	s->wanted = calloc(s->r.n_blocks + 1, sizeof *s->wanted);
	if (s->by_block == NULL || s->ids == NULL || s->wanted == NULL)
		return false;
	for (uint32_t i = 0; i < s->r.n_extents; i++)
		s->by_block[i] = i;
	for (uint32_t i = 0; i < s->r.n_blocks; i++)
		s->ids[i] = i;
	sorting = &s->r;
	qsort(s->by_block, s->r.n_extents, sizeof *s->by_block, by_block_cmp);
	qsort(s->ids, s->r.n_blocks, sizeof *s->ids, ids_cmp);
	sorting = NULL;
	return true;
}

/* Load the next segment into *s; leaves it empty when there is none. */
static void
segment_load(struct cursor_pos *c, struct segment *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;
	struct bytes plain;

	segment_fini(s);
	if (c->next_segment >= c->n_segments)
		return;
	if (c->is_inline) {
		c->next_segment++;
		rc = recipe_decode(bytes_span(&c->row), &s->r, &err);
	} else {
		bytes_init(&plain, BLOCK_PLAIN_MAX);
		rc = store_read(c->store, CLASS_RECIPE,
		    c->row.p + (size_t)c->next_segment++ * ID_LEN, &plain,
		    &err);
		if (rc == SNAP_OK)
			rc = recipe_decode(bytes_span(&plain), &s->r, &err);
		bytes_fini(&plain);
	}
	if (rc != SNAP_OK || !segment_index(s)) {
		segment_fini(s);
		c->next_segment = c->n_segments;
	}
}

enum snap_code
cursor_pos_new(struct store *s, struct cursor_pos **out, struct snap_err *err)
{
	struct cursor_pos *c = calloc(1, sizeof *c);

	if (c == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a cursor");
	c->store = s;
	bytes_init(&c->row, SIZE_MAX);
	*out = c;
	return SNAP_OK;
}

void
cursor_pos_free(struct cursor_pos *c)
{
	if (c == NULL)
		return;
	segment_fini(&c->cur);
	segment_fini(&c->ahead);
	bytes_fini(&c->row);
	free(c);
}

static void
enter_segment(struct cursor_pos *c)
{
	c->extent = c->off = c->span = 0;
	c->want_extent = 0;
}

void
cursor_pos_start(struct cursor_pos *c, const struct stream_row *parent)
{
	segment_fini(&c->cur);
	segment_fini(&c->ahead);
	bytes_clear(&c->row);
	c->n_segments = c->next_segment = 0;
	enter_segment(c);
	if (parent == NULL)
		return;
	c->is_inline = parent->inline_recipe.len > 0;
	if (c->is_inline) {
		bytes_put_span(&c->row, parent->inline_recipe);
		c->n_segments = 1;
	} else {
		bytes_put(&c->row, parent->segments,
		    (size_t)parent->n_segments * ID_LEN);
		c->n_segments = parent->n_segments;
	}
	if (c->row.bad)
		c->n_segments = 0;
	segment_load(c, &c->cur);
}

/* Go on to the segment ahead once this one is used up. */
static void
settle(struct cursor_pos *c)
{
	const struct recipe *r = &c->cur.r;

	if (c->extent < r->n_extents || r->n_spans == 0) {
		while (c->span + 1 < r->n_spans &&
		       c->extent >= r->spans[c->span + 1].first_extent)
			c->span++;
		return;
	}
	if (c->ahead.r.n_spans == 0)
		segment_load(c, &c->ahead);
	segment_fini(&c->cur);
	c->cur = c->ahead;
	memset(&c->ahead, 0, sizeof c->ahead);
	enter_segment(c);
}

bool
cursor_pos_expect(struct cursor_pos *c, const uint8_t **block, uint32_t *chunk)
{
	const struct extent *e;

	if (c->extent >= c->cur.r.n_extents)
		return false;
	e = &c->cur.r.extents[c->extent];
	*block = c->cur.r.blocks[e->block];
	*chunk = e->first + c->off;
	return true;
}

void
cursor_pos_advance(struct cursor_pos *c)
{
	if (++c->off < c->cur.r.extents[c->extent].count)
		return;
	c->off = 0;
	c->extent++;
	settle(c);
}

static bool
find_block(const struct segment *s, const uint8_t id[ID_LEN], uint32_t *out)
{
	uint32_t lo = 0, hi = s->r.n_blocks;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int d = memcmp(s->r.blocks[s->ids[mid]], id, ID_LEN);

		if (d == 0) {
			*out = s->ids[mid];
			return true;
		}
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* The last extent of `block` that starts at or before `chunk`, if it holds
 * it. */
static bool
find_extent(const struct segment *s, const uint8_t id[ID_LEN], uint32_t chunk,
    uint32_t *extent)
{
	uint32_t lo = 0, hi = s->r.n_extents, block;

	if (!find_block(s, id, &block))
		return false;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct extent *e = &s->r.extents[s->by_block[mid]];

		if (e->block < block ||
		    (e->block == block && e->first <= chunk))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return false;
	const struct extent *e = &s->r.extents[s->by_block[lo - 1]];
	if (e->block != block || chunk - e->first >= e->count)
		return false;
	*extent = s->by_block[lo - 1];
	return true;
}

void
cursor_pos_seek(
    struct cursor_pos *c, const uint8_t block[ID_LEN], uint32_t chunk)
{
	uint32_t e;

	if (c->cur.r.n_spans == 0)
		return;
	if (!find_extent(&c->cur, block, chunk, &e)) {
		/* Close to the end the data may have gone on already. */
		if (c->ahead.r.n_spans == 0 && c->span + 2 >= c->cur.r.n_spans)
			segment_load(c, &c->ahead);
		if (c->ahead.r.n_spans == 0 ||
		    !find_extent(&c->ahead, block, chunk, &e))
			return;
		segment_fini(&c->cur);
		c->cur = c->ahead;
		memset(&c->ahead, 0, sizeof c->ahead);
		enter_segment(c);
	}
	c->extent = e;
	c->off = chunk - c->cur.r.extents[e].first;
	/* A step back: the span is found from the start again. */
	if (e < c->cur.r.spans[c->span].first_extent) {
		c->span = 0;
		c->want_extent = e;
	}
	cursor_pos_advance(c);
	settle(c);
}

/* Blocks wanted for the position or beyond it. */
static uint32_t
n_wanted(const struct cursor_pos *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->cur.r.n_blocks; i++)
		n += c->cur.wanted[i] > c->extent;
	return n;
}

const uint8_t *
cursor_pos_want(struct cursor_pos *c)
{
	const struct recipe *r = &c->cur.r;
	uint32_t end, n;

	if (r->n_spans == 0)
		return NULL;
	if (c->want_extent < c->extent)
		c->want_extent = c->extent;
	end = c->span + WANT_SPANS < r->n_spans
		  ? r->spans[c->span + WANT_SPANS].first_extent
		  : r->n_extents;
	n = n_wanted(c);
	while (c->want_extent < end && n < WANT_BLOCKS) {
		uint32_t e = c->want_extent++;
		uint32_t b = r->extents[e].block;
		bool again = c->cur.wanted[b] > c->extent;

		c->cur.wanted[b] = e + 1;
		if (!again)
			return r->blocks[b];
	}
	return NULL;
}
