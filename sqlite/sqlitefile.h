/* SPDX-License-Identifier: PostgreSQL */
/*
 * sqlitefile.h - a database of SQLite that is in use as one file of bytes, and
 * such bytes as a database again.
 *
 * Only this folder knows SQLite; it knows nothing of chunks or stores.
 */
#ifndef SNAP_SQLITEFILE_H
#define SNAP_SQLITEFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "report.h"

/* ---- there */

struct sqlite_copy_opts {
	const char *path;
	const char *tmpdir;       /* has to have room for all of it */
	unsigned lock_timeout_ms; /* waiting for a writer */
	struct report *report;
};

struct sqlite_copied {
	int fd;         /* its file has no name: closing it is all */
	uint64_t bytes; /* in it, from the start */
	uint32_t page_size;
	char journal_mode[16];
	const char *version; /* of the library; static */
};

/*
 * One state of the database, whatever is written meanwhile, through SQLite's
 * backup interface.  What it asks for is another database: hence a copy, which
 * also means that the lock is held no longer than a copy takes (in WAL mode
 * nobody waits for it at all) and not for as long as a store needs.
 * SNAP_SOURCE: no database, locked, unreadable.
 */
SNAP_MUST_CHECK enum snap_code sqlite_copy(const struct sqlite_copy_opts *o,
    struct sqlite_copied *out, struct snap_err *err);

/* ---- and back */

struct sqlite_target;

/*
 * A file that is to become `path`, beside it.  SNAP_EXISTS: there is such a
 * database, or the log of one, which SQLite would apply to ours; neither
 * counts with `overwrite`.
 */
SNAP_MUST_CHECK enum snap_code sqlite_target_open(const char *path,
    bool overwrite, struct report *r, struct sqlite_target **out,
    struct snap_err *err);
/* To be written from its start. */
int sqlite_target_fd(const struct sqlite_target *t);
/*
 * All is written: let SQLite check it, sync it and give it its name.
 * SNAP_CORRUPT (what the check found), SNAP_BUSY (the old one is in use).
 */
SNAP_MUST_CHECK enum snap_code sqlite_target_finish(
    struct sqlite_target *t, struct snap_err *err);
/* Without finish nothing is left. */
void sqlite_target_close(struct sqlite_target *t);

#endif
