/* SPDX-License-Identifier: PostgreSQL */
/*
 * largeobjects.h - large objects among the definitions of an archive.
 */
#ifndef SNAP_LARGEOBJECTS_H
#define SNAP_LARGEOBJECTS_H

#include "toc.h"

/* All borrowed; the last three are SQL, of which there may be none. */
struct large_object {
	uint32_t oid;
	struct span owner, comment, label, privileges;
};

/* Does the archive make any? */
bool largeobjects_known(const struct toc *t);
/*
 * `archive` with entries that make these, behind all others of pre-data,
 * appended to *out: as pg_dump before version 17 writes them, which any
 * pg_restore reads.  `t` is of `archive`.  SNAP_UNSUPPORTED: too many.
 */
SNAP_MUST_CHECK enum snap_code largeobjects_add(struct span archive,
    const struct toc *t, const struct large_object *v, size_t n,
    struct bytes *out, struct snap_err *err);

#endif
