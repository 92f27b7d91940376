/* SPDX-License-Identifier: PostgreSQL */
/*
 * claims.c - what a target that is not empty has to lack, or to have.
 *
 * What was chosen is to be made, so nothing of its name may be there.  What
 * only comes along is for those who lack it: a type or a function that is
 * there will do, and a schema or an extension does in any case.  A foreign key
 * to what was not chosen comes where that is there.
 */
#include "names.h"
#include "select_internal.h"

/* A relation that is not made, but filled or built upon. */
static bool
is_expected(const struct pgarchive *a, size_t i)
{
	const struct mark *m = &a->m[i];
	bool data = pgarchive_data(a) && !m->no_rows;

	if (m->state != STATE_WANTED)
		return false;
	switch (m->kind) {
	case KIND_TABLE:
		return data || has_post_data(a);
	case KIND_SEQUENCE:
		return data;
	case KIND_MATVIEW:
		return has_post_data(a);
	default:
		return false;
	}
}

static bool
is_shared(const struct pgarchive *a, size_t i)
{
	return a->m[i].kind == KIND_SCHEMA ||
	       span_eq(a->toc->v[i].desc, span_str("EXTENSION"));
}

size_t
pgarchive_n_entries(const struct pgarchive *a)
{
	return a->toc->n;
}

bool
pgarchive_item(const struct pgarchive *a, size_t i, struct pgarchive_item *out)
{
	const struct toc_entry *e = &a->toc->v[i];
	size_t owner = a->m[i].owner;

	*out = (struct pgarchive_item){ .desc = e->desc,
		.schema = e->schema,
		.name = e->tag,
		.sql = sql_name(e) };
	/* Nothing is in a schema that is to be made. */
	if (is_made_elsewhere(a, e->schema))
		return false;
	/* Its tag has the table's in front. */
	if (a->m[i].kind == KIND_CONSTRAINT && owner != NONE)
		out->name = span_behind(e->tag, a->toc->v[owner].tag.len + 1);
	if (is_made(a, i))
		out->claim = a->m[i].state == STATE_NEEDED || is_shared(a, i)
				 ? PGARCHIVE_ALONG
				 : PGARCHIVE_MADE;
	else if (is_expected(a, i))
		out->claim = PGARCHIVE_EXPECTED;
	else if (a->m[i].referred)
		out->claim = PGARCHIVE_REFERRED;
	else
		return false;
	return true;
}

/* Is all there that it refers to? */
static bool
is_closed(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *e = &a->toc->v[i];

	for (size_t k = 0; k < e->n_deps; k++) {
		const struct mark *d = &a->m[e->deps[k]];

		if (is_relation(d->kind) && d->state != STATE_WANTED &&
		    d->state != STATE_THERE)
			return false;
	}
	return true;
}

void
pgarchive_leave(struct pgarchive *a, const bool *there)
{
	bool again = true;

	for (size_t i = 0; i < a->toc->n; i++)
		if (there[i])
			a->m[i].state = STATE_THERE;
	/* What was brought for it: defaults, a view's rule. */
	while (again) {
		again = false;
		for (size_t i = 0; i < a->toc->n; i++) {
			size_t o = a->m[i].owner;

			if (a->m[i].state != STATE_NEEDED || o == NONE ||
			    a->m[o].state != STATE_THERE)
				continue;
			a->m[i].state = STATE_THERE;
			again = true;
		}
	}
	for (size_t i = 0; i < a->toc->n; i++)
		if (a->m[i].open && is_closed(a, i))
			a->m[i].state = STATE_WANTED;
	closure_remarks(a);
	notes_sift(a);
}

void
pgarchive_drops(const struct pgarchive *a, struct bytes *out)
{
	for (size_t i = 0; i < a->toc->n; i++)
		if (is_made(a, i) && a->m[i].state == STATE_WANTED &&
		    !is_shared(a, i))
			put_id(a, i, out);
}
