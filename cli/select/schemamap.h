/* SPDX-License-Identifier: PostgreSQL */
/*
 * schemamap.h - what was in one schema comes back in another.
 */
#ifndef SNAP_SCHEMAMAP_H
#define SNAP_SCHEMAMAP_H

#include "opts.h"
#include "pgarchive.h"

/*
 * SQL for the begin and the end of a transaction: in between the old name means
 * the new schema, which is made by the first one and there in others.
 */
struct schemamap {
	size_t n;
	char *old[OPTS_LIST_MAX + 1]; /* NULL behind the last */
	char *new_[OPTS_LIST_MAX + 1];
	struct bytes before, again, after;
};

/* Begins as zeros.  SNAP_USAGE: no names, or options that do not go with it. */
SNAP_MUST_CHECK enum snap_code schemamap_open(
    const struct opts *o, struct schemamap *m, struct snap_err *err);
void schemamap_close(struct schemamap *m);
/* Of what was chosen.
 * SNAP_USAGE: it has no such schema, or has one of the new name as well. */
SNAP_MUST_CHECK enum snap_code schemamap_plan(struct schemamap *m,
    const struct pgarchive *a, const struct opts *o, struct snap_err *err);
/* A COPY statement outside of these transactions. */
SNAP_MUST_CHECK enum snap_code schemamap_copy(
    const struct schemamap *m, struct bytes *copy, struct snap_err *err);
/* Says on stderr which functions keep the old name in their text. */
void schemamap_tell(const struct schemamap *m, const struct pgarchive *a);

#endif
