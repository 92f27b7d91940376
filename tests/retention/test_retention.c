/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_retention.c - random calendars against an oracle that is slow and
 * obvious; clocks that go forth, back or wrong; what no policy touches.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "retention.h"

#define NOW INT64_C(1800000000)
#define ITEMS_MAX 400
#define LABEL_MAX 64

static struct retain_item items[ITEMS_MAX];
static uint64_t seed;

static uint32_t
below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % n;
}

static void
zone(const char *name)
{
	assert_int_equal(setenv("TZ", name, 1), 0);
	tzset();
}

static int64_t
at(const char *text)
{
	struct tm tm;

	memset(&tm, 0, sizeof tm);
	assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon,
			     &tm.tm_mday, &tm.tm_hour, &tm.tm_min),
	    5);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm);
}

static struct retain_policy
policy(const char *name, const char *value)
{
	struct retain_policy p;
	struct snap_err err;

	memset(&p, 0, sizeof p);
	if (name != NULL)
		assert_int_equal(
		    retain_policy_set(&p, name, value, &err), SNAP_OK);
	return p;
}

static size_t
fill(const int64_t *times, size_t n)
{
	memset(items, 0, sizeof items);
	for (size_t i = 0; i < n; i++) {
		items[i].time_s = times[i];
		items[i].group = "g";
	}
	return n;
}

static bool
kept(int64_t t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].time_s == t)
			return items[i].rules != 0;
	fail_msg("no item of %" PRId64, t);
	return false;
}

/* ---- the oracle: by the words for an hour, a day, ..., and by search */

static void
word(int rule, int64_t t, char out[LABEL_MAX])
{
	static const char *const form[] = { "%s", "%Y-%m-%d %H %z", "%Y-%m-%d",
		"%G week %V", "%Y-%m", "%Y" };
	time_t when = (time_t)t;
	struct tm tm;

	assert_non_null(localtime_r(&when, &tm));
	assert_true(strftime(out, LABEL_MAX, form[rule], &tm) > 0);
}

static const struct retain_item *
newest_before(const char *group, int64_t before, size_t n)
{
	const struct retain_item *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].group, group) == 0 &&
		    items[i].time_s < before &&
		    (best == NULL || items[i].time_s > best->time_s))
			best = &items[i];
	return best;
}

/* Is it kept by `rule`, where no two of a group are of one time? */
static bool
oracle(const struct retain_policy *p, int rule, const struct retain_item *it,
    size_t n)
{
	char label[LABEL_MAX], last[LABEL_MAX] = "";
	const struct retain_item *next;
	uint32_t left = p->keep[rule];
	int64_t t = INT64_MAX;

	while ((next = newest_before(it->group, t, n)) != NULL) {
		bool chosen;

		t = next->time_s;
		word(rule, t, label);
		chosen = left != 0 && strcmp(label, last) != 0;
		if (left != 0 && newest_before(it->group, t, n) == NULL)
			chosen = true;
		if (next == it)
			return chosen;
		if (chosen && left != UINT32_MAX)
			left--;
		memcpy(last, label, sizeof last);
	}
	return false;
}

static void
random_calendars_are_kept_as_the_oracle_says(void **state)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin",
		"America/New_York", "Asia/Kolkata", "Pacific/Apia",
		"Australia/Lord_Howe" };
	static const char *const groups[] = { "a", "b", "c" };
	static const uint32_t step[] = { 3600, 7200, 21600, 86400, 604800 };

	(void)state;
	for (int run = 0; run < 300; run++) {
		struct retain_policy p = policy(NULL, NULL);
		size_t n = 1 + below(80);
		int64_t t;

		seed = (uint64_t)run + 1;
		zone(zones[below(6)]);
		t = INT64_C(1200000000) + below(400000000);
		memset(items, 0, sizeof items);
		for (size_t i = 0; i < n; i++) {
			t += 1 + below(2 * step[below(5)]);
			items[i].time_s = t;
			items[i].group = groups[below(3)];
		}
		for (int rule = 0; rule < RETAIN_COUNTED; rule++)
			if (below(2) == 0)
				p.keep[rule] =
				    below(8) == 0 ? UINT32_MAX : below(12);
		p.keep[RETAIN_LAST] |= 1; /* not empty */
		retain_apply(&p, items, n, t);
		for (size_t i = 0; i < n; i++)
			for (int rule = 0; rule < RETAIN_COUNTED; rule++)
				if (oracle(&p, rule, &items[i], n) !=
				    ((items[i].rules >> rule & 1) != 0))
					fail_msg("run %d, %s, item %zu", run,
					    retain_rule_name(
						(enum retain_rule)rule),
					    i);
	}
}

