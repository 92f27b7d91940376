/* SPDX-License-Identifier: PostgreSQL */
/* pick.h - the stream of a snapshot that somebody named. */
#ifndef SNAP_PICK_H
#define SNAP_PICK_H

#include <stdbool.h>

#include "err.h"
#include "repo.h"

struct pick {
	uint8_t kind;
	struct span name; /* the manifest's */
};

/*
 * By what `ls` calls it, by its kind where there is one of it, a large object
 * by its number, a table as SQL would name it: quotes only where they are
 * needed, and no schema while there is one table of that name.
 * SNAP_NOTFOUND, with names that are near; SNAP_USAGE (more than one).
 */
SNAP_MUST_CHECK enum snap_code pick_stream(const struct repo_manifest *m,
    const char *word, struct pick *out, struct snap_err *err);
/* For repo_read(): all parts of it; `arg` is a struct pick. */
bool pick_is(void *arg, const struct repo_stream *s);

#endif
