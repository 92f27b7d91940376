/* SPDX-License-Identifier: PostgreSQL */
/*
 * snapshots.h - which snapshots stand, and which one somebody means.
 *
 * A snapshot is a pair: the signed object and its signed confirmation, both
 * put in time.  Everything else under snapshots/ is a run that failed, or
 * damage, which is logged by name; neither hides the others.
 */
#ifndef SNAP_SNAPSHOTS_H
#define SNAP_SNAPSHOTS_H

#include "format.h"
#include "repo.h"
#include "store.h"

/* As repo_snapshots(); free with repo_snapshots_free(). */
SNAP_MUST_CHECK enum snap_code snapshots_load(
    struct store *s, struct repo_snapshots *out, struct snap_err *err);
/* The same past the local cache: what the store really has (check). */
SNAP_MUST_CHECK enum snap_code snapshots_load_stored(
    struct store *s, struct repo_snapshots *out, struct snap_err *err);
/* As repo_snapshot_find(). */
SNAP_MUST_CHECK enum snap_code snapshots_find(const struct repo_snapshots *all,
    const char *spec, const struct repo_snapshot **out, struct snap_err *err);
/* The newest snapshot of this system identifier, database and name (NULL: has
 * none), else the newest of this database and name, else NULL. */
const struct repo_snapshot *snapshots_parent(const struct repo_snapshots *all,
    const char *system_identifier, const char *database, const char *name);
/* Own copy of what the caller of a listing or of a commit sees of `body`;
 * release with repo_snapshot_fini(). */
SNAP_MUST_CHECK enum snap_code snapshots_describe(
    const struct snapshot_body *body, const uint8_t id[ID_LEN], int64_t time_ns,
    struct repo_snapshot *out, struct snap_err *err);

#endif
