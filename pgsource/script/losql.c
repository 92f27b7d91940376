/* SPDX-License-Identifier: PostgreSQL */
/* losql.c - the bytes of large objects as statements that write them. */
#include <inttypes.h>
#include <string.h>

#include "losql.h"

void
losql_init(struct losql *l)
{
	memset(l, 0, sizeof *l);
	bytes_init(&l->chunk, LOSQL_CHUNK);
}

void
losql_fini(struct losql *l)
{
	bytes_fini(&l->chunk);
}

enum snap_code
losql_begin(struct losql *l, struct span name, struct snap_err *err)
{
	size_t i;

	if (name.len == 0 || name.len >= sizeof l->loid)
		return snap_fail(
		    err, SNAP_CORRUPT, "not the name of a large object");
	for (i = 0; i < name.len; i++) {
		if (name.p[i] < '0' || name.p[i] > '9')
			return snap_fail(err, SNAP_CORRUPT,
			    "not the name of a large object");
		l->loid[i] = (char)name.p[i];
	}
	l->loid[i] = '\0';
	l->at = 0;
	return SNAP_OK;
}

/*
 * A chunk as one call; lo_put() needs no descriptor.  One of zeros only is
 * left to be a hole, but not the last, which gives the object its length.
 */
static void
put_chunk(struct losql *l, bool last, struct bytes *out)
{
	char hex[2 * 64 + 1];
	size_t at, n;

	if (l->chunk.len == 0)
		return;
	if (last || l->chunk.p[0] != 0 ||
	    memcmp(l->chunk.p, l->chunk.p + 1, l->chunk.len - 1) != 0) {
		bytes_printf(out,
		    "SELECT pg_catalog.lo_put(%s, %" PRIu64 ", '\\x", l->loid,
		    l->at);
		for (at = 0; at < l->chunk.len; at += n) {
			n = l->chunk.len - at < 64 ? l->chunk.len - at : 64;
			hex_encode(l->chunk.p + at, n, hex);
			bytes_put(out, hex, 2 * n);
		}
		bytes_put_str(out, "');\n");
	}
	l->at += l->chunk.len;
	bytes_clear(&l->chunk);
}

size_t
losql_data(struct losql *l, struct span d, struct bytes *out)
{
	size_t n;

	/* Full, and not the last, as there is more. */
	if (l->chunk.len == LOSQL_CHUNK)
		put_chunk(l, false, out);
	n = LOSQL_CHUNK - l->chunk.len;
	if (n > d.len)
		n = d.len;
	bytes_put(&l->chunk, d.p, n);
	if (l->chunk.bad)
		out->bad = true;
	return n;
}

void
losql_end(struct losql *l, struct bytes *out)
{
	put_chunk(l, true, out);
}
