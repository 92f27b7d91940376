/* SPDX-License-Identifier: PostgreSQL */
/*
 * neardirs.c - directories in slots, their chunks in one flat table.
 *
 * Most lookups are for chunks that are not near, and there are two for each
 * 512 bytes of a backup.  So the table is made of lines of the size that the
 * processor fetches: 15 places and a count of those that found the line full
 * and went on to the next.  A place is a byte of the hash beside slot and
 * chunk; a miss is one line and, once in thirty times, a look at a directory.
 *
 * Where several directories have a chunk the newest wins, which keeps recipes
 * of unchanged data stable.
 */
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "neardirs.h"

#define SLOTS_MAX 256u
#define PLACES 15u /* of a line, which has its count as the sixteenth */
#define LINE_BYTES 64
#define PREFETCH 12          /* chunks: as long as memory takes */
#define LINES_MIN (1u << 14) /* so that any one directory fits */

/* tag << 24 | slot << 16 | chunk; no tag is 0, so 0 is an empty place. */
struct line {
	uint32_t place[PLACES];
	uint32_t beyond; /* entries that would be here and are further on */
};

_Static_assert(sizeof(struct line) == LINE_BYTES, "a line is a cache line");
_Static_assert(BLOCK_CHUNKS_MAX <= 1u << 16, "a chunk is 16 bits");
_Static_assert(
    BLOCK_CHUNKS_MAX <= LINES_MIN * PLACES / 8 * 7, "a directory fits");

struct near {
	uint8_t id[ID_LEN];
	struct directory dir; /* n == 0: free slot */
	uint8_t *hidden;      /* bitmap of chunks not to be found; NULL: none */
	uint64_t added, used; /* times */
	bool pinned;
};

struct neardirs {
	struct near *v;
	uint32_t cap;
	uint64_t clock;
	struct line *lines;
	uint32_t mask;   /* number of lines - 1 */
	size_t n_chunks; /* in all directories */
};

static uint32_t
line_of(const struct neardirs *n, const uint8_t hash[ID_LEN])
{
	return le32_get(hash + 8) & n->mask;
}

static uint32_t
tag_of(const uint8_t hash[ID_LEN])
{
	return hash[12] == 0 ? 1 : hash[12];
}

#if defined(__SSE2__)
static inline __m128i
tags_of(const struct line *l, unsigned quarter)
{
	const __m128i *p = (const __m128i *)(const void *)l;

	return _mm_srli_epi32(_mm_load_si128(p + quarter), 24);
}
#endif

/* Bit i: place i has this tag. */
static inline uint32_t
with_tag(const struct line *l, uint32_t tag)
{
	uint32_t bits = 0;

#if defined(__SSE2__)
	__m128i want = _mm_set1_epi32((int)tag), lo, hi;

	lo = _mm_packs_epi32(_mm_cmpeq_epi32(tags_of(l, 0), want),
	    _mm_cmpeq_epi32(tags_of(l, 1), want));
	hi = _mm_packs_epi32(_mm_cmpeq_epi32(tags_of(l, 2), want),
	    _mm_cmpeq_epi32(tags_of(l, 3), want));
	bits = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(lo, hi));
#else
	for (unsigned i = 0; i < PLACES; i++)
		bits |= (uint32_t)(l->place[i] >> 24 == tag) << i;
#endif
	return bits & ((1u << PLACES) - 1);
}

/* The lowest bit that is set, of at least one. */
static inline unsigned
lowest(uint32_t bits)
{
#if defined(__GNUC__)
	return (unsigned)__builtin_ctz(bits);
#else
	unsigned i = 0;

	while ((bits >> i & 1) == 0)
		i++;
	return i;
#endif
}

/* The line of the chunk that comes PREFETCH chunks behind this one. */
static inline void
prefetch(const struct neardirs *n, const struct directory *d, uint32_t i)
{
	if (d->n - i > PREFETCH)
		neardirs_prefetch(n, d->hashes[i + PREFETCH]);
}

