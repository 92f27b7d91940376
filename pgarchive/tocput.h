/* SPDX-License-Identifier: PostgreSQL */
/*
 * tocput.h - entries of our own for a table of contents.
 */
#ifndef SNAP_TOCPUT_H
#define SNAP_TOCPUT_H

#include <stdbool.h>

#include "toc.h"

/* A span whose p is NULL is absent. */
struct toc_new {
	int32_t id;
	bool has_data;
	uint32_t catalog, oid; /* 0 = no row of a catalog */
	struct span tag, desc, defn, drop, copy, schema, owner;
	enum toc_section section;
	int32_t deps[2]; /* 0 = none */
};

/* Up to where its data lie, which each format says in its own way. */
void toc_put_entry(
    const struct toc *t, const struct toc_new *e, struct bytes *out);
void toc_put_int(const struct toc *t, size_t v, struct bytes *out);
void toc_put_str(const struct toc *t, struct span s, struct bytes *out);

#endif
