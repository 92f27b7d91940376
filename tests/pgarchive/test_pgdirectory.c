/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_pgdirectory.c - toc.dat for every version, read as pg_restore's
 * ReadHead() and ReadToc() read it: only one of them is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archive.h"
#include "pgdirectory.h"
#include "toc.h"

#define ROOM ((size_t)1 << 20)

static const struct entry entries[] = { { 7, TOC_PRE_DATA, "SCHEMA", "s", NULL,
					    "CREATE SCHEMA s;\n", "", { 0 } },
	{ 9, TOC_PRE_DATA, "SEQUENCE", "q'\n", "s", "CREATE ...", "", { 7 } },
	{ 30, TOC_PRE_DATA, "TABLE", "T", "s", "CREATE ...", "", { 7 } },
	{ 31, TOC_POST_DATA, "INDEX", "i", "s", "", NULL, { 30, 77 } }, { 0 } };
static const struct pgdirectory_table tables[] = {
	{ { (const uint8_t *)" 0 x.own", 8 },
	    { (const uint8_t *)"COPY x.own (a) FROM stdin;", 26 } },
	{ { (const uint8_t *)" 1 x.next", 9 },
	    { (const uint8_t *)"COPY x.next (a) FROM stdin;", 27 } },
	{ { (const uint8_t *)"s.\"T\"", 5 },
	    { (const uint8_t *)"COPY s.root (\"a b\") FROM stdin;", 31 } }
};
static const char sequences[] = "SELECT pg_catalog.setval('s.\"q''\n\"', 3, "
				"true);\n";

struct reader {
	struct cursor c;
	size_t int_size;
	unsigned minor;
};

static long
get_int(struct reader *r)
{
	long sign = cursor_u8(&r->c) != 0 ? -1 : 1, v = 0;

	for (size_t i = 0; i < r->int_size; i++)
		v |= (long)cursor_u8(&r->c) << (8 * i);
	return sign * v;
}

/* As text; absent as "(none)". */
static const char *
get_str(struct reader *r, char out[100])
{
	long n = get_int(r);

	assert_true(n < 100 && !r->c.bad);
	if (n < 0)
		return "(none)";
	cursor_copy(&r->c, out, (size_t)n);
	out[n] = '\0';
	return out;
}

static void
is_str(struct reader *r, const char *want)
{
	char text[100];

	assert_string_equal(get_str(r, text), want);
}

struct want {
	long id, has_data, section;
	const char *tag, *desc, *defn, *copy, *schema, *owner, *deps, *file;
};

static void
is_entry(struct reader *r, const struct want *w)
{
	char text[100], deps[100] = "";

	assert_int_equal(get_int(r), w->id);
	assert_int_equal(get_int(r), w->has_data);
	(void)get_str(r, text);
	(void)get_str(r, text);
	is_str(r, w->tag);
	is_str(r, w->desc);
	assert_int_equal(get_int(r), w->section);
	is_str(r, w->defn);
	(void)get_str(r, text);
	is_str(r, w->copy);
	is_str(r, w->schema);
	(void)get_str(r, text);
	if (r->minor >= 14)
		(void)get_str(r, text);
	if (r->minor >= 16)
		(void)get_int(r);
	is_str(r, w->owner);
	is_str(r, "false");
	while (strcmp(get_str(r, text), "(none)") != 0) {
		assert_true(strlen(deps) + strlen(text) + 2 < sizeof deps);
		memcpy(deps + strlen(deps), text, strlen(text) + 1);
		memcpy(deps + strlen(deps), " ", 2);
	}
	assert_string_equal(deps, w->deps);
	is_str(r, w->file);
}

