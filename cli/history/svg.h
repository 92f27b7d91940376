/* SPDX-License-Identifier: PostgreSQL */
/*
 * svg.h - charts over time as SVG inside of HTML: one axis of days, one of
 * values.  All is appended to `out`; texts are escaped here.
 */
#ifndef SNAP_SVG_H
#define SNAP_SVG_H

#include "bytes.h"

/* Bytes that others chose, as HTML shows them: no markup, no controls. */
void html_text(struct bytes *out, struct span s);

enum chart_unit { CHART_BYTES, CHART_SECONDS, CHART_RATIO };
struct chart {
	struct bytes *out;
	enum chart_unit unit;
	int64_t from_s, to_s; /* from_s < to_s */
	double max;           /* of the values */
};
#define CHART_SERIES 6 /* colours; more are given the last one */

/* Frame, grid and axes; c->max grows to a round number. */
void chart_begin(struct chart *c, const char *label);
/* A line through points, oldest first; each is marked while they are few. */
struct chart_point {
	int64_t time_s;
	double value;
};
void chart_line(struct chart *c, unsigned series, struct span name,
    const struct chart_point *v, size_t n);
/* A bar over [from_s, to_s). */
void chart_bar(struct chart *c, int64_t from_s, int64_t to_s, double value);
/* A mark at the foot of the chart, with what it means. */
void chart_mark(struct chart *c, int64_t time_s, struct span what);
void chart_end(struct chart *c);
/* A value with its unit, as "12 MB", "3 min", "4.2x". */
#define CHART_VALUE_MAX 48
const char *chart_value(
    enum chart_unit unit, double value, char out[CHART_VALUE_MAX]);

#endif
