/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgarchive.c - the way through this folder, and what comes out of it: lists
 * for pg_restore and lines for the user.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "select_internal.h"

static int
cmp_named(const void *x, const void *y)
{
	const struct named *a = x, *b = y;
	int c = span_cmp(a->schema, b->schema);

	return c != 0 ? c : span_cmp(a->name, b->name);
}

static enum snap_code
index_relations(struct pgarchive *a, struct snap_err *err)
{
	a->by_name = calloc(a->toc->n + 1, sizeof *a->by_name);
	if (a->by_name == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < a->toc->n; i++)
		if (is_relation(a->m[i].kind))
			a->by_name[a->n_named++] =
			    (struct named){ a->toc->v[i].schema,
				    a->toc->v[i].tag, i };
	if (a->n_named > 0)
		qsort(a->by_name, a->n_named, sizeof *a->by_name, cmp_named);
	return SNAP_OK;
}

size_t
find_relation(const struct pgarchive *a, struct span schema, struct span name)
{
	struct named key = { schema, name, 0 }, *hit = NULL;

	if (a->n_named > 0)
		hit = bsearch(
		    &key, a->by_name, a->n_named, sizeof key, cmp_named);
	return hit != NULL ? hit->at : NONE;
}

enum snap_code
pgarchive_open(const struct pgarchive_opts *o, struct pgarchive **out,
    struct snap_err *err)
{
	struct pgarchive *a = calloc(1, sizeof *a);
	enum snap_code rc;

	if (a == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	a->o = *o;
	if ((rc = toc_parse(o->archive, &a->toc, err)) != SNAP_OK)
		goto out;
	a->m = calloc(a->toc->n + 1, sizeof *a->m);
	a->streams = calloc(o->n_streams + 1, sizeof *a->streams);
	if (a->m == NULL || a->streams == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto out;
	}
	kinds_mark(a);
	if ((rc = index_relations(a, err)) == SNAP_OK &&
	    (rc = match_patterns(a, err)) == SNAP_OK)
		rc = closure(a, err);
	if (rc == SNAP_OK)
		notes_sift(a);
out:
	if (rc != SNAP_OK)
		pgarchive_close(a);
	else
		*out = a;
	return rc;
}

void
pgarchive_close(struct pgarchive *a)
{
	if (a == NULL)
		return;
	toc_free(a->toc);
	free(a->m);
	free(a->by_name);
	free(a->streams);
	free(a->notes);
	free(a);
}

/* ---- lists */
static bool
has_section(const struct pgarchive *a, unsigned section)
{
	return a->o.sections == 0 || (a->o.sections & section) != 0;
}

bool
pgarchive_data(const struct pgarchive *a)
{
	return has_section(a, PGARCHIVE_SECTION_DATA) && !a->o.schema_only;
}

/* Comments and privileges are where what they are about is. */
static size_t
subject(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *e = &a->toc->v[i];

	return (a->m[i].kind == KIND_REMARK || a->m[i].kind == KIND_ACL) &&
		       e->n_deps > 0
		   ? e->deps[0]
		   : i;
}

bool
is_made_elsewhere(const struct pgarchive *a, struct span schema)
{
	const char *const *v = a->o.made_schemas;

	for (; v != NULL && *v != NULL; v++)
		if (span_eq(span_str(*v), schema))
			return true;
	return false;
}

/* As in pg_restore, what is made for large objects is data, and so is a
 * REFRESH, although it stands behind the rows. */
static bool
is_listed(const struct pgarchive *a, size_t i)
{
	size_t of = subject(a, i);
	uint8_t kind = a->m[i].kind;

	if (!is_in(a, i) || kind == KIND_HIDDEN ||
	    (kind == KIND_SCHEMA && is_made_elsewhere(a, a->toc->v[i].tag)))
		return false;
	if (a->o.no_privileges &&
	    (kind == KIND_ACL || kind == KIND_DEFAULT_ACL))
		return false;
	if (a->m[of].kind == KIND_BLOB)
		return pgarchive_data(a);
	if (kind == KIND_REFRESH)
		return !a->o.schema_only && a->m[i].owner != NONE &&
		       !a->m[a->m[i].owner].no_rows &&
		       has_section(a, PGARCHIVE_SECTION_POST_DATA);
	return !a->o.data_only;
}

static enum pgarchive_part
part_of(const struct pgarchive *a, size_t i)
{
	size_t of = subject(a, i);

	if (a->m[i].kind == KIND_ACL || a->m[i].kind == KIND_DEFAULT_ACL ||
	    a->m[i].kind == KIND_REFRESH || a->m[of].kind == KIND_EVENT_TRIGGER)
		return PGARCHIVE_LAST;
	return a->toc->v[of].section == TOC_POST_DATA ? PGARCHIVE_POST_DATA
						      : PGARCHIVE_PRE_DATA;
}

static bool
has_part(const struct pgarchive *a, size_t i, enum pgarchive_part part)
{
	/* Large objects are made in front of the rows, but they are data. */
	if (a->m[subject(a, i)].kind == KIND_BLOB)
		return true;
	return has_section(a, part == PGARCHIVE_PRE_DATA
				  ? PGARCHIVE_SECTION_PRE_DATA
				  : PGARCHIVE_SECTION_POST_DATA);
}

bool
is_made(const struct pgarchive *a, size_t i)
{
	return is_listed(a, i) && has_part(a, i, part_of(a, i));
}

bool
has_post_data(const struct pgarchive *a)
{
	return has_section(a, PGARCHIVE_SECTION_POST_DATA) && !a->o.data_only;
}

void
put_id(const struct pgarchive *a, size_t i, struct bytes *out)
{
	bytes_printf(out, "%" PRId32 ";\n", a->toc->v[i].id);
}

static void
put_list(const struct pgarchive *a, enum pgarchive_part part, bool event,
    struct bytes *out)
{
	for (size_t i = 0; i < a->toc->n; i++)
		if (is_made(a, i) && part_of(a, i) == part &&
		    (a->m[subject(a, i)].kind == KIND_EVENT_TRIGGER) == event)
			put_id(a, i, out);
}

void
pgarchive_list(
    const struct pgarchive *a, enum pgarchive_part part, struct bytes *out)
{
	put_list(a, part, false, out);
	/* In the order of the archive one could stop a REFRESH. */
	put_list(a, part, true, out);
}

/* A table has a TOAST table with an index, most other things are one. */
uint64_t
pgarchive_locks(const struct pgarchive *a)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->toc->n; i++)
		if (is_listed(a, i) && a->m[i].kind != KIND_REMARK)
			n += a->m[i].kind == KIND_TABLE ||
				     a->m[i].kind == KIND_MATVIEW
				 ? 3
				 : 1;
	return n;
}

