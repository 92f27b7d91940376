/* SPDX-License-Identifier: PostgreSQL */
/*
 * run.h - which snapshots were made by one `backup --all`.
 *
 * They stand one by one, each as soon as it is whole; what makes a run of them
 * is in their properties (docs/format.md).
 */
#ifndef SNAP_RUN_H
#define SNAP_RUN_H

#include "json.h"
#include "repo.h"

#define RUN_PROP_ID "run"                  /* 32 hex digits, of all of them */
#define RUN_PROP_DATABASES "run-databases" /* how many it was to save */
#define RUN_PROP_LIST "run-list"           /* their names; of its first */
#define RUN_CELL_MAX 48

struct run {
	const char *id;
	uint64_t n_wanted; /* 0 = not known */
	size_t n;
	const struct repo_snapshot *const *v; /* oldest first */
	const char *list;                     /* or NULL: see run_list_add() */
};

struct runs {
	size_t n;
	struct run *v; /* by id */
	const struct repo_snapshot **members;
};

/* All of them; borrows from `all`. */
SNAP_MUST_CHECK enum snap_code runs_find(
    const struct repo_snapshots *all, struct runs *out, struct snap_err *err);
void runs_free(struct runs *r); /* r: zeros, or found */
/* Of the snapshot; NULL = of none. */
const struct run *runs_of(const struct runs *r, const struct repo_snapshot *s);
/*
 * By the first digits of its id (at least 4), or "latest": the newest complete
 * one, else the newest.  SNAP_NOTFOUND, SNAP_USAGE.
 */
SNAP_MUST_CHECK enum snap_code runs_pick(const struct runs *r, const char *spec,
    const struct run **out, struct snap_err *err);

bool run_is_complete(const struct run *r);
/* Newest of its times. */
int64_t run_time(const struct run *r);
/* "1c6a09e2", and "1c6a09e2 2/3" of one that lacks some. */
const char *run_cell(const struct run *r, char out[RUN_CELL_MAX]);
/* With the names of what is missing, where those are known. */
json_t *run_json(const struct run *r);
/* A name as a line of the list: a backslash and a line's end as \\ and \n. */
void run_list_add(struct bytes *list, const char *name);
/* The name again. */
void run_list_name(const char *line, struct bytes *name);
/* Call for each database that it was to save and has not; false = the list is
 * not known. */
bool run_missing(
    const struct run *r, void (*each)(void *arg, const char *line), void *arg);

#endif
