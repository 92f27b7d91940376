/* SPDX-License-Identifier: PostgreSQL */
/*
 * pattern.h - the patterns of psql and pg_dump, for those who match names
 * themselves as well.
 */
#ifndef SNAP_PATTERN_H
#define SNAP_PATTERN_H

#include "bytes.h"

/*
 * A pattern as regular expressions "^(...)$" with a NUL behind them: of the
 * name, and of the schema ("" when the pattern has none).  Returns the number
 * of unquoted dots, 0 or 1, or more when there are too many.
 */
int pattern_regex(
    const char *pattern, struct bytes *schema, struct bytes *name);

#endif
