/* SPDX-License-Identifier: PostgreSQL */
/*
 * keyfile.h - the part of the keys that a machine may hold.
 *
 * The clear payload of an object of kind 'F' (docs/format.md, "Key files"),
 * which lies on that machine and never in the repository.  A host can write
 * and list; maintenance can sign for prune as well; neither decrypts a row.
 * The file pins the config, so that whoever keeps the store cannot swap it.
 */
#ifndef SNAP_KEYFILE_H
#define SNAP_KEYFILE_H

#include "keys.h"

enum keyfile_type { KEYFILE_HOST = 1, KEYFILE_MAINTENANCE = 2 };

#define KEYFILE_PAYLOAD_MAX (16u << 10)
#define KEYFILE_NAME_MAX 255

/*
 * From an owner's keys, for a new host: appends the payload to *out, which
 * the caller wipes.  host_id and host_pk are what its public record says;
 * both are zero for maintenance, which signs as the owner does.
 */
SNAP_MUST_CHECK enum snap_code keyfile_make(const struct keys *owner,
    enum keyfile_type type, const uint8_t fingerprint[32], struct span name,
    struct keys **host, struct bytes *out, struct snap_err *err);
/* Back: keys of every epoch in it, and the pinned fingerprint. */
SNAP_MUST_CHECK enum snap_code keyfile_open(struct span payload,
    const uint8_t repo_id[ID_BYTES], struct keys **out, uint8_t fingerprint[32],
    struct snap_err *err);

#endif
