/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgrestore.h - pg_restore on a stored archive, for those who do not talk to a
 * server.
 */
#ifndef SNAP_PGRESTORE_H
#define SNAP_PGRESTORE_H

#include "bytes.h"
#include "pgclient.h"

struct pgrestore;

/*
 * Find a pg_restore of at least the major version `major` (0 = any), or take
 * that of `path` (NULL = find one), and put the archive where it can read it.
 * Of `o` only tmpdir and report count.  SNAP_SOURCE says what to install.
 */
SNAP_MUST_CHECK enum snap_code pgrestore_open(const struct pgclient_opts *o,
    const char *path, int major, struct span archive, struct pgrestore **out,
    struct snap_err *err);
void pgrestore_close(struct pgrestore *r);
/* The SQL it makes of the entries in `list`, appended to *out and the same in
 * every run.  Options end with NULL. */
SNAP_MUST_CHECK enum snap_code pgrestore_sql(struct pgrestore *r,
    const char *const *options, const struct bytes *list, struct bytes *out,
    struct snap_err *err);

#endif
