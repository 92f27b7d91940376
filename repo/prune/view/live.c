/* SPDX-License-Identifier: PostgreSQL */
/*
 * live.c - what the roots need, chunk by chunk, and which copies that are.
 *
 * A copy that no good copy makes redundant is a head.  Only one that prune
 * made of it, or of what it was made of, makes a copy redundant: whoever may
 * put objects can put garbage under a known id, later or with a claim to be
 * old, and must not displace the original by it.
 */
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "raw.h"
#include "rule.h"
#include "view.h"
#include "workers.h"

#define BITMAP_MAX (BLOCK_CHUNKS_MAX / 8)

struct mark {
	struct view *v;
	const char *why; /* not NULL: the root lacks something */
	uint8_t bitmap[BITMAP_MAX], have[BITMAP_MAX];
};

/* Whoever may put objects may claim any number of chunks for a copy of a known
 * block; the largest holds all that can be named. */
static uint32_t
chunks_of(const struct view_copy *first, size_t n)
{
	uint32_t max = 0;

	for (size_t i = 0; i < n; i++)
		if (first[i].n_chunks > max)
			max = first[i].n_chunks;
	return first->class == CLASS_DATA ? max : 1;
}

/* The chunks that a copy says it has. */
static enum snap_code
bits_of(struct view *v, const struct view_copy *c, uint32_t n_chunks,
    uint8_t *bitmap, struct snap_err *err)
{
	uint32_t own = c->class == CLASS_DATA ? c->n_chunks : 1;

	memset(bitmap, 0, ((size_t)n_chunks + 7) / 8);
	if (c->extra == NOWHERE) {
		bits_set(bitmap, 0, own);
		return SNAP_OK;
	}
	return bitfile_get(
	    &v->bits, v->extras[c->extra].bits, own, bitmap, err);
}

/* ---- marking */

static enum snap_code
have_all(struct mark *m, const struct view_copy *first, size_t n,
    struct snap_err *err)
{
	uint32_t n_chunks = chunks_of(first, n);
	size_t len = ((size_t)n_chunks + 7) / 8;
	uint8_t one[BITMAP_MAX];
	enum snap_code rc = SNAP_OK;

	memset(m->have, 0, len);
	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		rc = bits_of(m->v, &first[i], n_chunks, one, err);
		for (size_t k = 0; k < len; k++)
			m->have[k] |= one[k];
	}
	return rc;
}

/* The extents of a recipe that lie in its block number `which`. */
static enum snap_code
mark_block(struct mark *m, const struct recipe *r, uint32_t which,
    struct snap_err *err)
{
	struct view_copy *first;
	enum snap_code rc;
	uint32_t n_chunks;
	size_t n;

	first = view_find(m->v, CLASS_DATA, r->blocks[which], &n);
	if (first == NULL) {
		m->why = "a block is in no pack";
		return SNAP_OK;
	}
	n_chunks = chunks_of(first, n);
	rc = bitfile_get(&m->v->bits, first->live, n_chunks, m->bitmap, err);
	if (rc == SNAP_OK)
		rc = have_all(m, first, n, err);
	if (rc != SNAP_OK)
		return rc;
	for (uint32_t i = 0; i < r->n_extents; i++) {
		const struct extent *e = &r->extents[i];

		if (e->block != which)
			continue;
		if (e->first >= n_chunks || e->count > n_chunks - e->first) {
			m->why = "a block is shorter than its recipe says";
			return SNAP_OK;
		}
		bits_set(m->bitmap, e->first, e->count);
	}
	for (size_t k = 0; k < ((size_t)n_chunks + 7) / 8; k++)
		if ((m->bitmap[k] & ~m->have[k]) != 0)
			m->why = "a block lacks chunks";
	return bitfile_put(&m->v->bits, &first->live, n_chunks, m->bitmap, err);
}

/* Extents by their block, so that each block is looked at once. */
static int
extent_order(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->block > y->block) - (x->block < y->block);
}

static enum snap_code
mark_recipe(struct mark *m, struct span plain, struct snap_err *err)
{
	struct recipe r, part;
	enum snap_code rc;
	uint32_t at = 0;

	rc = recipe_decode(plain, &r, err);
	if (rc != SNAP_OK)
		return rc;
	if (r.n_extents != 0)
		qsort(r.extents, r.n_extents, sizeof *r.extents, extent_order);
	while (at < r.n_extents && rc == SNAP_OK) {
		uint32_t block = r.extents[at].block;

		if (block >= r.n_blocks) {
			m->why = "a recipe is inconsistent";
			break;
		}
		part = r;
		part.extents = r.extents + at;
		for (part.n_extents = 0;
		     at < r.n_extents && r.extents[at].block == block; at++)
			part.n_extents++;
		rc = mark_block(m, &part, block, err);
	}
	recipe_fini(&r);
	return rc;
}

/* A meta object is live.  NULL: it need not be read, for that was done or it
 * cannot be had, which m->why then says. */