static void
put_place(struct neardirs *n, const uint8_t hash[ID_LEN], uint32_t node)
{
	uint32_t at = line_of(n, hash);

	for (;; at = (at + 1) & n->mask) {
		struct line *l = &n->lines[at];

		for (unsigned i = 0; i < PLACES; i++)
			if (l->place[i] == 0) {
				l->place[i] = tag_of(hash) << 24 | node;
				return;
			}
		l->beyond++;
	}
}

/* It is there: what was put is dropped once. */
static void
drop_place(struct neardirs *n, const uint8_t hash[ID_LEN], uint32_t node)
{
	uint32_t at = line_of(n, hash);

	node |= tag_of(hash) << 24;
	for (;; at = (at + 1) & n->mask) {
		struct line *l = &n->lines[at];

		for (unsigned i = 0; i < PLACES; i++)
			if (l->place[i] == node) {
				l->place[i] = 0;
				return;
			}
		l->beyond--;
	}
}

enum snap_code
neardirs_new(
    uint32_t cap, uint32_t chunks, struct neardirs **out, struct snap_err *err)
{
	struct neardirs *n = calloc(1, sizeof *n);
	uint32_t n_lines = LINES_MIN;

	if (n == NULL)
		goto fail;
	n->cap = cap < SLOTS_MAX ? cap : SLOTS_MAX;
	n->v = calloc(n->cap, sizeof *n->v);
	while (n_lines < UINT32_C(1) << 24 &&
	       (uint64_t)n_lines * PLACES * 3 / 4 < (uint64_t)n->cap * chunks)
		n_lines *= 2;
	n->mask = n_lines - 1;
	n->lines = aligned_alloc(LINE_BYTES, n_lines * sizeof *n->lines);
	if (n->v == NULL || n->lines == NULL)
		goto fail;
	memset(n->lines, 0, n_lines * sizeof *n->lines);
	*out = n;
	return SNAP_OK;
fail:
	neardirs_free(n);
	return snap_fail(err, SNAP_NOMEM, "no memory for near directories");
}

void
neardirs_free(struct neardirs *n)
{
	if (n == NULL)
		return;
	for (uint32_t i = 0; n->v != NULL && i < n->cap; i++) {
		directory_fini(&n->v[i].dir);
		free(n->v[i].hidden);
	}
	free(n->v);
	free(n->lines);
	free(n);
}

uint32_t
neardirs_slot(const struct neardirs *n, const uint8_t id[ID_LEN])
{
	for (uint32_t i = 0; i < n->cap; i++)
		if (n->v[i].dir.n != 0 && memcmp(n->v[i].id, id, ID_LEN) == 0)
			return i;
	return NEARDIRS_NONE;
}

static bool
is_hidden(const struct near *v, uint32_t chunk)
{
	return v->hidden != NULL &&
	       (v->hidden[chunk / 8] >> chunk % 8 & 1) != 0;
}

void
neardirs_drop(struct neardirs *n, uint32_t slot)
{
	struct near *v = &n->v[slot];
	struct directory *d = &v->dir;

	for (uint32_t i = 0; i < d->n; i++) {
		prefetch(n, d, i);
		if (!is_hidden(v, i))
			drop_place(n, d->hashes[i], slot << 16 | i);
	}
	n->n_chunks -= d->n;
	directory_fini(d);
	free(v->hidden);
	v->hidden = NULL;
}

void
neardirs_limit(
    struct neardirs *n, uint32_t slot, const uint8_t *bitmap, uint32_t n_bits)
{
	struct near *v = &n->v[slot];
	bool any = false;

	if (v->hidden == NULL)
		v->hidden = calloc(1, (v->dir.n + 7) / 8);
	for (uint32_t i = 0; i < v->dir.n && v->hidden != NULL; i++) {
		if (is_hidden(v, i))
			continue;
		if (i < n_bits && (bitmap[i / 8] >> i % 8 & 1) != 0) {
			any = true;
			continue;
		}
		drop_place(n, v->dir.hashes[i], slot << 16 | i);
		v->hidden[i / 8] |= (uint8_t)(1u << i % 8);
	}
	if (!any) /* or no memory: it only costs matches */
		neardirs_drop(n, slot);
}

