/* SPDX-License-Identifier: PostgreSQL */
/* svg.c - see svg.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "history.h"
#include "svg.h"
#include "ui.h"

/* Of the drawing, which the page scales to its width. */
#define WIDTH 920.0
#define HEIGHT 230.0
#define LEFT 78.0
#define RIGHT 14.0
#define TOP 12.0
#define BOTTOM 30.0
#define MARKED_MAX 120 /* points */
#define TICKS 4
#define TICKS_OF_TIME 8
#define TEXT_MAX ((size_t)1 << 20)
#define DAY_S 86400
#define BYTES_MAX 9e18
#define SECONDS_MAX 9e15

void
html_text(struct bytes *out, struct span s)
{
	struct bytes plain;

	bytes_init(&plain, TEXT_MAX);
	ui_escape(&plain, s);
	for (size_t i = 0; !plain.bad && i < plain.len; i++)
		switch (plain.p[i]) {
		case '&':
			bytes_put_str(out, "&amp;");
			break;
		case '<':
			bytes_put_str(out, "&lt;");
			break;
		case '>':
			bytes_put_str(out, "&gt;");
			break;
		case '"':
			bytes_put_str(out, "&quot;");
			break;
		case '\'':
			bytes_put_str(out, "&#39;");
			break;
		default:
			bytes_u8(out, plain.p[i]);
		}
	bytes_fini(&plain);
}

const char *
chart_value(enum chart_unit unit, double value, char out[CHART_VALUE_MAX])
{
	char size[UI_SIZE_MAX];

	/* Who says more lies, but what is shown has to be a whole number. */
	if (value > (unit == CHART_BYTES ? BYTES_MAX : SECONDS_MAX))
		value = unit == CHART_BYTES ? BYTES_MAX : SECONDS_MAX;
	if (unit == CHART_BYTES)
		(void)snprintf(
		    out, CHART_VALUE_MAX, "%s", ui_size((uint64_t)value, size));
	else if (unit == CHART_SECONDS)
		(void)history_duration((uint64_t)(value * 1000), out);
	else
		(void)snprintf(
		    out, CHART_VALUE_MAX, "%.*fx", value < 10 ? 1 : 0, value);
	return out;
}

static double
x_of(const struct chart *c, int64_t time_s)
{
	double part =
	    (double)(time_s - c->from_s) / (double)(c->to_s - c->from_s);

	part = part < 0 ? 0 : part > 1 ? 1 : part;
	return LEFT + part * (WIDTH - LEFT - RIGHT);
}

static double
y_of(const struct chart *c, double value)
{
	return HEIGHT - BOTTOM - value / c->max * (HEIGHT - TOP - BOTTOM);
}

static double
round_up(double v, double step)
{
	double n = (double)(uint64_t)(v / step);

	return n * step < v * 0.999999 ? (n + 1) * step : n * step;
}

/* The step between two lines of the grid: 1, 2 or 5 of something. */
static double
step_of(const struct chart *c)
{
	static const double seconds[] = { 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
		60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400 };
	double least = c->max / TICKS, unit = 1, power = 1;

	if (c->unit == CHART_SECONDS) {
		for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
			if (seconds[i] >= least)
				return seconds[i];
		return round_up(least, DAY_S);
	}
	/* ui_size() goes to the next unit at ten of it. */
	while (c->unit == CHART_BYTES && least >= 10240 * unit / TICKS)
		unit *= 1024;
	while (least / unit >= 10 * power)
		power *= 10;
	while (least / unit < power)
		power /= 10;
	for (int k = 1; k < 10; k = k == 1 ? 2 : k == 2 ? 5 : 10)
		if (k * power * unit >= least)
			return k * power * unit;
	return 10 * power * unit;
}

static void
put_grid(struct chart *c)
{
	double step = step_of(c);
	char text[CHART_VALUE_MAX];

	if (c->unit == CHART_BYTES && step < 1)
		step = 1;
	c->max = round_up(c->max, step);
	for (double v = 0; v <= c->max * 1.0001; v += step) {
		double y = y_of(c, v);

		bytes_printf(c->out,
		    "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
		    "<text class=\"tick y\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		    LEFT, y, WIDTH - RIGHT, LEFT - 8, y + 4,
		    v == 0 ? "0" : chart_value(c->unit, v, text));
	}
}

/* Midnight, `days` or `months` later. */
static int64_t
later(int64_t time_s, int days, int months)
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return time_s + DAY_S;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	tm.tm_mday = months > 0 ? 1 : tm.tm_mday + days;
	tm.tm_mon += months;
	t = mktime(&tm);
	return t > time_s ? (int64_t)t : time_s + DAY_S;
}