static struct view_copy *
claim_meta(struct mark *m, uint8_t class, const uint8_t *id)
{
	struct view_copy *first;
	size_t n;

	first = view_find(m->v, class, id, &n);
	if (first == NULL) {
		m->why = "a part of it is in no pack";
		return NULL;
	}
	first->live = BITS_ALL;
	return first->walked ? NULL : first;
}

static enum snap_code
damaged(struct mark *m, enum snap_code rc)
{
	if (!raw_is_damage(rc))
		return rc;
	m->why = "a part of it cannot be read";
	return SNAP_OK;
}

/* A part of a manifest; *plain stays empty where claim_meta() gives NULL. */
static enum snap_code
read_manifest(struct mark *m, const uint8_t *id, struct view_copy **first,
    struct bytes *plain, struct snap_err *err)
{
	enum snap_code rc;

	*first = claim_meta(m, CLASS_MANIFEST, id);
	if (*first == NULL)
		return SNAP_OK;
	rc = store_read(m->v->s, CLASS_MANIFEST, id, plain, err);
	if (rc != SNAP_OK)
		bytes_clear(plain);
	return damaged(m, rc);
}

/* Segments of recipes, got together: over a line each takes its time. */
struct recipes {
	struct store *s;
	size_t n;
	struct recipe_job {
		struct view_copy *first;
		struct bytes plain;
		enum snap_code rc;
	} v[STORE_FETCHERS];
};

static enum snap_code
get_recipe(void *arg, void *job, struct snap_err *err)
{
	struct recipes *rs = arg;
	struct recipe_job *j = job;

	j->rc = store_read(rs->s, CLASS_RECIPE, j->first->id, &j->plain, err);
	return raw_is_damage(j->rc) ? SNAP_OK : j->rc;
}

static enum snap_code
mark_recipes(struct mark *m, struct recipes *rs, struct snap_err *err)
{
	enum snap_code rc;

	for (size_t i = 0; i < rs->n; i++)
		bytes_init(&rs->v[i].plain, BLOCK_PLAIN_MAX);
	rc = workers_each(rs->s->n_requests, get_recipe, rs, rs->v, rs->n,
	    sizeof *rs->v, err);
	for (size_t i = 0; i < rs->n && rc == SNAP_OK; i++) {
		struct recipe_job *j = &rs->v[i];
		const char *before = m->why;

		m->why = NULL;
		rc = damaged(m, j->rc);
		if (rc == SNAP_OK && m->why == NULL)
			rc = mark_recipe(m, bytes_span(&j->plain), err);
		j->first->walked = rc == SNAP_OK && m->why == NULL;
		if (m->why == NULL)
			m->why = before;
	}
	for (size_t i = 0; i < rs->n; i++)
		bytes_fini(&rs->v[i].plain);
	rs->n = 0;
	return rc;
}

static enum snap_code
mark_row(struct mark *m, const struct stream_row *row, struct recipes *rs,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (row->inline_recipe.len != 0)
		rc = mark_recipe(m, row->inline_recipe, err);
	for (uint32_t i = 0; i < row->n_segments && rc == SNAP_OK; i++) {
		struct view_copy *first = claim_meta(
		    m, CLASS_RECIPE, row->segments + (size_t)i * ID_LEN);

		if (first == NULL)
			continue;
		rs->v[rs->n++].first = first;
		if (rs->n == STORE_FETCHERS)
			rc = mark_recipes(m, rs, err);
	}
	return rc == SNAP_OK ? report_check(m->v->s->report, err) : rc;
}

