/* SPDX-License-Identifier: PostgreSQL */
/*
 * grown.h - how much memory has hostile input taken?
 */
#ifndef SNAP_TEST_GROWN_H
#define SNAP_TEST_GROWN_H

#include <stddef.h>

/* From here on. */
void grown_begin(void);
/* MiB beyond what the process had then, at the worst moment since.  0 where
 * that cannot be told, and with sanitizers, which have a memory of their own.
 */
size_t grown_mib(void);

#endif
