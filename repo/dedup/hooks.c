/* SPDX-License-Identifier: PostgreSQL */
/*
 * hooks.c - the hooks of the index, and of blocks that it does not have yet.
 *
 * The index keeps its hooks compactly, but sorted, so new ones are found there
 * only after sorting all.  Until then they lie in a small table of this run, in
 * two halves: when the newer is full the index sorts, which by then has all
 * of the older, and that is dropped.  A later block takes over a hook that an
 * earlier one has: data is more probably near its newest copy.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"

#define HALF_BLOCKS 8192u /* of 1 MiB: about two seconds of sorting per TiB */
#define SLOTS_MIN 4096u

/* Open addressing, at most half full. */
struct half {
	uint64_t *keys;   /* 0 = empty; a hook of 0 is never stored */
	uint32_t *blocks; /* ordinal of the block */
	size_t n_slots, n_used;
	uint8_t (*ids)[ID_LEN];
	size_t n_ids, cap_ids;
};
struct hooks {
	struct store *store;
	pthread_rwlock_t lock;
	struct half newer, older;
};

static uint64_t
hook_of(const uint8_t hash[ID_LEN])
{
	return le64_get(hash);
}

/* The slot of `key`, or the empty one where it would go. */
static size_t
find_slot(const struct half *h, uint64_t key)
{
	size_t mask = h->n_slots - 1, i;

	/* Hooks are minima: only their low bytes are still random. */
	i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & mask;
	while (h->keys[i] != 0 && h->keys[i] != key)
		i = (i + 1) & mask;
	return i;
}

static bool
grow(struct half *h, size_t n_slots)
{
	struct half bigger = *h;

	bigger.n_slots = n_slots;
	bigger.keys = calloc(n_slots, sizeof *bigger.keys);
	bigger.blocks = calloc(n_slots, sizeof *bigger.blocks);
	if (bigger.keys == NULL || bigger.blocks == NULL) {
		free(bigger.keys);
		free(bigger.blocks);
		return false;
	}
	for (size_t i = 0; i < h->n_slots; i++) {
		if (h->keys[i] == 0)
			continue;
		size_t j = find_slot(&bigger, h->keys[i]);
		bigger.keys[j] = h->keys[i];
		bigger.blocks[j] = h->blocks[i];
	}
	free(h->keys);
	free(h->blocks);
	h->keys = bigger.keys;
	h->blocks = bigger.blocks;
	h->n_slots = n_slots;
	return true;
}

static bool
add_id(struct half *h, const uint8_t id[ID_LEN])
{
	if (h->n_ids == h->cap_ids) {
		size_t cap = h->cap_ids == 0 ? 1024 : h->cap_ids * 2;
		uint8_t(*ids)[ID_LEN] = realloc(h->ids, cap * ID_LEN);

		if (ids == NULL || cap > UINT32_MAX) {
			if (ids != NULL)
				h->ids = ids;
			return false;
		}
		h->ids = ids;
		h->cap_ids = cap;
	}
	memcpy(h->ids[h->n_ids++], id, ID_LEN);
	return true;
}

static void
half_fini(struct half *h)
{
	free(h->keys);
	free(h->blocks);
	free(h->ids);
	memset(h, 0, sizeof *h);
}

static void
half_add(struct half *h, const uint8_t block[ID_LEN], const uint64_t *hooks,
    uint32_t n)
{
	if (!add_id(h, block))
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (hooks[i] == 0)
			continue;
		if (h->n_used * 2 >= h->n_slots &&
		    !grow(h, h->n_slots == 0 ? SLOTS_MIN : h->n_slots * 2))
			return;
		size_t slot = find_slot(h, hooks[i]);
		if (h->keys[slot] == 0)
			h->n_used++;
		h->keys[slot] = hooks[i];
		h->blocks[slot] = (uint32_t)(h->n_ids - 1);
	}
}

static bool
half_find(const struct half *h, uint64_t key, uint8_t block_out[ID_LEN])
{
	size_t slot;

	if (h->n_slots == 0)
		return false;
	slot = find_slot(h, key);
	if (h->keys[slot] != key)
		return false;
	memcpy(block_out, h->ids[h->blocks[slot]], ID_LEN);
	return true;
}

enum snap_code
hooks_new(struct store *s, struct hooks **out, struct snap_err *err)
{
	struct hooks *h = calloc(1, sizeof *h);

	if (h == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for the hooks");
	if (pthread_rwlock_init(&h->lock, NULL) != 0) {
		free(h);
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	}
	h->store = s;
	store_hooks_sort(s);
	*out = h;
	return SNAP_OK;
}

void
hooks_free(struct hooks *h)
{
	if (h == NULL)
		return;
	pthread_rwlock_destroy(&h->lock);
	half_fini(&h->newer);
	half_fini(&h->older);
	free(h);
}

bool
hooks_find(
    struct hooks *h, const uint8_t hash[ID_LEN], uint8_t block_out[ID_LEN])
{
	uint64_t key = hook_of(hash);
	bool found;

	if (key == 0)
		return false;
	pthread_rwlock_rdlock(&h->lock);
	found = half_find(&h->newer, key, block_out) ||
		half_find(&h->older, key, block_out);
	pthread_rwlock_unlock(&h->lock);
	return found || store_hook(h->store, key, block_out);
}

void
hooks_add(struct hooks *h, const uint8_t block[ID_LEN], const uint64_t *hooks,
    uint32_t n)
{
	bool full;

	if (n == 0)
		return;
	pthread_rwlock_wrlock(&h->lock);
	full = h->newer.n_ids >= HALF_BLOCKS;
	if (full) {
		half_fini(&h->older);
		h->older = h->newer;
		memset(&h->newer, 0, sizeof h->newer);
	}
	half_add(&h->newer, block, hooks, n);
	pthread_rwlock_unlock(&h->lock);
	if (full)
		store_hooks_sort(h->store);
}

uint32_t
hooks_choose(const struct directory *d, uint64_t out[PACK_HOOKS_MAX])
{
	uint32_t n = 0;

	for (uint64_t part = 0; part < PACK_HOOKS_MAX; part++) {
		uint32_t i = (uint32_t)(part * d->n / PACK_HOOKS_MAX);
		uint32_t end = (uint32_t)((part + 1) * d->n / PACK_HOOKS_MAX);
		uint64_t least = UINT64_MAX;

		if (i == end)
			continue;
		for (; i < end; i++) {
			uint64_t v = hook_of(d->hashes[i]);

			least = v < least ? v : least;
		}
		out[n++] = least;
	}
	return n;
}
