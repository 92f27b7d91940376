/* SPDX-License-Identifier: PostgreSQL */
/*
 * newfile.h - a file for a secret: new, 0600, and whole or not there.
 *
 * It is made before the work whose result it takes, so that a bad path costs
 * nothing, and is gone again when that fails.
 */
#ifndef SNAP_KEY_NEWFILE_H
#define SNAP_KEY_NEWFILE_H

#include <stdbool.h>

#include "bytes.h"
#include "err.h"

struct newfile {
	const char *path; /* borrowed; "-": stdout */
	int fd;
	bool keep;
};

/* SNAP_USAGE: there is such a file already, or cannot be. */
SNAP_MUST_CHECK enum snap_code newfile_make(
    struct newfile *f, const char *path, struct snap_err *err);
/* All of it, on the disk when this returns. */
SNAP_MUST_CHECK enum snap_code newfile_write(
    struct newfile *f, struct span data, struct snap_err *err);
/* Close it; remove it unless it was written. */
void newfile_end(struct newfile *f);

#endif
