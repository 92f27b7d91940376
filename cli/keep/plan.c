/* SPDX-License-Identifier: PostgreSQL */
/*
 * plan.c - what a policy does to the snapshots of a repository, and by which
 * rules each stays.
 *
 * Snapshots of one database of one cluster are compared, or of one stream
 * name, whichever host made them; a part of a database is no backup of the
 * whole and has a group of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keep.h"
#include "ui.h"

#define GROUP_MAX ((size_t)4 << 20)
#define SECOND_NS INT64_C(1000000000)

static void
put_prop(struct bytes *b, const struct repo_snapshot *s, const char *key)
{
	const char *v = repo_snapshot_prop(s, key);

	/* None is something else than an empty one. */
	bytes_put_str(b, v != NULL ? "=" : "-");
	bytes_put_str(b, v != NULL ? v : "");
	bytes_put_str(b, "\n");
}

char *
plan_group(const struct repo_snapshot *s)
{
	struct bytes b;

	bytes_init(&b, GROUP_MAX);
	/* In the order in which people look for them. */
	bytes_put_str(&b, place_source(s));
	bytes_put_str(&b, "\n");
	put_prop(&b, s, REPO_PROP_SYSTEM);
	put_prop(&b, s, REPO_PROP_DATABASE);
	put_prop(&b, s, REPO_PROP_SELECTION);
	bytes_u8(&b, 0);
	if (b.bad) {
		bytes_fini(&b);
		return NULL;
	}
	return (char *)b.p;
}

/* Days from 1 January 1970 to one of the Gregorian calendar, by its years
 * from March on. */
static int64_t
days_to(int64_t y, int64_t m, int64_t d)
{
	int64_t era, of_era;

	y -= m <= 2;
	m += m <= 2 ? 9 : -3;
	era = y / 400;
	of_era = y % 400;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       (153 * m + 2) / 5 + d - 1 - 719468;
}

int64_t
plan_time(const struct repo_snapshot *s)
{
	const char *text = repo_snapshot_prop(s, REPO_PROP_TIME);
	int y, mon, d, h, min, sec, len = 0;

	if (s->by_owner && text != NULL &&
	    repo_snapshot_prop(s, REPO_PROP_ORIGIN) != NULL &&
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &y, &mon, &d, &h, &min,
		&sec, &len) == 6 &&
	    text[len] == '\0' && len == 20 && y >= 1970 && mon >= 1 &&
	    mon <= 12)
		return days_to(y, mon, d) * 86400 + h * INT64_C(3600) +
		       min * 60 + sec;
	return s->time_ns / SECOND_NS;
}

static enum snap_code
fill(struct plan *p, struct place *s, struct snap_err *err)
{
	const struct repo_snapshots *all = &s->all;

	p->v = calloc(all->n + 1, sizeof *p->v);
	p->groups = calloc(all->n + 1, sizeof *p->groups);
	p->goes = calloc(all->n + 1, sizeof *p->goes);
	if (p->v == NULL || p->groups == NULL || p->goes == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < all->n; i++) {
		const struct repo_snapshot *one = &all->v[i];
		struct retain_item *it = &p->v[p->n];

		/* It goes whatever the policy says, when the store lets it:
		 * nothing else goes because it is there. */
		if (repo_notes_forgotten(p->said, one->id))
			continue;
		p->groups[p->n] = plan_group(one);
		if (p->groups[p->n] == NULL)
			return snap_fail(err, SNAP_NOMEM, "out of memory");
		it->group = p->groups[p->n];
		it->time_s = plan_time(one);
		it->tags = repo_notes_tags(p->said, one);
		it->pinned = repo_notes_pinned(p->said, one->id);
		p->n_pinned += it->pinned;
		it->of = (void *)(uintptr_t)one;
		p->n++;
	}
	return SNAP_OK;
}

