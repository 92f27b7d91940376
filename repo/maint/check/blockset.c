/* SPDX-License-Identifier: PostgreSQL */
/*
 * blockset.c - a hash table of ids.
 *
 * Ids may come from a hostile host, hence the seed: nobody can choose ones
 * that all fall into one slot.
 */
#include <stdlib.h>
#include <string.h>

#include "blockset.h"
#include "keys.h"

#define SLOTS_MIN 1024u
#define ENTRIES_MAX (1u << 30)

_Static_assert(sizeof(struct blockset_entry) == 32, "an entry grew");

static enum snap_code
nomem(struct snap_err *err)
{
	return snap_fail(
	    err, SNAP_NOMEM, "not enough memory for the list of blocks");
}

enum snap_code
blockset_init(struct blockset *b, struct snap_err *err)
{
	memset(b, 0, sizeof *b);
	keys_random(&b->seed, sizeof b->seed);
	b->slots = malloc(SLOTS_MIN * sizeof *b->slots);
	if (b->slots == NULL)
		return nomem(err);
	b->n_slots = SLOTS_MIN;
	memset(b->slots, 0xff, SLOTS_MIN * sizeof *b->slots);
	return SNAP_OK;
}

void
blockset_fini(struct blockset *b)
{
	for (uint32_t i = 0; i < b->n_bitmaps; i++)
		free(b->bitmaps[i]);
	free(b->bitmaps);
	free(b->v);
	free(b->slots);
	memset(b, 0, sizeof *b);
}

/* The slot of (class, id), or the free one where it belongs. */
static uint32_t
slot_of(const struct blockset *b, uint8_t class, const uint8_t id[ID_LEN])
{
	uint64_t h = (le64_get(id) ^ b->seed) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t i;

	h = (h ^ (h >> 32) ^ le64_get(id + 8) ^ class) * (b->seed | 1);
	i = (uint32_t)(h >> 32) & (b->n_slots - 1);
	while (b->slots[i] != BLOCKSET_NONE) {
		const struct blockset_entry *e = &b->v[b->slots[i]];

		if (e->class == class && memcmp(e->id, id, ID_LEN) == 0)
			break;
		i = (i + 1) & (b->n_slots - 1);
	}
	return i;
}

uint32_t
blockset_find(const struct blockset *b, uint8_t class, const uint8_t id[ID_LEN])
{
	return b->slots[slot_of(b, class, id)];
}

static enum snap_code
grow(struct blockset *b, struct snap_err *err)
{
	if (b->n == b->cap) {
		uint32_t cap =
		    b->cap == 0 ? SLOTS_MIN / 2 : b->cap + b->cap / 2;
		struct blockset_entry *v;

		if (cap > ENTRIES_MAX)
			return nomem(err);
		v = realloc(b->v, cap * sizeof *v);
		if (v == NULL)
			return nomem(err);
		b->v = v;
		b->cap = cap;
	}
	if (b->n >= b->n_slots / 4 * 3) {
		uint32_t n = b->n_slots * 2;
		uint32_t *slots = realloc(b->slots, n * sizeof *slots);

		/* Made anew from the entries, so the old need not stay. */
		if (slots == NULL)
			return nomem(err);
		memset(slots, 0xff, n * sizeof *slots);
		b->slots = slots;
		b->n_slots = n;
		for (uint32_t i = 0; i < b->n; i++)
			b->slots[slot_of(b, b->v[i].class, b->v[i].id)] = i;
	}
	return SNAP_OK;
}

enum snap_code
blockset_add(struct blockset *b, uint8_t class, const uint8_t id[ID_LEN],
    uint32_t *at, struct snap_err *err)
{
	struct blockset_entry *e;
	enum snap_code rc;
	uint32_t i;

	i = blockset_find(b, class, id);
	if (i == BLOCKSET_NONE) {
		rc = grow(b, err);
		if (rc != SNAP_OK)
			return rc;
		i = b->n++;
		e = &b->v[i];
		memset(e, 0, sizeof *e);
		memcpy(e->id, id, ID_LEN);
		e->class = class;
		e->bitmap = BLOCKSET_NONE;
		b->slots[slot_of(b, class, id)] = i;
	}
	*at = i;
	return SNAP_OK;
}

/* An empty bitmap for the entry. */
static enum snap_code
add_bitmap(struct blockset *b, struct blockset_entry *e, size_t len,
    struct snap_err *err)
{
	if (b->n_bitmaps == b->bitmaps_cap) {
		uint32_t cap = b->bitmaps_cap + b->bitmaps_cap / 2 + 16;
		uint8_t **v = realloc(b->bitmaps, cap * sizeof *v);

		if (v == NULL)
			return nomem(err);
		b->bitmaps = v;
		b->bitmaps_cap = cap;
	}
	b->bitmaps[b->n_bitmaps] = calloc(1, len);
	if (b->bitmaps[b->n_bitmaps] == NULL)
		return nomem(err);
	e->bitmap = b->n_bitmaps++;
	return SNAP_OK;
}

enum snap_code
blockset_good(struct blockset *b, uint32_t at, uint32_t n_chunks,
    struct span bitmap, struct snap_err *err)
{
	struct blockset_entry *e = &b->v[at];
	enum snap_code rc;

	if (bitmap.len == 0) {
		if ((e->flags & BLOCKSET_FULL) == 0 || n_chunks > e->n_chunks)
			e->n_chunks = n_chunks;
		e->flags |= BLOCKSET_GOOD | BLOCKSET_FULL;
		return SNAP_OK;
	}
	if ((e->flags & BLOCKSET_FULL) != 0)
		return SNAP_OK;
	if (e->bitmap == BLOCKSET_NONE) {
		rc = add_bitmap(b, e, bitmap.len, err);
		if (rc != SNAP_OK)
			return rc;
		e->n_chunks = n_chunks;
	}
	e->flags |= BLOCKSET_GOOD;
	/* One numbering per id: a copy that says otherwise adds nothing. */
	if (e->n_chunks == n_chunks)
		for (size_t i = 0; i < bitmap.len; i++)
			b->bitmaps[e->bitmap][i] |= bitmap.p[i];
	return SNAP_OK;
}

bool
blockset_has(
    const struct blockset *b, uint32_t at, uint32_t first, uint32_t count)
{
	const struct blockset_entry *e = &b->v[at];

	if (first > e->n_chunks || count > e->n_chunks - first)
		return false;
	if ((e->flags & BLOCKSET_FULL) != 0)
		return true;
	if (e->bitmap == BLOCKSET_NONE)
		return false;
	for (uint32_t i = first; i < first + count; i++)
		if ((b->bitmaps[e->bitmap][i / 8] >> (i % 8) & 1) == 0)
			return false;
	return true;
}
