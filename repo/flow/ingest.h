/* SPDX-License-Identifier: PostgreSQL */
/*
 * ingest.h - a backup from begin to commit: lanes, workers, manifest, run.
 *
 * The functions behind repo_backup_*() of repo.h, over an open store that has
 * looked (store_look).
 */
#ifndef SNAP_INGEST_H
#define SNAP_INGEST_H

#include "repo.h"
#include "store.h"

SNAP_MUST_CHECK enum snap_code ingest_begin(struct store *s,
    const struct repo_backup_opts *o, struct repo_backup **out,
    struct snap_err *err);
struct sink *ingest_lane(struct repo_backup *b, size_t i);
SNAP_MUST_CHECK enum snap_code ingest_commit(struct repo_backup *b,
    const struct repo_property *props, size_t n_props,
    struct repo_snapshot *out, struct snap_err *err);
void ingest_abort(struct repo_backup *b);

#endif
