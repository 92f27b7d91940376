/* SPDX-License-Identifier: PostgreSQL */
/* picture.c - what a policy keeps, as a calendar. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "retention.h"

#define YEARS 5
#define DAYS (YEARS * 366)

/* Noon of the day `back` days before that of now_s. */
static int64_t
noon(int64_t now_s, int back, struct tm *tm)
{
	time_t t = (time_t)now_s;

	if (localtime_r(&t, tm) == NULL)
		memset(tm, 0, sizeof *tm);
	tm->tm_mday -= back;
	tm->tm_hour = 12;
	tm->tm_min = tm->tm_sec = 0;
	tm->tm_isdst = -1;
	return (int64_t)mktime(tm);
}

/* Of the rules that keep a day the one that will keep it longest. */
static char
letter(uint32_t rules)
{
	static const struct {
		enum retain_rule rule;
		char c;
	} order[] = { { RETAIN_YEARLY, 'Y' }, { RETAIN_MONTHLY, 'M' },
		{ RETAIN_WEEKLY, 'W' }, { RETAIN_DAILY, 'D' },
		{ RETAIN_HOURLY, 'H' }, { RETAIN_WITHIN, '+' },
		{ RETAIN_LAST, 'L' }, { RETAIN_NEWEST, 'N' } };

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		if ((rules & UINT32_C(1) << order[i].rule) != 0)
			return order[i].c;
	return '.';
}

void
retain_picture(const struct retain_policy *p, int64_t now_s, struct bytes *out)
{
	struct retain_item *items = calloc(DAYS, sizeof *items);
	int from = 0;
	struct tm tm;

	if (items == NULL) {
		out->bad = true;
		return;
	}
	for (int i = 0; i < DAYS; i++) {
		items[i].group = "";
		items[i].time_s = noon(now_s, i, &tm);
	}
	retain_apply(p, items, DAYS, INT64_MAX / 2);
	for (int i = 0; i < DAYS; i++)
		if (items[i].rules != 0)
			from = i;
	/* The whole of the oldest month. */
	while (noon(now_s, from, &tm), tm.tm_mday != 1)
		from++;
	for (int i = from; i >= 0; i--) {
		(void)noon(now_s, i, &tm);
		if (tm.tm_mday == 1)
			bytes_printf(out, "%s%04d-%02d  ",
			    i == from ? "" : "\n", tm.tm_year + 1900,
			    tm.tm_mon + 1);
		bytes_u8(
		    out, (uint8_t)(i < DAYS ? letter(items[i].rules) : '.'));
	}
	bytes_put_str(out, "\n");
	free(items);
}
