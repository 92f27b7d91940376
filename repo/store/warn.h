/* SPDX-License-Identifier: PostgreSQL */
/* warn.h - warnings of what is met again and again. */
#ifndef SNAP_WARN_H
#define SNAP_WARN_H

#include "store.h"

/* A warning, but no second time in the same words: what is damaged is met by
 * every look and by every derivation. */
void store_warn(struct store *s, const char *fmt, ...) SNAP_PRINTF(2, 3);

#endif
