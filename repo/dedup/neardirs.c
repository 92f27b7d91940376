/* SPDX-License-Identifier: PostgreSQL */
/*
 * neardirs.c - directories in slots, their chunks in one chained hash table.
 *
 * A node is (slot, chunk) packed in 32 bits; the chain links lie beside each
 * directory, so that adding and dropping a directory allocates once and the
 * table itself never grows.  Newer directories come first in a chain: the
 * newest copy of a chunk wins, which keeps recipes of unchanged data stable.
 */
#include <stdlib.h>
#include <string.h>

#include "neardirs.h"

#define BUCKETS (1u << 19)
#define CHUNK_BITS 16
#define SLOTS_MAX 4096u
#define NODE_NONE UINT32_MAX

struct near {
	uint8_t id[ID_LEN];
	struct directory dir; /* n == 0: free slot */
	uint32_t *next;       /* chain links, one per chunk */
	uint64_t used;        /* time of last use */
	bool pinned;
};

struct neardirs {
	struct near *v;
	uint32_t cap;
	uint64_t clock;
	uint32_t *buckets;
};

static uint32_t
bucket_of(const uint8_t hash[ID_LEN])
{
	return le32_get(hash + 8) & (BUCKETS - 1);
}

enum snap_code
neardirs_new(uint32_t cap, struct neardirs **out, struct snap_err *err)
{
	struct neardirs *n = calloc(1, sizeof *n);

	if (n == NULL)
		goto fail;
	n->cap = cap < SLOTS_MAX ? cap : SLOTS_MAX;
	n->v = calloc(n->cap, sizeof *n->v);
	n->buckets = malloc(BUCKETS * sizeof *n->buckets);
	if (n->v == NULL || n->buckets == NULL)
		goto fail;
	memset(n->buckets, 0xff, BUCKETS * sizeof *n->buckets);
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
		free(n->v[i].next);
	}
	free(n->v);
	free(n->buckets);
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

void
neardirs_drop(struct neardirs *n, uint32_t slot)
{
	struct near *d = &n->v[slot];

	for (uint32_t i = 0; i < d->dir.n; i++) {
		uint32_t node = slot << CHUNK_BITS | i;
		uint32_t *at = &n->buckets[bucket_of(d->dir.hashes[i])];

		while (*at != node)
			at = &n->v[*at >> CHUNK_BITS]
				  .next[*at & ((1u << CHUNK_BITS) - 1)];
		*at = d->next[i];
	}
	directory_fini(&d->dir);
	memset(&d->dir, 0, sizeof d->dir);
	free(d->next);
	d->next = NULL;
}

static uint32_t
slot_for_new(struct neardirs *n)
{
	uint32_t oldest = 0;

	for (uint32_t i = 0; i < n->cap; i++) {
		if (n->v[i].dir.n == 0)
			return i;
		if (n->v[i].used < n->v[oldest].used)
			oldest = i;
	}
	neardirs_drop(n, oldest);
	return oldest;
}

enum snap_code
neardirs_add(struct neardirs *n, const uint8_t id[ID_LEN], struct directory *d,
    bool pinned, uint32_t *slot_out, struct snap_err *err)
{
	uint32_t *next, slot;

	if (d->n == 0 || d->n > BLOCK_CHUNKS_MAX)
		return snap_fail(
		    err, SNAP_CORRUPT, "a directory of %u chunks", d->n);
	next = malloc(d->n * sizeof *next);
	if (next == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a directory");
	slot = slot_for_new(n);
	struct near *v = &n->v[slot];
	memcpy(v->id, id, ID_LEN);
	v->dir = *d;
	memset(d, 0, sizeof *d);
	v->next = next;
	v->pinned = pinned;
	v->used = ++n->clock;
	/* Backwards, so that the first of equal chunks heads its chain. */
	for (uint32_t i = v->dir.n; i-- > 0;) {
		uint32_t *b = &n->buckets[bucket_of(v->dir.hashes[i])];

		next[i] = *b;
		*b = slot << CHUNK_BITS | i;
	}
	*slot_out = slot;
	return SNAP_OK;
}

bool
neardirs_is(
    const struct neardirs *n, struct place p, const uint8_t hash[ID_LEN])
{
	const struct directory *d = &n->v[p.slot].dir;

	return p.chunk < d->n && memcmp(d->hashes[p.chunk], hash, ID_LEN) == 0;
}

bool
neardirs_find(
    const struct neardirs *n, const uint8_t hash[ID_LEN], struct place *out)
{
	uint32_t node = n->buckets[bucket_of(hash)];

	while (node != NODE_NONE) {
		struct place p = { node >> CHUNK_BITS,
			node & ((1u << CHUNK_BITS) - 1) };

		if (neardirs_is(n, p, hash)) {
			*out = p;
			return true;
		}
		node = n->v[p.slot].next[p.chunk];
	}
	return false;
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
