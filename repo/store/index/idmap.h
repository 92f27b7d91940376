/* SPDX-License-Identifier: PostgreSQL */
/*
 * idmap.h - from (class, 16-byte id) to a small number, in flat memory.
 *
 * Four bytes per slot: the ids stay where the caller keeps them and are
 * reached through `id_of`.  The hash is seeded at random, since names of
 * objects can be chosen by whoever writes to the store.  Private to
 * repo/store.
 */
#ifndef SNAP_IDMAP_H
#define SNAP_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

#define IDMAP_NONE UINT32_MAX

/* The id of a value, and its class when there are several. */
typedef const uint8_t *(*idmap_id_fn)(
    const void *arg, uint32_t value, uint8_t *class);

struct idmap {
	uint32_t *slots; /* value + 1, 0 = free */
	size_t cap, n;
	uint64_t seed;
	idmap_id_fn id_of;
	const void *arg;
};

void idmap_init(struct idmap *m, idmap_id_fn id_of, const void *arg);
void idmap_fini(struct idmap *m);
/* The value of (class, id), or IDMAP_NONE. */
uint32_t idmap_find(const struct idmap *m, uint8_t class, const uint8_t *id);
/* Make it `value`, new or not; its id need not be there before. */
SNAP_MUST_CHECK enum snap_code idmap_set(struct idmap *m, uint8_t class,
    const uint8_t *id, uint32_t value, struct snap_err *err);

/* A set of (class, id) that keeps the ids itself. */
struct idset {
	struct idmap map;
	uint8_t (*ids)[17];
	size_t n, cap;
};
void idset_init(struct idset *s);
void idset_fini(struct idset *s);
void idset_swap(struct idset *a, struct idset *b);
bool idset_has(const struct idset *s, uint8_t class, const uint8_t *id);
SNAP_MUST_CHECK enum snap_code idset_add(
    struct idset *s, uint8_t class, const uint8_t *id, struct snap_err *err);

#endif
