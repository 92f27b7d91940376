/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo_notes.h - the door again, for what its owner says of snapshots and of
 * the repository after the commit: tags, pins, and the policy by which
 * snapshots stay.
 *
 * The newest word counts.  Who has no maintenance key can say nothing
 * (SNAP_DENIED): a write-only host that was broken into would unpin the
 * snapshots of others.
 */
#ifndef SNAP_REPO_NOTES_H
#define SNAP_REPO_NOTES_H

#include "repo.h"

struct repo_notes;
SNAP_MUST_CHECK enum snap_code repo_notes(
    struct repo *r, struct repo_notes **out, struct snap_err *err);
void repo_notes_free(struct repo_notes *n);
/* How many could not be read, each was logged: one may be a pin. */
size_t repo_notes_damaged(const struct repo_notes *n);
/* Separated by commas, "" = none; borrowed of either. */
const char *repo_notes_tags(
    const struct repo_notes *n, const struct repo_snapshot *s);
/* Also of one that cannot be read. */
bool repo_notes_pinned(
    const struct repo_notes *n, const uint8_t id[REPO_ID_LEN]);
/* Recorded as forgotten; it is still there because the store does not let it
 * go, or a prune has not come yet. */
bool repo_notes_forgotten(
    const struct repo_notes *n, const uint8_t id[REPO_ID_LEN]);
/* The newest verdict about a snapshot: was a restore of it what it should be?
 */
struct repo_verdict {
	bool good;
	int64_t time_ns;         /* on the store's clock */
	const char *differences; /* their number, decimal; borrowed */
};
bool repo_notes_verdict(const struct repo_notes *n,
    const struct repo_snapshot *s, struct repo_verdict *out);
/* Did an owner write the keys down outside of the repository ("key export")? */
bool repo_notes_exported(const struct repo_notes *n);
/* Settings by name; none: there is no policy.  Borrowed. */
size_t repo_notes_policy(
    const struct repo_notes *n, const struct repo_property **settings);

/* `said`: what was there before, over which this counts. */
SNAP_MUST_CHECK enum snap_code repo_say_tags(struct repo *r,
    const struct repo_notes *said, const uint8_t id[REPO_ID_LEN],
    const char *tags, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code repo_say_pinned(struct repo *r,
    const struct repo_notes *said, const uint8_t id[REPO_ID_LEN], bool pinned,
    struct snap_err *err);
/* `props` sorted by key, REPO_VERDICT among them. */
#define REPO_VERDICT "verdict" /* "good" or "bad" */
#define REPO_VERDICT_GOOD "good"
#define REPO_VERDICT_BAD "bad"
#define REPO_VERDICT_DIFFERENCES "differences"
SNAP_MUST_CHECK enum snap_code repo_say_verdict(struct repo *r,
    const struct repo_notes *said, const uint8_t id[REPO_ID_LEN],
    const struct repo_property *props, size_t n, struct snap_err *err);
/* `settings` sorted by key. */
SNAP_MUST_CHECK enum snap_code repo_say_policy(struct repo *r,
    const struct repo_notes *said, const struct repo_property *settings,
    size_t n, struct snap_err *err);
/* SNAP_DENIED without the maintenance key, as all who say something. */
SNAP_MUST_CHECK enum snap_code repo_may_say(
    struct repo *r, struct snap_err *err);

#endif
