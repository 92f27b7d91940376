/* SPDX-License-Identifier: PostgreSQL */
/* sqlite.h - a database of SQLite as a file to be read. */
#ifndef SNAP_SQLITE_H
#define SNAP_SQLITE_H

#include "cmd.h"
#include "props.h"

/* The one that --sqlite names: *fd has its bytes, the caller closes it. */
SNAP_MUST_CHECK enum snap_code sqlite_source(
    struct cli *c, struct props *p, int *fd, struct snap_err *err);

#endif
