/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_select.c - what a choice takes along, on archives in which names do
 * their best to deceive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "archive.h"
#include "pgarchive.h"

#define ROOM ((size_t)1 << 20)
#define PRE 2
#define POST 4

static const char *const none[] = { NULL };

struct world {
	struct bytes archive, out;
	struct pgarchive *a;
	struct snap_err err;
};

static enum snap_code
choose(struct world *w, const struct entry *v, struct pgarchive_opts o)
{
	bytes_init(&w->archive, ROOM);
	bytes_init(&w->out, ROOM);
	w->a = NULL;
	archive_build(&w->archive, 14, 4, v);
	o.archive = bytes_span(&w->archive);
	o.utf8 = true;
	o.database = "shop";
	return pgarchive_open(&o, &w->a, &w->err);
}

static void
done(struct world *w)
{
	pgarchive_close(w->a);
	bytes_fini(&w->archive);
	bytes_fini(&w->out);
}

/* All lists as "1 2 | 3 | 4". */
static const char *
lists(struct world *w)
{
	bytes_clear(&w->out);
	for (int part = PGARCHIVE_PRE_DATA; part <= PGARCHIVE_LAST; part++) {
		bytes_put_str(&w->out, part == 0 ? "" : "|");
		pgarchive_list(w->a, (enum pgarchive_part)part, &w->out);
	}
	for (size_t i = 0; i < w->out.len; i++)
		if (w->out.p[i] == ';' || w->out.p[i] == '\n')
			w->out.p[i] = ' ';
	bytes_u8(&w->out, 0);
	return (const char *)w->out.p;
}

static const char *
note(struct world *w, size_t i)
{
	bytes_clear(&w->out);
	pgarchive_note(w->a, i, &w->out);
	bytes_u8(&w->out, 0);
	return (const char *)w->out.p;
}

/* Tables "a" and "a b": the tags of their parts can be read as either's. */
static const struct entry alike[] = { { 1, PRE, "TABLE", "a", "public", "",
					  "DROP TABLE public.a;\n", { 0 } },
	{ 2, PRE, "TABLE", "a b", "public", "", "DROP TABLE public.\"a b\";\n",
	    { 0 } },
	{ 3, POST, "CONSTRAINT", "a b c", "public", "",
	    "ALTER TABLE ONLY public.a DROP CONSTRAINT \"b c\";\n", { 1 } },
	{ 4, POST, "CONSTRAINT", "a b c", "public", "",
	    "ALTER TABLE ONLY public.\"a b\" DROP CONSTRAINT c;\n", { 2 } },
	{ 5, POST, "FK CONSTRAINT", "a b fk", "public", "",
	    "ALTER TABLE ONLY public.a DROP CONSTRAINT \"b fk\";\n",
	    { 1, 2, 4 } },
	{ 6, POST, "TRIGGER", "a b t", "public", "",
	    "DROP TRIGGER \"b t\" ON public.a;\n", { 1, 2 } },
	{ 7, POST, "TRIGGER", "a b u", "public", "",
	    "DROP TRIGGER u ON public.\"a b\";\n", { 1, 2 } },
	{ 8, POST, "INDEX", "i", "public",
	    "CREATE INDEX i ON public.a USING btree (x);\n",
	    "DROP INDEX public.i;\n", { 1, 2 } },
	{ 0 } };

static void
names_that_run_into_each_other_are_told_apart(void **state)
{
	static const char *const a[] = { "a", NULL }, *const b[] = { "a b",
		NULL };
	struct world w;

	(void)state;
	assert_int_equal(
	    choose(&w, alike, (struct pgarchive_opts){ .tables = a }), SNAP_OK);
	/* The trigger and the index need the other table's row type. */
	assert_string_equal(lists(&w), "1  2  |3  6  8  |");
	assert_int_equal(pgarchive_n_notes(w.a), 2);
	done(&w);
	assert_int_equal(
	    choose(&w, alike, (struct pgarchive_opts){ .tables = b }), SNAP_OK);
	assert_string_equal(lists(&w), "1  2  |4  7  |");
	done(&w);
	assert_int_equal(
	    choose(&w, alike, (struct pgarchive_opts){ .schemas = none }),
	    SNAP_OK);
	assert_string_equal(lists(&w), "1  2  |3  4  5  6  7  8  |");
	assert_int_equal(pgarchive_n_notes(w.a), 0);
	done(&w);
}

