/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgdirectory.h - definitions and rows as one archive of pg_dump -Fd.
 *
 * The stored archive knows nothing of rows, which are ours; a directory has
 * them in a file for each table.  What is to be made is its toc.dat, out of
 * the stored table of contents and an entry for each file.  Free of I/O; the
 * archive's bytes may be anybody's.
 */
#ifndef SNAP_PGDIRECTORY_H
#define SNAP_PGDIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

/* What follows the rows in the file of a table. */
#define PGDIRECTORY_END "\\.\n\n\n"
/* The list of the files of large objects: lines "NUMBER FILE". */
#define PGDIRECTORY_BLOBS "blobs.toc"

struct pgdirectory_table {
	struct span stream; /* its name */
	struct span copy;   /* COPY ... FROM stdin; */
};

/* All borrowed for the call. */
struct pgdirectory_opts {
	struct span archive;                    /* STREAM_ARCHIVE */
	struct span sequences;                  /* STREAM_SEQUENCES */
	const struct pgdirectory_table *tables; /* in the order of a restore */
	size_t n_tables;
	bool large_objects; /* there are some */
};

/*
 * toc.dat, appended to *out.  The rows of table i, with PGDIRECTORY_END behind
 * them, are to be in "%d.dat" of *first_file + i.
 * SNAP_CORRUPT, SNAP_UNSUPPORTED (the archive is of a newer pg_dump).
 */
SNAP_MUST_CHECK enum snap_code pgdirectory_toc(const struct pgdirectory_opts *o,
    struct bytes *out, int32_t *first_file, struct snap_err *err);

#endif
