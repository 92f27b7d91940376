/* SPDX-License-Identifier: PostgreSQL */
/* recorded.h - what a snapshot says that its database was. */
#ifndef SNAP_RECORDED_H
#define SNAP_RECORDED_H

#include "pgverify.h"
#include "repo.h"

struct recorded {       /* begins as zeros */
	bool by_source; /* by what was read then; else by what is stored */
	struct digests list;
	struct pgverify_rows *rows; /* of each stream of a table */
	size_t n_rows;
};

/* Older snapshots recorded nothing: then all of what is stored is read. */
SNAP_MUST_CHECK enum snap_code recorded_load(struct repo *r,
    const struct repo_manifest *m, struct report *report, struct recorded *out,
    struct snap_err *err);
void recorded_free(struct recorded *r);
/* Appends the lines of all setval() calls of a stream of sequences. */
SNAP_MUST_CHECK enum snap_code recorded_sequences(
    struct span sql, struct bytes *out, struct snap_err *err);

#endif
