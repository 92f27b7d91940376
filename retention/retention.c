/* SPDX-License-Identifier: PostgreSQL */
/* retention.c - the rules, each over the snapshots of one group. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "retention.h"

/* A store tells its time by the second, and clocks are seldom equal. */
#define FUTURE_S 600

static void
keep(struct retain_item *it, enum retain_rule rule)
{
	it->rules |= UINT32_C(1) << rule;
}

/* By group; within it the newest first. */
static int
item_order(const void *a, const void *b)
{
	const struct retain_item *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	if (order != 0)
		return order;
	if (x->time_s != y->time_s)
		return x->time_s < y->time_s ? 1 : -1;
	return (x->nth < y->nth) - (x->nth > y->nth);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * The hour, day, ... of a time, as a number that later ones exceed.  An hour is
 * told by the moment at which it began: when clocks go back one comes twice.
 */
static int64_t
bucket(enum retain_rule rule, int64_t t, size_t nth)
{
	time_t when = (time_t)t;
	int64_t day;
	struct tm tm;

	if (rule == RETAIN_LAST || localtime_r(&when, &tm) == NULL)
		return -(int64_t)nth;
	/* Days since 1 January 1970, a Thursday, on the local calendar. */
	day = floor_div(t + tm.tm_gmtoff, INT64_C(86400));
	switch (rule) {
	case RETAIN_HOURLY:
		return t - tm.tm_min * 60 - tm.tm_sec;
	case RETAIN_DAILY:
		return day;
	case RETAIN_WEEKLY:
		return floor_div(day + 3, 7);
	case RETAIN_MONTHLY:
		return tm.tm_year * INT64_C(12) + tm.tm_mon;
	default:
		return tm.tm_year;
	}
}

/* v[0..n) are of one group, the newest first, none of the future. */
static void
keep_counted(const struct retain_policy *p, enum retain_rule rule,
    struct retain_item *v, size_t n)
{
	uint32_t left = p->keep[rule];
	int64_t last = 0;

	for (size_t i = 0; i < n && left > 0; i++) {
		int64_t b = bucket(rule, v[i].time_s, i);

		/* The oldest, if there is a number left for it. */
		if (i == 0 || b != last || i == n - 1) {
			keep(&v[i], rule);
			if (left != UINT32_MAX)
				left--;
		}
		last = b;
	}
}

static void
keep_within(const struct retain_span *w, struct retain_item *v, size_t n)
{
	time_t newest = (time_t)v[0].time_s, begin;
	struct tm tm;

	if ((w->years | w->months | w->days | w->hours) == 0 ||
	    localtime_r(&newest, &tm) == NULL)
		return;
	tm.tm_year -= (int)w->years;
	tm.tm_mon -= (int)w->months;
	tm.tm_mday -= (int)w->days;
	tm.tm_isdst = -1;
	begin = mktime(&tm) - (time_t)w->hours * 3600;
	for (size_t i = 0; i < n && v[i].time_s > (int64_t)begin; i++)
		keep(&v[i], RETAIN_WITHIN);
}

/* Have the two lists a word in common? */
static bool
share_tag(const char *a, const char *b)
{
	while (*a != '\0') {
		size_t len = strcspn(a, ",");

		for (const char *t = b; len != 0 && *t != '\0';) {
			size_t tlen = strcspn(t, ",");

			if (tlen == len && memcmp(a, t, len) == 0)
				return true;
			t += tlen + (t[tlen] == ',');
		}
		a += len + (a[len] == ',');
	}
	return false;
}

bool
retain_is_future(int64_t time_s, int64_t now_s)
{
	return time_s > now_s + FUTURE_S;
}

static void
apply_group(const struct retain_policy *p, struct retain_item *v, size_t n,
    int64_t now_s)
{
	bool all = retain_policy_is_empty(p);

	for (size_t i = 0; i < n; i++) {
		v[i].rules = 0;
		if (v[i].tags != NULL && share_tag(p->tags, v[i].tags))
			keep(&v[i], RETAIN_TAG);
		if (v[i].named)
			keep(&v[i], RETAIN_ID);
		if (v[i].pinned)
			keep(&v[i], RETAIN_PIN);
		if (all)
			keep(&v[i], RETAIN_LAST);
	}
	for (; n > 0 && retain_is_future(v[0].time_s, now_s); v++, n--)
		keep(&v[0], RETAIN_FUTURE);
	if (n == 0)
		return;
	keep(&v[0], RETAIN_NEWEST);
	for (int rule = 0; rule < RETAIN_COUNTED; rule++)
		keep_counted(p, (enum retain_rule)rule, v, n);
	keep_within(&p->within, v, n);
}

/* How many items from the first on are of its group. */
static size_t
group_size(const struct retain_item *v, size_t n)
{
	size_t i = 1;

	while (i < n && strcmp(v[i].group, v[0].group) == 0)
		i++;
	return i;
}

void
retain_apply(const struct retain_policy *p, struct retain_item *items, size_t n,
    int64_t now_s)
{
	size_t len;

	for (size_t i = 0; i < n; i++)
		items[i].nth = i;
	if (n != 0)
		qsort(items, n, sizeof *items, item_order);
	for (size_t i = 0; i < n; i += len) {
		len = group_size(items + i, n - i);
		apply_group(p, items + i, len, now_s);
	}
}

bool
retain_is_drastic(
    const struct retain_item *items, size_t n, const struct retain_item **first)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		const struct retain_item *v = items + i;
		size_t kept = 0, oldest = 0;

		len = group_size(v, n - i);
		for (size_t j = 0; j < len; j++)
			if (v[j].rules != 0) {
				kept++;
				oldest = j;
			}
		if (kept * 2 < len && (v[0].time_s - v[oldest].time_s) * 2 <
					  v[0].time_s - v[len - 1].time_s) {
			*first = v;
			return true;
		}
	}
	return false;
}
