/* SPDX-License-Identifier: PostgreSQL */
/* udiff.h - two texts as a unified diff. */
#ifndef SNAP_UDIFF_H
#define SNAP_UDIFF_H

#include "bytes.h"

/*
 * Append the hunks that make `b` of `a`, with three lines of context, each line
 * as it is; nothing when they are equal.  Where more than a few thousand lines
 * differ it is a correct diff and not always the shortest.
 */
SNAP_MUST_CHECK enum snap_code udiff(
    struct span a, struct span b, struct bytes *out, struct snap_err *err);

#endif
