/* SPDX-License-Identifier: PostgreSQL */
/*
 * names.h - a listing as an array, for tests that pick an object of a store.
 */
#ifndef SNAP_TEST_NAMES_H
#define SNAP_TEST_NAMES_H

#include "transport.h"

struct name {
	char s[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
};

/* All below `prefix`, sorted, which the caller frees; their number.  A failure
 * ends the program. */
size_t names_below(struct transport *t, const char *prefix, struct name **out);

#endif
