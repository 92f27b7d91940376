/* SPDX-License-Identifier: PostgreSQL */
/*
 * days.c - the calendar of what stays by the policy, a column for each week,
 * and how old the verifications are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "page.h"
#include "svg.h"
#include "ui.h"

#define DAY_S INT64_C(86400)
#define WEEKS 53
#define CELL 15
#define BOX 12
#define LEFT 34
#define TOP 18
#define GROUPS_SHOWN 12
#define GOOD_DAYS 35 /* docs/monitoring.md */
#define NAME_MAX_BYTES ((size_t)4 << 10)

/* Why a day stays, the longest first, and how it is called. */
static const struct kept {
	uint32_t rules;
	const char *css, *name;
} kinds[] = {
	{ 1u << RETAIN_PIN | 1u << RETAIN_TAG | 1u << RETAIN_ID, "kp",
	    "pinned or tagged" },
	{ 1u << RETAIN_YEARLY, "k5", "yearly" },
	{ 1u << RETAIN_MONTHLY, "k4", "monthly" },
	{ 1u << RETAIN_WEEKLY, "k3", "weekly" },
	{ 1u << RETAIN_DAILY, "k2", "daily" },
	{ UINT32_MAX, "k1", "newest, last, hourly, within, or no policy" },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

struct day {
	size_t n, n_goes;
	uint32_t rules; /* of all that stay */
};
struct year {
	int64_t first_s; /* noon of its first day, a Monday */
	struct day v[WEEKS * 7];
};

static int64_t
noon_of(int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return time_s;
	tm.tm_hour = 12;
	tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	return (int64_t)t;
}

static int
weekday_of(int64_t time_s) /* 0 is Monday */
{
	time_t t = (time_t)time_s;
	struct tm tm;

	return localtime_r(&t, &tm) != NULL ? (tm.tm_wday + 6) % 7 : 0;
}

static void
fill(const struct page *p, const struct group *g, struct year *y)
{
	int64_t today = noon_of(p->status.now_s);

	memset(y, 0, sizeof *y);
	y->first_s = today - (weekday_of(today) + 7 * (WEEKS - 1)) * DAY_S;
	for (size_t i = 0; i < p->plan.n; i++) {
		const struct retain_item *it = &p->plan.v[i];
		/* A day of 23 or 25 hours moves noon by one. */
		int64_t at = noon_of(it->time_s) - y->first_s + DAY_S / 2;

		if (strcmp(it->group, g->key) != 0 || at < 0 ||
		    at / DAY_S >= WEEKS * 7)
			continue;
		y->v[at / DAY_S].n++;
		y->v[at / DAY_S].rules |= it->rules;
		y->v[at / DAY_S].n_goes += it->rules == 0;
	}
}

static const struct kept *
kept_of(uint32_t rules)
{
	size_t i = 0;

	while (i + 1 < N_KINDS && (kinds[i].rules & rules) == 0)
		i++;
	return &kinds[i];
}

static void
put_day(struct bytes *out, const struct year *y, int at)
{
	const struct day *d = &y->v[at];
	time_t t = (time_t)(y->first_s + at * DAY_S);
	char date[16] = "";
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		(void)strftime(date, sizeof date, "%Y-%m-%d", &tm);
	bytes_printf(out,
	    "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
	    "rx=\"2\"><title>%s: %zu backup%s",
	    d->n == 0           ? "k0"
	    : d->n_goes == d->n ? "kg"
				: kept_of(d->rules)->css,
	    LEFT + at / 7 * CELL, TOP + at % 7 * CELL, BOX, BOX, date, d->n,
	    d->n == 1 ? "" : "s");
	if (d->n > d->n_goes)
		bytes_printf(out, ", kept (%s)", kept_of(d->rules)->name);
	if (d->n_goes > 0)
		bytes_printf(out, ", %zu to go with the next prune", d->n_goes);
	bytes_put_str(out, "</title></rect>\n");
}

static void
put_year(struct page *p, const struct year *y, struct span name)
{
	static const char *const days[] = { "Mon", "Wed", "Fri", "Sun" };
	int64_t today = noon_of(p->status.now_s);
	char text[16];
	struct tm tm;

	bytes_printf(&p->out,
	    "<svg class=\"year\" viewBox=\"0 0 %d %d\" role=\"img\" "
	    "aria-label=\"Calendar of ",
	    LEFT + WEEKS * CELL, TOP + 7 * CELL);
	html_text(&p->out, name);
	bytes_put_str(&p->out, "\">\n");
	for (int i = 0; i < 4; i++)
		bytes_printf(&p->out,
		    "<text class=\"tick y\" x=\"%d\" y=\"%d\">%s</text>",
		    LEFT - 6, TOP + 2 * i * CELL + 10, days[i]);
	for (int at = 0; at < WEEKS * 7; at++) {
		time_t t = (time_t)(y->first_s + at * DAY_S);

		if ((int64_t)t > today + DAY_S / 2)
			break;
		/* Above the week that has the first of a month. */
		if (localtime_r(&t, &tm) != NULL && tm.tm_mday == 1 &&
		    at / 7 + 1 < WEEKS &&
		    strftime(text, sizeof text, tm.tm_mon == 0 ? "%Y" : "%b",
			&tm) != 0)
			bytes_printf(&p->out,
			    "<text class=\"tick\" x=\"%d\" y=\"11\">%s</text>",
			    LEFT + at / 7 * CELL, text);
		put_day(&p->out, y, at);
	}
	bytes_put_str(&p->out, "</svg>\n");
}

static void
put_setting(void *arg, const char *name, const char *value)
{
	struct bytes *out = arg;

	bytes_put_str(out, "<code>");
	html_text(out, span_str(name));
	bytes_put_str(out, " = ");
	html_text(out, span_str(value));
	bytes_put_str(out, "</code> ");
}

void
page_calendars(struct page *p)
{
	struct year y;
	struct bytes name;

	bytes_init(&name, NAME_MAX_BYTES);
	bytes_put_str(&p->out,
	    "<section><h2>Retention</h2><p>Which day's backups a prune now "
	    "would leave. ");
	if (p->plan.has_policy)
		retain_policy_each(&p->plan.policy, put_setting, &p->out);
	else
		bytes_put_str(&p->out, "There is no policy: all of them.");
	bytes_put_str(&p->out, "</p>\n<ul class=\"legend\">");
	for (size_t i = N_KINDS; i-- > 0;)
		bytes_printf(&p->out, "<li><i class=\"%s\"></i>%s</li>",
		    kinds[i].css, kinds[i].name);
	bytes_put_str(&p->out, "<li><i class=\"kg\"></i>to go</li></ul>\n");
	for (size_t i = 0; i < p->status.n && i < GROUPS_SHOWN; i++) {
		bytes_clear(&name);
		page_name(&p->status.groups[i], &name);
		fill(p, &p->status.groups[i], &y);
		bytes_put_str(&p->out, "<h3>");
		html_text(&p->out, bytes_span(&name));
		bytes_put_str(&p->out, "</h3>");
		put_year(p, &y, bytes_span(&name));
	}
	if (p->status.n > GROUPS_SHOWN)
		bytes_printf(&p->out, "<p>%zu more are not shown.</p>",
		    p->status.n - GROUPS_SHOWN);
	bytes_put_str(&p->out, "</section>\n");
	bytes_fini(&name);
}

static void
put_age(struct page *p, const struct group *g, int64_t most_s)
{
	int64_t age = p->status.now_s - g->verified_s;
	bool never = g->verified_s == 0;
	char text[UI_TIME_MAX];
	struct bytes name;

	bytes_init(&name, NAME_MAX_BYTES);
	page_name(g, &name);
	bytes_put_str(&p->out, "<tr><th scope=\"row\">");
	html_text(&p->out, bytes_span(&name));
	bytes_printf(&p->out,
	    "</th><td><div class=\"age %s\" style=\"width:%" PRId64
	    "%%\"></div></td><td>%s%s</td></tr>\n",
	    g->failed                 ? "bad"
	    : never                   ? "never"
	    : age > GOOD_DAYS * DAY_S ? "old"
				      : "good",
	    never ? 100 : 1 + (age > 0 ? age : 0) * 99 / most_s,
	    never ? "never" : ui_ago(age, text),
	    g->failed ? "; the last verify found differences" : "");
	bytes_fini(&name);
}

void
page_verified(struct page *p)
{
	int64_t most = GOOD_DAYS * DAY_S;

	for (size_t i = 0; i < p->status.n; i++) {
		int64_t at = p->status.groups[i].verified_s;

		if (at != 0 && p->status.now_s - at > most)
			most = p->status.now_s - at;
	}
	bytes_printf(&p->out,
	    "<section><h2>Verified</h2><p>When <code>" SNAP_PROGRAM_NAME
	    " verify</code> last restored a backup and found it good. The whole "
	    "width is %" PRId64 " days.</p>\n<table class=\"ages\">\n",
	    most / DAY_S);
	for (size_t i = 0; i < p->status.n; i++)
		put_age(p, &p->status.groups[i], most);
	bytes_put_str(&p->out, "</table></section>\n");
}