/* A type, its schema, a child, a view on both, a foreign key, remarks. */
static const struct entry shop[] = { { 1, PRE, "SCHEMA", "s", NULL, "", "",
					 { 0 } },
	{ 2, PRE, "TYPE", "color", "s", "", "DROP TYPE s.color;\n", { 1 } },
	{ 3, 1, "ACL", "TYPE color", "s", "", NULL, { 2 } },
	{ 10, PRE, "TABLE", "par", "public", "", "DROP TABLE public.par;\n",
	    { 2 } },
	{ 11, PRE, "TABLE", "chi", "public",
	    "CREATE TABLE public.chi (\n)\nINHERITS (public.par);\n",
	    "DROP TABLE public.chi;\n", { 10 } },
	{ 12, PRE, "VIEW", "v", "s", "", "DROP VIEW s.v;\n", { 1, 11 } },
	{ 13, PRE, "SEQUENCE", "par_id_seq", "public", "",
	    "DROP SEQUENCE public.par_id_seq;\n", { 10 } },
	{ 14, PRE, "SEQUENCE OWNED BY", "par_id_seq", "public", "", NULL,
	    { 13 } },
	{ 15, PRE, "DEFAULT", "par id", "public", "",
	    "ALTER TABLE public.par ALTER COLUMN id DROP DEFAULT;\n",
	    { 13, 10 } },
	{ 16, 1, "COMMENT", "TABLE par", "public", "", NULL, { 10 } },
	{ 20, POST, "CONSTRAINT", "par par_pkey", "public", "",
	    "ALTER TABLE ONLY public.par DROP CONSTRAINT par_pkey;\n", { 10 } },
	{ 21, POST, "FK CONSTRAINT", "chi fk", "public", "",
	    "ALTER TABLE ONLY public.chi DROP CONSTRAINT fk;\n",
	    { 10, 11, 20 } },
	{ 22, 1, "COMMENT", "CONSTRAINT fk ON chi", "public", "", NULL,
	    { 21 } },
	{ 23, 1, "ACL", "TABLE par", "public", "", NULL, { 10 } },
	{ 24, POST, "EVENT TRIGGER", "et", NULL, "", "", { 0 } },
	{ 25, PRE, "BLOB", "77", NULL, "", "", { 0 } },
	{ 26, 1, "COMMENT", "LARGE OBJECT 77", NULL, "", NULL, { 25 } },
	{ 27, PRE, "EXTENSION", "x", NULL, "", "", { 0 } }, { 0 } };

static void
a_table_brings_what_it_needs(void **state)
{
	static const char *const par[] = { "par", NULL };
	struct world w;

	(void)state;
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = par }),
	    SNAP_OK);
	assert_string_equal(
	    lists(&w), "1  2  10  13  14  15  16  |20  |3  23  ");
	assert_int_equal(pgarchive_n_notes(w.a), 1);
	assert_string_equal(note(&w, 0),
	    "table public.chi is left out, with rows that are seen in table "
	    "public.par");
	assert_false(pgarchive_large_objects(w.a));
	done(&w);
}