static enum snap_code
mark_part(struct mark *m, const uint8_t *id, struct snap_err *err)
{
	struct recipes rs = { .s = m->v->s };
	struct view_copy *first;
	struct stream_row row;
	struct bytes plain;
	struct cursor c;
	enum snap_code rc;

	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = read_manifest(m, id, &first, &plain, err);
	cursor_init(&c, bytes_span(&plain));
	while (rc == SNAP_OK && c.left != 0) {
		rc = stream_row_decode(&c, &row, err);
		if (rc == SNAP_OK)
			rc = mark_row(m, &row, &rs, err);
	}
	if (rc == SNAP_OK)
		rc = mark_recipes(m, &rs, err);
	if (rc == SNAP_OK && plain.len != 0 && m->why == NULL)
		first->walked = true;
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
mark_root(struct mark *m, const struct root *root, struct snap_err *err)
{
	struct manifest_root mr;
	struct view_copy *first;
	struct bytes plain;
	enum snap_code rc;

	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = read_manifest(m, root->manifest, &first, &plain, err);
	if (rc == SNAP_OK && plain.len != 0) {
		rc = manifest_root_decode(bytes_span(&plain), &mr, err);
		for (uint32_t i = 0; rc == SNAP_OK && i < mr.n_parts; i++)
			rc = mark_part(m, mr.parts + (size_t)i * ID_LEN, err);
	}
	bytes_fini(&plain);
	if (rc == SNAP_CORRUPT) {
		m->why = "a part of it does not decode";
		rc = SNAP_OK;
	}
	return rc;
}

enum snap_code
live_mark(struct view *v, struct roots *r, struct snap_err *err)
{
	struct mark *m = malloc(sizeof *m);
	enum snap_code rc = SNAP_OK;

	if (m == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for snapshots");
	m->v = v;
	for (size_t i = 0; i < r->n && rc == SNAP_OK; i++) {
		struct root *root = &r->v[i];

		if (root->state != ROOT_STANDS && root->state != ROOT_KEPT &&
		    (root->state != ROOT_YOUNG || !RULE(young_roots)))
			continue;
		m->why = NULL;
		rc = mark_root(m, root, err);
		if (rc == SNAP_OK && m->why != NULL)
			roots_break(r, root, m->why);
	}
	free(m);
	return rc;
}

/* ---- heads */

static bool
same_origin(
    const struct view *v, const struct view_copy *x, const struct view_copy *y)
{
	const struct view_pack *px = &v->packs[x->pack];
	const struct view_extra *ex =
	    x->extra == NOWHERE ? NULL : &v->extras[x->extra];
	const struct view_extra *ey = &v->extras[y->extra];

	if (ex != NULL && ex->has_origin)
		return ex->origin_time == ey->origin_time &&
		       memcmp(ex->origin, ey->origin, ID_LEN) == 0;
	return px->time == ey->origin_time &&
	       memcmp(px->id, ey->origin, ID_LEN) == 0;
}

/* Does y, where it has a chunk, make x redundant? */
static bool
replaces(
    const struct view *v, const struct view_copy *y, const struct view_copy *x)
{
	const struct view_pack *px = &v->packs[x->pack];
	const struct view_pack *py = &v->packs[y->pack];

	if (x->pack == y->pack || py->condemned)
		return false;
	if (RULE(origin) &&
	    (y->extra == NOWHERE || !v->extras[y->extra].has_origin ||
		!same_origin(v, x, y)))
		return false;
	if (py->time != px->time)
		return py->time > px->time;
	return memcmp(py->id, px->id, ID_LEN) > 0;
}

enum snap_code
live_need(struct view *v, const struct view_copy *first, size_t n, size_t which,
    uint8_t bitmap[BITMAP_MAX], uint32_t *count, struct snap_err *err)
{
	uint32_t n_chunks = chunks_of(first, n);
	size_t len = ((size_t)n_chunks + 7) / 8;
	uint8_t live[BITMAP_MAX], other[BITMAP_MAX];
	enum snap_code rc;

	rc = bitfile_get(&v->bits, first->live, n_chunks, live, err);
	if (rc == SNAP_OK)
		rc = bits_of(v, &first[which], n_chunks, bitmap, err);
	for (size_t k = 0; k < len; k++)
		bitmap[k] &= live[k];
	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		if (i == which || !replaces(v, &first[i], &first[which]))
			continue;
		rc = bits_of(v, &first[i], n_chunks, other, err);
		for (size_t k = 0; k < len; k++)
			bitmap[k] &= (uint8_t)~other[k];
	}
	if (rc == SNAP_OK)
		*count = bits_count(bitmap, n_chunks);
	return rc;
}

static enum snap_code
heads_of(struct view *v, struct view_copy *first, size_t n,
    uint8_t bitmap[BITMAP_MAX], struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		struct view_pack *pk = &v->packs[first[i].pack];
		uint32_t n_chunks = chunks_of(first, n), all, count = 0;

		/* Of a sparse copy only what it has: else one that is all
		 * alive would be written anew for ever. */
		rc = bits_of(v, &first[i], n_chunks, bitmap, err);
		all = bits_count(bitmap, n_chunks);
		if (rc == SNAP_OK)
			rc = live_need(v, first, n, i, bitmap, &count, err);
		if (rc != SNAP_OK || count == 0)
			continue;
		pk->n_need += count;
		pk->whole_bytes += first[i].sealed_len;
		pk->need_bytes += (uint64_t)first[i].sealed_len * count / all;
	}
	return rc;
}

enum snap_code
live_heads(struct view *v, struct snap_err *err)
{
	uint8_t *bitmap = malloc(BITMAP_MAX);
	enum snap_code rc = SNAP_OK;
	size_t n, dirs;

	if (bitmap == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for chunks");
	for (size_t i = 0; i < v->n_copies && rc == SNAP_OK; i += n) {
		struct view_copy *first = &v->copies[i], *dir;

		/* Data blocks come before directories. */
		(void)view_find(v, first->class, first->id, &n);
		if (first->live == BITS_NONE)
			continue;
		rc = heads_of(v, first, n, bitmap, err);
		if (first->class != CLASS_DATA)
			continue;
		dir = view_find(v, CLASS_DIR, first->id, &dirs);
		if (dir != NULL)
			dir->live = BITS_ALL;
	}
	free(bitmap);
	return rc;
}
