/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo_recall.h - the door again, for what this machine remembers: a keeper of
 * the store can put back an older state of a repository that verifies in every
 * bit, and only who saw the newer one can tell.
 */
#ifndef SNAP_REPO_RECALL_H
#define SNAP_REPO_RECALL_H

#include "repo.h"

enum repo_finding_kind {
	REPO_FOUND_OTHER = 1, /* another repository than before is here */
	REPO_FOUND_CONFIG,    /* the same one with another config */
	REPO_FOUND_BACKWARDS, /* the newest of a group is gone */
	REPO_FOUND_GONE,      /* others are, and no record says why */
	REPO_FOUND_BACK,      /* what was forgotten is there again */
	REPO_FOUND_RECORD,    /* a record of forgetting is gone */
	REPO_FOUND_EPOCH,     /* the newest key epoch is gone */
	REPO_FOUND_CONDEMNED, /* a condemned list is, and its packs are not */
	REPO_FOUND_KINDS
};
#define REPO_FINDING_NAME_MAX 255
struct repo_finding {
	uint8_t kind;
	bool told;                            /* by an earlier run */
	int64_t found_ns;                     /* by this machine's clock */
	uint8_t id[REPO_ID_LEN];              /* a snapshot, list, repository */
	int64_t time_ns;                      /* of that snapshot; else 0 */
	uint32_t n;                           /* how many there are */
	char name[REPO_FINDING_NAME_MAX + 1]; /* of the group */
};
struct repo_recall_opts {
	const char *dir;   /* where it is kept; NULL: nothing is remembered */
	const char *place; /* the store, in the same words each time */
	/* All that was found was meant to be so: forget it. */
	bool accept;
	/* That nothing can be kept in `dir` is no news. */
	bool is_default;
};
struct repo_recall {
	size_t n;
	struct repo_finding *v; /* not accepted yet, the oldest first */
};
/*
 * Compare what the store has shown to this handle since it was opened with what
 * was remembered, and remember both.  Whatever goes wrong with the memory is
 * logged and costs only that.  Those that are not `told` are to be told now.
 */
SNAP_MUST_CHECK enum snap_code repo_recall(struct repo *r,
    const struct repo_recall_opts *o, struct repo_recall *out,
    struct snap_err *err);
void repo_recall_free(struct repo_recall *f);
/* A new repository was made at `place`: what was there before is no news. */
void repo_recall_begin(const char *dir, const char *place);
/* A digest over ids that only who has a key of the repository can make; the
 * ids are sorted. */
void repo_recall_digest(struct repo *r, uint8_t (*ids)[REPO_ID_LEN], size_t n,
    uint8_t out[REPO_ID_LEN]);

#endif
