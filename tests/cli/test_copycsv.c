/* SPDX-License-Identifier: PostgreSQL */
/* test_copycsv.c - COPY's text into CSV: what no server would do to us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "copycsv.h"

struct catch
{
	struct sink sink;
	struct bytes got;
};

static enum snap_code
take_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s, (void)m, (void)err;
	return SNAP_OK;
}

static enum snap_code
take_data(struct sink *s, struct span d, struct snap_err *err)
{
	bytes_put_span(&((struct catch *)s)->got, d);
	return bytes_check(&((struct catch *)s)->got, err);
}

static enum snap_code
take_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s, (void)rows, (void)err;
	return SNAP_OK;
}

static const struct sink_ops take_ops = { take_begin, take_data, take_end };

/* Slices of one table, each given in pieces of `step` bytes. */
static enum snap_code
convert(const char *attr, const char *const *slices, size_t step,
    struct catch *to, struct snap_err *err)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.name = span_str("t"),
		.attr = span_str(attr) };
	enum snap_code rc = SNAP_OK;
	struct copycsv c;

	to->sink.ops = &take_ops;
	bytes_init(&to->got, 1 << 20);
	assert_int_equal(copycsv_init(&c, &to->sink, "", false, err), SNAP_OK);
	for (; *slices != NULL && rc == SNAP_OK; slices++, m.part++) {
		size_t len = strlen(*slices), n;

		rc = sink_begin(&c.sink, &m, err);
		for (size_t at = 0; at < len && rc == SNAP_OK; at += n) {
			n = len - at < step ? len - at : step;
			rc = sink_data(&c.sink, span_of(*slices + at, n), err);
		}
		if (rc == SNAP_OK)
			rc = sink_end(&c.sink, 0, err);
	}
	copycsv_fini(&c);
	return rc;
}

static void
pieces_and_slices_make_no_difference(void **state)
{
	static const char *const slices[] = { "\\\\a\tb\\n\n\\N\t\n", "",
		"x,\t\"\\\"\n", NULL };
	static const char want[] = "\\a,\"b\n\"\n,\"\"\n\"x,\",\"\"\"\"\"\"\n";
	struct snap_err err = SNAP_ERR_INIT;
	struct catch to;

	(void)state;
	for (size_t step = 1; step < 20; step++) {
		assert_int_equal(convert("COPY s.t (a, b) FROM stdin;", slices,
				     step, &to, &err),
		    SNAP_OK);
		assert_int_equal(to.got.len, strlen(want));
		assert_memory_equal(to.got.p, want, strlen(want));
		bytes_fini(&to.got);
	}
}

static void
rows_of_another_table_are_damage(void **state)
{
	static const char *const bad[] = { "a\n", "a\tb\tc\n", "a\tb", "a\tb\\",
		"\n", "a\t" };
	struct snap_err err = SNAP_ERR_INIT;
	struct catch to;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *slices[] = { bad[i], NULL };

		assert_int_equal(
		    convert("COPY t (a, b) FROM stdin;", slices, 3, &to, &err),
		    SNAP_CORRUPT);
		bytes_fini(&to.got);
	}
}

/* COPY ... FROM would take these as well, though the server writes none. */
static void
only_a_whole_value_is_null(void **state)
{
	static const char *const slices[] = { "\\N\n\\Nx\nx\\N\n\\NN\n", NULL };
	static const char want[] = "\nNx\nxN\nNN\n";
	struct snap_err err = SNAP_ERR_INIT;
	struct catch to;

	(void)state;
	assert_int_equal(
	    convert("COPY t (a) FROM stdin;", slices, 1, &to, &err), SNAP_OK);
	assert_int_equal(to.got.len, strlen(want));
	assert_memory_equal(to.got.p, want, strlen(want));
	bytes_fini(&to.got);
}

static void
columns_are_read_out_of_the_statement(void **state)
{
	static const char copy[] = "COPY \"a (\"\" b\".\"c) FROM\" "
				   "(\"x, y\", z, \"q\"\"\", \"\"\"\") "
				   "FROM stdin;";
	static const char *const bad[] = { "", "COPY", "COPY t (a",
		"COPY t (a) FROM stdin", "COPY t (a) FROM stdin;;",
		"COPY t (a) TO stdin;", "copy t (a) FROM stdin;" };
	static const char want[] = "x, y\0z\0q\"\0\"";
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes names;
	size_t n;

	(void)state;
	bytes_init(&names, 1000);
	assert_int_equal(
	    copycsv_columns(span_str(copy), &names, &n, &err), SNAP_OK);
	assert_int_equal(n, 4);
	assert_int_equal(names.len, sizeof want);
	assert_memory_equal(names.p, want, sizeof want);
	assert_int_equal(
	    copycsv_columns(span_str("COPY t FROM stdin;"), &names, &n, &err),
	    SNAP_OK);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(
		    copycsv_columns(span_str(bad[i]), &names, &n, &err),
		    SNAP_CORRUPT);
	bytes_fini(&names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_and_slices_make_no_difference),
		cmocka_unit_test(rows_of_another_table_are_damage),
		cmocka_unit_test(only_a_whole_value_is_null),
		cmocka_unit_test(columns_are_read_out_of_the_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
