/* SPDX-License-Identifier: PostgreSQL */
/*
 * inventory.h - everything the store lists, by kind and id.
 */
#ifndef SNAP_INVENTORY_H
#define SNAP_INVENTORY_H

#include "format.h"
#include "store.h"

struct inventory_object {
	uint8_t kind; /* enum object_kind, as its name says */
	uint8_t id[ID_LEN];
	uint64_t size;
	int64_t time_ns;
};
struct inventory {
	struct inventory_object *v; /* sorted by kind and id */
	size_t n, cap;
	uint64_t n_foreign, foreign_bytes; /* names that are none of ours */
	struct report *report;
};
/* The same, of a store that is not open. */
SNAP_MUST_CHECK enum snap_code inventory_list(struct transport *t,
    struct report *report, struct inventory *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inventory_load(
    struct store *s, struct inventory *out, struct snap_err *err);
void inventory_fini(struct inventory *inv);
/* The objects of one kind; their number. */
size_t inventory_of(const struct inventory *inv, uint8_t kind,
    const struct inventory_object **first);
/* NULL when it is not listed. */
const struct inventory_object *inventory_find(
    const struct inventory *inv, uint8_t kind, const uint8_t id[ID_LEN]);
/* Put too long after the look at l0 it rests on: void for every reader. */
bool inventory_is_void(
    const struct store *s, const struct inventory_object *o, int64_t l0);

#endif
