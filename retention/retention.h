/* SPDX-License-Identifier: PostgreSQL */
/*
 * retention.h - which snapshots a policy keeps, and by which rules.
 *
 * Pure: no store, no clock.  Hours, days, weeks (ISO 8601, from Monday), months
 * and years are those of the process's time zone (tzset), which the caller
 * sets to what the policy says.
 *
 * Every rule looks at all snapshots of a group by itself, the newest first, and
 * keeps the newest of each of its first N hours, days, ... that have one; when
 * fewer have one it keeps the group's oldest as well, so that a young
 * repository does not lose what a later week or month would be made of.
 * Whatever one rule keeps stays.  Without any rule all stay.
 */
#ifndef SNAP_RETENTION_H
#define SNAP_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

enum retain_rule {
	RETAIN_LAST,
	RETAIN_HOURLY,
	RETAIN_DAILY,
	RETAIN_WEEKLY,
	RETAIN_MONTHLY,
	RETAIN_YEARLY,
	RETAIN_COUNTED, /* those before have a number */
	RETAIN_WITHIN = RETAIN_COUNTED,
	RETAIN_TAG,
	RETAIN_ID,     /* the caller named it */
	RETAIN_PIN,    /* it is pinned */
	RETAIN_NEWEST, /* of its group: no policy touches it */
	RETAIN_FUTURE, /* later than now: some clock was wrong */
	RETAIN_RULES
};
/* "daily", "within", ...: as in "keep-daily". */
const char *retain_rule_name(enum retain_rule rule);

struct retain_span { /* calendar time: a month before 31 March is 3 March */
	uint32_t years, months, days, hours;
};
#define RETAIN_ZONE_MAX 64
#define RETAIN_TAGS_MAX 256
struct retain_policy {
	uint32_t keep[RETAIN_COUNTED]; /* 0: no such rule */
	struct retain_span within;     /* of the group's newest; 0: no rule */
	char tags[RETAIN_TAGS_MAX];    /* separated by commas; any will do */
	char zone[RETAIN_ZONE_MAX];    /* "" is UTC */
};
/*
 * One setting by its name, "keep-daily" or "timezone", and its text: a
 * number; "all"; a span like 14d, 2w or 1y6m; tags, which add up.
 * SNAP_USAGE: the value makes no sense; SNAP_NOTFOUND: there is no such name.
 */
SNAP_MUST_CHECK enum snap_code retain_policy_set(struct retain_policy *p,
    const char *name, const char *value, struct snap_err *err);
/* The settings that are made, in a fixed order; the value lives as long as
 * the call. */
void retain_policy_each(const struct retain_policy *p,
    void (*each)(void *arg, const char *name, const char *value), void *arg);
/* No rule: all is kept. */
bool retain_policy_is_empty(const struct retain_policy *p);

struct retain_item {
	int64_t time_s;    /* UTC */
	const char *group; /* what is compared: a database of a cluster */
	const char *tags;  /* separated by commas, or NULL */
	bool named, pinned;
	void *of; /* the caller's */
	size_t
	    nth; /* set by retain_apply(): of equal times, the later is newer */
	uint32_t rules; /* out: bit 1 << rule of what keeps it; 0: it goes */
};
/* Sorts by group and, the newest first, by time; then fills in `rules`. */
void retain_apply(const struct retain_policy *p, struct retain_item *items,
    size_t n, int64_t now_s);

/* Some clock was wrong: it is nobody's newest. */
bool retain_is_future(int64_t time_s, int64_t now_s);

/*
 * A mistaken policy is told by what it does: true if, of some group, more than
 * half of the snapshots would go and more than half of the time that they
 * reach back; *first is then that group's first item.  `items` as
 * retain_apply() left them.
 */
bool retain_is_drastic(const struct retain_item *items, size_t n,
    const struct retain_item **first);

/* Of a backup each day at noon up to now_s, what the policy keeps: a line for
 * each month, a letter or dot for each day. */
void retain_picture(
    const struct retain_policy *p, int64_t now_s, struct bytes *out);

#endif
