/* SPDX-License-Identifier: PostgreSQL */
/* policy.c - a policy as settings with names, and back. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "retention.h"

#define NUMBER_MAX 100000 /* of snapshots, and of any unit of time */
#define SETTING_MAX 32    /* "keep-monthly" */

static const char *const rule_names[RETAIN_RULES] = { "last", "hourly", "daily",
	"weekly", "monthly", "yearly", "within", "tag", "id", "pin", "newest",
	"future" };

const char *
retain_rule_name(enum retain_rule rule)
{
	return rule_names[rule];
}

/* Digits at *s, which moves behind them; false: none, or too many. */
static bool
number(const char **s, uint32_t *out)
{
	uint32_t v = 0;
	const char *p = *s;

	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint32_t)(*p - '0');
		if (v > NUMBER_MAX)
			return false;
	}
	if (p == *s)
		return false;
	*s = p;
	*out = v;
	return true;
}

static enum snap_code
set_count(
    uint32_t *keep, const char *name, const char *value, struct snap_err *err)
{
	const char *p = value;
	uint32_t n = UINT32_MAX;

	if (strcmp(value, "all") != 0 && (!number(&p, &n) || *p != '\0')) {
		(void)snap_fail(
		    err, SNAP_USAGE, "%s: \"%s\" is no number", name, value);
		return snap_hint(err, "Give 0 to %d, or \"all\".", NUMBER_MAX);
	}
	*keep = n;
	return SNAP_OK;
}

static enum snap_code
set_span(struct retain_span *out, const char *value, struct snap_err *err)
{
	static const char units[] = "ymdhw";
	uint32_t v[5] = { 0 };
	const char *p = value, *unit = NULL;
	unsigned seen = 0;
	uint32_t n;

	while (number(&p, &n) && *p != '\0' &&
	       (unit = strchr(units, *p)) != NULL &&
	       (seen & 1U << (unit - units)) == 0) {
		seen |= 1U << (unit - units);
		v[unit - units] = n;
		p++;
	}
	if (*p != '\0' || seen == 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "keep-within: \"%s\" is no span of time", value);
		return snap_hint(
		    err, "Give numbers with h, d, w, m or y: 36h, 14d, 1y6m.");
	}
	out->years = v[0];
	out->months = v[1];
	out->days = v[2] + 7 * v[4];
	out->hours = v[3];
	return SNAP_OK;
}

static enum snap_code
set_text(char *out, size_t room, bool add, const char *name, const char *value,
    struct snap_err *err)
{
	size_t had = add ? strlen(out) : 0;

	if (value[0] == '\0')
		return snap_fail(err, SNAP_USAGE, "%s is empty", name);
	if (had + strlen(value) + 2 > room)
		return snap_fail(err, SNAP_USAGE, "%s: too long", name);
	(void)snprintf(
	    out + had, room - had, "%s%s", had != 0 ? "," : "", value);
	return SNAP_OK;
}

enum snap_code
retain_policy_set(struct retain_policy *p, const char *name, const char *value,
    struct snap_err *err)
{
	const char *rule = name + strlen("keep-");

	if (strcmp(name, "timezone") == 0)
		return set_text(
		    p->zone, sizeof p->zone, false, name, value, err);
	if (strncmp(name, "keep-", strlen("keep-")) != 0)
		return snap_fail(
		    err, SNAP_NOTFOUND, "no setting of a policy: %s", name);
	for (int i = 0; i < RETAIN_COUNTED; i++)
		if (strcmp(rule, rule_names[i]) == 0)
			return set_count(&p->keep[i], name, value, err);
	if (strcmp(rule, rule_names[RETAIN_WITHIN]) == 0)
		return set_span(&p->within, value, err);
	if (strcmp(rule, rule_names[RETAIN_TAG]) == 0)
		return set_text(
		    p->tags, sizeof p->tags, true, name, value, err);
	return snap_fail(
	    err, SNAP_NOTFOUND, "no setting of a policy: %s", name);
}

static bool
has_within(const struct retain_policy *p)
{
	const struct retain_span *w = &p->within;

	return (w->years | w->months | w->days | w->hours) != 0;
}

static void
span_text(const struct retain_span *w, char *out, size_t room)
{
	const struct {
		uint32_t n;
		char unit;
	} part[] = { { w->years, 'y' }, { w->months, 'm' }, { w->days, 'd' },
		{ w->hours, 'h' } };
	size_t len = 0;

	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		if (part[i].n != 0)
			len += (size_t)snprintf(out + len, room - len, "%u%c",
			    (unsigned)part[i].n, part[i].unit);
}

void
retain_policy_each(const struct retain_policy *p,
    void (*each)(void *arg, const char *name, const char *value), void *arg)
{
	char name[SETTING_MAX], value[64];

	for (int i = 0; i < RETAIN_COUNTED; i++) {
		if (p->keep[i] == 0)
			continue;
		(void)snprintf(name, sizeof name, "keep-%s", rule_names[i]);
		if (p->keep[i] == UINT32_MAX)
			(void)snprintf(value, sizeof value, "all");
		else
			(void)snprintf(
			    value, sizeof value, "%u", (unsigned)p->keep[i]);
		each(arg, name, value);
	}
	if (has_within(p)) {
		span_text(&p->within, value, sizeof value);
		each(arg, "keep-within", value);
	}
	if (p->tags[0] != '\0')
		each(arg, "keep-tag", p->tags);
	if (p->zone[0] != '\0')
		each(arg, "timezone", p->zone);
}

bool
retain_policy_is_empty(const struct retain_policy *p)
{
	for (int i = 0; i < RETAIN_COUNTED; i++)
		if (p->keep[i] != 0)
			return false;
	return !has_within(p) && p->tags[0] == '\0';
}
