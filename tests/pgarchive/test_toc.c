/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_toc.c - tables of contents of every version, and of nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archive.h"
#include "toc.h"

#define ROOM ((size_t)1 << 20)

static const struct entry entries[] = { { 7, TOC_PRE_DATA, "SCHEMA", "s", NULL,
					    "CREATE SCHEMA s;\n",
					    "DROP SCHEMA s;\n", { 0 } },
	{ 300, TOC_PRE_DATA, "TABLE", "t\n1", "s", "CREATE TABLE ...",
	    "DROP TABLE s.\"t\n1\";\n", { 7, 7, 5000, 301 } },
	{ 301, TOC_POST_DATA, "INDEX", "i", "s", "", NULL, { 300, 7 } },
	{ 302, TOC_NONE, "COMMENT", "TABLE \"t\n1\"", "s", "x", "", { 300 } },
	{ 0 } };

/* The exact bytes, so that a sanitizer sees a read behind them. */
static enum snap_code
parse(const struct bytes *b, size_t len, struct toc **out, uint8_t **hold,
    struct snap_err *err)
{
	*hold = malloc(len == 0 ? 1 : len);
	assert_non_null(*hold);
	memcpy(*hold, b->p, len);
	return toc_parse(span_of(*hold, len), out, err);
}

static void
each_version_says_the_same(void **state)
{
	(void)state;
	for (unsigned minor = 12; minor <= 16; minor++)
		for (size_t size = 4; size <= 8; size += 4) {
			struct snap_err err = SNAP_ERR_INIT;
			struct toc *t = NULL;
			struct bytes b;
			uint8_t *hold;

			bytes_init(&b, ROOM);
			archive_build(&b, minor, size, entries);
			assert_int_equal(
			    parse(&b, b.len, &t, &hold, &err), SNAP_OK);
			assert_int_equal(t->minor, minor);
			assert_int_equal(t->n, 4);
			assert_true(span_eq(t->database, span_str("shop")));
			assert_true(
			    span_eq(t->dump_version, span_str("15.20")));
			assert_int_equal(t->v[1].id, 300);
			assert_int_equal(t->v[1].section, TOC_PRE_DATA);
			assert_true(span_eq(t->v[1].tag, span_str("t\n1")));
			assert_true(span_eq(t->v[1].schema, span_str("s")));
			assert_true(span_eq(t->v[1].owner, span_str("keeper")));
			assert_null(t->v[0].schema.p);
			assert_non_null(t->v[2].defn.p);
			assert_null(t->v[2].drop.p);
			assert_int_equal(t->v[2].section, TOC_POST_DATA);
			toc_free(t);
			free(hold);
			bytes_fini(&b);
		}
}

/* Once each, in order, and only what is there. */
static void
dependencies_are_entries(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct toc *t = NULL;
	struct bytes b;

	(void)state;
	bytes_init(&b, ROOM);
	archive_build(&b, 14, 4, entries);
	assert_int_equal(toc_parse(bytes_span(&b), &t, &err), SNAP_OK);
	assert_int_equal(t->v[0].n_deps, 0);
	assert_int_equal(t->v[1].n_deps, 2);
	assert_int_equal(t->v[1].deps[0], 0);
	assert_int_equal(t->v[1].deps[1], 2);
	assert_int_equal(t->v[2].n_deps, 2);
	assert_int_equal(t->v[2].deps[0], 0);
	assert_int_equal(t->v[2].deps[1], 1);
	assert_int_equal(t->v[3].n_deps, 1);
	toc_free(t);
	bytes_fini(&b);
}

