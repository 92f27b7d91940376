/* SPDX-License-Identifier: PostgreSQL */
/*
 * manifest.h - the streams of a snapshot: written in parts, loaded whole.
 *
 * Parts end where the name hash of a row says so, hence an unchanged part of
 * a large catalog is the same object as yesterday.
 */
#ifndef SNAP_MANIFEST_H
#define SNAP_MANIFEST_H

#include "recipebuild.h"
#include "repo.h"
#include "run.h"
#include "store.h"

/* Sort the finished streams, put parts and root; `root` gets the root's id.
 * SNAP_USAGE when two streams have the same kind, name and part. */
SNAP_MUST_CHECK enum snap_code manifest_write(struct store *s, struct run *run,
    struct stream_done **v, size_t n, uint8_t root[ID_LEN],
    struct snap_err *err);

/* `rows` are parallel to `m->v`. */
struct manifest {
	struct repo_manifest m; /* first: callers see only this */
	struct stream_row *rows;
	struct bytes *parts; /* plaintexts that the rows point into */
	size_t n_parts;
	size_t n_bytes; /* of the parts */
};
SNAP_MUST_CHECK enum snap_code manifest_load(struct store *s,
    const uint8_t root[ID_LEN], struct manifest **out, struct snap_err *err);
/* What is left of it: parts that cannot be read are left out, and counted. */
SNAP_MUST_CHECK enum snap_code manifest_load_rest(struct store *s,
    const uint8_t root[ID_LEN], struct manifest **out, size_t *n_lost,
    struct snap_err *err);
void manifest_free(struct manifest *m);
/* The row of a stream, or of the nearest lower slice of the same table. */
const struct stream_row *manifest_find(
    const struct manifest *m, uint8_t kind, struct span name, uint32_t part);

#endif
