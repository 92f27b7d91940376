/* SPDX-License-Identifier: PostgreSQL */
/*
 * heads.c - asking the index: copies, good ones, heads.
 *
 * A head is a copy that no good copy makes redundant.  Only what prune made
 * and signed can make another redundant: a host's word about where a copy
 * comes from counts for nothing, nor does age.  A writer may refer to a chunk
 * only while all its heads are good, and then relies on all of them.
 */
#include <string.h>

#include "blockindex.h"
#include "rule.h"

/* Of one block, in as many packs: whoever may put packs can name all blocks in
 * each, and from here on a writer stores anew what it cannot judge. */
#define COPIES_MAX 4096
#define HOOK_TRIES 8 /* blocks that have the same */

static void
fill_copy(const struct blockindex *ix, const struct entry *e, struct copy *c)
{
	const struct pack *p = &ix->packs[e->pack];
	const struct extra *x = entry_extra(ix, e);

	memcpy(c->pack, p->id, ID_LEN);
	c->pack_kind = p->kind;
	c->pack_size = p->size;
	c->off = e->off;
	c->sealed_len = e->sealed_len;
	c->plain_len = e->plain_len;
	c->n_chunks = e->n_chunks;
	c->class = e->class;
	c->codec = e->codec;
	c->flags = e->flags;
	c->condemned = p->condemned;
	c->time = p->time;
	c->bitmap = x == NULL ? span_of(NULL, 0) : x->bitmap;
	c->session = NULL;
	if (e->class == CLASS_DATA)
		c->session = ix->sessions[entry_source(e)];
	c->epoch = c->session != NULL ? c->session->epoch : entry_source(e);
}

/* Full before sparse, and what stays before what is condemned. */
static int
rank(const struct copy *c)
{
	return (c->condemned ? 2 : 0) + ((c->flags & ROW_SPARSE) != 0 ? 1 : 0);
}

/* The older first: what is stored later cannot push it back. */
static int
order(const struct copy *a, const struct copy *b)
{
	int c = rank(a) - rank(b);

	if (c == 0 && a->time != b->time)
		c = a->time < b->time ? -1 : 1;
	if (c == 0)
		c = memcmp(a->pack, b->pack, ID_LEN);
	if (c == 0)
		c = a->pack_kind - b->pack_kind;
	if (c == 0 && a->off != b->off)
		c = a->off < b->off ? -1 : 1;
	return c;
}