static void
other_versions_are_refused(void **state)
{
	static const unsigned minors[] = { 0, 11, 17, 255 };
	struct snap_err err;
	struct toc *t = NULL;
	struct bytes b;

	(void)state;
	bytes_init(&b, ROOM);
	for (size_t i = 0; i < sizeof minors / sizeof minors[0]; i++) {
		archive_build(&b, 14, 4, entries);
		b.p[6] = (uint8_t)minors[i];
		assert_int_equal(
		    toc_parse(bytes_span(&b), &t, &err), SNAP_UNSUPPORTED);
		assert_true(err.hint[0] != '\0');
	}
	b.p[6] = 14;
	b.p[5] = 2;
	assert_int_equal(toc_parse(bytes_span(&b), &t, &err), SNAP_UNSUPPORTED);
	b.p[5] = 1;
	b.p[10] = 3; /* tar */
	assert_int_equal(toc_parse(bytes_span(&b), &t, &err), SNAP_CORRUPT);
	b.p[10] = 1;
	b.p[8] = 9;
	assert_int_equal(toc_parse(bytes_span(&b), &t, &err), SNAP_CORRUPT);
	assert_null(t);
	bytes_fini(&b);
}

static void
no_cut_of_it_is_one(void **state)
{
	struct snap_err err;
	struct toc *t = NULL;
	struct bytes b;
	uint8_t *hold;

	(void)state;
	bytes_init(&b, ROOM);
	for (unsigned minor = 12; minor <= 16; minor++) {
		archive_build(&b, minor, 4, entries);
		for (size_t len = 0; len < b.len; len++) {
			assert_int_equal(
			    parse(&b, len, &t, &hold, &err), SNAP_CORRUPT);
			free(hold);
		}
	}
	assert_null(t);
	bytes_fini(&b);
}

/* Whatever comes out of it can be read to its end. */
static void
no_changed_byte_leads_astray(void **state)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	struct snap_err err;
	struct bytes b;
	size_t refused = 0, sum = 0;

	(void)state;
	bytes_init(&b, ROOM);
	archive_build(&b, 16, 4, entries);
	for (size_t at = 0; at < b.len; at++)
		for (size_t k = 0; k < sizeof masks; k++) {
			struct toc *t = NULL;
			uint8_t *hold;

			b.p[at] ^= masks[k];
			if (parse(&b, b.len, &t, &hold, &err) != SNAP_OK)
				refused++;
			for (size_t i = 0; t != NULL && i < t->n; i++) {
				for (size_t j = 0; j < t->v[i].tag.len; j++)
					sum += t->v[i].tag.p[j];
				for (size_t j = 0; j < t->v[i].n_deps; j++)
					assert_true(t->v[i].deps[j] < t->n);
			}
			toc_free(t);
			free(hold);
			b.p[at] ^= masks[k];
		}
	assert_true(refused > 100);
	assert_true(sum > 0);
	bytes_fini(&b);
}

static void
what_contradicts_itself_is_refused(void **state)
{
	static const struct entry twice[] = {
		{ 7, TOC_PRE_DATA, "SCHEMA", "s", NULL, "", "", { 0 } },
		{ 7, TOC_PRE_DATA, "SCHEMA", "t", NULL, "", "", { 0 } }, { 0 }
	};
	static const struct entry section[] = {
		{ 7, 9, "SCHEMA", "s", NULL, "", "", { 0 } }, { 0 }
	};
	static const struct entry nameless[] = {
		{ 7, TOC_PRE_DATA, "SCHEMA", NULL, NULL, "", "", { 0 } }, { 0 }
	};
	static const struct entry *const all[] = { twice, section, nameless };
	struct snap_err err;
	struct toc *t = NULL;
	struct bytes b;

	(void)state;
	bytes_init(&b, ROOM);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		archive_build(&b, 14, 4, all[i]);
		assert_int_equal(
		    toc_parse(bytes_span(&b), &t, &err), SNAP_CORRUPT);
	}
	/* As many entries as no archive of that size can have. */
	archive_build(&b, 14, 4, &twice[2]);
	le32_put(b.p + b.len - 4, 0x7fffffff);
	assert_int_equal(toc_parse(bytes_span(&b), &t, &err), SNAP_CORRUPT);
	assert_null(t);
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_says_the_same),
		cmocka_unit_test(dependencies_are_entries),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(no_cut_of_it_is_one),
		cmocka_unit_test(no_changed_byte_leads_astray),
		cmocka_unit_test(what_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
