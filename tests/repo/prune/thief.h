/* SPDX-License-Identifier: PostgreSQL */
/*
 * thief.h - who has stolen a write-only host's key file, and all that he can
 * put: each call puts one sort of thing, signed as that host or as nobody.
 */
#ifndef SNAP_TEST_THIEF_H
#define SNAP_TEST_THIEF_H

#include "keyfile.h"
#include "life.h"
#include "store.h"

/* Open the store by a key file, or as its owner (empty), and look. */
struct store *thief_enter(struct life *l, struct span key_file);
/* A key file that the owner makes. */
void thief_steals(struct life *l, enum keyfile_type type, struct bytes *file);
/* Nonsense under the id of every block, with claims that it was made of the
 * genuine pack. */
void thief_plants_garbage(struct store *s);
/* Segments that say of every pack that it holds nothing, or nonsense that is
 * said to come from it. */
void thief_lies_about_packs(struct store *s);
/* Lists that condemn every pack, confirmed, by the host and by nobody. */
void thief_condemns(struct store *s);
/* Notes that forget, unpin and tag every snapshot, verdicts, a policy that
 * keeps one, the revocation of a host. */
void thief_says_things(struct store *s, const struct life *l);
/* Records of hosts and of an epoch; a slot of nonsense. */
void thief_forges_keys(struct store *s);
/* Snapshots of databases that are not its own, with the manifest `root`, that
 * rest on a look at `l0`. */
void thief_forges_snapshot(
    struct store *s, const uint8_t root[ID_LEN], int64_t l0);

#endif
