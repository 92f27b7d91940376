/* SPDX-License-Identifier: PostgreSQL */
/* files.h - restores whose result is a file or files, not a script. */
#ifndef SNAP_FILES_H
#define SNAP_FILES_H

#include <stdbool.h>

#include "cmd.h"
#include "place.h"

/* The options ask for such a restore: nothing then goes to stdout. */
bool files_wanted(const struct opts *o);
SNAP_MUST_CHECK enum snap_code files_restore(
    struct cli *c, struct snap_err *err);

/* --output */
SNAP_MUST_CHECK enum snap_code todir(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    struct snap_err *err);
/* --sqlite-to */
SNAP_MUST_CHECK enum snap_code tosqlite(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    struct snap_err *err);

#endif
