/* SPDX-License-Identifier: PostgreSQL */
/* man.h - the manual pages. */
#ifndef SNAP_MAN_H
#define SNAP_MAN_H

#include "err.h"

/* Into an existing directory, each page under its name, as snap-backup.1. */
SNAP_MUST_CHECK enum snap_code man_write(const char *dir, struct snap_err *err);

#endif
