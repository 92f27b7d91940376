/* SPDX-License-Identifier: PostgreSQL */
/*
 * near.h - which word was meant.
 *
 *     struct near n = { .word = "bakup" };
 *     near_try(&n, "backup"), and so on for each that there is
 *     n.best: the nearest of them, or NULL when none is near enough
 */
#ifndef SNAP_NEAR_H
#define SNAP_NEAR_H

#include <stddef.h>

struct near {
	const char *word, *best; /* borrowed */
	size_t distance;         /* of best */
};

void near_try(struct near *n, const char *name);
/* Letters to change, put in or leave out to make a of b (Levenshtein 1965),
 * of the first 64 of each; case does not count. */
size_t near_distance(const char *a, const char *b);

#endif
