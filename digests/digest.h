/* SPDX-License-Identifier: PostgreSQL */
/*
 * digest.h - what rows, and what bytes are, in 16 bytes.
 *
 * Rows have no order: two servers give the same rows in any order, so theirs is
 * the sum, modulo 2^128, of the XXH3-128 of each row with its line end.  That
 * of bytes is their XXH3-128.  Both find errors; against an adversary they
 * prove nothing, and need not: they lie beside the data, under the same seal.
 */
#ifndef SNAP_DIGEST_H
#define SNAP_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

struct digest {
	uint64_t n; /* rows, or bytes */
	uint64_t high, low;
};

/* One row more, as COPY gives it: with the line end. */
void digest_row(struct digest *d, struct span row);
/* Other rows more. */
void digest_add(struct digest *d, const struct digest *more);
bool digest_eq(const struct digest *a, const struct digest *b);

/* The same of a stream that comes in pieces of any size. */
struct digester;
struct digester *digester_new(void); /* NULL: no memory */
void digester_free(struct digester *d);
/* `rows`: of a table; else of bytes. */
void digester_begin(struct digester *d, bool rows);
void digester_data(struct digester *d, struct span s);
/* What came since the begin; a last line counts also without its end. */
void digester_end(struct digester *d, struct digest *out);

#endif
