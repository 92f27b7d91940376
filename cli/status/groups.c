/* SPDX-License-Identifier: PostgreSQL */
/*
 * groups.c - the snapshots by what they are of, as a policy compares them:
 * the database of a cluster, or the name of a stream.
 */
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "status.h"

#define SECOND_NS INT64_C(1000000000)

static bool
is_wanted(const struct status *s, const struct repo_snapshot *one)
{
	const struct opts *o = &s->cli->o;

	if (repo_notes_forgotten(s->said, one->id))
		return false;
	for (size_t i = 0; i < o->n_args; i++)
		if (strcmp(o->args[i], place_source(one)) == 0)
			return true;
	return o->n_args == 0;
}

struct item {
	char *key;
	size_t at; /* in place.all */
};

static int
by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order != 0)
		return order;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void
read_verdicts(const struct status *s, struct group *g)
{
	struct repo_verdict v;
	int64_t newest = INT64_MIN;

	for (size_t i = 0; i < g->n; i++) {
		if (!repo_notes_verdict(s->said, g->v[i], &v))
			continue;
		if (v.good && v.time_ns / SECOND_NS > g->verified_s)
			g->verified_s = v.time_ns / SECOND_NS;
		if (v.time_ns > newest) {
			newest = v.time_ns;
			g->failed = !v.good;
		}
	}
}

/* By plan_time(), which differs from the order of the list for copies. */
static int
by_age(const void *a, const void *b)
{
	const struct repo_snapshot *x = *(const struct repo_snapshot *const *)a;
	const struct repo_snapshot *y = *(const struct repo_snapshot *const *)b;
	int64_t tx = plan_time(x), ty = plan_time(y);

	if (tx != ty)
		return tx < ty ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* items[0 .. n) are of one group, which takes the first one's key. */
static enum snap_code
make_group(struct status *s, struct item *items, size_t n, struct snap_err *err)
{
	struct group *g = &s->groups[s->n];

	g->v = calloc(n, sizeof(struct repo_snapshot *));
	if (g->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	g->key = items[0].key;
	items[0].key = NULL;
	for (size_t i = 0; i < n; i++)
		g->v[g->n++] = &s->place.all.v[items[i].at];
	s->n++;
	qsort(g->v, n, sizeof(struct repo_snapshot *), by_age);
	g->newest = g->v[n - 1];
	g->newest_s = plan_time(g->newest);
	read_verdicts(s, g);
	return anomalies_find(s, g, err);
}

enum snap_code
groups_find(struct status *s, struct snap_err *err)
{
	const struct repo_snapshots *all = &s->place.all;
	struct item *items = calloc(all->n + 1, sizeof *items);
	enum snap_code rc = SNAP_OK;
	size_t n = 0, from = 0;

	s->groups = calloc(all->n + 1, sizeof *s->groups);
	if (items == NULL || s->groups == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < all->n && rc == SNAP_OK; i++) {
		if (!is_wanted(s, &all->v[i]))
			continue;
		items[n].at = i;
		items[n].key = plan_group(&all->v[i]);
		if (items[n++].key == NULL)
			rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	if (rc == SNAP_OK && n != 0)
		qsort(items, n, sizeof *items, by_key);
	for (size_t i = 1; i <= n && rc == SNAP_OK; i++) {
		if (i < n && strcmp(items[from].key, items[i].key) == 0)
			continue;
		rc = make_group(s, items + from, i - from, err);
		from = i;
	}
	for (size_t i = 0; items != NULL && i < n; i++)
		free(items[i].key);
	free(items);
	return rc;
}

void
groups_free(struct status *s)
{
	for (size_t i = 0; s->groups != NULL && i < s->n; i++) {
		free(s->groups[i].key);
		free(s->groups[i].v);
		free(s->groups[i].gone);
	}
	free(s->groups);
}
