/* SPDX-License-Identifier: PostgreSQL */
/*
 * copycsv.h - rows as COPY ... TO writes them as text become what COPY ...
 * (FORMAT csv) writes of the same table, byte for byte.
 *
 * A stage: the streams of one table go in, one behind the other, and the lines
 * of the file come out of it.  Free of I/O; memory is that of the longest
 * value.
 */
#ifndef SNAP_COPYCSV_H
#define SNAP_COPYCSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "sink.h"

struct copycsv {
	struct sink sink; /* first, so that a struct sink * casts back */
	struct sink *to;  /* borrowed */
	const char *null; /* what stands for NULL */
	bool header;
	bool begun;
	size_t n_columns;   /* of the table */
	size_t column;      /* the one that is being read */
	struct bytes value; /* of it, as far as it was read */
	struct bytes out;   /* not yet given */
	bool escape;        /* the last byte was a backslash */
	bool maybe_null;    /* the value began with \N */
	bool special;       /* it has a byte for which it is quoted */
};

/* SNAP_USAGE: COPY would refuse this `null` as well. */
SNAP_MUST_CHECK enum snap_code copycsv_init(struct copycsv *c, struct sink *to,
    const char *null, bool header, struct snap_err *err);
void copycsv_fini(struct copycsv *c);

/*
 * The columns that "COPY table (columns) FROM stdin;" names, unquoted, each
 * with a NUL behind it, appended to *out; their number, 0 for a table without.
 * SNAP_CORRUPT: that is no such statement.
 */
SNAP_MUST_CHECK enum snap_code copycsv_columns(
    struct span copy, struct bytes *out, size_t *n, struct snap_err *err);

#endif
