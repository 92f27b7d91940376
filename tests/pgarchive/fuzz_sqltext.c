/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_sqltext.c - text in which somebody hides a statement.
 *
 * Tokens and statements lie one behind the other in the text, and a map of
 * roles that are not in it leaves it as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "rolemap.h"
#include "sqltext.h"

#define ROOM ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_tokens(struct span in)
{
	struct span left = in;
	const uint8_t *at = in.p;
	struct sql_token t;
	struct bytes name;

	bytes_init(&name, ROOM);
	while ((t = sql_next(&left)).kind != SQL_END) {
		if (t.text.len == 0 || t.text.p < at ||
		    left.p != t.text.p + t.text.len ||
		    left.p + left.len != in.p + in.len)
			abort();
		at = left.p;
		if (t.kind != SQL_WORD && t.kind != SQL_NAME)
			continue;
		bytes_clear(&name);
		sql_fold(&t, &name);
		if (name.bad || name.len > t.text.len)
			abort();
	}
	if (left.len != 0)
		abort();
	bytes_fini(&name);
}

static void
try_statements(struct span in)
{
	struct span left = in, s;
	const uint8_t *at = in.p;

	while ((s = sql_statement(&left)).len > 0) {
		if (s.p < at || s.p + s.len > left.p)
			abort();
		at = left.p;
	}
}

/* What one map changes, changes back to the same roles. */
static void
try_map(struct span in)
{
	static const char *const nobody[] = { "\"nobody's\"=x", NULL };
	static const char *const there[] = { "a=\"b;\"\"'\"", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct rolemap *none = NULL, *map = NULL;
	struct bytes same, once, twice;

	bytes_init(&same, ROOM);
	bytes_init(&once, ROOM);
	bytes_init(&twice, ROOM);
	if (rolemap_new(nobody, &none, &err) != SNAP_OK ||
	    rolemap_new(there, &map, &err) != SNAP_OK ||
	    rolemap_sql(none, in, &same, &err) != SNAP_OK ||
	    rolemap_sql(map, in, &once, &err) != SNAP_OK ||
	    rolemap_sql(map, bytes_span(&once), &twice, &err) != SNAP_OK)
		abort();
	if (rolemap_check(none, &err) != SNAP_OK &&
	    !span_eq(in, bytes_span(&same)))
		abort();
	if (!span_eq(bytes_span(&once), bytes_span(&twice)))
		abort();
	rolemap_free(none);
	rolemap_free(map);
	bytes_fini(&same);
	bytes_fini(&once);
	bytes_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(size > 0 ? data : (const uint8_t *)"", size);

	try_tokens(in);
	try_statements(in);
	try_map(in);
	return 0;
}