static void
put_days(struct chart *c)
{
	static const struct {
		int days, months;
	} steps[] = { { 1, 0 }, { 2, 0 }, { 7, 0 }, { 14, 0 }, { 0, 1 },
		{ 0, 2 }, { 0, 3 }, { 0, 6 }, { 0, 12 } };
	int64_t days = (c->to_s - c->from_s) / DAY_S;
	size_t i = 0;
	char text[32];

	while (i + 1 < sizeof steps / sizeof *steps &&
	       days > (int64_t)TICKS_OF_TIME *
			  (steps[i].days + 30 * steps[i].months))
		i++;
	for (int64_t at = later(c->from_s, steps[i].days > 0, steps[i].months);
	     at < c->to_s; at = later(at, steps[i].days, steps[i].months)) {
		time_t t = (time_t)at;
		struct tm tm;

		if (localtime_r(&t, &tm) == NULL ||
		    strftime(text, sizeof text,
			steps[i].months > 0 ? "%Y-%m" : "%m-%d", &tm) == 0)
			continue;
		bytes_printf(c->out,
		    "<path class=\"grid\" d=\"M%.1f %.1fv5\"/>"
		    "<text class=\"tick x\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		    x_of(c, at), HEIGHT - BOTTOM, x_of(c, at),
		    HEIGHT - BOTTOM + 22, text);
	}
}

void
chart_begin(struct chart *c, const char *label)
{
	bytes_printf(c->out,
	    "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH,
	    HEIGHT);
	html_text(c->out, span_str(label));
	bytes_put_str(c->out, "\">\n");
	if (!(c->max > 0))
		c->max = 1;
	put_grid(c);
	put_days(c);
}

static const char *
day_of(int64_t time_s, char out[16])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out, 16, "%Y-%m-%d", &tm) == 0)
		out[0] = '\0';
	return out;
}

static void
put_title(struct chart *c, struct span name, int64_t time_s, double value)
{
	char day[16], text[CHART_VALUE_MAX];

	bytes_put_str(c->out, "<title>");
	html_text(c->out, name);
	bytes_printf(c->out, "%s%s: %s</title>", name.len > 0 ? ", " : "",
	    day_of(time_s, day), chart_value(c->unit, value, text));
}

void
chart_line(struct chart *c, unsigned series, struct span name,
    const struct chart_point *v, size_t n)
{
	unsigned colour = series < CHART_SERIES ? series : CHART_SERIES - 1;

	if (n > 1) {
		bytes_printf(c->out, "<path class=\"line s%u\" d=\"", colour);
		for (size_t i = 0; i < n; i++)
			bytes_printf(c->out, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
			    x_of(c, v[i].time_s), y_of(c, v[i].value));
		bytes_put_str(c->out, "\"/>\n");
	}
	for (size_t i = 0; n <= MARKED_MAX && i < n; i++) {
		bytes_printf(c->out,
		    "<circle class=\"dot s%u\" cx=\"%.1f\" cy=\"%.1f\" "
		    "r=\"3\">",
		    colour, x_of(c, v[i].time_s), y_of(c, v[i].value));
		put_title(c, name, v[i].time_s, v[i].value);
		bytes_put_str(c->out, "</circle>\n");
	}
}

void
chart_bar(struct chart *c, int64_t from_s, int64_t to_s, double value)
{
	double x = x_of(c, from_s), w = x_of(c, to_s) - x, y = y_of(c, value);

	/* Something is seen of what is little, and of its neighbours. */
	w = w > 4 ? w - 1.5 : w > 1 ? w - 0.5 : w;
	if (HEIGHT - BOTTOM - y < 1)
		y = HEIGHT - BOTTOM - 1;
	bytes_printf(c->out,
	    "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
	    "height=\"%.1f\">",
	    x, y, w, HEIGHT - BOTTOM - y);
	put_title(c, span_str(""), from_s, value);
	bytes_put_str(c->out, "</rect>\n");
}

void
chart_mark(struct chart *c, int64_t time_s, struct span what)
{
	char day[16];

	bytes_printf(c->out,
	    "<path class=\"failed\" d=\"M%.1f %.1fm-4.5 8h9l-4.5 -8z\"><title>",
	    x_of(c, time_s), HEIGHT - BOTTOM + 1);
	html_text(c->out, what);
	bytes_printf(c->out, ", %s</title></path>\n", day_of(time_s, day));
}

void
chart_end(struct chart *c)
{
	bytes_put_str(c->out, "</svg>\n");
}
