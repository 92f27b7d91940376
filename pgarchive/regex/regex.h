/* SPDX-License-Identifier: PostgreSQL */
/*
 * regex.h - the regular expressions that pattern_regex() makes, without a
 * server and without a locale.
 *
 * What can come out of pg_dump's patterns: literals, ".", sets, groups, "|",
 * "*", "+", bounds, anchors and the usual escapes.  Classes of characters know
 * ASCII; a letter beyond it counts as one.  A match costs at most length of
 * the name times length of the expression, whatever these are.
 */
#ifndef SNAP_REGEX_H
#define SNAP_REGEX_H

#include <stdbool.h>

#include "bytes.h"
#include "err.h"

struct regex;

/* `utf8`: a character of a name is one of UTF-8, else a byte.
 * SNAP_USAGE says what is wrong with it. */
SNAP_MUST_CHECK enum snap_code regex_new(
    struct span text, bool utf8, struct regex **out, struct snap_err *err);
void regex_free(struct regex *r);
/* Does it match somewhere in the name?  (pg_dump's are anchored.)  One thread
 * at a time. */
bool regex_match(struct regex *r, struct span name);

#endif
