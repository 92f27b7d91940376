/* SPDX-License-Identifier: PostgreSQL */
/*
 * tocput.c - entries as pg_dump writes them; toc.c says how they look.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tocput.h"

#define TEXT_MAX ((size_t)1 << 31)

static void
put_signed(const struct toc *t, bool negative, size_t v, struct bytes *out)
{
	bytes_u8(out, negative);
	for (size_t i = 0; i < t->int_size; i++)
		bytes_u8(out, (uint8_t)(v >> (8 * i)));
}

void
toc_put_int(const struct toc *t, size_t v, struct bytes *out)
{
	put_signed(t, false, v, out);
}

static void
put_absent(const struct toc *t, struct bytes *out)
{
	put_signed(t, true, 1, out);
}

void
toc_put_str(const struct toc *t, struct span s, struct bytes *out)
{
	if (s.p == NULL) {
		put_absent(t, out);
		return;
	}
	toc_put_int(t, s.len, out);
	bytes_put_span(out, s);
}

static void
put_number(const struct toc *t, uint32_t v, struct bytes *out)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%" PRIu32, v);
	toc_put_str(t, span_str(text), out);
}

void
toc_put_entry(const struct toc *t, const struct toc_new *e, struct bytes *out)
{
	toc_put_int(t, (size_t)e->id, out);
	toc_put_int(t, e->has_data, out);
	put_number(t, e->catalog, out);
	put_number(t, e->oid, out);
	toc_put_str(t, e->tag, out);
	toc_put_str(t, e->desc, out);
	toc_put_int(t, e->section, out);
	toc_put_str(t, e->defn, out);
	toc_put_str(t, e->drop, out);
	toc_put_str(t, e->copy, out);
	toc_put_str(t, e->schema, out);
	put_absent(t, out); /* tablespace */
	if (t->minor >= 14)
		put_absent(t, out); /* access method */
	if (t->minor >= 16)
		toc_put_int(t, 0, out); /* kind of relation */
	toc_put_str(t, e->owner, out);
	toc_put_str(t, span_str("false"), out); /* with oids */
	for (size_t i = 0; i < 2; i++)
		if (e->deps[i] != 0)
			put_number(t, (uint32_t)e->deps[i], out);
	put_absent(t, out);
}

/* Up to this field, then what is in its place; *from is what comes next. */
static void
edit_field(const struct toc *t, const struct toc_entry *e, enum toc_field field,
    toc_edit_fn fn, void *arg, struct bytes *text, const uint8_t **from,
    struct bytes *out)
{
	const struct span fields[TOC_FIELDS] = { [TOC_DEFN] = e->defn,
		[TOC_DROP] = e->drop,
		[TOC_OWNER] = e->owner };
	struct span s = fields[field];

	bytes_clear(text);
	if (s.len == 0 || !fn(arg, e, field, s, text))
		return;
	out->bad |= text->bad;
	bytes_put(out, *from, (size_t)(s.p - *from) - 1 - t->int_size);
	toc_put_str(t, bytes_span(text), out);
	*from = s.p + s.len;
}

enum snap_code
toc_edit(struct span archive, toc_edit_fn fn, void *arg, struct bytes *out,
    struct snap_err *err)
{
	const uint8_t *from = archive.p;
	struct toc *t = NULL;
	struct bytes text;
	enum snap_code rc;

	if ((rc = toc_parse(archive, &t, err)) != SNAP_OK)
		return rc;
	bytes_init(&text, TEXT_MAX);
	for (size_t i = 0; i < t->n; i++)
		for (int f = 0; f < TOC_FIELDS; f++)
			edit_field(t, &t->v[i], (enum toc_field)f, fn, arg,
			    &text, &from, out);
	bytes_put(out, from, archive.len - (size_t)(from - archive.p));
	bytes_fini(&text);
	toc_free(t);
	return bytes_check(out, err);
}
