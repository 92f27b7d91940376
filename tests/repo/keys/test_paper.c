/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_paper.c - what was written down comes back, however it is typed; and
 * what was typed wrong is found, and its line named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "keyring.h"
#include "paper.h"

#define TEXT_MAX ((size_t)64 << 10)

struct sheet {
	struct world w;
	struct paper p;
	struct bytes text;
};

static void
sheet_open(struct sheet *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;

	world_open(&s->w, 100000);
	paper_init(&s->p);
	get_whole(s->w.t, "config", &raw);
	assert_int_equal(paper_add(&s->p, bytes_span(&raw), &err), SNAP_OK);
	bytes_fini(&raw);
	for (size_t i = 0; i < 2; i++) {
		nth_name(s->w.t, "keys/", i, name);
		get_whole(s->w.t, name, &raw);
		assert_int_equal(
		    paper_add(&s->p, bytes_span(&raw), &err), SNAP_OK);
		bytes_fini(&raw);
	}
	bytes_init(&s->text, TEXT_MAX);
	assert_int_equal(paper_write(&s->p, &s->text, &err), SNAP_OK);
}

static void
sheet_close(struct sheet *s)
{
	bytes_fini(&s->text);
	paper_fini(&s->p);
	world_close(&s->w);
}

static void
assert_reads(const struct sheet *s, struct span text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct paper got;

	if (paper_read(text, &got, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(got.n, s->p.n);
	for (size_t i = 0; i < got.n; i++)
		assert_true(span_eq(
		    bytes_span(&got.v[i].raw), bytes_span(&s->p.v[i].raw)));
	paper_fini(&got);
}

/* Number of the line that byte `at` is in, or 0 when it is in its number. */
static unsigned
line_of(const struct bytes *text, size_t at)
{
	size_t start = at;

	while (start > 0 && text->p[start - 1] != '\n')
		start--;
	if (at < start + 3)
		return 0;
	return (unsigned)strtoul((const char *)text->p + start, NULL, 10);
}

static void
what_was_written_is_read_in_any_typing(void **state)
{
	struct bytes b;
	struct sheet s;

	(void)state;
	sheet_open(&s);
	assert_reads(&s, bytes_span(&s.text));
	/* Between other text, in small letters, without hyphens. */
	bytes_init(&b, 2 * TEXT_MAX);
	bytes_put_str(&b, "place: sftp://host/dir\n\n");
	for (size_t i = 0; i < s.text.len; i++) {
		uint8_t c = s.text.p[i];

		if (c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c - 'A' + 'a');
		c = c == '0' ? 'O' : c == '1' ? 'l' : c;
		bytes_u8(&b, c);
		if (c == '\n')
			bytes_put_str(&b, "\r\n \t\n");
		if (i % 7 == 0 && line_of(&s.text, i) != 0)
			bytes_put_str(&b, i % 2 == 0 ? " " : "-");
	}
	bytes_put_str(&b, "the end");
	assert_reads(&s, bytes_span(&b));
	/* As in a QR code: all in one line, nothing between. */
	bytes_clear(&b);
	for (size_t i = 0; i < s.text.len; i++)
		if (strchr("- \n", s.text.p[i]) == NULL)
			bytes_u8(&b, s.text.p[i]);
	assert_reads(&s, bytes_span(&b));
	bytes_fini(&b);
	sheet_close(&s);
}

static void
each_wrong_digit_is_found_in_its_line(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct paper got;
	struct sheet s;
	char want[48];

	(void)state;
	sheet_open(&s);
	for (size_t at = 0; at < s.text.len; at++) {
		uint8_t c = s.text.p[at];
		unsigned line = line_of(&s.text, at);

		if (line == 0 || strchr("- \n:", c) != NULL)
			continue;
		s.text.p[at] = c == '7' ? '8' : '7';
		assert_int_equal(
		    paper_read(bytes_span(&s.text), &got, &err), SNAP_USAGE);
		(void)snprintf(
		    want, sizeof want, "line %u has a typing error", line);
		assert_string_equal(err.msg, want);
		s.text.p[at] = c;
	}
	assert_reads(&s, bytes_span(&s.text));
	sheet_close(&s);
}

static void
refuses(struct span text, const char *why)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct paper got;

	assert_int_equal(paper_read(text, &got, &err), SNAP_USAGE);
	if (strstr(err.msg, why) == NULL)
		fail_msg("\"%s\" is not \"%s\"", err.msg, why);
}

static void
lines_that_are_missing_or_wrong_in_number_are_named(void **state)
{
	const size_t line = 49; /* with its end */
	struct sheet s, other;
	struct bytes b;

	(void)state;
	sheet_open(&s);
	assert_int_equal(s.text.p[line - 1], '\n');
	bytes_init(&b, 2 * TEXT_MAX);
	refuses(span_str("nothing"), "no line");
	/* Without the first, the third, the last. */
	refuses(
	    span_of(s.text.p + line, s.text.len - line), "line 1 is missing");
	bytes_put(&b, s.text.p, 2 * line);
	bytes_put(&b, s.text.p + 3 * line, s.text.len - 3 * line);
	refuses(bytes_span(&b), "line 3 is missing");
	refuses(span_of(s.text.p, s.text.len - line), "line 22 is missing");
	/* The third in the place of the second. */
	bytes_clear(&b);
	bytes_put_span(&b, bytes_span(&s.text));
	memcpy(b.p + line + 4, s.text.p + 2 * line + 4, line - 5);
	refuses(bytes_span(&b), "line 2 has a typing error");
	/* A digit too few, and one too many. */
	bytes_clear(&b);
	bytes_put(&b, s.text.p, line - 2);
	refuses(bytes_span(&b), "line 1 is too short");
	bytes_clear(&b);
	bytes_put(&b, s.text.p, line - 1);
	bytes_put_str(&b, "7\n");
	refuses(bytes_span(&b), "line 1 is too long");
	/* One line of another sheet. */
	sheet_open(&other);
	bytes_clear(&b);
	bytes_put(&b, other.text.p, 6 * line);
	bytes_put(&b, s.text.p + 6 * line, s.text.len - 6 * line);
	refuses(bytes_span(&b), "do not belong together");
	bytes_put_span(&b, bytes_span(&s.text));
	refuses(bytes_span(&b), "is there twice, and differs");
	sheet_close(&other);
	bytes_fini(&b);
	sheet_close(&s);
}

static void
what_paper_has_no_place_for_is_not_left_out_silently(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes raw;
	struct sheet s;

	(void)state;
	sheet_open(&s);
	get_whole(s.w.t, "config", &raw);
	raw.len -= TRAILER_LEN;
	raw.p[10] = 1; /* a minor version */
	object_finish(&raw, HEADER_LEN);
	assert_int_equal(
	    paper_add(&s.p, bytes_span(&raw), &err), SNAP_UNSUPPORTED);
	assert_int_equal(s.p.n, 3);
	bytes_fini(&raw);
	sheet_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_in_any_typing),
		cmocka_unit_test(each_wrong_digit_is_found_in_its_line),
		cmocka_unit_test(
		    lines_that_are_missing_or_wrong_in_number_are_named),
		cmocka_unit_test(
		    what_paper_has_no_place_for_is_not_left_out_silently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
