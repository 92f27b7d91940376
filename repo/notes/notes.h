/* SPDX-License-Identifier: PostgreSQL */
/*
 * notes.h - what is said of snapshots and of the repository after the commit:
 * docs/format.md, "Notes".  Signed, immutable, the newest counts.
 */
#ifndef SNAP_NOTES_H
#define SNAP_NOTES_H

#include "format.h"
#include "repo_runs.h"
#include "store.h"

enum note_type {
	NOTE_VERDICT = 1,
	NOTE_TAGS = 2,
	NOTE_PIN = 3,
	NOTE_POLICY = 4,
	NOTE_FORGET = 5,
	NOTE_RUN = 6, /* lies under runs/, and only runs_load() asks for it */
	NOTE_REVOKED = 7,
	NOTE_EXPORTED = 8,
	NOTE_LABEL = 9
};
/* Of a forget record about the repository, and of a revocation about a host:
 * ids in hex, separated by commas. */
#define NOTE_PROP_SNAPSHOTS "snapshots"
/* Of tags: separated by commas. */
#define NOTE_PROP_TAGS "tags"
/* Of a pin: "yes" or "no". */
#define NOTE_PROP_PINNED "pinned"
/* Of a label. */
#define NOTE_PROP_LABEL "label"
struct note {
	uint8_t id[ID_LEN], subject[ID_LEN]; /* zeros: the repository */
	uint16_t type;
	bool maintenance; /* signed by the maintenance key, not by a host */
	/* Signed under an epoch that is over, or dated ahead: what it keeps it
	 * keeps while nothing newer is said, and for the rest it is nothing. */
	bool is_weak;
	uint32_t epoch;
	int64_t l0, time_ns;
	size_t n_props;
	struct repo_property *props; /* owned, in one allocation */
};
struct notes {
	size_t n;
	struct note *v; /* the newest first */
	size_t n_damaged;
};
/* All that verify; others are logged by name and counted. */
SNAP_MUST_CHECK enum snap_code notes_load(
    struct store *s, struct notes *out, struct snap_err *err);
void notes_free(struct notes *n);
/* The newest of this type about `subject` (NULL: the repository) that is not
 * weak, or NULL. */
const struct note *notes_about(
    const struct notes *n, enum note_type type, const uint8_t *subject);
/* The weak ones, from the one after `last` (NULL: the first) on, or NULL. */
const struct note *notes_weak(const struct notes *n, enum note_type type,
    const uint8_t *subject, const struct note *last);
const char *note_prop(const struct note *n, const char *key);
/* The next id of a list as forget records have them; *list goes on behind it,
 * NULL is an empty one. */
bool note_next_id(const char **list, uint8_t id[ID_LEN]);
/* What is no clear "no" keeps. */
bool notes_pinned(const struct notes *n, const uint8_t snapshot[ID_LEN]);
/* Say something; props are sorted by key.  The store's newest look is what it
 * rests on.  SNAP_DENIED: only the maintenance key may say such. */
SNAP_MUST_CHECK enum snap_code notes_put(struct store *s, enum note_type type,
    const uint8_t *subject, const struct repo_property *props, size_t n_props,
    struct snap_err *err);

/* Say again, under the newest epoch, what was said before. */
SNAP_MUST_CHECK enum snap_code notes_put_again(
    struct store *s, const struct note *n, struct snap_err *err);

/* Does a record say so? */
bool notes_forgotten(const struct notes *n, const uint8_t snapshot[ID_LEN]);
/* Is this signer a host whose key was revoked? */
bool notes_revoked(const struct notes *n, const uint8_t host[ID_LEN]);
/* Of a snapshot that it signed: was it made after that?  What there was then
 * the note names, for a thief can claim any time. */
bool notes_distrusted(const struct notes *n, const uint8_t host[ID_LEN],
    const uint8_t snapshot[ID_LEN]);
/* Revoke a host; `ids` are the snapshots of it that hold on. */
SNAP_MUST_CHECK enum snap_code notes_revoke(struct store *s,
    const uint8_t host[ID_LEN], const uint8_t (*ids)[ID_LEN], size_t n,
    struct snap_err *err);

/* ---- runs.c: how runs ended, which decides of nothing */
/* What prune leaves of them. */
#define RUN_DAYS 400
#define RUNS_MAX ((size_t)2000)
/* More bytes no run has to say: a host's key may put any number. */
#define RUN_SIZE_MAX ((uint64_t)16 << 10)
struct run_at {
	uint8_t id[ID_LEN];
	uint64_t size;
	int64_t time_ns;
};
struct runs {
	size_t n;
	struct run_at *v; /* malloc'd, the newest first */
};
SNAP_MUST_CHECK enum snap_code runs_list(
    struct store *s, struct runs *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code runs_put(struct store *s,
    const struct repo_property *props, size_t n, struct snap_err *err);
/* The newest `max` of them; what does not verify is logged by name. */
SNAP_MUST_CHECK enum snap_code runs_load(
    struct store *s, size_t max, struct repo_runs *out, struct snap_err *err);

/* Record that these snapshots are forgotten: they are no roots from now on. */
SNAP_MUST_CHECK enum snap_code notes_record_forgotten(struct store *s,
    const uint8_t (*ids)[ID_LEN], size_t n, struct snap_err *err);
/* ... and delete them; what is not there is fine.  Prune goes on where this is
 * interrupted. */
SNAP_MUST_CHECK enum snap_code notes_forget(struct store *s,
    const uint8_t (*ids)[ID_LEN], size_t n, struct snap_err *err);

#endif
