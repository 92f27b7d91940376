/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_svg.c - charts stay in their frame whatever the numbers are, texts stay
 * texts, and sparklines are as high as what they show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"
#include "svg.h"

#define LIMIT ((size_t)1 << 20)
#define DAY_S 86400
#define N_POINTS 3

static const char *
text_of(struct bytes *b)
{
	bytes_u8(b, 0);
	assert_false(b->bad);
	return (const char *)b->p;
}

static void
no_text_is_markup(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b, LIMIT);
	html_text(&b, span_str("<a b=\"c\" d='e'>&amp;\x1b[2J\xff\xc3\xa4"));
	assert_string_equal(text_of(&b),
	    "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;\\x1b[2J\\xff"
	    "\xc3\xa4");
	bytes_fini(&b);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

/* Each number behind `key` is one between `from` and `to`. */
static void
assert_within(const char *svg, const char *key, double from, double to)
{
	for (; (svg = strstr(svg, key)) != NULL;) {
		char *end;
		double v;

		svg += strlen(key);
		v = strtod(svg, &end);
		assert_ptr_not_equal(end, svg);
		assert_true(v >= from && v <= to);
	}
}

static void
draw(enum chart_unit unit, double most, int64_t days)
{
	struct chart_point v[N_POINTS] = { { 0, 0 }, { 10 * DAY_S, most / 3 },
		{ days * DAY_S, most } };
	struct bytes b;
	struct chart c = { &b, unit, 0, days * DAY_S, most };
	const char *svg;
	size_t ticks;

	bytes_init(&b, LIMIT);
	chart_begin(&c, "a \"label\"");
	assert_true(c.max >= 0.9999 * most);
	assert_true(most == 0 || c.max <= 2.6 * most || c.max <= 4);
	chart_line(&c, 99, span_str("<name>"), v, N_POINTS);
	chart_bar(&c, 0, DAY_S, most);
	/* What is outside is drawn at the edge. */
	chart_mark(&c, -(INT64_C(1) << 40), span_str("early"));
	chart_bar(&c, days * DAY_S, (days + 1) * DAY_S, 0);
	chart_end(&c);
	svg = text_of(&b);
	assert_within(svg, "cx=\"", 70, 920);
	assert_within(svg, "cy=\"", 0, 230);
	assert_within(svg, " x=\"", 0, 920);
	assert_within(svg, " y=\"", 0, 230);
	assert_within(svg, "width=\"", 0, 920);
	assert_within(svg, "height=\"", 0.9, 230);
	assert_int_equal(count(svg, "<circle"), N_POINTS);
	assert_int_equal(count(svg, "<title>&lt;name&gt;, 1970-01-"), 1 + 1);
	assert_non_null(strstr(svg, "aria-label=\"a &quot;label&quot;\""));
	ticks = count(svg, "class=\"tick y\"");
	assert_true(ticks >= 2 && ticks <= 6);
	ticks = count(svg, "class=\"tick x\"");
	assert_true(ticks >= 1 && ticks <= 16);
	bytes_fini(&b);
}

static void
a_chart_stays_in_its_frame_whatever_the_numbers_are(void **state)
{
	static const double most[] = { 0, 0.05, 1, 7, 999, 1024, 10240, 10241,
		123456789, 1e12, 1.8e16, 1.9e19, 3e20 };
	static const int64_t days[] = { 40, 90, 366, 4000 };

	(void)state;
	for (size_t i = 0; i < sizeof most / sizeof *most; i++)
		for (size_t k = 0; k < sizeof days / sizeof *days; k++) {
			draw(CHART_BYTES, most[i], days[k]);
			draw(CHART_SECONDS, most[i], days[k]);
			draw(CHART_RATIO, most[i], days[k]);
		}
}

static void
values_have_their_unit(void **state)
{
	char text[CHART_VALUE_MAX];

	(void)state;
	assert_string_equal(chart_value(CHART_BYTES, 20480, text), "20 kB");
	assert_string_equal(chart_value(CHART_BYTES, 3e20, text), "7994 PB");
	assert_string_equal(chart_value(CHART_SECONDS, 0.25, text), "0.2 s");
	assert_string_equal(chart_value(CHART_SECONDS, 59, text), "59 s");
	assert_string_equal(
	    chart_value(CHART_SECONDS, 200, text), "3 min 20 s");
	assert_string_equal(
	    chart_value(CHART_SECONDS, 7500, text), "2 h 5 min");
	assert_string_equal(chart_value(CHART_RATIO, 4.25, text), "4.2x");
	assert_string_equal(chart_value(CHART_RATIO, 38, text), "38x");
}

static void
a_sparkline_is_as_high_as_what_it_shows(void **state)
{
	static const uint64_t v[] = { 0, 10, 50, 100 };
	static const uint64_t large[] = { UINT64_MAX, 0 }, none[] = { 0 };
	struct bytes b;

	(void)state;
	bytes_init(&b, LIMIT);
	spark_put(v, 4, false, &b);
	spark_put(large, 2, false, &b);
	spark_put(none, 1, false, &b);
	assert_string_equal(text_of(&b), "_.+##__");
	bytes_clear(&b);
	spark_put(v, 4, true, &b);
	assert_string_equal(
	    text_of(&b), "\xe2\x96\x81\xe2\x96\x82\xe2\x96\x85\xe2\x96\x88");
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_text_is_markup),
		cmocka_unit_test(
		    a_chart_stays_in_its_frame_whatever_the_numbers_are),
		cmocka_unit_test(values_have_their_unit),
		cmocka_unit_test(a_sparkline_is_as_high_as_what_it_shows),
	};

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
