/* SPDX-License-Identifier: PostgreSQL */
/* recall.c - the struct: add, find, keep within bounds. */
#include <stdlib.h>
#include <string.h>

#include "recall.h"

void
recall_fini(struct recall *r)
{
	free(r->snapshots);
	free(r->groups);
	free(r->lists);
	free(r->findings);
	memset(r, 0, sizeof *r);
}

enum snap_code
recall_add_snapshot(
    struct recall *r, const struct recall_snapshot *s, struct snap_err *err)
{
	void *v = r->snapshots;
	enum snap_code rc;

	rc = vec_room(&v, &r->snapshots_cap, r->n_snapshots, sizeof *s, err);
	r->snapshots = v;
	if (rc == SNAP_OK)
		r->snapshots[r->n_snapshots++] = *s;
	return rc;
}

const char *
recall_group_name(const struct recall *r, const uint8_t hash[ID_LEN])
{
	for (size_t i = 0; i < r->n_groups; i++)
		if (memcmp(r->groups[i].hash, hash, ID_LEN) == 0)
			return r->groups[i].name;
	return NULL;
}

enum snap_code
recall_add_group(struct recall *r, const uint8_t hash[ID_LEN], const char *name,
    struct snap_err *err)
{
	struct recall_group g;
	void *v = r->groups;
	size_t len = strlen(name);
	enum snap_code rc;

	if (recall_group_name(r, hash) != NULL)
		return SNAP_OK;
	memset(&g, 0, sizeof g);
	memcpy(g.hash, hash, ID_LEN);
	memcpy(g.name, name,
	    len < sizeof g.name ? len : (size_t)REPO_FINDING_NAME_MAX);
	rc = vec_room(&v, &r->groups_cap, r->n_groups, sizeof g, err);
	r->groups = v;
	if (rc == SNAP_OK)
		r->groups[r->n_groups++] = g;
	return rc;
}

enum snap_code
recall_add_list(
    struct recall *r, const struct recall_list *l, struct snap_err *err)
{
	void *v = r->lists;
	enum snap_code rc;

	for (size_t i = 0; i < r->n_lists; i++)
		if (memcmp(r->lists[i].id, l->id, ID_LEN) == 0) {
			if (l->n != 0)
				r->lists[i] = *l;
			return SNAP_OK;
		}
	rc = vec_room(&v, &r->lists_cap, r->n_lists, sizeof *l, err);
	r->lists = v;
	if (rc == SNAP_OK)
		r->lists[r->n_lists++] = *l;
	return rc;
}

enum snap_code
recall_add_finding(
    struct recall *r, const struct repo_finding *f, struct snap_err *err)
{
	void *v = r->findings;
	enum snap_code rc;

	if (r->n_findings >= RECALL_FINDINGS_MAX) {
		r->n_findings = RECALL_FINDINGS_MAX - 1;
		memmove(r->findings, r->findings + 1,
		    r->n_findings * sizeof *r->findings);
	}
	rc = vec_room(&v, &r->findings_cap, r->n_findings, sizeof *f, err);
	r->findings = v;
	if (rc == SNAP_OK)
		r->findings[r->n_findings++] = *f;
	return rc;
}

static int
by_id(const void *a, const void *b)
{
	const struct recall_snapshot *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

void
recall_sort(struct recall *r)
{
	if (r->n_snapshots != 0)
		qsort(
		    r->snapshots, r->n_snapshots, sizeof *r->snapshots, by_id);
}

struct recall_snapshot *
recall_find(const struct recall *r, const uint8_t id[ID_LEN])
{
	struct recall_snapshot key;

	memcpy(key.id, id, ID_LEN);
	return r->n_snapshots == 0 ? NULL
				   : bsearch(&key, r->snapshots, r->n_snapshots,
					 sizeof *r->snapshots, by_id);
}

/* Groups together, the newest first in each. */
static int
by_group(const void *a, const void *b)
{
	const struct recall_snapshot *x = a, *y = b;
	int order = memcmp(x->group, y->group, ID_LEN);

	if (order != 0)
		return order;
	return (x->time_ns < y->time_ns) - (x->time_ns > y->time_ns);
}

static int
newest_first(const void *a, const void *b)
{
	const struct recall_snapshot *x = a, *y = b;

	return (x->time_ns < y->time_ns) - (x->time_ns > y->time_ns);
}

/* The newest of each group to the front; returns how many these are. */
static size_t
heads_first(struct recall *r)
{
	struct recall_snapshot *v = r->snapshots, one;
	size_t n = 0;

	qsort(v, r->n_snapshots, sizeof *v, by_group);
	for (size_t i = 0; i < r->n_snapshots; i++) {
		if (n > 0 && memcmp(v[n - 1].group, v[i].group, ID_LEN) == 0)
			continue;
		one = v[i];
		v[i] = v[n];
		v[n++] = one;
	}
	return n;
}

static bool
has_group(const struct recall *r, const struct recall_group *g)
{
	for (size_t i = 0; i < r->n_snapshots; i++)
		if (memcmp(r->snapshots[i].group, g->hash, ID_LEN) == 0)
			return true;
	return false;
}

void
recall_trim(struct recall *r)
{
	size_t n = 0;

	if (r->n_snapshots > RECALL_SNAPSHOTS_MAX) {
		n = heads_first(r);
		qsort(r->snapshots + n, r->n_snapshots - n,
		    sizeof *r->snapshots, newest_first);
		r->n_snapshots = RECALL_SNAPSHOTS_MAX;
	}
	n = 0;
	for (size_t i = 0; i < r->n_groups; i++)
		if (n < RECALL_GROUPS_MAX && has_group(r, &r->groups[i]))
			r->groups[n++] = r->groups[i];
	r->n_groups = n;
	if (r->n_lists > RECALL_LISTS_MAX) {
		n = r->n_lists - RECALL_LISTS_MAX;
		memmove(r->lists, r->lists + n,
		    RECALL_LISTS_MAX * sizeof *r->lists);
		r->n_lists = RECALL_LISTS_MAX;
	}
	recall_sort(r);
}