/* ---- notes */
static bool
is_told(const struct pgarchive *a, const struct note *n)
{
	if (n->kind == NOTE_CHILD)
		return pgarchive_data(a) && !a->o.data_only;
	if (n->kind == NOTE_FK && is_in(a, n->what))
		return false;
	return is_listed(a, n->what) ||
	       (n->kind != NOTE_BROUGHT && !a->o.data_only);
}

static bool
in_sections(const struct pgarchive *a, const struct note *n)
{
	return n->kind == NOTE_CHILD ||
	       has_part(a, n->what, part_of(a, n->what));
}

/* Its kind in lower case, and its name: a part's tag has its table's in front.
 */
static void
put_name(const struct pgarchive *a, size_t i, struct bytes *out)
{
	const struct toc_entry *e = &a->toc->v[i];
	struct span desc = e->desc;

	if (a->m[i].kind == KIND_FK)
		desc = span_str("foreign key");
	for (size_t k = 0; k < desc.len; k++)
		bytes_u8(out, desc.p[k] >= 'A' && desc.p[k] <= 'Z'
				  ? (uint8_t)(desc.p[k] | 0x20)
				  : desc.p[k]);
	bytes_u8(out, ' ');
	if (e->schema.len > 0) {
		bytes_put_span(out, e->schema);
		bytes_u8(out, '.');
	}
	bytes_put_span(out, e->tag);
}

void
pgarchive_note(const struct pgarchive *a, size_t i, struct bytes *out)
{
	const struct note *n = &a->notes[i];
	bool rows = a->m[n->what].kind == KIND_TABLE && pgarchive_data(a);

	put_name(a, n->what, out);
	switch (n->kind) {
	case NOTE_BROUGHT:
		bytes_put_str(out, rows ? " comes along without its rows: "
					: " comes along: ");
		put_name(a, n->why, out);
		bytes_put_str(out, " needs it");
		return;
	case NOTE_BARRED:
		bytes_put_str(out, " is left out: it needs ");
		break;
	case NOTE_FK:
		bytes_put_str(out, " is left out: it refers to ");
		break;
	case NOTE_APART:
		bytes_put_str(out, " becomes a table of its own, no partition"
				   " of ");
		break;
	case NOTE_CHILD:
		bytes_put_str(out, " is left out, with rows that are seen in ");
		break;
	}
	put_name(a, n->why, out);
}

/* Those that do not concern what is restored go. */
void
notes_sift(struct pgarchive *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_notes; i++)
		if (is_told(a, &a->notes[i]) && in_sections(a, &a->notes[i]))
			a->notes[n++] = a->notes[i];
	a->n_notes = n;
}

size_t
pgarchive_n_notes(const struct pgarchive *a)
{
	return a->n_notes;
}