static void
is_whole(struct reader *r)
{
	static const struct want want[] = {
		{ 7, 0, 2, "s", "SCHEMA", "CREATE SCHEMA s;\n", "(none)",
		    "(none)", "keeper", "", "" },
		{ 9, 0, 2, "q'\n", "SEQUENCE", "CREATE ...", "(none)", "s",
		    "keeper", "7 ", "" },
		{ 30, 0, 2, "T", "TABLE", "CREATE ...", "(none)", "s", "keeper",
		    "7 ", "" },
		/* Behind 77, on which something depends that is not there. */
		{ 78, 1, 3, "own", "TABLE DATA", "(none)",
		    "COPY x.own (a) FROM stdin;\n", "x", "", "", "78.dat" },
		{ 79, 1, 3, "next", "TABLE DATA", "(none)",
		    "COPY x.next (a) FROM stdin;\n", "x", "", "78 ", "79.dat" },
		{ 80, 1, 3, "T", "TABLE DATA",
		    "-- load via partition root s.root\n",
		    "COPY s.root (\"a b\") FROM stdin;\n", "s", "keeper", "30 ",
		    "80.dat" },
		{ 81, 0, 3, "q'\n", "SEQUENCE SET", sequences, "(none)", "s",
		    "keeper", "9 ", "" },
		{ 82, 1, 3, "BLOBS", "BLOBS", "(none)", "(none)", "(none)", "",
		    "", "blobs.toc" },
		{ 31, 0, 4, "i", "INDEX", "", "(none)", "s", "keeper", "30 77 ",
		    "" },
	};
	char text[100];

	(void)cursor_span(&r->c, 6);
	assert_int_equal(cursor_u8(&r->c), r->minor);
	(void)cursor_span(&r->c, 3);
	assert_int_equal(cursor_u8(&r->c), 3); /* archTar */
	if (r->minor >= 15)
		assert_int_equal(cursor_u8(&r->c), 0);
	else
		assert_int_equal(get_int(r), 0);
	for (int i = 0; i < 7; i++)
		(void)get_int(r);
	for (int i = 0; i < 3; i++)
		(void)get_str(r, text);
	assert_int_equal(get_int(r), sizeof want / sizeof want[0]);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		is_entry(r, &want[i]);
	assert_true(cursor_done(&r->c));
}

static void
each_version_has_entries_for_rows(void **state)
{
	struct pgdirectory_opts o = { .tables = tables,
		.n_tables = sizeof tables / sizeof tables[0],
		.sequences = span_str(sequences),
		.large_objects = true };

	(void)state;
	for (unsigned minor = 12; minor <= 16; minor++)
		for (size_t size = 4; size <= 8; size += 4) {
			struct reader r = { .int_size = size, .minor = minor };
			struct snap_err err = SNAP_ERR_INIT;
			struct bytes in, out;
			int32_t first = 0;

			bytes_init(&in, ROOM);
			bytes_init(&out, ROOM);
			archive_build(&in, minor, size, entries);
			o.archive = bytes_span(&in);
			assert_int_equal(
			    pgdirectory_toc(&o, &out, &first, &err), SNAP_OK);
			assert_int_equal(first, 78);
			cursor_init(&r.c, bytes_span(&out));
			is_whole(&r);
			bytes_fini(&in);
			bytes_fini(&out);
		}
}

static void
is_refused(const char *stream, const char *copy, const char *setvals)
{
	struct pgdirectory_table t = { span_str(stream), span_str(copy) };
	struct pgdirectory_opts o = {
		.tables = &t, .n_tables = 1, .sequences = span_str(setvals)
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes in, out;
	int32_t first = 0;

	bytes_init(&in, ROOM);
	bytes_init(&out, ROOM);
	archive_build(&in, 14, 4, entries);
	o.archive = bytes_span(&in);
	assert_int_equal(pgdirectory_toc(&o, &out, &first, &err), SNAP_CORRUPT);
	assert_int_equal(first, 0);
	bytes_fini(&in);
	bytes_fini(&out);
}

static void
streams_that_are_none_are_refused(void **state)
{
	static const char copy[] = "COPY a.b (c) FROM stdin;";

	(void)state;
	is_refused("a", copy, "");
	is_refused("a.\"b", copy, "");
	is_refused("a.b", "COPY a.b (c) FROM stdin; DROP TABLE a.b;", "");
	is_refused("a.b", "DELETE FROM a.b; COPY a.b FROM stdin;", "");
	is_refused("a.b", copy, "SELECT 1;\n");
	is_refused("a.b", copy, "SELECT pg_catalog.setval('a.b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_has_entries_for_rows),
		cmocka_unit_test(streams_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
