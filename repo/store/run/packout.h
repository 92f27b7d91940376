/* SPDX-License-Identifier: PostgreSQL */
/*
 * packout.h - packs that prune makes: frames of others, as they are or sparse.
 */
#ifndef SNAP_PACKOUT_H
#define SNAP_PACKOUT_H

#include "format.h"
#include "store.h"

struct packout;
SNAP_MUST_CHECK enum snap_code packout_new(struct store *s, uint8_t kind,
    const uint8_t run_id[ID_LEN], struct packout **out, struct snap_err *err);
void packout_free(struct packout *p); /* NULL is fine */
/* A frame verbatim.  `row` is that of its pack, with the origin that the copy
 * shall have; `session` is the row's, of data only. */
SNAP_MUST_CHECK enum snap_code packout_add(struct packout *p,
    const struct pack_row *row, const struct session_row *session,
    struct span sealed, struct snap_err *err);
/* A data frame made now: compressed, and sealed under a key of this pack.
 * `row` has its id, chunks, hooks, flags, bitmap and origin. */
SNAP_MUST_CHECK enum snap_code packout_seal(struct packout *p,
    const struct pack_row *row, struct span plain, struct snap_err *err);
/* Is there room for a frame of `len` bytes?  Not beside another copy of the
 * same: nobody could tell them apart. */
bool packout_takes(
    const struct packout *p, const struct pack_row *row, size_t len);
/* Bytes so far, and 0 when there is no frame. */
size_t packout_size(const struct packout *p);
/* Signed contents and trailer, padded; read back, and put.  *ip is what an
 * index segment says of it; the caller frees ip->contents.p. */
SNAP_MUST_CHECK enum snap_code packout_put(struct packout *p,
    struct index_pack *ip, int64_t *time_ns, struct snap_err *err);

#endif