static void
an_hour_that_comes_twice_is_two_and_one_that_is_left_out_none(void **state)
{
	/* 02:30 in summer time, 02:30 an hour later, 03:30. */
	const int64_t back[] = { 1761438600, 1761442200, 1761445800 };
	int64_t forth[3];
	struct retain_policy p = policy("keep-hourly", "3");

	(void)state;
	zone("Europe/Berlin");
	retain_apply(&p, items, fill(back, 3), NOW);
	for (int i = 0; i < 3; i++)
		assert_true(kept(back[i], 3));
	/* At 02:00 it is 03:00. */
	forth[0] = at("2025-03-30 01:10");
	forth[1] = forth[0] + 3600;
	forth[2] = forth[0] + 7200;
	p = policy("keep-hourly", "2");
	retain_apply(&p, items, fill(forth, 3), NOW);
	assert_false(kept(forth[0], 3));
	assert_true(kept(forth[1], 3));
	assert_true(kept(forth[2], 3));
}

static void
a_day_is_the_zones_day_also_when_it_has_25_hours(void **state)
{
	struct retain_policy p = policy("keep-daily", "2");
	int64_t t[4];

	(void)state;
	zone("Europe/Berlin");
	t[0] = at("2025-10-25 23:50");
	t[1] = at("2025-10-26 00:10");
	t[2] = at("2025-10-26 23:50");
	t[3] = at("2025-10-27 00:10");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[0], 4));
	assert_false(kept(t[1], 4));
	assert_true(kept(t[2], 4));
	assert_true(kept(t[3], 4));
	/* In New York the second and the third are of other days. */
	zone("America/New_York");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[0], 4));
	assert_true(kept(t[1], 4));
	assert_false(kept(t[2], 4));
	assert_true(kept(t[3], 4));
}

static void
weeks_are_those_of_iso_8601_across_the_year(void **state)
{
	struct retain_policy p = policy("keep-weekly", "2");
	int64_t t[4];

	(void)state;
	zone("UTC");
	/* Monday 28 December 2026 to Sunday 3 January 2027 is week 53. */
	t[0] = at("2026-12-27 12:00");
	t[1] = at("2026-12-28 12:00");
	t[2] = at("2027-01-03 12:00");
	t[3] = at("2027-01-04 12:00");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[0], 4));
	assert_false(kept(t[1], 4));
	assert_true(kept(t[2], 4));
	assert_true(kept(t[3], 4));
}

static void
the_oldest_stays_while_a_rule_has_numbers_left(void **state)
{
	const int64_t day = 86400, t[] = { NOW - 14 * day, NOW - 13 * day,
		NOW - 2 * day, NOW };
	struct retain_policy p = policy("keep-yearly", "3");

	(void)state;
	zone("UTC");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_true(kept(t[0], 4));
	assert_false(kept(t[1], 4));
	assert_false(kept(t[2], 4));
	assert_true(kept(t[3], 4));
	p = policy("keep-daily", "2");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[0], 4));
}

static void
what_is_within_counts_from_the_newest_of_the_group(void **state)
{
	struct retain_policy p = policy("keep-within", "1m");
	int64_t t[4];

	(void)state;
	zone("UTC");
	t[0] = at("2025-03-03 11:00");
	t[1] = at("2025-03-03 12:00"); /* "31 February" */
	t[2] = at("2025-03-03 12:01");
	t[3] = at("2025-03-31 12:00");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[0], 4));
	assert_false(kept(t[1], 4));
	assert_true(kept(t[2], 4));
	assert_true(kept(t[3], 4));
	p = policy("keep-within", "2w");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[2], 4));
	assert_true(kept(t[3], 4));
}

static void
a_time_of_the_future_neither_goes_nor_makes_others_go(void **state)
{
	const int64_t day = 86400, year = 365 * day;
	const int64_t t[] = { NOW - 2 * day, NOW - day, NOW, NOW + 30 * year };
	struct retain_policy p = policy("keep-last", "1");

	(void)state;
	zone("UTC");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[1], 4));
	assert_true(kept(t[2], 4));
	assert_true(kept(t[3], 4));
	p = policy("keep-within", "36h");
	retain_apply(&p, items, fill(t, 4), NOW);
	assert_false(kept(t[0], 4));
	assert_true(kept(t[1], 4));
	assert_true(kept(t[2], 4));
}

