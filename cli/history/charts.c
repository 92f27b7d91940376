/* SPDX-License-Identifier: PostgreSQL */
/* charts.c - size, new bytes, durations and deduplication over time. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "page.h"
#include "svg.h"

#define NS_PER_S INT64_C(1000000000)
#define DAY_S 86400
#define NAME_MAX_BYTES ((size_t)4 << 10)

/* What of a snapshot is drawn; below 0: nothing. */
typedef double value_fn(const struct repo_snapshot *s);

static double
size_of(const struct repo_snapshot *s)
{
	return (double)s->bytes;
}

static double
seconds_of(const struct repo_snapshot *s)
{
	const char *ms = repo_snapshot_prop(s, "duration-ms");

	return ms != NULL ? (double)strtoull(ms, NULL, 10) / 1000 : -1;
}

static void
heading(struct page *p, const char *title, const char *text)
{
	bytes_printf(&p->out, "<section><h2>%s</h2><p>%s</p>\n", title, text);
}

static void
legend(struct page *p)
{
	struct bytes name;

	if (p->status.n < 2)
		return;
	bytes_init(&name, NAME_MAX_BYTES);
	bytes_put_str(&p->out, "<ul class=\"legend\">");
	for (size_t i = 0; i < p->status.n && i < CHART_SERIES; i++) {
		bytes_clear(&name);
		page_name(&p->status.groups[i], &name);
		bytes_printf(&p->out, "<li><i class=\"s%zu\"></i>", i);
		if (i + 1 == CHART_SERIES && p->status.n > CHART_SERIES)
			bytes_printf(&p->out, "%zu others", p->status.n - i);
		else
			html_text(&p->out, bytes_span(&name));
		bytes_put_str(&p->out, "</li>");
	}
	bytes_put_str(&p->out, "</ul>\n");
	bytes_fini(&name);
}

/* The points of group g into v, which has room for all; their number. */
static size_t
points_of(const struct page *p, const struct group *g, value_fn *of,
    struct chart_point *v)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		v[n].time_s = plan_time(g->v[i]);
		v[n].value = of(g->v[i]);
		n += v[n].value >= 0 && v[n].time_s >= p->from_s;
	}
	return n;
}

/* A line for each group. */
static void
by_group(struct page *p, const char *label, enum chart_unit unit, value_fn *of)
{
	struct chart c = { &p->out, unit, p->from_s, p->status.now_s, 0 };
	struct chart_point *v = calloc(p->status.place.all.n + 1, sizeof *v);
	struct bytes name;

	bytes_init(&name, NAME_MAX_BYTES);
	if (v == NULL) {
		p->out.bad = true;
		return;
	}
	for (size_t i = 0; i < p->status.n; i++)
		for (size_t n = points_of(p, &p->status.groups[i], of, v);
		     n-- > 0;)
			c.max = v[n].value > c.max ? v[n].value : c.max;
	chart_begin(&c, label);
	for (size_t i = p->status.n; i-- > 0;) {
		bytes_clear(&name);
		page_name(&p->status.groups[i], &name);
		chart_line(&c, (unsigned)i, bytes_span(&name), v,
		    points_of(p, &p->status.groups[i], of, v));
	}
	chart_end(&c);
	bytes_fini(&name);
	free(v);
}

/* ---- all groups together */

static size_t
day_of(const struct page *p, int64_t time_s)
{
	return time_s < p->from_s ? SIZE_MAX
				  : (size_t)((time_s - p->from_s) / DAY_S);
}

/* Failures among the backups and whatever else left a record. */
static void
mark_failures(struct page *p, struct chart *c)
{
	struct bytes b;

	bytes_init(&b, NAME_MAX_BYTES);
	for (size_t i = 0; i < p->history.n; i++) {
		const struct event *e = &p->history.v[i];

		if (e->end != EVENT_FAILED || e->time_ns / NS_PER_S < p->from_s)
			continue;
		bytes_clear(&b);
		bytes_put_span(&b, e->job);
		bytes_put_str(&b, e->source.len > 0 ? " of " : "");
		bytes_put_span(&b, e->source);
		bytes_put_str(&b, " failed");
		chart_mark(c, e->time_ns / NS_PER_S, bytes_span(&b));
	}
	bytes_fini(&b);
}

static void
new_by_day(struct page *p)
{
	struct chart c = { &p->out, CHART_BYTES, p->from_s, p->status.now_s,
		0 };
	size_t n = (size_t)((c.to_s - c.from_s) / DAY_S) + 1;
	double *days = calloc(n, sizeof *days);

	if (days == NULL) {
		p->out.bad = true;
		return;
	}
	for (size_t g = 0; g < p->status.n; g++)
		for (size_t i = 0; i < p->status.groups[g].n; i++) {
			const struct repo_snapshot *s =
			    p->status.groups[g].v[i];
			size_t at = day_of(p, plan_time(s));

			if (at < n)
				days[at] += (double)s->new_bytes;
		}
	for (size_t i = 0; i < n; i++)
		c.max = days[i] > c.max ? days[i] : c.max;
	chart_begin(&c, "New bytes per day");
	for (size_t i = 0; i < n; i++)
		if (days[i] > 0)
			chart_bar(&c, c.from_s + (int64_t)i * DAY_S,
			    c.from_s + (int64_t)(i + 1) * DAY_S, days[i]);
	mark_failures(p, &c);
	chart_end(&c);
	free(days);
}

/* Of all snapshots up to each: what they hold over what was stored for them. */
static void
ratio(struct page *p)
{
	struct chart c = { &p->out, CHART_RATIO, p->from_s, p->status.now_s,
		0 };
	const struct repo_snapshots *all = &p->status.place.all;
	struct chart_point *v = calloc(all->n + 1, sizeof *v);
	double held = 0, stored = 0;
	size_t n = 0;

	if (v == NULL) {
		p->out.bad = true;
		return;
	}
	for (size_t i = 0; i < all->n; i++) {
		held += (double)all->v[i].bytes;
		stored += (double)all->v[i].stored_bytes;
		v[n].time_s = all->v[i].time_ns / NS_PER_S;
		v[n].value = stored > 0 ? held / stored : 0;
		c.max = v[n].value > c.max ? v[n].value : c.max;
		n += v[n].time_s >= p->from_s;
	}
	chart_begin(&c, "Deduplication and compression");
	chart_line(&c, 0, span_str(""), v, n);
	chart_end(&c);
	free(v);
}

void
page_charts(struct page *p)
{
	heading(p, "Growth",
	    "What each backup holds, before deduplication and compression.");
	by_group(p, "Size of the backups over time", CHART_BYTES, size_of);
	legend(p);
	bytes_put_str(&p->out, "</section>\n");
	heading(p, "New bytes per day",
	    "What the backups of a day had to store, before compression. "
	    "<b class=\"failed\">&#9650;</b> A run failed.");
	new_by_day(p);
	bytes_put_str(&p->out, "</section>\n");
	heading(p, "Durations", "How long each backup took.");
	by_group(p, "Durations of the backups", CHART_SECONDS, seconds_of);
	legend(p);
	bytes_put_str(&p->out, "</section>\n");
	heading(p, "Deduplication",
	    "What all backups up to a day hold, over what was stored for "
	    "them.");
	ratio(p);
	bytes_put_str(&p->out, "</section>\n");
}
