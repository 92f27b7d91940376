/* SPDX-License-Identifier: PostgreSQL */
/*
 * hooklist.h - all hooks of the index: which block has this one?
 *
 * Eight bytes a hook and nothing beside it: a fingerprint of the hook in the
 * high bits, the number of the block's entry in the low ones, sorted.  At most
 * HOOKLIST_MAX are kept: above that a sample by fingerprint, each time half of
 * what there was, so that memory is bounded however large the repository.
 * Private to repo/store; not thread-safe.
 */
#ifndef SNAP_HOOKLIST_H
#define SNAP_HOOKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define HOOKLIST_MAX (2u << 20)

struct hooklist {
	uint64_t *v;
	size_t n, cap, n_sorted;
	size_t max;         /* HOOKLIST_MAX, but for tests */
	unsigned low_bits;  /* of an item: the entry */
	unsigned sampled;   /* fingerprints end in so many zeros */
	uint32_t *first;    /* by the high bits of an item */
	unsigned high_bits; /* ... so many; 0 = there is no table */
};

void hooklist_init(struct hooklist *h);
void hooklist_fini(struct hooklist *h);
/* Entries come in rising order; found after the next hooklist_sort(). */
SNAP_MUST_CHECK enum snap_code hooklist_add(
    struct hooklist *h, uint64_t hook, uint32_t entry, struct snap_err *err);
void hooklist_sort(struct hooklist *h);
/* Up to `max` entries that may have this hook, the newest first. */
size_t hooklist_find(
    const struct hooklist *h, uint64_t hook, uint32_t *out, size_t max);

#endif