/* The slot of least recent use; NEARDIRS_NONE when all are free. */
static uint32_t
oldest(const struct neardirs *n)
{
	uint32_t found = NEARDIRS_NONE;

	for (uint32_t i = 0; i < n->cap; i++)
		if (n->v[i].dir.n != 0 &&
		    (found == NEARDIRS_NONE || n->v[i].used < n->v[found].used))
			found = i;
	return found;
}

/* A free slot, and room in the table for so many chunks more. */
static uint32_t
make_room(struct neardirs *n, uint32_t chunks)
{
	size_t limit = ((size_t)n->mask + 1) * PLACES / 8 * 7;
	uint32_t slot;

	while (n->n_chunks + chunks > limit)
		neardirs_drop(n, oldest(n));
	for (slot = 0; slot < n->cap; slot++)
		if (n->v[slot].dir.n == 0)
			return slot;
	slot = oldest(n);
	neardirs_drop(n, slot);
	return slot;
}

enum snap_code
neardirs_add(struct neardirs *n, const uint8_t id[ID_LEN], struct directory *d,
    bool pinned, uint32_t *slot_out, struct snap_err *err)
{
	uint32_t slot;

	if (d->n == 0 || d->n > BLOCK_CHUNKS_MAX)
		return snap_fail(
		    err, SNAP_CORRUPT, "a directory of %u chunks", d->n);
	slot = make_room(n, d->n);
	struct near *v = &n->v[slot];
	memcpy(v->id, id, ID_LEN);
	v->dir = *d;
	memset(d, 0, sizeof *d);
	v->pinned = pinned;
	v->added = v->used = ++n->clock;
	n->n_chunks += v->dir.n;
	for (uint32_t i = 0; i < v->dir.n; i++) {
		prefetch(n, &v->dir, i);
		put_place(n, v->dir.hashes[i], slot << 16 | i);
	}
	*slot_out = slot;
	return SNAP_OK;
}

bool
neardirs_is(
    const struct neardirs *n, struct place p, const uint8_t hash[ID_LEN])
{
	const struct directory *d = &n->v[p.slot].dir;

	return p.chunk < d->n && !is_hidden(&n->v[p.slot], p.chunk) &&
	       memcmp(d->hashes[p.chunk], hash, ID_LEN) == 0;
}

/* Of equal chunks: the newest directory's, and there the first. */
static bool
better(const struct neardirs *n, struct place a, struct place b)
{
	uint64_t x = n->v[a.slot].added, y = n->v[b.slot].added;

	return x != y ? x > y : a.chunk < b.chunk;
}

bool
neardirs_find(
    const struct neardirs *n, const uint8_t hash[ID_LEN], struct place *out)
{
	uint32_t at = line_of(n, hash), tag = tag_of(hash);
	const struct line *l;
	bool found = false;

	do {
		l = &n->lines[at];
		for (uint32_t bits = with_tag(l, tag); bits != 0;
		     bits &= bits - 1) {
			uint32_t node = l->place[lowest(bits)];
			struct place p = { node >> 16 & 0xff, node & 0xffff };

			if (!neardirs_is(n, p, hash) ||
			    (found && !better(n, p, *out)))
				continue;
			*out = p;
			found = true;
		}
		at = (at + 1) & n->mask;
		/* All the way round only where an enemy chose the hashes. */
	} while (l->beyond != 0 && at != line_of(n, hash));
	return found;
}

void
neardirs_prefetch(const struct neardirs *n, const uint8_t hash[ID_LEN])
{
#if defined(__GNUC__)
	__builtin_prefetch(&n->lines[line_of(n, hash)]);
#else
	(void)n;
	(void)hash;
#endif
}

const uint8_t *
neardirs_id(const struct neardirs *n, uint32_t slot)
{
	return n->v[slot].id;
}

bool
neardirs_pinned(const struct neardirs *n, uint32_t slot)
{
	return n->v[slot].pinned;
}

void
neardirs_set_pinned(struct neardirs *n, uint32_t slot)
{
	n->v[slot].pinned = true;
}

void
neardirs_touch(struct neardirs *n, uint32_t slot)
{
	n->v[slot].used = ++n->clock;
}
