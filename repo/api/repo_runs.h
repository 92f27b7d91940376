/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo_runs.h - the door again, for what runs leave behind them beside
 * snapshots: how a check ended, why a backup made none.
 *
 * Whoever may write may say so, and nothing rests on it: what a host says of
 * its runs is a claim, for people to read.
 */
#ifndef SNAP_REPO_RUNS_H
#define SNAP_REPO_RUNS_H

#include "repo.h"

/* Keys that the repository's readers know; all others are the caller's. */
#define REPO_RUN_ID "run"          /* 32 hex digits, as in snapshots */
#define REPO_RUN_BEGAN "began"     /* RFC 3339 UTC */
#define REPO_RUN_COMMAND "command" /* backup, check, copy, prune, verify */
#define REPO_RUN_DURATION "duration-ms"
#define REPO_RUN_OUTCOME "outcome" /* success, warning or failure */
#define REPO_RUN_MESSAGE "message" /* of a failure */
#define REPO_RUN_HOST "host"       /* name of the machine */
#define REPO_RUN_PROFILE "profile"
#define REPO_RUN_SOURCE "source" /* database or stream */

struct repo_run {
	int64_t time_ns; /* when it ended, by the store's clock */
	bool by_owner;   /* else what a host claims */
	char signer[REPO_SIGNER_MAX];
	size_t n_props;
	struct repo_property *props; /* sorted by key */
};
struct repo_runs {
	size_t n;
	struct repo_run *v; /* oldest first */
	size_t n_older;     /* that were not asked for */
	size_t n_damaged;   /* each was logged */
};
/* The newest `max` that are there. */
SNAP_MUST_CHECK enum snap_code repo_runs(
    struct repo *r, size_t max, struct repo_runs *out, struct snap_err *err);
void repo_runs_free(struct repo_runs *runs);
/* NULL: it does not say. */
const char *repo_run_prop(const struct repo_run *run, const char *key);
/* `props` sorted by key. */
SNAP_MUST_CHECK enum snap_code repo_say_run(struct repo *r,
    const struct repo_property *props, size_t n, struct snap_err *err);

#endif