static void
the_newest_pins_tags_and_names_stay_whatever_the_policy(void **state)
{
	const int64_t t[] = { 1000, 2000, 3000, 4000, 5000, 6000 };
	struct retain_policy p = policy("keep-tag", "gold,release");
	size_t n = fill(t, 6);
	uint32_t by[6];

	(void)state;
	zone("UTC");
	items[0].pinned = true;
	items[1].tags = "old,release";
	items[2].tags = "releases,gol";
	items[3].named = true;
	items[4].tags = "gold";
	retain_apply(&p, items, n, NOW);
	for (size_t i = 0; i < n; i++)
		by[items[i].nth] = items[i].rules;
	assert_int_equal(by[0], 1U << RETAIN_PIN);
	assert_int_equal(by[1], 1U << RETAIN_TAG);
	assert_int_equal(by[2], 0);
	assert_int_equal(by[3], 1U << RETAIN_ID);
	assert_int_equal(by[4], 1U << RETAIN_TAG);
	assert_int_equal(by[5], 1U << RETAIN_NEWEST);
}

static void
several_rules_may_keep_one(void **state)
{
	const int64_t t[] = { NOW - 86400, NOW };
	struct retain_policy p = policy("keep-daily", "2");
	struct snap_err err;

	(void)state;
	zone("UTC");
	assert_int_equal(
	    retain_policy_set(&p, "keep-yearly", "1", &err), SNAP_OK);
	retain_apply(&p, items, fill(t, 2), NOW);
	assert_int_equal(items[0].rules,
	    1U << RETAIN_DAILY | 1U << RETAIN_YEARLY | 1U << RETAIN_NEWEST);
	assert_int_equal(items[1].rules, 1U << RETAIN_DAILY);
}

static void
without_a_rule_all_stay(void **state)
{
	const int64_t t[] = { 1000, 2000, 3000 };
	struct retain_policy p = policy("timezone", "UTC");

	(void)state;
	retain_apply(&p, items, fill(t, 3), NOW);
	for (int i = 0; i < 3; i++)
		assert_true(kept(t[i], 3));
	p = policy("keep-daily", "0");
	retain_apply(&p, items, fill(t, 3), NOW);
	assert_true(kept(t[0], 3));
}

static void
of_one_time_the_later_in_the_list_is_newer(void **state)
{
	const int64_t t[] = { 1000, 1000, 1000 };
	struct retain_policy p = policy("keep-last", "1");

	(void)state;
	retain_apply(&p, items, fill(t, 3), NOW);
	assert_int_equal(items[0].nth, 2);
	assert_int_not_equal(items[0].rules, 0);
	assert_int_equal(items[1].rules, 0);
}

static void
what_takes_most_of_a_groups_time_is_drastic_thinning_out_is_not(void **state)
{
	struct retain_policy p = policy("keep-last", "3");
	const struct retain_item *first;
	int64_t t[72];

	(void)state;
	zone("UTC");
	for (int i = 0; i < 72; i++)
		t[i] = NOW - (71 - i) * INT64_C(3600);
	retain_apply(&p, items, fill(t, 72), NOW);
	assert_true(retain_is_drastic(items, 72, &first));
	assert_ptr_equal(first, &items[0]);
	/* Three days of hours, on four days of the calendar. */
	p = policy("keep-daily", "4");
	retain_apply(&p, items, fill(t, 72), NOW);
	assert_false(retain_is_drastic(items, 72, &first));
	/* A day more than a week of days. */
	for (int i = 0; i < 8; i++)
		t[i] = NOW - (7 - i) * INT64_C(86400);
	p = policy("keep-daily", "7");
	retain_apply(&p, items, fill(t, 8), NOW);
	assert_false(retain_is_drastic(items, 8, &first));
	/* One group is enough. */
	(void)fill(t, 8);
	items[0].group = items[1].group = "a";
	p = policy("keep-last", "2");
	retain_apply(&p, items, 8, NOW);
	assert_true(retain_is_drastic(items, 8, &first));
	assert_string_equal(first->group, "g");
}

#define T(f) cmocka_unit_test(f)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(random_calendars_are_kept_as_the_oracle_says),
		T(an_hour_that_comes_twice_is_two_and_one_that_is_left_out_none),
		T(a_day_is_the_zones_day_also_when_it_has_25_hours),
		T(weeks_are_those_of_iso_8601_across_the_year),
		T(the_oldest_stays_while_a_rule_has_numbers_left),
		T(what_is_within_counts_from_the_newest_of_the_group),
		T(a_time_of_the_future_neither_goes_nor_makes_others_go),
		T(the_newest_pins_tags_and_names_stay_whatever_the_policy),
		T(several_rules_may_keep_one),
		T(without_a_rule_all_stay),
		T(of_one_time_the_later_in_the_list_is_newer),
		T(what_takes_most_of_a_groups_time_is_drastic_thinning_out_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
