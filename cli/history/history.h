/* SPDX-License-Identifier: PostgreSQL */
/*
 * history.h - the runs of the past, from the repository itself: backups by the
 * snapshots that stand, others by the records that they left.
 */
#ifndef SNAP_HISTORY_H
#define SNAP_HISTORY_H

#include "place.h"
#include "repo_runs.h"

#define HISTORY_DURATION_MAX 32

/* One run, or one snapshot of it.  Texts come from whoever could write: they
 * are cut here and escaped by who shows them.  Borrowed, "" = not known. */
struct event {
	int64_t time_ns; /* when it ended, by the store's clock */
	bool has_duration;
	uint64_t duration_ms;
	enum event_end { EVENT_OK, EVENT_WARNING, EVENT_FAILED } end;
	struct span job, source, message, run, host;
	const struct repo_snapshot *snapshot; /* or NULL */
	const struct repo_run *record;        /* or NULL */
};
struct history {
	struct repo_runs runs;
	size_t n;
	struct event *v; /* oldest first */
};
/* Of the snapshots in s->all, and the newest `max` records.  `only`: of these
 * sources, if there are any. */
SNAP_MUST_CHECK enum snap_code history_load(struct history *h, struct place *s,
    const struct opts *only, size_t max, struct snap_err *err);
void history_free(struct history *h);
/* Of no source that is named, or of one of them. */
bool history_wants(const struct opts *only, struct span source);
/* A number that a record says; 0 = it does not. */
uint64_t history_number(const struct repo_run *record, const char *key);
/* At most `max` bytes, not in the middle of a character. */
struct span history_cut(struct span text, size_t max);
/* "ok, freed 12 MB", "FAILED: ...", "FAILED, says db1: ...": whose word it is,
 * if not an owner's. */
void history_status(const struct event *e, struct bytes *out);
/* "0.4 s", "12 s", "3 min 20 s", "2 h 5 min" */
const char *history_duration(uint64_t ms, char out[HISTORY_DURATION_MAX]);

/* One character for each of the numbers, as high as it is large. */
void spark_put(const uint64_t *v, size_t n, bool is_utf8, struct bytes *out);

#endif
