/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgdirectory.c - toc.dat, as pg_dump -Fd writes it.
 *
 * It is the head and the entries of a custom archive (toc.c says how they
 * look), but for the format, which is that of tar, and for what ends an entry:
 * in place of an offset the name of a file, or "".  Rows and values of
 * sequences come between the definitions in front of them and those behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "pgdirectory.h"
#include "tocput.h"

#define FORMAT_AT 10 /* in the head */
#define FORMAT_TAR 3
#define NAME_MAX_BYTES ((size_t)1 << 16)
#define TOC_MAX ((size_t)1 << 31)

struct writer {
	const struct pgdirectory_opts *o;
	const struct toc *t;
	const struct toc_entry **by_name; /* tables and sequences, sorted */
	size_t n_names;
	int32_t next_id;
	int32_t rank_id; /* the last table whose name has a rank, or 0 */
	struct bytes data;
	size_t n_data; /* entries in it */
	struct bytes text, schema, name;
};

/* One of our own entries. */
struct entry {
	struct span tag, desc, defn, copy, file;
	const struct toc_entry *of; /* what it belongs to, or NULL */
	int32_t after;              /* another entry that comes before, or 0 */
	bool has_data;
};

static void
put_entry(struct writer *w, const struct entry *e)
{
	struct toc_new n = { .id = w->next_id++,
		.has_data = e->has_data,
		.tag = e->tag,
		.desc = e->desc,
		.defn = e->defn,
		.copy = e->copy,
		.owner = span_str(""),
		.section = TOC_DATA,
		.deps = { e->of != NULL ? e->of->id : 0, e->after } };

	if (w->schema.len > 0)
		n.schema = bytes_span(&w->schema);
	if (e->of != NULL && e->of->owner.p != NULL)
		n.owner = e->of->owner;
	toc_put_entry(w->t, &n, &w->data);
	toc_put_str(w->t, e->file, &w->data);
	w->n_data++;
}

/* ---- what an entry belongs to */

static int
cmp_names(struct span schema_a, struct span name_a, struct span schema_b,
    struct span name_b)
{
	int d = span_cmp(name_a, name_b);

	return d != 0 ? d : span_cmp(schema_a, schema_b);
}

static int
by_name(const void *a, const void *b)
{
	const struct toc_entry *x = *(const struct toc_entry *const *)a;
	const struct toc_entry *y = *(const struct toc_entry *const *)b;

	return cmp_names(x->schema, x->tag, y->schema, y->tag);
}

static enum snap_code
sort_names(struct writer *w, struct snap_err *err)
{
	w->by_name = calloc(w->t->n + 1, sizeof *w->by_name);
	if (w->by_name == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < w->t->n; i++) {
		const struct toc_entry *e = &w->t->v[i];

		if (span_eq(e->desc, span_str("TABLE")) ||
		    span_eq(e->desc, span_str("SEQUENCE")))
			w->by_name[w->n_names++] = e;
	}
	qsort(w->by_name, w->n_names, sizeof *w->by_name, by_name);
	return SNAP_OK;
}

/* "schema.name" into w->schema and w->name, and the entry of that name: there
 * is none for a table that an extension makes. */
static bool
find(struct writer *w, struct span text, const struct toc_entry **out)
{
	struct toc_entry key, *k = &key;
	const struct toc_entry **hit;

	if (!name_split(text, &w->schema, &w->name))
		return false;
	key.schema = bytes_span(&w->schema);
	key.tag = bytes_span(&w->name);
	hit = bsearch(&k, w->by_name, w->n_names, sizeof *w->by_name, by_name);
	*out = hit != NULL ? *hit : NULL;
	return true;
}

/* ---- the entries */

/* A table of an extension's comes behind those that its rows refer to. */
static bool
is_ranked(struct span stream)
{
	return stream.len > 0 && stream.p[0] == ' ';
}

/*
 * Where COPY names another table, rows are routed anew.  pg_restore is told by
 * a comment; a parallel one would else empty a partition that has got rows
 * from the files of others.
 */
