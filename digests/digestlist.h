/* SPDX-License-Identifier: PostgreSQL */
/*
 * digestlist.h - what a backup read, so that a restore can be held against it:
 * the stream of kind STREAM_DIGESTS.  docs/format.md, "Digests", has its lines.
 */
#ifndef SNAP_DIGESTLIST_H
#define SNAP_DIGESTLIST_H

#include <stddef.h>

#include "digest.h"

#define DIGESTS_MAX ((size_t)1 << 30) /* bytes of the text */
#define DIGESTS_NAME "digests"        /* of the stream */

struct digest_entry {
	uint8_t kind;     /* STREAM_TABLE, _SEQUENCES, _LARGE_OBJECT */
	bool called;      /* of a sequence */
	uint32_t part;    /* of a table */
	struct span name; /* of the stream; of a sequence as SQL has it */
	union {
		struct digest sum;
		int64_t value; /* of a sequence */
	};
};

/* A new list, and a line more; bytes_check() at the end. */
void digests_begin(struct bytes *text);
void digests_put(struct bytes *text, const struct digest_entry *e);

struct digests { /* by kind, name, part; begins as zeros */
	struct digest_entry *v;
	size_t n, cap;
	struct bytes text; /* has the names */
};

/* Takes the text, also when it fails; lines of a sort that is not known are
 * passed over.  SNAP_CORRUPT, SNAP_UNSUPPORTED (a newer one's), SNAP_NOMEM. */
SNAP_MUST_CHECK enum snap_code digests_decode(
    struct bytes *text, struct digests *out, struct snap_err *err);
void digests_free(struct digests *d);
/* NULL: not there. */
const struct digest_entry *digests_find(
    const struct digests *d, uint8_t kind, struct span name, uint32_t part);

#endif
