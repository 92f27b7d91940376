/* SPDX-License-Identifier: PostgreSQL */
/* archive.h - archives of pg_dump of any version, made to measure. */
#ifndef SNAP_TEST_ARCHIVE_H
#define SNAP_TEST_ARCHIVE_H

#include "bytes.h"

#define ENTRY_DEPS 8

struct entry {
	int id, section;
	const char *desc, *tag, *schema;
	const char *defn, *drop;
	int deps[ENTRY_DEPS]; /* zeros behind the last */
};

/* Version 1.`minor`, with ints of `int_size` bytes; `v` ends with id 0. */
void archive_build(
    struct bytes *out, unsigned minor, size_t int_size, const struct entry *v);

#endif