size_t
blockindex_copies(struct blockindex *ix, uint8_t class, const uint8_t *id,
    const struct copy *last, struct copy *out, size_t max)
{
	size_t n = 0, at;
	struct copy c;

	(void)pthread_rwlock_rdlock(&ix->lock);
	for (uint32_t i = idmap_find(&ix->entry_map, class, id);
	     i != IDMAP_NONE && max > 0; i = entry_next(ix, &ix->entries[i])) {
		const struct entry *e = &ix->entries[i];

		if (e->pack == IDMAP_NONE ||
		    !pack_present(ix, &ix->packs[e->pack]))
			continue;
		fill_copy(ix, e, &c);
		if (last != NULL && order(last, &c) >= 0)
			continue;
		/* Insertion keeps them in order; the worst falls off. */
		for (at = n; at > 0 && order(&out[at - 1], &c) > 0; at--)
			if (at < max)
				out[at] = out[at - 1];
		if (at < max)
			out[at] = c;
		if (n < max)
			n++;
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return n;
}

/* For messages: a pack that should have (class, id), but is not there. */
bool
blockindex_lost(struct blockindex *ix, uint8_t class, const uint8_t *id,
    uint8_t *pack, uint8_t *kind)
{
	bool found = false;

	(void)pthread_rwlock_rdlock(&ix->lock);
	for (uint32_t i = idmap_find(&ix->entry_map, class, id);
	     i != IDMAP_NONE && !found; i = entry_next(ix, &ix->entries[i])) {
		const struct entry *e = &ix->entries[i];

		if (e->pack == IDMAP_NONE ||
		    pack_present(ix, &ix->packs[e->pack]))
			continue;
		memcpy(pack, ix->packs[e->pack].id, ID_LEN);
		*kind = ix->packs[e->pack].kind;
		found = true;
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return found;
}

/* Where a copy comes from: the pack prune copied it from, or its own. */
static const uint8_t *
origin_of(const struct blockindex *ix, const struct entry *e)
{
	const struct extra *x = entry_extra(ix, e);

	return x != NULL && x->has_origin ? x->origin_pack
					  : ix->packs[e->pack].id;
}

/* y, which is good, makes redundant what it has of x. */
static bool
replaces(
    const struct blockindex *ix, const struct entry *y, const struct entry *x)
{
	const struct pack *py = &ix->packs[y->pack], *px = &ix->packs[x->pack];
	const struct extra *ey = entry_extra(ix, y);

	if (y->pack == x->pack || py->condemned || ey == NULL ||
	    !ey->has_origin ||
	    memcmp(origin_of(ix, y), origin_of(ix, x), ID_LEN) != 0)
		return false;
	return py->time > px->time ||
	       (py->time == px->time && memcmp(py->id, px->id, ID_LEN) > 0);
}

/* All copies of a block or meta object that are there, those first that prune
 * made, and their chunks; where all are full the block is one unit, as meta
 * objects are. */
struct copies {
	const struct blockindex *ix;
	const struct entry *v[COPIES_MAX];
	size_t n, n_made;
	uint32_t units;
};

static void
add_copy(struct copies *all, const struct entry *e)
{
	const struct extra *x = entry_extra(all->ix, e);

	all->v[all->n++] = e;
	if (x == NULL || !x->has_origin)
		return;
	all->v[all->n - 1] = all->v[all->n_made];
	all->v[all->n_made++] = e;
}

/* False: there are more than COPIES_MAX.  Of one pack only one counts: no
 * program of ours puts a second one there, and a thousand rows are cheap. */
static bool
gather(
    struct blockindex *ix, uint8_t class, const uint8_t *id, struct copies *all)
{
	uint32_t max = 1, last = IDMAP_NONE;
	bool sparse = false;

	all->ix = ix;
	all->n = all->n_made = 0;
	for (uint32_t i = idmap_find(&ix->entry_map, class, id);
	     i != IDMAP_NONE; i = entry_next(ix, &ix->entries[i])) {
		const struct entry *e = &ix->entries[i];

		if (e->pack == IDMAP_NONE ||
		    !pack_present(ix, &ix->packs[e->pack]) || e->pack == last)
			continue;
		if (all->n == COPIES_MAX)
			return false;
		last = e->pack; /* its rows came one behind the other */
		add_copy(all, e);
		sparse |= (e->flags & ROW_SPARSE) != 0;
		max = e->n_chunks > max ? e->n_chunks : max;
	}
	all->units = sparse ? max : 1;
	return max <= BLOCK_CHUNKS_MAX;
}

/* Bitmap `to`, less (or more) what copy i has. */
static void
combine(const struct copies *all, size_t i, uint8_t *to, bool less)
{
	const struct entry *e = all->v[i];
	const struct extra *x = entry_extra(all->ix, e);
	uint32_t own = all->units == 1 ? 1 : e->n_chunks;

	for (uint32_t k = 0; k < (own + 7) / 8; k++) {
		uint32_t left = own - k * 8;
		uint8_t has = (uint8_t)(left >= 8 ? 0xff : (1u << left) - 1);

		if ((e->flags & ROW_SPARSE) != 0)
			has =
			    x != NULL && k < x->bitmap.len ? x->bitmap.p[k] : 0;
		to[k] = (uint8_t)(less ? to[k] & ~has : to[k] | has);
	}
}

/* The chunks that copy i is a head for. */
static void
headed(const struct copies *all, size_t i, uint8_t *need)
{
	memset(need, 0, (all->units + 7) / 8);
	combine(all, i, need, false);
	for (size_t j = 0; j < all->n_made; j++)
		if (j != i && replaces(all->ix, all->v[j], all->v[i]))
			combine(all, j, need, true);
}

/* Into part->bitmap what all heads are good for; the packs of these. */
static size_t
usable_heads(
    const struct copies *all, uint32_t *packs, size_t max, struct usable *part)
{
	uint8_t need[BLOCK_CHUNKS_MAX / 8];
	size_t len = (all->units + 7) / 8, n = 0;

	memset(part->bitmap, 0, len);
	for (size_t i = 0; i < all->n; i++)
		combine(all, i, part->bitmap, false);
	for (size_t i = 0; i < all->n; i++) {
		if (!all->ix->packs[all->v[i]->pack].condemned || !RULE(heads))
			continue;
		headed(all, i, need);
		for (size_t k = 0; k < len; k++)
			part->bitmap[k] &= (uint8_t)~need[k];
	}
	for (size_t i = 0; i < all->n; i++) {
		uint8_t any = 0;

		if (all->ix->packs[all->v[i]->pack].condemned)
			continue;
		headed(all, i, need);
		for (size_t k = 0; k < len; k++)
			any = (uint8_t)(any | (need[k] & part->bitmap[k]));
		if (any == 0)
			continue;
		if (n == max)
			return 0;
		packs[n++] = all->v[i]->pack;
	}
	return n;
}

static bool
is_whole(const struct usable *part, uint32_t units)
{
	for (uint32_t i = 0; i < units; i++)
		if (!usable_has(part, i))
			return false;
	return true;
}

size_t
blockindex_heads(struct blockindex *ix, uint8_t class, const uint8_t *id,
    uint32_t *packs, size_t max, struct usable *part)
{
	struct copies all;
	size_t n = 0;

	part->n = 0;
	part->whole = false;
	(void)pthread_rwlock_rdlock(&ix->lock);
	if (gather(ix, class, id, &all)) {
		part->n = all.units;
		n = usable_heads(&all, packs, max, part);
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	part->whole = n != 0 && is_whole(part, all.units);
	return n;
}

uint32_t
blockindex_pack(struct blockindex *ix, uint8_t kind, const uint8_t *id)
{
	uint32_t n;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = idmap_find(&ix->pack_map, kind, id);
	(void)pthread_rwlock_unlock(&ix->lock);
	return n;
}

bool
blockindex_pack_good(struct blockindex *ix, uint32_t pack, uint8_t *id)
{
	bool good = false;

	(void)pthread_rwlock_rdlock(&ix->lock);
	if (pack < ix->n_packs) {
		good = pack_present(ix, &ix->packs[pack]) &&
		       !ix->packs[pack].condemned;
		memcpy(id, ix->packs[pack].id, ID_LEN);
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return good;
}

bool
blockindex_is_condemned(struct blockindex *ix, uint8_t kind, const uint8_t *id)
{
	bool condemned;
	uint32_t n;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = idmap_find(&ix->pack_map, kind, id);
	condemned = n != IDMAP_NONE && ix->packs[n].condemned;
	(void)pthread_rwlock_unlock(&ix->lock);
	return condemned;
}

bool
blockindex_knows_pack(struct blockindex *ix, uint8_t kind, const uint8_t *id)
{
	uint32_t n;
	bool there;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = idmap_find(&ix->pack_map, kind, id);
	there = n != IDMAP_NONE && ix->packs[n].listed_gen >= ix->gen;
	(void)pthread_rwlock_unlock(&ix->lock);
	return there;
}

void
blockindex_hooks_sort(struct blockindex *ix)
{
	(void)pthread_rwlock_wrlock(&ix->lock);
	hooklist_sort(&ix->hooks);
	(void)pthread_rwlock_unlock(&ix->lock);
}

bool
blockindex_hook(struct blockindex *ix, uint64_t hook, uint8_t *id)
{
	uint32_t found[HOOK_TRIES];
	bool ok = false;
	size_t n;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = hooklist_find(&ix->hooks, hook, found, HOOK_TRIES);
	for (size_t i = 0; i < n && !ok; i++) {
		const struct entry *e = &ix->entries[found[i]];

		ok = found[i] < ix->n_entries && e->pack != IDMAP_NONE &&
		     pack_present(ix, &ix->packs[e->pack]);
		if (ok)
			memcpy(id, e->id, ID_LEN);
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return ok;
}
