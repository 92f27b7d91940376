/* SPDX-License-Identifier: PostgreSQL */
/*
 * prune.h - garbage goes, after a grace period, beside writers that know
 * nothing of it (docs/prune.md; DESIGN "Commit and prune, without locks").
 *
 * A run derives what is live, sweeps what was condemned long enough ago, and
 * condemns what is not needed now.  It may be killed at any point.
 */
#ifndef SNAP_PRUNE_H
#define SNAP_PRUNE_H

#include "repo_care.h"

struct store;

/* As repo_prune(). */
SNAP_MUST_CHECK enum snap_code prune_run(struct store *s,
    const struct repo_prune_opts *o, struct repo_prune_result *out,
    struct snap_err *err);
/* As repo_broken(). */
SNAP_MUST_CHECK enum snap_code prune_broken(struct store *s, const char *tmpdir,
    uint8_t (**ids)[REPO_ID_LEN], size_t *n, size_t *n_unnamed,
    struct snap_err *err);

#endif