static void
what_comes_along_or_stays_behind_is_told(void **state)
{
	static const char *const chi[] = { "chi", NULL }, *const v[] = { "s.v",
		NULL };
	struct world w;

	(void)state;
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = chi }),
	    SNAP_OK);
	/* Its parent without key, with the default and so the sequence. */
	assert_string_equal(
	    lists(&w), "1  2  10  11  13  14  15  16  ||3  23  ");
	assert_int_equal(pgarchive_n_notes(w.a), 3);
	assert_string_equal(note(&w, 0),
	    "table public.par comes along without its rows: table public.chi "
	    "needs it");
	assert_string_equal(note(&w, 2),
	    "foreign key public.chi fk is left out: it refers to table "
	    "public.par");
	done(&w);
	assert_int_equal(choose(&w, shop,
			     (struct pgarchive_opts){
				 .tables = chi, .no_dependencies = true }),
	    SNAP_OK);
	assert_string_equal(lists(&w), "11  ||");
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = v }), SNAP_OK);
	assert_string_equal(
	    lists(&w), "1  2  10  11  12  13  14  15  16  ||3  23  ");
	done(&w);
}

static void
what_needs_something_excluded_is_left_out(void **state)
{
	static const char *const par[] = { "par", NULL };
	struct world w;

	(void)state;
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .exclude_tables = par }),
	    SNAP_OK);
	/* The sequence can be without its table, the child cannot. */
	assert_string_equal(lists(&w), "1  2  13  25  26  27  ||3  24  ");
	assert_int_equal(pgarchive_n_notes(w.a), 2);
	assert_string_equal(note(&w, 0),
	    "table public.chi is left out: it needs table public.par");
	assert_string_equal(
	    note(&w, 1), "view s.v is left out: it needs table public.chi");
	assert_true(pgarchive_large_objects(w.a));
	done(&w);
}

static void
parts_of_a_whole_are_as_pg_restore_has_them(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .schema_only = true }),
	    SNAP_OK);
	assert_string_equal(lists(&w),
	    "1  2  10  11  12  13  14  15  16  27  |20  21  22  |3  23  24  ");
	assert_false(pgarchive_data(w.a));
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .data_only = true }),
	    SNAP_OK);
	assert_string_equal(lists(&w), "25  26  ||");
	assert_true(pgarchive_large_objects(w.a));
	done(&w);
	assert_int_equal(choose(&w, shop,
			     (struct pgarchive_opts){
				 .sections = PGARCHIVE_SECTION_POST_DATA,
				 .no_privileges = true }),
	    SNAP_OK);
	assert_string_equal(lists(&w), "|20  21  22  |24  ");
	done(&w);
	assert_int_equal(choose(&w, shop,
			     (struct pgarchive_opts){
				 .sections = PGARCHIVE_SECTION_PRE_DATA }),
	    SNAP_OK);
	assert_string_equal(
	    lists(&w), "1  2  10  11  12  13  14  15  16  27  ||");
	done(&w);
}

static void
a_pattern_for_nothing_is_named(void **state)
{
	static const char *const v[] = { "par", "v", NULL };
	static const char *const bad[] = { "par(", NULL };
	static const char *const db[] = { "other.public.par", NULL };
	static const char *const mine[] = { "shop.public.par", NULL };
	static const char *const dots[] = { "a.b.c.d", NULL };
	struct world w;

	(void)state;
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = v }),
	    SNAP_USAGE);
	assert_string_equal(w.err.msg, "no table matches the pattern v");
	assert_non_null(strstr(w.err.hint, "*.v"));
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .exclude_schemas = v }),
	    SNAP_USAGE);
	assert_string_equal(w.err.msg, "no schema matches the pattern par");
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = bad }),
	    SNAP_USAGE);
	assert_non_null(strstr(w.err.msg, "pattern par(: invalid regular"));
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = db }),
	    SNAP_USAGE);
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = mine }),
	    SNAP_OK);
	done(&w);
	assert_int_equal(
	    choose(&w, shop, (struct pgarchive_opts){ .tables = dots }),
	    SNAP_USAGE);
	done(&w);
}

