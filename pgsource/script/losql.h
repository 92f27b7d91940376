/* SPDX-License-Identifier: PostgreSQL */
/* losql.h - the bytes of large objects as statements that write them. */
#ifndef SNAP_LOSQL_H
#define SNAP_LOSQL_H

#include <stdint.h>

#include "bytes.h"

#define LOSQL_CHUNK ((size_t)32 << 10) /* a multiple of the 2 KiB page */

struct losql {
	struct bytes chunk; /* not yet whole */
	uint64_t at;
	char loid[16];
};

void losql_init(struct losql *l);
void losql_fini(struct losql *l);
/* `name`: of its stream.  SNAP_CORRUPT when that is no number. */
SNAP_MUST_CHECK enum snap_code losql_begin(
    struct losql *l, struct span name, struct snap_err *err);
/* Appends one statement at most, of up to 4 chunks; how much of `d` it took. */
size_t losql_data(struct losql *l, struct span d, struct bytes *out);
void losql_end(struct losql *l, struct bytes *out);

#endif
