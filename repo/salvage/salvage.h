/* SPDX-License-Identifier: PostgreSQL */
/* salvage.h - a snapshot of what is left of a damaged one. */
#ifndef SNAP_SALVAGE_H
#define SNAP_SALVAGE_H

#include "manifest.h"

/* As repo_salvage(). */
SNAP_MUST_CHECK enum snap_code salvage_write(struct store *s,
    const struct repo_snapshot *of, const struct manifest *m, const bool *lost,
    bool list_damaged, struct repo_snapshot *out, struct snap_err *err);

#endif
