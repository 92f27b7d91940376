/* SPDX-License-Identifier: PostgreSQL */
/* test_raw.c - streams of bytes: how they are judged, pushed and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "raw.h"

static struct span
lit(const char *s, size_t len)
{
	return span_of(s, len);
}

static void
compressed_files_are_known_by_their_start(void **state)
{
	(void)state;
	assert_non_null(raw_compression(lit("\x1f\x8b\x08", 3)));
	assert_non_null(raw_compression(lit("\x28\xb5\x2f\xfd", 4)));
	assert_non_null(raw_compression(lit("\xfd"
					    "7zXZ\0",
	    6)));
	assert_null(raw_compression(lit("", 0)));
	assert_null(raw_compression(lit("\x1f", 1)));
	assert_null(raw_compression(span_str("--\n-- PostgreSQL dump\n")));
}

static void
an_archive_of_pg_dump_tells_whether_it_is_compressed(void **state)
{
	/* Versions 1.14 (an integer) and 1.15 (one byte for the method). */
	static const char old_plain[] = "PGDMP\1\16\0\4\10\1\0\0\0\0\0";
	static const char old_default[] = "PGDMP\1\16\0\4\10\1\1\1\0\0\0";
	static const char new_plain[] = "PGDMP\1\17\0\4\10\1\0\0\0\0\0";
	static const char new_gzip[] = "PGDMP\1\17\0\4\10\1\1\0\0\0\0";

	(void)state;
	assert_null(raw_compression(lit(old_plain, 16)));
	assert_non_null(raw_compression(lit(old_default, 16)));
	assert_null(raw_compression(lit(new_plain, 16)));
	assert_non_null(raw_compression(lit(new_gzip, 16)));
	assert_null(raw_compression(lit(old_default, 12)));
}

static void
lines_are_text_with_line_ends(void **state)
{
	char big[20000];

	(void)state;
	assert_true(raw_is_lines(span_str("a\nb\nno end")));
	assert_false(raw_is_lines(lit("a\0b\n", 4)));
	assert_false(raw_is_lines(lit("", 0)));
	memset(big, 'x', sizeof big);
	assert_false(raw_is_lines(lit(big, sizeof big)));
	big[8000] = big[16000] = '\n';
	assert_true(raw_is_lines(lit(big, sizeof big)));
}

struct recorder {
	struct sink sink;
	struct bytes all;
	unsigned begins, ends;
	uint8_t kind, cutter;
	char name[16];
	size_t fail_after;
};

static enum snap_code
rec_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct recorder *r = (struct recorder *)s;

	(void)err;
	r->begins++;
	r->kind = m->kind;
	r->cutter = m->cutter;
	assert_true(m->name.len < sizeof r->name);
	memcpy(r->name, m->name.p, m->name.len);
	return SNAP_OK;
}

static enum snap_code
rec_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct recorder *r = (struct recorder *)s;

	bytes_put_span(&r->all, d);
	if (r->fail_after != 0 && r->all.len >= r->fail_after)
		return snap_fail(err, SNAP_IO, "as told");
	return SNAP_OK;
}

static enum snap_code
rec_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)rows, (void)err;
	((struct recorder *)s)->ends++;
	return SNAP_OK;
}

static const struct sink_ops rec_ops = { rec_begin, rec_data, rec_end };

