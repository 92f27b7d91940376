/* SPDX-License-Identifier: PostgreSQL */
/*
 * recipebuild.h - collects where a stream's chunks lie, as recipe segments.
 *
 * A chunk may go into the lane's open block, whose id is unknown until it is
 * sealed: segments that refer to it wait.  recipebuild_sealed() gives the id
 * and lets them go.  Ends of spans are chosen by content, so that an inserted
 * row does not shift all that follows.
 */
#ifndef SNAP_RECIPEBUILD_H
#define SNAP_RECIPEBUILD_H

#include "format.h"
#include "keys.h"

#define SPAN_BYTES (8u << 20)      /* a span may end from here on ... */
#define SPAN_BYTES_MAX (16u << 20) /* ... and must end here */
#define SEGMENT_SPANS 16

/* A finished stream, complete once its last segment was encoded. */
struct stream_done {
	struct stream_done *next;
	struct stream_row row; /* name, attr, segments point into the below */
	struct bytes name, attr, segments, inline_recipe;
	uint64_t new_bytes;
};
void stream_done_free(struct stream_done *d);

/* Stores an encoded segment and says its id. */
typedef enum snap_code (*recipebuild_put)(void *arg, struct span plain,
    const uint8_t id[ID_LEN], struct snap_err *err);

struct recipebuild;

SNAP_MUST_CHECK enum snap_code recipebuild_new(const struct keys *k,
    recipebuild_put put, void *arg, struct recipebuild **out,
    struct snap_err *err);
void recipebuild_free(struct recipebuild *b);
/* Start a stream; *d gets its segments and stays the caller's. */
void recipebuild_start(struct recipebuild *b, struct stream_done *d);
/* The next chunk of the stream lies in block `id`, or in the open block when
 * id is NULL. */
SNAP_MUST_CHECK enum snap_code recipebuild_chunk(struct recipebuild *b,
    const uint8_t *id, uint32_t chunk, uint32_t len, const uint8_t hash[ID_LEN],
    struct snap_err *err);
/* The stream is over; its digest and byte count are in d->row. */
SNAP_MUST_CHECK enum snap_code recipebuild_end(
    struct recipebuild *b, struct snap_err *err);
/* The open block got its id. */
SNAP_MUST_CHECK enum snap_code recipebuild_sealed(
    struct recipebuild *b, const uint8_t id[ID_LEN], struct snap_err *err);

#endif