/* A partitioned table, two levels, each with an index. */
static const struct entry parted[] = { { 1, PRE, "TABLE", "p", "public", "",
					   "DROP TABLE public.p;\n", { 0 } },
	{ 2, PRE, "TABLE", "p1", "public", "", "DROP TABLE public.p1;\n",
	    { 1 } },
	{ 3, PRE, "TABLE", "p11", "s", "", "DROP TABLE s.p11;\n", { 2 } },
	{ 4, PRE, "TABLE ATTACH", "p1", "public", "", NULL, { 1, 2 } },
	{ 5, PRE, "TABLE ATTACH", "p11", "s", "", NULL, { 2, 3 } },
	{ 6, POST, "INDEX", "i", "public",
	    "CREATE INDEX i ON ONLY public.p USING btree (x);\n", "", { 1 } },
	{ 7, POST, "INDEX", "i1", "public",
	    "CREATE INDEX i1 ON ONLY public.p1 USING btree (x);\n", "",
	    { 2, 6 } },
	{ 8, POST, "CONSTRAINT", "p11 i", "s", "",
	    "ALTER TABLE ONLY s.p11 DROP CONSTRAINT i;\n", { 3, 7 } },
	{ 9, POST, "INDEX ATTACH", "i1", "public", "", NULL, { 2, 1, 7, 6 } },
	{ 10, POST, "INDEX ATTACH", "i", "s", "", NULL, { 3, 2, 8, 7, 6 } },
	{ 0 } };

static void
partitions_come_with_their_parents_only(void **state)
{
	static const char *const root[] = { "p", NULL };
	static const char *const mid[] = { "p1", NULL };
	static const char *const leaf[] = { "s.p11", NULL };
	struct span stream = span_str("s.p11");
	struct span stored = span_str("COPY public.p (x) FROM stdin;");
	struct pgarchive_opts o = { .streams = &stream, .n_streams = 1 };
	struct world w;

	(void)state;
	o.tables = root;
	assert_int_equal(choose(&w, parted, o), SNAP_OK);
	assert_string_equal(lists(&w), "1  2  3  4  5  |6  7  8  9  10  |");
	assert_int_equal(pgarchive_n_notes(w.a), 0);
	assert_true(pgarchive_rows(w.a, 0));
	bytes_clear(&w.out);
	assert_int_equal(
	    pgarchive_copy(w.a, stream, stored, &w.out, &w.err), SNAP_OK);
	assert_true(span_eq(bytes_span(&w.out), stored));
	done(&w);
	o.tables = mid;
	assert_int_equal(choose(&w, parted, o), SNAP_OK);
	assert_string_equal(lists(&w), "2  3  5  |7  8  10  |");
	assert_int_equal(pgarchive_n_notes(w.a), 1);
	assert_string_equal(note(&w, 0),
	    "table public.p1 becomes a table of its own, no partition of table "
	    "public.p");
	/* Routed anew from the topmost that there is. */
	bytes_clear(&w.out);
	assert_int_equal(
	    pgarchive_copy(w.a, stream, stored, &w.out, &w.err), SNAP_OK);
	assert_true(span_eq(
	    bytes_span(&w.out), span_str("COPY public.p1 (x) FROM stdin;")));
	done(&w);
	o.tables = leaf;
	assert_int_equal(choose(&w, parted, o), SNAP_OK);
	assert_string_equal(lists(&w), "3  |8  |");
	bytes_clear(&w.out);
	assert_int_equal(
	    pgarchive_copy(w.a, stream, stored, &w.out, &w.err), SNAP_OK);
	assert_true(span_eq(
	    bytes_span(&w.out), span_str("COPY s.p11 (x) FROM stdin;")));
	done(&w);
}

