/* SPDX-License-Identifier: PostgreSQL */
/*
 * streams.c - rows, sequence values and large objects of what was chosen.
 */
#include "names.h"
#include "select_internal.h"

bool
pgarchive_rows(const struct pgarchive *a, size_t i)
{
	const struct stream_of *s = &a->streams[i];

	if (!pgarchive_data(a))
		return false;
	return s->entry == NONE ? s->rows
				: a->m[s->entry].state == STATE_WANTED &&
				      !a->m[s->entry].no_rows;
}

bool
pgarchive_large_objects(const struct pgarchive *a)
{
	return a->everything && pgarchive_data(a);
}

/* The topmost table that is restored and that `i` is a partition of. */
static size_t
root_of(const struct pgarchive *a, size_t i)
{
	for (size_t n = 0; n < a->toc->n; n++) {
		size_t p = a->m[i].parent;

		if (p == NONE || a->m[p].state != STATE_WANTED)
			break;
		i = p;
	}
	return i;
}

/*
 * Rows of a partition may have to be routed anew, then COPY names the topmost
 * table: "COPY root (columns) FROM stdin;".  If that is not restored, it has to
 * be the topmost that is.
 */
enum snap_code
pgarchive_copy(const struct pgarchive *a, struct span stream,
    struct span stored, struct bytes *out, struct snap_err *err)
{
	struct span rest = stored, own = name_of_stream(stream), name;
	struct bytes schema, table;
	size_t i, old, root;

	if (!span_starts(stored, "COPY "))
		return snap_fail(err, SNAP_CORRUPT,
		    "a table's stream has no COPY statement");
	bytes_init(&schema, NAME_MAX_BYTES);
	bytes_init(&table, NAME_MAX_BYTES);
	rest = span_behind(rest, 5);
	i = name_split(own, &schema, &table)
		? find_relation(a, bytes_span(&schema), bytes_span(&table))
		: NONE;
	bytes_clear(&schema);
	bytes_clear(&table);
	if (i == NONE || !name_take(&rest, &schema) ||
	    !span_starts(rest, ".") ||
	    (rest = span_behind(rest, 1), !name_take(&rest, &table)) ||
	    (old = find_relation(a, bytes_span(&schema), bytes_span(&table))) ==
		i ||
	    old == (root = root_of(a, i))) {
		bytes_put_span(out, stored);
		goto out;
	}
	name = root == i ? own : sql_name(&a->toc->v[root]);
	bytes_put_str(out, "COPY ");
	bytes_put_span(out, name);
	bytes_put_span(out, rest);
out:
	bytes_fini(&schema);
	bytes_fini(&table);
	return bytes_check(out, err);
}

/* Lines "SELECT pg_catalog.setval('...', 1, true);", whose names may have
 * line ends. */
enum snap_code
pgarchive_sequences(const struct pgarchive *a, struct span stored,
    struct bytes *out, struct snap_err *err)
{
	static const char call[] = "SELECT pg_catalog.setval(";
	struct bytes text, schema, name;
	enum snap_code rc = SNAP_OK;
	struct span rest;
	size_t i, n;

	bytes_init(&text, NAME_MAX_BYTES);
	bytes_init(&schema, NAME_MAX_BYTES);
	bytes_init(&name, NAME_MAX_BYTES);
	while (pgarchive_data(a) && stored.len > 0) {
		rest = span_behind(stored, sizeof call - 1);
		if (!span_starts(stored, call) || !name_literal(&rest, &text) ||
		    !name_split(bytes_span(&text), &schema, &name)) {
			rc = snap_fail(err, SNAP_CORRUPT,
			    "the values of sequences are not what a backup "
			    "writes");
			break;
		}
		for (n = 0; n < rest.len && rest.p[n] != '\n';)
			n++;
		rest = span_behind(rest, n + 1);
		n = stored.len - rest.len;
		i = find_relation(a, bytes_span(&schema), bytes_span(&name));
		if (i == NONE ? a->everything : is_in(a, i) && !a->m[i].no_rows)
			bytes_put(out, stored.p, n);
		stored = rest;
	}
	bytes_fini(&text);
	bytes_fini(&schema);
	bytes_fini(&name);
	return rc == SNAP_OK ? bytes_check(out, err) : rc;
}