static enum snap_code
put_table(struct writer *w, size_t i, struct snap_err *err)
{
	const struct pgdirectory_table *t = &w->o->tables[i];
	struct span own = name_of_stream(t->stream), target = t->copy;
	struct entry e = { .desc = span_str("TABLE DATA"), .has_data = true };
	struct bytes copy, defn;
	char file[24];
	size_t n = 5;
	bool quoted = false;

	if (!find(w, own, &e.of) || !span_starts(t->copy, "COPY ") ||
	    !span_ends(t->copy, span_str(" FROM stdin;")))
		return snap_fail(err, SNAP_CORRUPT,
		    "a table's stream has no name or no COPY statement");
	for (; n < t->copy.len && (quoted || t->copy.p[n] != ' '); n++)
		quoted ^= t->copy.p[n] == '"';
	target = span_of(t->copy.p + 5, n - 5);
	bytes_init(&copy, TOC_MAX);
	bytes_init(&defn, TOC_MAX);
	bytes_put_span(&copy, t->copy);
	bytes_u8(&copy, '\n');
	if (!span_eq(target, own)) {
		bytes_put_str(&defn, "-- load via partition root ");
		for (size_t k = 0; k < target.len; k++)
			bytes_u8(&defn,
			    target.p[k] < ' ' ? (uint8_t)' ' : target.p[k]);
		bytes_u8(&defn, '\n');
	}
	(void)snprintf(file, sizeof file, "%d.dat", (int)w->next_id);
	e.tag = bytes_span(&w->name);
	e.copy = bytes_span(&copy);
	e.defn = bytes_span(&defn);
	e.file = span_str(file);
	if (is_ranked(t->stream)) {
		e.after = w->rank_id;
		w->rank_id = w->next_id;
	}
	put_entry(w, &e);
	w->data.bad |= copy.bad || defn.bad;
	bytes_fini(&copy);
	bytes_fini(&defn);
	return SNAP_OK;
}

/* Lines "SELECT pg_catalog.setval('...', 1, true);", whose names may have line
 * ends. */
static enum snap_code
put_sequences(struct writer *w, struct snap_err *err)
{
	static const char call[] = "SELECT pg_catalog.setval(";
	struct entry e = { .desc = span_str("SEQUENCE SET"),
		.file = span_str("") };
	struct span left = w->o->sequences, rest;
	size_t n;

	while (left.len > 0) {
		rest = span_behind(left, sizeof call - 1);
		if (!span_starts(left, call) ||
		    !name_literal(&rest, &w->text) ||
		    !find(w, bytes_span(&w->text), &e.of))
			return snap_fail(err, SNAP_CORRUPT,
			    "the values of sequences are not what a backup "
			    "writes");
		for (n = 0; n < rest.len && rest.p[n] != '\n';)
			n++;
		rest = span_behind(rest, n + 1);
		e.tag = bytes_span(&w->name);
		e.defn = span_of(left.p, left.len - rest.len);
		put_entry(w, &e);
		left = rest;
	}
	return SNAP_OK;
}

static enum snap_code
put_data(struct writer *w, struct snap_err *err)
{
	struct entry blobs = { .desc = span_str("BLOBS"),
		.tag = span_str("BLOBS"),
		.file = span_str(PGDIRECTORY_BLOBS),
		.has_data = true };
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < w->o->n_tables && rc == SNAP_OK; i++)
		rc = put_table(w, i, err);
	if (rc == SNAP_OK)
		rc = put_sequences(w, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_clear(&w->schema);
	if (w->o->large_objects)
		put_entry(w, &blobs);
	return bytes_check(&w->data, err);
}

static void
put_stored(struct writer *w, struct bytes *out)
{
	bool data_done = false;
	size_t start = out->len;

	bytes_put_span(out, w->t->head);
	if (!out->bad)
		out->p[start + FORMAT_AT] = FORMAT_TAR;
	toc_put_int(w->t, w->t->n + w->n_data, out);
	for (size_t i = 0; i < w->t->n; i++) {
		if (w->t->v[i].section == TOC_POST_DATA && !data_done) {
			bytes_put_span(out, bytes_span(&w->data));
			data_done = true;
		}
		bytes_put_span(out, w->t->v[i].raw);
		toc_put_str(w->t, span_str(""), out); /* has no file */
	}
	if (!data_done)
		bytes_put_span(out, bytes_span(&w->data));
}

enum snap_code
pgdirectory_toc(const struct pgdirectory_opts *o, struct bytes *out,
    int32_t *first_file, struct snap_err *err)
{
	struct writer w = { .o = o };
	struct toc *t = NULL;
	enum snap_code rc;

	if ((rc = toc_parse(o->archive, &t, err)) != SNAP_OK)
		return rc;
	w.t = t;
	bytes_init(&w.data, TOC_MAX);
	bytes_init(&w.text, NAME_MAX_BYTES);
	bytes_init(&w.schema, NAME_MAX_BYTES);
	bytes_init(&w.name, NAME_MAX_BYTES);
	/* Ids are positive; a sequence takes a line of its stream. */
	if (o->n_tables + o->sequences.len >= (size_t)(INT32_MAX - t->max_id))
		rc = snap_fail(
		    err, SNAP_CORRUPT, "the archive's ids are used up");
	w.next_id = t->max_id + (t->max_id < INT32_MAX);
	if (rc == SNAP_OK)
		rc = sort_names(&w, err);
	if (rc == SNAP_OK)
		rc = put_data(&w, err);
	if (rc == SNAP_OK) {
		put_stored(&w, out);
		rc = bytes_check(out, err);
	}
	if (rc == SNAP_OK)
		*first_file = t->max_id + 1;
	free(w.by_name);
	bytes_fini(&w.data);
	bytes_fini(&w.text);
	bytes_fini(&w.schema);
	bytes_fini(&w.name);
	toc_free(t);
	return rc;
}