static void
rows_and_values_follow_their_tables(void **state)
{
	static const char *const par[] = { "par", NULL };
	static const char *const ext[] = { "ext.conf", NULL };
	static const char call[] = "SELECT pg_catalog.setval(";
	struct span streams[] = { span_str(" 0 ext.conf"),
		span_str("public.chi"), span_str("public.par") };
	struct pgarchive_opts o = { .streams = streams, .n_streams = 3 };
	struct world w;
	char all[256];

	(void)state;
	o.tables = par;
	assert_int_equal(choose(&w, shop, o), SNAP_OK);
	assert_false(pgarchive_rows(w.a, 0));
	assert_false(pgarchive_rows(w.a, 1));
	assert_true(pgarchive_rows(w.a, 2));
	(void)snprintf(all, sizeof all,
	    "%s'public.\"a\n''b\"', 1, true);\n%s'public.par_id_seq', 7, "
	    "false);\n%sE'public.\"\\\\x\"', 2, true);\n",
	    call, call, call);
	bytes_clear(&w.out);
	assert_int_equal(
	    pgarchive_sequences(w.a, span_str(all), &w.out, &w.err), SNAP_OK);
	bytes_u8(&w.out, 0);
	assert_string_equal((const char *)w.out.p,
	    "SELECT pg_catalog.setval('public.par_id_seq', 7, false);\n");
	bytes_clear(&w.out);
	assert_int_equal(pgarchive_sequences(
			     w.a, span_str("DROP TABLE x;\n"), &w.out, &w.err),
	    SNAP_CORRUPT);
	done(&w);
	/* A table of an extension has no entry. */
	o.tables = ext;
	assert_int_equal(choose(&w, shop, o), SNAP_OK);
	assert_true(pgarchive_rows(w.a, 0));
	assert_false(pgarchive_rows(w.a, 2));
	done(&w);
	o.tables = NULL;
	o.exclude_table_data = par;
	assert_int_equal(choose(&w, shop, o), SNAP_OK);
	assert_true(pgarchive_rows(w.a, 0));
	assert_true(pgarchive_rows(w.a, 1));
	assert_false(pgarchive_rows(w.a, 2));
	assert_int_equal(pgarchive_n_notes(w.a), 1); /* chi refers to it */
	done(&w);
	o.schema_only = true;
	assert_int_equal(choose(&w, shop, o), SNAP_OK);
	assert_int_equal(pgarchive_n_notes(w.a), 0);
	done(&w);
}

