/* SPDX-License-Identifier: PostgreSQL */
/*
 * toc.h - the table of contents of an archive that pg_dump -Fc wrote.
 *
 * The layout of the versions 1.12 (PostgreSQL 9) to 1.16 (17 and on), and
 * which differences they have, is in toc.c.  The bytes may be anybody's: what
 * does not hold together is SNAP_CORRUPT, never more.
 */
#ifndef SNAP_TOC_H
#define SNAP_TOC_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

enum toc_section {
	TOC_NONE = 1, /* comments and privileges, which go with their object */
	TOC_PRE_DATA = 2,
	TOC_DATA = 3,
	TOC_POST_DATA = 4
};

/* Spans borrow from the archive; p is NULL where it has no such string. */
struct toc_entry {
	int32_t id; /* the dump id, which pg_restore -L goes by */
	uint8_t section;
	struct span desc; /* "TABLE", "FK CONSTRAINT" ... */
	struct span tag;  /* the name, sometimes with its table's */
	struct span schema, owner;
	struct span defn, drop; /* SQL that makes it, and that drops it */
	size_t n_deps;
	const size_t *deps; /* indexes of entries, ascending, each once */
	struct span raw;    /* all of it, but where its data lie */
};

struct toc {
	uint8_t minor; /* of version 1.x */
	struct span database, server_version, dump_version;
	struct span head; /* up to the number of entries */
	size_t int_size, offset_size;
	int32_t max_id; /* also of those that something depends on only */
	size_t n;
	struct toc_entry *v; /* in the order of the archive */
	size_t *deps;        /* of all */
};

/* `archive` has to stay.  SNAP_CORRUPT, SNAP_UNSUPPORTED (version), NOMEM. */
SNAP_MUST_CHECK enum snap_code toc_parse(
    struct span archive, struct toc **out, struct snap_err *err);
void toc_free(struct toc *t);

#endif
