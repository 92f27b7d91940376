/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_largeobjects.c - entries for large objects in archives of every version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "archive.h"
#include "largeobjects.h"

#define ROOM ((size_t)1 << 20)

static const struct entry entries[] = { { 7, TOC_PRE_DATA, "SCHEMA", "s", NULL,
					    "CREATE SCHEMA s;\n", "", { 0 } },
	{ 8, TOC_NONE, "ACL", "SCHEMA s", NULL, "GRANT ...", "", { 7 } },
	{ 31, TOC_POST_DATA, "INDEX", "i", "s", "", NULL, { 7, 77 } },
	{ 32, TOC_NONE, "COMMENT", "INDEX i", "s", "", NULL, { 31 } }, { 0 } };

static const struct {
	int32_t id;
	uint8_t section;
	const char *desc, *tag, *owner, *defn;
	size_t dep; /* index, or SIZE_MAX */
} want[] = { { 7, TOC_PRE_DATA, "SCHEMA", "s", "keeper", "CREATE SCHEMA s;\n",
		 SIZE_MAX },
	{ 8, TOC_NONE, "ACL", "SCHEMA s", "keeper", "GRANT ...", 0 },
	{ 78, TOC_PRE_DATA, "BLOB", "5", "me",
	    "SELECT pg_catalog.lo_create('5');\n", SIZE_MAX },
	{ 79, TOC_PRE_DATA, "BLOB", "4294967295", "y\"ou",
	    "SELECT pg_catalog.lo_create('4294967295');\n", SIZE_MAX },
	{ 80, TOC_NONE, "COMMENT", "LARGE OBJECT 4294967295", "y\"ou", "C;\n",
	    3 },
	{ 81, TOC_NONE, "SECURITY LABEL", "LARGE OBJECT 4294967295", "y\"ou",
	    "L;\n", 3 },
	{ 82, TOC_NONE, "ACL", "LARGE OBJECT 4294967295", "y\"ou", "A;\n", 3 },
	{ 31, TOC_POST_DATA, "INDEX", "i", "keeper", "", 0 },
	{ 32, TOC_NONE, "COMMENT", "INDEX i", "keeper", "", 7 } };

static bool
is_text(struct span s, const char *text)
{
	return span_eq(s, span_str(text));
}

static void
add(const struct entry *v, unsigned minor, size_t size, size_t n,
    struct bytes *in, struct bytes *out)
{
	struct large_object o[2] = { { 5, span_str("me"), { NULL, 0 },
					 { NULL, 0 }, { NULL, 0 } },
		{ UINT32_MAX, span_str("y\"ou"), span_str("C;\n"),
		    span_str("L;\n"), span_str("A;\n") } };
	struct snap_err err = SNAP_ERR_INIT;
	struct toc *t = NULL;

	bytes_init(in, ROOM);
	bytes_init(out, ROOM);
	archive_build(in, minor, size, v);
	assert_int_equal(toc_parse(bytes_span(in), &t, &err), SNAP_OK);
	assert_false(largeobjects_known(t));
	assert_int_equal(
	    largeobjects_add(bytes_span(in), t, o, n, out, &err), SNAP_OK);
	toc_free(t);
}

static void
they_are_the_last_of_pre_data_in_each_version(void **state)
{
	(void)state;
	for (unsigned minor = 12; minor <= 16; minor++)
		for (size_t size = 4; size <= 8; size += 4) {
			struct snap_err err = SNAP_ERR_INIT;
			struct toc *t = NULL;
			struct bytes in, out;

			add(entries, minor, size, 2, &in, &out);
			assert_int_equal(
			    toc_parse(bytes_span(&out), &t, &err), SNAP_OK);
			assert_int_equal(t->n, sizeof want / sizeof *want);
			for (size_t i = 0; i < t->n; i++) {
				const struct toc_entry *e = &t->v[i];

				assert_int_equal(e->id, want[i].id);
				assert_int_equal(e->section, want[i].section);
				assert_true(is_text(e->desc, want[i].desc));
				assert_true(is_text(e->tag, want[i].tag));
				assert_true(is_text(e->owner, want[i].owner));
				assert_true(is_text(e->defn, want[i].defn));
				assert_int_equal(
				    e->n_deps, want[i].dep != SIZE_MAX);
				if (e->n_deps > 0)
					assert_int_equal(
					    e->deps[0], want[i].dep);
			}
			assert_true(is_text(t->v[2].drop,
			    "SELECT pg_catalog.lo_unlink('5');\n"));
			assert_true(largeobjects_known(t));
			/* Nothing is behind the last. */
			assert_ptr_equal(t->v[8].raw.p + t->v[8].raw.len + 9,
			    out.p + out.len);
			toc_free(t);
			bytes_fini(&in);
			bytes_fini(&out);
		}
}

static void
an_archive_may_have_nothing_else(void **state)
{
	static const struct entry none[] = { { 0 } };
	struct snap_err err = SNAP_ERR_INIT;
	struct toc *t = NULL;
	struct bytes in, out;

	(void)state;
	add(none, 16, 4, 1, &in, &out);
	assert_int_equal(toc_parse(bytes_span(&out), &t, &err), SNAP_OK);
	assert_int_equal(t->n, 1);
	assert_true(is_text(t->v[0].tag, "5"));
	assert_ptr_equal(t->v[0].raw.p + t->v[0].raw.len + 9, out.p + out.len);
	toc_free(t);
	bytes_fini(&in);
	bytes_fini(&out);
	add(entries, 14, 4, 0, &in, &out);
	assert_true(span_eq(bytes_span(&in), bytes_span(&out)));
	bytes_fini(&in);
	bytes_fini(&out);
}

static void
more_than_there_are_ids_for_is_refused(void **state)
{
	static const struct entry last[] = { { INT32_MAX - 7, TOC_PRE_DATA,
						 "SCHEMA", "s", NULL, "", "",
						 { 0 } },
		{ 0 } };
	struct large_object o[2] = { 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct toc *t = NULL;
	struct bytes in, out;

	(void)state;
	bytes_init(&in, ROOM);
	bytes_init(&out, ROOM);
	archive_build(&in, 14, 4, last);
	assert_int_equal(toc_parse(bytes_span(&in), &t, &err), SNAP_OK);
	assert_int_equal(largeobjects_add(bytes_span(&in), t, o, 2, &out, &err),
	    SNAP_UNSUPPORTED);
	assert_int_equal(out.len, 0);
	assert_int_equal(
	    largeobjects_add(bytes_span(&in), t, o, 1, &out, &err), SNAP_OK);
	toc_free(t);
	bytes_fini(&in);
	bytes_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_the_last_of_pre_data_in_each_version),
		cmocka_unit_test(an_archive_may_have_nothing_else),
		cmocka_unit_test(more_than_there_are_ids_for_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