static enum snap_code
name_kept(struct plan *p, struct place *s, const struct opt_list *ids,
    struct snap_err *err)
{
	for (size_t i = 0; i < ids->n; i++) {
		const struct repo_snapshot *one;
		enum snap_code rc =
		    repo_snapshot_find(&s->all, ids->v[i], &one, err);

		if (rc != SNAP_OK)
			return rc;
		for (size_t k = 0; k < p->n; k++)
			p->v[k].named |= p->v[k].of == one;
	}
	return SNAP_OK;
}

enum snap_code
plan_make(struct plan *p, struct place *s, const struct cli *c,
    const struct repo_notes *said, struct snap_err *err)
{
	enum snap_code rc;

	memset(p, 0, sizeof *p);
	p->said = said;
	if ((rc = policy_get(&p->policy, c, said, err)) != SNAP_OK ||
	    (rc = zone_set(p->policy.zone, err)) != SNAP_OK ||
	    (rc = fill(p, s, err)) != SNAP_OK ||
	    (rc = name_kept(p, s, &c->o.keep_ids, err)) != SNAP_OK)
		return rc;
	p->has_policy = !retain_policy_is_empty(&p->policy);
	retain_apply(&p->policy, p->v, p->n, (int64_t)time(NULL));
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].rules == 0)
			memcpy(p->goes[p->n_goes++],
			    ((const struct repo_snapshot *)p->v[i].of)->id,
			    REPO_ID_LEN);
	return SNAP_OK;
}

void
plan_fini(struct plan *p)
{
	for (size_t i = 0; p->groups != NULL && i < p->n; i++)
		free(p->groups[i]);
	free(p->groups);
	free(p->v);
	free(p->goes);
}

/* How many from the first on are of its group, and how many of them stay. */
static size_t
group_at(const struct plan *p, size_t from, size_t *stay)
{
	size_t i = from;

	*stay = 0;
	for (; i < p->n && strcmp(p->v[i].group, p->v[from].group) == 0; i++)
		*stay += p->v[i].rules != 0;
	return i - from;
}

static const struct repo_snapshot *
snapshot_of(const struct plan *p, size_t i)
{
	return p->v[i].of;
}

static void
put_rules(struct bytes *b, const struct plan *p, size_t i)
{
	uint32_t rules = p->v[i].rules;
	const char *between = "";

	/* Without a policy all stay, by no rule of the user's. */
	if (!p->has_policy)
		rules &= ~(UINT32_C(1) << RETAIN_LAST);
	for (int r = 0; r < RETAIN_RULES; r++)
		if ((rules >> r & 1) != 0) {
			bytes_put_str(b, between);
			bytes_put_str(b, retain_rule_name((enum retain_rule)r));
			between = ", ";
		}
	if (p->v[i].rules == 0)
		bytes_put_str(b, "forget");
	else if (rules == 0)
		bytes_put_str(b, "no policy");
}

static void
print_row(const struct plan *p, size_t i, struct ui_table *t, struct bytes *b)
{
	const struct repo_snapshot *s = snapshot_of(p, i);
	char hex[2 * REPO_ID_LEN + 1], when[UI_TIME_MAX], size[UI_SIZE_MAX];

	hex_encode(s->id, REPO_ID_LEN, hex);
	ui_table_cell(t, span_of(hex, 8));
	ui_table_cell(t, span_str(ui_time(p->v[i].time_s * SECOND_NS, when)));
	ui_table_cell(t, span_str(ui_size(s->bytes, size)));
	ui_table_cell(t, span_str(p->v[i].tags));
	bytes_clear(b);
	put_rules(b, p, i);
	ui_table_cell(t, bytes_span(b));
}

static void
print_head(
    const struct plan *p, size_t i, size_t n, size_t stay, struct bytes *b)
{
	const struct repo_snapshot *s = snapshot_of(p, i);
	const char *system = repo_snapshot_prop(s, REPO_PROP_SYSTEM);
	const char *part = repo_snapshot_prop(s, REPO_PROP_SELECTION);

	bytes_clear(b);
	ui_escape(b, span_str(place_source(s)));
	if (system != NULL) {
		bytes_put_str(b, " of cluster ");
		ui_escape(b, span_str(system));
	}
	if (part != NULL) {
		bytes_put_str(b, ", a part (");
		ui_escape(b, span_str(part));
		bytes_put_str(b, ")");
	}
	bytes_printf(b, ": %zu of %zu stay\n", stay, n);
	bytes_u8(b, 0);
	if (!b->bad)
		ui_out("%s%s", i > 0 ? "\n" : "", (const char *)b->p);
}

