/* SPDX-License-Identifier: PostgreSQL */
/*
 * names.h - names as SQL writes them, and as they are.
 */
#ifndef SNAP_NAMES_H
#define SNAP_NAMES_H

#include <stdbool.h>

#include "bytes.h"

/* One identifier at the start of *in, which moves behind it; appended to *out
 * without its quotes.  False when there is none. */
bool name_take(struct span *in, struct bytes *out);
/* One of the command line up to `end`, as psql reads it: folded but for what
 * is in quotes.  False when it is empty or does not end there. */
bool name_argument(const char **p, char end, struct bytes *out);
/* "schema.name" and nothing else; both are cleared first. */
bool name_split(struct span text, struct bytes *schema, struct bytes *name);
/* A table's stream without the rank that may stand in front of its name. */
struct span name_of_stream(struct span stream);
/* The string of a literal at the start of *in, which moves behind it. */
bool name_literal(struct span *in, struct bytes *out);

bool span_ends(struct span s, struct span with);
bool span_has(struct span s, struct span what);
struct span span_behind(struct span s, size_t n);

#endif
