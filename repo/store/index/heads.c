/* SPDX-License-Identifier: PostgreSQL */
/*
 * heads.c - asking the index: copies, good ones, heads.
 *
 * A head is a copy that no good copy makes redundant.  Only what prune made
 * and signed can make another redundant: a host's word about where a copy
 * comes from counts for nothing, nor does age.  A writer may refer to a block
 * only while all its heads are good, and then relies on all of them.
 */
#include <string.h>

#include "blockindex.h"
#include "rule.h"

#define COPIES_MAX 64
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

/* y, which is good, makes x redundant. */
static bool
covers(
    const struct blockindex *ix, const struct entry *y, const struct entry *x)
{
	const struct pack *py = &ix->packs[y->pack], *px = &ix->packs[x->pack];
	const struct extra *ex = entry_extra(ix, x), *ey = entry_extra(ix, y);
	const struct span bx = ex == NULL ? span_of(NULL, 0) : ex->bitmap;
	const struct span by = ey == NULL ? span_of(NULL, 0) : ey->bitmap;

	if (y->pack == x->pack || py->condemned || ey == NULL ||
	    !ey->has_origin ||
	    memcmp(origin_of(ix, y), origin_of(ix, x), ID_LEN) != 0)
		return false;
	/* Per chunk: what x has and y lacks is not covered by y. */
	if (by.len != 0) {
		if (bx.len != by.len)
			return false;
		for (size_t i = 0; i < by.len; i++)
			if ((bx.p[i] & ~by.p[i]) != 0)
				return false;
	}
	return py->time > px->time ||
	       (py->time == px->time && memcmp(py->id, px->id, ID_LEN) > 0);
}

size_t
blockindex_heads(struct blockindex *ix, uint8_t class, const uint8_t *id,
    uint32_t *packs, size_t max)
{
	const struct entry *all[COPIES_MAX];
	size_t n = 0, n_heads = 0;
	bool ok = true, full = false;

	(void)pthread_rwlock_rdlock(&ix->lock);
	for (uint32_t i = idmap_find(&ix->entry_map, class, id);
	     i != IDMAP_NONE && ok; i = entry_next(ix, &ix->entries[i])) {
		const struct entry *e = &ix->entries[i];

		if (e->pack == IDMAP_NONE ||
		    !pack_present(ix, &ix->packs[e->pack]))
			continue;
		/* More copies than this are no accident: store it anew. */
		if (n == COPIES_MAX)
			ok = false;
		else
			all[n++] = e;
	}
	for (size_t i = 0; i < n && ok; i++) {
		bool covered = false;

		for (size_t j = 0; j < n && !covered; j++)
			covered = j != i && covers(ix, all[j], all[i]);
		if (covered)
			continue;
		if (ix->packs[all[i]->pack].condemned || n_heads == max) {
			if (!RULE(heads))
				continue;
			ok = false;
			break;
		}
		full = full || (all[i]->flags & ROW_SPARSE) == 0;
		packs[n_heads++] = all[i]->pack;
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return ok && full ? n_heads : 0;
}

uint32_t
blockindex_pack(struct blockindex *ix, const uint8_t *id)
{
	uint32_t n;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = idmap_find(&ix->pack_map, 0, id);
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
blockindex_is_condemned(struct blockindex *ix, const uint8_t *id)
{
	bool condemned;
	uint32_t n;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = idmap_find(&ix->pack_map, 0, id);
	condemned = n != IDMAP_NONE && ix->packs[n].condemned;
	(void)pthread_rwlock_unlock(&ix->lock);
	return condemned;
}

bool
blockindex_knows_pack(struct blockindex *ix, const uint8_t *id)
{
	uint32_t n;
	bool there;

	(void)pthread_rwlock_rdlock(&ix->lock);
	n = idmap_find(&ix->pack_map, 0, id);
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