enum snap_code
plan_print(const struct plan *p, struct snap_err *err)
{
	static const char *const heads[] = { "ID", "TIME", "SIZE", "TAGS",
		"KEPT BY" };
	struct ui_table *t;
	enum snap_code rc;
	struct bytes b;
	size_t n, stay;

	bytes_init(&b, GROUP_MAX);
	for (size_t i = 0; i < p->n; i += n) {
		n = group_at(p, i, &stay);
		print_head(p, i, n, stay, &b);
		t = ui_table_new(5, heads, 0x4);
		for (size_t k = 0; k < n; k++)
			print_row(p, i + k, t, &b);
		ui_table_print(t);
		if (t == NULL)
			b.bad = true;
	}
	rc = bytes_check(&b, err);
	bytes_fini(&b);
	return rc == SNAP_OK ? ui_out_end(err) : rc;
}

static json_t *
row_json(const struct plan *p, size_t i)
{
	json_t *o = json_object(), *keep = json_array();
	char hex[2 * REPO_ID_LEN + 1];

	hex_encode(snapshot_of(p, i)->id, REPO_ID_LEN, hex);
	json_put_text(o, "id", span_str(hex));
	json_put_time(o, "time", p->v[i].time_s * SECOND_NS);
	for (int r = 0; r < RETAIN_RULES; r++)
		if ((p->v[i].rules >> r & 1) != 0 &&
		    (p->has_policy || r != RETAIN_LAST))
			(void)json_array_append_new(keep,
			    json_string(retain_rule_name((enum retain_rule)r)));
	(void)json_object_set_new(o, "stays", json_boolean(p->v[i].rules != 0));
	(void)json_object_set_new(o, "kept-by", keep);
	return o;
}

json_t *
plan_json(const struct plan *p)
{
	static const char *const keys[] = { REPO_PROP_SYSTEM,
		REPO_PROP_DATABASE, REPO_PROP_NAME, REPO_PROP_SELECTION };
	json_t *list = json_array(), *group, *rows;
	size_t n, stay;

	for (size_t i = 0; i < p->n; i += n) {
		n = group_at(p, i, &stay);
		group = json_object();
		rows = json_array();
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			const char *v =
			    repo_snapshot_prop(snapshot_of(p, i), keys[k]);

			if (v != NULL)
				json_put_text(group, keys[k], span_str(v));
		}
		for (size_t k = 0; k < n; k++)
			(void)json_array_append_new(rows, row_json(p, i + k));
		(void)json_object_set_new(group, "snapshots", rows);
		(void)json_array_append_new(list, group);
	}
	return list;
}

enum snap_code
plan_check(const struct plan *p, struct snap_err *err)
{
	const struct retain_item *first;
	size_t n, stay, i;

	if (!retain_is_drastic(p->v, p->n, &first))
		return SNAP_OK;
	i = (size_t)(first - p->v);
	n = group_at(p, i, &stay);
	(void)snap_fail(err, SNAP_USAGE,
	    "this policy would leave %zu of %zu snapshots of \"%s\", and less "
	    "than half of the time that they reach back",
	    stay, n, place_source(snapshot_of(p, i)));
	return snap_hint(err,
	    "Nothing was forgotten or deleted. If it is meant, say --force.");
}

enum snap_code
plan_notes_whole(const struct repo_notes *said, struct snap_err *err)
{
	size_t n = repo_notes_damaged(said);

	if (n == 0)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_CORRUPT,
	    "%zu notes cannot be read, named above: one may be a pin or a tag",
	    n);
	return snap_hint(err,
	    "Nothing was forgotten. See that \"snapshots\" shows all pins and "
	    "tags, then delete those objects from the store; or say --force.");
}
