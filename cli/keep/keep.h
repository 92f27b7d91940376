/* SPDX-License-Identifier: PostgreSQL */
/*
 * keep.h - which snapshots stay: policies as people give them, and what one
 * does to the snapshots of a repository.
 */
#ifndef SNAP_KEEP_H
#define SNAP_KEEP_H

#include "json.h"
#include "place.h"
#include "repo_notes.h"
#include "retention.h"

/* ---- zone.c */
/* From now on local time is that of `zone`, "" for UTC.  SNAP_USAGE: there is
 * no such zone here, which libc would take for UTC without a word. */
SNAP_MUST_CHECK enum snap_code zone_set(const char *zone, struct snap_err *err);

/* ---- policy.c */
/* What the options say, else the environment (SNAP_KEEP_DAILY, ...), else the
 * repository: `said` NULL: it is not asked.  --keep-tag and --timezone add to
 * whichever it is. */
SNAP_MUST_CHECK enum snap_code policy_get(struct retain_policy *p,
    const struct cli *c, const struct repo_notes *said, struct snap_err *err);

/* ---- plan.c */
struct plan {
	struct retain_policy policy;
	bool has_policy;
	struct retain_item *v; /* .of: the struct repo_snapshot */
	size_t n, n_goes, n_pinned;
	char **groups;                 /* one for each item, owned */
	const struct repo_notes *said; /* borrowed */
	uint8_t (*goes)[REPO_ID_LEN];
};
/* Of all snapshots in `s`, named ones stay; sets the time zone. */
SNAP_MUST_CHECK enum snap_code plan_make(struct plan *p, struct place *s,
    const struct cli *c, const struct repo_notes *said, struct snap_err *err);
void plan_fini(struct plan *p);
/* A table for each group, or the same as JSON. */
SNAP_MUST_CHECK enum snap_code plan_print(
    const struct plan *p, struct snap_err *err);
json_t *plan_json(const struct plan *p);
/* SNAP_USAGE: it looks like a mistake. */
SNAP_MUST_CHECK enum snap_code plan_check(
    const struct plan *p, struct snap_err *err);
/* What is compared with what; malloc'd, NULL: no memory. */
char *plan_group(const struct repo_snapshot *s);
/* When it was made, seconds: the store's time; but a copy was made when its
 * original was, if who says so may decide what stays. */
int64_t plan_time(const struct repo_snapshot *s);
/* SNAP_CORRUPT: a note cannot be read, so a pin may be missing. */
SNAP_MUST_CHECK enum snap_code plan_notes_whole(
    const struct repo_notes *said, struct snap_err *err);

/* ---- forget.c */
/* "yes" by --yes, or `word` typed on a terminal. */
SNAP_MUST_CHECK enum snap_code confirm(struct cli *c, const char *question,
    const char *word, struct snap_err *err);

#endif