/* A file with `len` bytes of a pattern, open at its start and unlinked. */
static int
a_file(size_t len)
{
	char name[] = "raw-XXXXXX";
	int fd = mkstemp(name);
	size_t i;

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	for (i = 0; i < len; i++) {
		char c = i % 50 == 49 ? '\n' : (char)('a' + i % 26);

		assert_int_equal(write(fd, &c, 1), 1);
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
every_byte_is_pushed_once(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
	struct recorder r;
	struct snap_err err;
	size_t i, k;
	int fd;

	(void)state;
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		memset(&r, 0, sizeof r);
		r.sink.ops = &rec_ops;
		bytes_init(&r.all, 1 << 20);
		fd = a_file(sizes[i]);
		assert_int_equal(
		    raw_push(fd, "name", true, &r.sink, NULL, &err), SNAP_OK);
		assert_int_equal(r.all.len, sizes[i]);
		for (k = 0; k < r.all.len; k++)
			assert_int_equal(r.all.p[k],
			    k % 50 == 49 ? '\n' : 'a' + (int)(k % 26));
		assert_int_equal(r.begins, 1);
		assert_int_equal(r.ends, 1);
		assert_int_equal(r.kind, STREAM_RAW);
		assert_int_equal(
		    r.cutter, sizes[i] > 0 ? CUTTER_ROWS : CUTTER_BYTES);
		assert_string_equal(r.name, "name");
		bytes_fini(&r.all);
		(void)close(fd);
	}
}

static void
a_failing_sink_stops_the_push(void **state)
{
	struct recorder r = { .sink = { &rec_ops }, .fail_after = 100000 };
	struct snap_err err;
	int fd = a_file(200000);

	(void)state;
	bytes_init(&r.all, 1 << 20);
	assert_int_equal(
	    raw_push(fd, "name", true, &r.sink, NULL, &err), SNAP_IO);
	assert_int_equal(r.ends, 0);
	bytes_fini(&r.all);
	(void)close(fd);
}

/* Push `head`, `middle` bytes of rows and `end`. */
static enum snap_code
push_text(const char *head, size_t middle, const char *end, bool may_be_empty)
{
	static const struct recorder fresh = { .sink = { &rec_ops } };
	struct recorder r = fresh;
	struct snap_err err;
	enum snap_code rc;
	char name[] = "/tmp/test_raw.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, head, strlen(head)), strlen(head));
	for (size_t i = 0; i < middle; i++)
		assert_int_equal(write(fd, "\n", 1), 1);
	assert_int_equal(write(fd, end, strlen(end)), strlen(end));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	bytes_init(&r.all, 1 << 20);
	rc = raw_push(fd, "name", may_be_empty, &r.sink, NULL, &err);
	assert_int_equal(r.ends, rc == SNAP_OK);
	bytes_fini(&r.all);
	(void)close(fd);
	return rc;
}

static void
a_dump_that_is_cut_short_is_no_stream(void **state)
{
	static const char head[] = "--\n-- PostgreSQL database dump\n--\n";
	static const char end[] =
	    "\n-- PostgreSQL database dump complete\n--\n\n";
	static const char all[] =
	    "--\n-- PostgreSQL database cluster dump\n--\n";
	static const size_t sizes[] = { 0, 10, 4095, 65536, 65530, 100000 };

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof sizes / sizeof sizes[0]); i++) {
		size_t n = sizes[i / 2];
		bool c = i % 2 == 1; /* of a command */

		assert_int_equal(push_text(head, n, end, c), SNAP_OK);
		assert_int_equal(push_text(head, n, "", c), SNAP_SOURCE);
		assert_int_equal(
		    push_text(head, n, "\n-- PostgreSQL database d", c),
		    SNAP_SOURCE);
		assert_int_equal(push_text(all, n, end, c), SNAP_SOURCE);
		assert_int_equal(push_text("rows\n", n, "", c), SNAP_OK);
	}
	assert_int_equal(push_text("", 0, "", false), SNAP_SOURCE);
	assert_int_equal(push_text("", 0, "", true), SNAP_OK);
}

static void
a_cancelled_push_ends(void **state)
{
	struct recorder r = { .sink = { &rec_ops } };
	struct report report = { 0 };
	struct snap_err err;
	atomic_int cancel = 1;
	int fd = a_file(10);

	(void)state;
	report.cancel = &cancel;
	bytes_init(&r.all, 1 << 20);
	assert_int_equal(raw_push(fd, "name", false, &r.sink, &report, &err),
	    SNAP_CANCELLED);
	assert_int_equal(r.begins, 0);
	bytes_fini(&r.all);
	(void)close(fd);
}

static void
a_holding_sink_writes_nothing(void **state)
{
	struct raw_sink s;
	struct snap_err err;
	int fd = a_file(0);

	(void)state;
	raw_sink_init(&s, fd, true, NULL);
	assert_int_equal(sink_data(&s.sink, span_str("abc"), &err), SNAP_OK);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	assert_true(span_eq(bytes_span(&s.held), span_str("abc")));
	raw_sink_fini(&s);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed_files_are_known_by_their_start),
		cmocka_unit_test(
		    an_archive_of_pg_dump_tells_whether_it_is_compressed),
		cmocka_unit_test(lines_are_text_with_line_ends),
		cmocka_unit_test(every_byte_is_pushed_once),
		cmocka_unit_test(a_failing_sink_stops_the_push),
		cmocka_unit_test(a_dump_that_is_cut_short_is_no_stream),
		cmocka_unit_test(a_cancelled_push_ends),
		cmocka_unit_test(a_holding_sink_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
