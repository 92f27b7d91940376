/* SPDX-License-Identifier: PostgreSQL */
/* forgiving.h - definitions that may fail where rows are missing. */
#ifndef SNAP_FORGIVING_H
#define SNAP_FORGIVING_H

#include "bytes.h"

/*
 * Append `sql`, as pg_restore writes it, with each foreign key and each refresh
 * of a materialized view put so that its failure is a warning.  `key`: random
 * letters and digits, for quotes that the text cannot end.
 */
SNAP_MUST_CHECK enum snap_code forgiving_sql(
    struct span sql, const char *key, struct bytes *out, struct snap_err *err);

#endif