/* What of it is there, as flags of the entries. */
static void
a_target_is_asked_for_what_it_may_have(void **state)
{
	static const struct entry v[] = { { 1, PRE, "SCHEMA", "s", NULL, "",
					      "DROP SCHEMA s;\n", { 0 } },
		{ 2, PRE, "TYPE", "x", "s", "", "DROP TYPE s.x;\n", { 1 } },
		{ 3, PRE, "TABLE", "a", "s", "", "DROP TABLE s.a;\n",
		    { 1, 2 } },
		{ 4, PRE, "TABLE", "b", "s", "", "DROP TABLE s.b;\n", { 1 } },
		{ 5, POST, "CONSTRAINT", "a a_pkey", "s", "",
		    "ALTER TABLE ONLY s.a DROP CONSTRAINT a_pkey;\n", { 3 } },
		{ 6, POST, "FK CONSTRAINT", "a fk", "s", "",
		    "ALTER TABLE ONLY s.a DROP CONSTRAINT fk;\n", { 3, 4 } },
		{ 7, 1, "COMMENT", "CONSTRAINT fk ON a", "s", "", "", { 6 } },
		{ 8, 1, "ACL", "SCHEMA s", NULL, "", "", { 1 } }, { 0 } };
	static const enum pgarchive_claim claims[] = { PGARCHIVE_ALONG,
		PGARCHIVE_ALONG, PGARCHIVE_MADE, PGARCHIVE_REFERRED,
		PGARCHIVE_MADE };
	static const char *const a[] = { "s.a", NULL };
	const bool all[8] = { true, true, false, true }, none_is[8] = { false };
	struct span stream = span_str("s.a");
	struct pgarchive_opts o = {
		.tables = a, .streams = &stream, .n_streams = 1, .live = true
	};
	struct pgarchive_item e;
	struct world w;

	(void)state;
	assert_int_equal(choose(&w, v, o), SNAP_OK);
	assert_int_equal(pgarchive_n_entries(w.a), 8);
	for (size_t i = 0; i < 5; i++) {
		assert_true(pgarchive_item(w.a, i, &e));
		assert_int_equal(e.claim, claims[i]);
	}
	assert_true(span_eq(e.name, span_str("a_pkey")));
	assert_false(pgarchive_item(w.a, 5, &e));
	assert_int_equal(pgarchive_n_notes(w.a), 1);
	pgarchive_leave(w.a, all);
	assert_string_equal(lists(&w), "3  |5  6  7  |");
	assert_int_equal(pgarchive_n_notes(w.a), 0);
	bytes_clear(&w.out);
	pgarchive_drops(w.a, &w.out);
	assert_true(span_eq(bytes_span(&w.out), span_str("3;\n5;\n6;\n7;\n")));
	done(&w);
	assert_int_equal(choose(&w, v, o), SNAP_OK);
	pgarchive_leave(w.a, none_is);
	assert_string_equal(lists(&w), "1  2  3  |5  |8  ");
	assert_string_equal(note(&w, 0),
	    "foreign key s.a fk is left out: it refers to table s.b");
	done(&w);
	o.data_only = true;
	assert_int_equal(choose(&w, v, o), SNAP_OK);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pgarchive_item(w.a, i, &e), i == 2);
	assert_true(pgarchive_item(w.a, 2, &e));
	assert_int_equal(e.claim, PGARCHIVE_EXPECTED);
	done(&w);
}

/* Circles, of dependencies and of parents, end. */
static void
circles_come_to_an_end(void **state)
{
	static const struct entry circle[] = { { 1, PRE, "TABLE", "a", "public",
						   "", "", { 2, 3 } },
		{ 2, PRE, "TABLE", "b", "public", "", "", { 1, 4 } },
		{ 3, PRE, "TABLE ATTACH", "a", "public", "", NULL, { 1, 2 } },
		{ 4, PRE, "TABLE ATTACH", "b", "public", "", NULL, { 1, 2 } },
		{ 5, PRE, "TYPE", "x", "public", "", "", { 6 } },
		{ 6, PRE, "TYPE", "y", "public", "", "", { 5, 1 } }, { 0 } };
	static const char *const a[] = { "a", NULL };
	struct span stream = span_str("public.a");
	struct pgarchive_opts o = { .streams = &stream, .n_streams = 1 };
	struct world w;

	(void)state;
	o.tables = a;
	assert_int_equal(choose(&w, circle, o), SNAP_OK);
	assert_true(pgarchive_rows(w.a, 0));
	assert_int_equal(
	    pgarchive_copy(w.a, stream, span_str("COPY public.b FROM stdin;"),
		&w.out, &w.err),
	    SNAP_OK);
	done(&w);
	o.tables = NULL;
	o.exclude_tables = a;
	assert_int_equal(choose(&w, circle, o), SNAP_OK);
	done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_run_into_each_other_are_told_apart),
		cmocka_unit_test(a_table_brings_what_it_needs),
		cmocka_unit_test(what_comes_along_or_stays_behind_is_told),
		cmocka_unit_test(what_needs_something_excluded_is_left_out),
		cmocka_unit_test(parts_of_a_whole_are_as_pg_restore_has_them),
		cmocka_unit_test(a_pattern_for_nothing_is_named),
		cmocka_unit_test(partitions_come_with_their_parents_only),
		cmocka_unit_test(rows_and_values_follow_their_tables),
		cmocka_unit_test(a_target_is_asked_for_what_it_may_have),
		cmocka_unit_test(circles_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
