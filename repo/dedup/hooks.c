/* SPDX-License-Identifier: PostgreSQL */
/*
 * hooks.c - an open-addressing table of (hook, block ordinal).
 *
 * 12 bytes a slot and at most half full: 8 hooks of a 1 MiB block cost about
 * 200 bytes.  A later block takes over a hook that an earlier one has: data is
 * more probably near its newest copy.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"

#define HOOKS_SLOTS_MIN 4096u

struct hooks {
	pthread_rwlock_t lock;
	uint64_t *keys;   /* 0 = empty; a hook of 0 is never stored */
	uint32_t *blocks; /* ordinal of the block */
	size_t n_slots, n_used;
	uint8_t (*ids)[ID_LEN];
	size_t n_ids, cap_ids;
};

static uint64_t
hook_of(const uint8_t hash[ID_LEN])
{
	return le64_get(hash);
}

/* The slot of `key`, or the empty one where it would go. */
static size_t
find_slot(const struct hooks *h, uint64_t key)
{
	size_t mask = h->n_slots - 1, i;

	/* Hooks are minima: only their low bytes are still random. */
	i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & mask;
	while (h->keys[i] != 0 && h->keys[i] != key)
		i = (i + 1) & mask;
	return i;
}

static bool
grow(struct hooks *h, size_t n_slots)
{
	struct hooks bigger = *h;

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
add_id(struct hooks *h, const uint8_t id[ID_LEN])
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
add_locked(struct hooks *h, const uint8_t block[ID_LEN], const uint64_t *hooks,
    uint32_t n)
{
	if (n == 0 || !add_id(h, block))
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (hooks[i] == 0)
			continue;
		if (h->n_used * 2 >= h->n_slots && !grow(h, h->n_slots * 2))
			return;
		size_t slot = find_slot(h, hooks[i]);
		if (h->keys[slot] == 0)
			h->n_used++;
		h->keys[slot] = hooks[i];
		h->blocks[slot] = (uint32_t)(h->n_ids - 1);
	}
}

static void
add_from_store(
    void *arg, const uint8_t block[ID_LEN], const uint64_t *hooks, uint32_t n)
{
	add_locked(arg, block, hooks, n);
}

enum snap_code
hooks_new(struct store *s, struct hooks **out, struct snap_err *err)
{
	struct hooks *h = calloc(1, sizeof *h);

	if (h == NULL || !grow(h, HOOKS_SLOTS_MIN)) {
		free(h);
		return snap_fail(err, SNAP_NOMEM, "no memory for the hooks");
	}
	if (pthread_rwlock_init(&h->lock, NULL) != 0) {
		free(h->keys);
		free(h->blocks);
		free(h);
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	}
	store_hooks(s, add_from_store, h);
	*out = h;
	return SNAP_OK;
}

void
hooks_free(struct hooks *h)
{
	if (h == NULL)
		return;
	pthread_rwlock_destroy(&h->lock);
	free(h->keys);
	free(h->blocks);
	free(h->ids);
	free(h);
}

bool
hooks_find(
    struct hooks *h, const uint8_t hash[ID_LEN], uint8_t block_out[ID_LEN])
{
	uint64_t key = hook_of(hash);
	bool found;
	size_t slot;

	pthread_rwlock_rdlock(&h->lock);
	slot = find_slot(h, key);
	found = key != 0 && h->keys[slot] == key;
	if (found)
		memcpy(block_out, h->ids[h->blocks[slot]], ID_LEN);
	pthread_rwlock_unlock(&h->lock);
	return found;
}

void
hooks_add(struct hooks *h, const uint8_t block[ID_LEN], const uint64_t *hooks,
    uint32_t n)
{
	pthread_rwlock_wrlock(&h->lock);
	add_locked(h, block, hooks, n);
	pthread_rwlock_unlock(&h->lock);
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
