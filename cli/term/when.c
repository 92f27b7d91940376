/* SPDX-License-Identifier: PostgreSQL */
/*
 * when.c - days, times and spans as people write them.
 *
 * Without a zone a time is local, as every time that we show; libc knows about
 * summer time.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ui.h"

#define SECOND_NS INT64_C(1000000000)
#define DAYS_MAX 36500

/* "7d", "36h". */
static bool
span_parse(const char *text, int64_t *ns)
{
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	n = strtoul(text, &end, 10);
	if (n == 0 || n > DAYS_MAX ||
	    (strcmp(end, "d") != 0 && strcmp(end, "h") != 0))
		return false;
	*ns = (int64_t)n * (*end == 'd' ? 86400 : 3600) * SECOND_NS;
	return true;
}

/* `n` digits, between `low` and `high`; *p goes behind them. */
static bool
digits(const char **p, int n, int low, int high, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (**p - '0');
	}
	return *out >= low && *out <= high;
}

static bool
skip(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* "Z", "+05:30", "+0530", "-08": seconds east of Greenwich. */
static bool
zone_parse(const char *p, int *east)
{
	int sign = *p == '-' ? -1 : 1, h, m = 0;

	*east = 0;
	if (strcmp(p, "Z") == 0)
		return true;
	if ((!skip(&p, '+') && !skip(&p, '-')) || !digits(&p, 2, 0, 23, &h))
		return false;
	if (*p != '\0') {
		(void)skip(&p, ':');
		if (!digits(&p, 2, 0, 59, &m))
			return false;
	}
	*east = sign * (h * 3600 + m * 60);
	return *p == '\0';
}

/* Seconds since 1970 of a date and time at Greenwich. */
static int64_t
civil(const struct tm *tm)
{
	int64_t y = tm->tm_year + 1900, m = tm->tm_mon + 1, days;

	/* March is the first month, so that the odd day comes last. */
	y -= m <= 2;
	days = y * 365 + y / 4 - y / 100 + y / 400 +
	       (153 * ((m + 9) % 12) + 2) / 5 + tm->tm_mday - 1 - 719468;
	return days * 86400 + tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec;
}

/* "2026-11-22", and behind it "T03:15" or " 03:15:30", and a zone. */
static bool
time_parse(const char *p, int64_t *ns)
{
	struct tm tm = { .tm_isdst = -1 };
	int64_t seconds;
	int y, m, east;

	if (!digits(&p, 4, 1970, 2200, &y) || !skip(&p, '-') ||
	    !digits(&p, 2, 1, 12, &m) || !skip(&p, '-') ||
	    !digits(&p, 2, 1, 31, &tm.tm_mday))
		return false;
	tm.tm_year = y - 1900;
	tm.tm_mon = m - 1;
	if (*p != '\0') {
		if ((!skip(&p, 'T') && !skip(&p, ' ')) ||
		    !digits(&p, 2, 0, 23, &tm.tm_hour) || !skip(&p, ':') ||
		    !digits(&p, 2, 0, 59, &tm.tm_min) ||
		    (skip(&p, ':') && !digits(&p, 2, 0, 60, &tm.tm_sec)))
			return false;
	}
	if (*p == '\0')
		seconds = (int64_t)mktime(&tm);
	else if (zone_parse(p, &east))
		seconds = civil(&tm) - east;
	else
		return false;
	*ns = seconds * SECOND_NS;
	return true;
}

enum snap_code
ui_when(const char *option, const char *text, int64_t *at_ns, int64_t *ago_ns,
    struct snap_err *err)
{
	*at_ns = *ago_ns = 0;
	if (span_parse(text, ago_ns) || time_parse(text, at_ns))
		return SNAP_OK;
	(void)snap_fail(err, SNAP_USAGE, "%s: \"%s\" is no time", option, text);
	return snap_hint(err,
	    "Give a span as 7d or 36h, a day as 2026-11-22, or a time as "
	    "2026-11-22T03:15, in the zone of this machine or, with a Z at its "
	    "end, in UTC.");
}

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

const char *
ui_ago(int64_t seconds, char out[UI_TIME_MAX])
{
	int64_t unit = seconds < 2 * HOUR  ? MINUTE
		       : seconds < 2 * DAY ? HOUR
					   : DAY;
	const char *name = unit == MINUTE ? "minute"
			   : unit == HOUR ? "hour"
					  : "day";
	int64_t n = seconds < 0 ? 0 : seconds / unit;

	(void)snprintf(out, UI_TIME_MAX, "%" PRId64 " %s%s ago", n, name,
	    n == 1 ? "" : "s");
	return out;
}
