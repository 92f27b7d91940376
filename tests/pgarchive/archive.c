/* SPDX-License-Identifier: PostgreSQL */
/*
 * archive.c - what pg_dump's WriteHead() and WriteToc() write, field by field:
 * only one version of pg_dump is installed where the tests run.
 */
#include <stdio.h>

#include "archive.h"

struct writer {
	struct bytes *b;
	unsigned minor;
	size_t int_size;
};

static void
put_int(const struct writer *w, long v)
{
	unsigned long u = v < 0 ? (unsigned long)-v : (unsigned long)v;

	bytes_u8(w->b, v < 0);
	for (size_t i = 0; i < w->int_size; i++)
		bytes_u8(w->b, (uint8_t)(u >> (8 * i)));
}

static void
put_str(const struct writer *w, const char *s)
{
	if (s == NULL) {
		put_int(w, -1);
		return;
	}
	put_int(w, (long)span_str(s).len);
	bytes_put_str(w->b, s);
}

static void
put_number(const struct writer *w, int v)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%d", v);
	put_str(w, text);
}

static void
put_entry(const struct writer *w, const struct entry *e)
{
	put_int(w, e->id);
	put_int(w, 0);
	put_number(w, 1259);
	put_number(w, e->id);
	put_str(w, e->tag);
	put_str(w, e->desc);
	put_int(w, e->section);
	put_str(w, e->defn);
	put_str(w, e->drop);
	put_str(w, NULL);
	put_str(w, e->schema);
	put_str(w, "");
	if (w->minor >= 14)
		put_str(w, "heap");
	if (w->minor >= 16)
		put_int(w, 'r');
	put_str(w, "keeper");
	put_str(w, "false");
	for (int i = 0; i < ENTRY_DEPS && e->deps[i] != 0; i++)
		put_number(w, e->deps[i]);
	put_str(w, NULL);
	bytes_u8(w->b, 3); /* no data */
	bytes_zero(w->b, 8);
}

void
archive_build(
    struct bytes *out, unsigned minor, size_t int_size, const struct entry *v)
{
	struct writer w = { out, minor, int_size };
	long n = 0;

	bytes_clear(out);
	bytes_put_str(out, "PGDMP");
	bytes_u8(out, 1);
	bytes_u8(out, (uint8_t)minor);
	bytes_u8(out, 0);
	bytes_u8(out, (uint8_t)int_size);
	bytes_u8(out, 8);
	bytes_u8(out, 1);
	if (minor >= 15)
		bytes_u8(out, 0);
	else
		put_int(&w, 0);
	for (int i = 0; i < 7; i++)
		put_int(&w, i);
	put_str(&w, "shop");
	put_str(&w, "15.20");
	put_str(&w, "15.20");
	while (v[n].id != 0)
		n++;
	put_int(&w, n);
	for (long i = 0; i < n; i++)
		put_entry(&w, &v[i]);
}
