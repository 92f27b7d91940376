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

/* Another text for a field, appended to *out; false = as it is. */
enum toc_field { TOC_DEFN, TOC_DROP, TOC_OWNER, TOC_FIELDS };
typedef bool (*toc_edit_fn)(void *arg, const struct toc_entry *e,
    enum toc_field field, struct span text, struct bytes *out);
/* The archive with other texts, appended to *out; fields that are absent or
 * empty stay so.  Of definitions alone: offsets of data would be wrong. */
SNAP_MUST_CHECK enum snap_code toc_edit(struct span archive, toc_edit_fn fn,
    void *arg, struct bytes *out, struct snap_err *err);

#endif
