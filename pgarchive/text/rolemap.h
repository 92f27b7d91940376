/* SPDX-License-Identifier: PostgreSQL */
/*
 * rolemap.h - other names for roles.
 *
 * In the stored archive roles are owners of entries, and stand in the text of
 * privileges, default privileges, policies and user mappings; and in that of
 * the database's properties.  What a function or an expression says of roles
 * is text of the user's, and stays.  The rules: docs/restore.md.
 */
#ifndef SNAP_ROLEMAP_H
#define SNAP_ROLEMAP_H

#include "bytes.h"
#include "err.h"

struct rolemap;

/* "OLD=NEW" each, NULL-terminated; names as in psql: folded without quotes.
 * SNAP_USAGE: it is no such thing, or one role would get two names. */
SNAP_MUST_CHECK enum snap_code rolemap_new(
    const char *const *list, struct rolemap **out, struct snap_err *err);
void rolemap_free(struct rolemap *m);

/* The same archive, appended to *out. */
SNAP_MUST_CHECK enum snap_code rolemap_archive(struct rolemap *m,
    struct span archive, struct bytes *out, struct snap_err *err);
/* A script of statements about roles, as the properties are. */
SNAP_MUST_CHECK enum snap_code rolemap_sql(struct rolemap *m, struct span text,
    struct bytes *out, struct snap_err *err);
/* Was each OLD in some text so far?  SNAP_USAGE names those that are known. */
SNAP_MUST_CHECK enum snap_code rolemap_check(
    const struct rolemap *m, struct snap_err *err);

#endif
