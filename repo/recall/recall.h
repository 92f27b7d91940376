/* SPDX-License-Identifier: PostgreSQL */
/*
 * recall.h - what a machine saw of a repository, as one struct and one file.
 *
 * Not a part of the repository's format: a machine that cannot read its own
 * file begins anew.
 */
#ifndef SNAP_RECALL_H
#define SNAP_RECALL_H

#include "repo_recall.h"
#include "store.h"
#include "watch.h"

#define RECALL_SNAPSHOTS_MAX 20000
#define RECALL_GROUPS_MAX 4096
#define RECALL_LISTS_MAX 256
#define RECALL_PACKS_MAX 32 /* of a list */
#define RECALL_FINDINGS_MAX 64

enum recall_state {
	RECALL_STANDS,
	RECALL_KEPT, /* forgotten by a record, and there all the same */
	RECALL_FORGOTTEN,
	RECALL_MISSING, /* told, and not accepted yet */
	RECALL_STATES
};
struct recall_snapshot {
	uint8_t id[ID_LEN], group[ID_LEN];
	int64_t time_ns;
	int64_t record_ns; /* of the record that says forgotten; 0: none */
	uint8_t state;     /* enum recall_state */
	bool own;          /* made by this process; not in the file */
};
struct recall_group {
	uint8_t hash[ID_LEN];
	char name[REPO_FINDING_NAME_MAX + 1];
};
struct recall_list { /* a condemned list, and some of its packs */
	uint8_t id[ID_LEN];
	uint8_t n;
	uint8_t packs[RECALL_PACKS_MAX][ID_LEN];
};
struct recall {
	uint8_t print[32]; /* of the config */
	uint32_t epoch;    /* whose key the file was sealed under */
	int64_t wall_ns;   /* this machine's clock, before it looked last */
	int64_t saved_ns;  /* and as this was written */
	size_t n_snapshots, snapshots_cap;
	struct recall_snapshot *snapshots;
	size_t n_groups, groups_cap;
	struct recall_group *groups;
	size_t n_lists, lists_cap;
	struct recall_list *lists;
	size_t n_findings, findings_cap;
	struct repo_finding *findings;
};
void recall_fini(struct recall *r);

/* ---- recall.c: add, if it is not there, and find */
SNAP_MUST_CHECK enum snap_code recall_add_snapshot(
    struct recall *r, const struct recall_snapshot *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code recall_add_group(struct recall *r,
    const uint8_t hash[ID_LEN], const char *name, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code recall_add_list(
    struct recall *r, const struct recall_list *l, struct snap_err *err);
/* Beyond the bound the oldest goes. */
SNAP_MUST_CHECK enum snap_code recall_add_finding(
    struct recall *r, const struct repo_finding *f, struct snap_err *err);
/* Sort by id, for recall_find(); what is behind it is lost by an add. */
void recall_sort(struct recall *r);
struct recall_snapshot *recall_find(
    const struct recall *r, const uint8_t id[ID_LEN]);
const char *recall_group_name(
    const struct recall *r, const uint8_t hash[ID_LEN]);
/* Down to the bounds: the oldest go, the newest of a group stays. */
void recall_trim(struct recall *r);

/* ---- codec.c: hostile bytes are SNAP_CORRUPT, a newer file too */
void recall_encode(const struct recall *r, struct bytes *out);
SNAP_MUST_CHECK enum snap_code recall_decode(
    struct span in, struct recall *out, struct snap_err *err);

/* ---- file.c */
struct recall_file {
	struct store *s;
	const char *dir;
	uint8_t place[ID_LEN];
	char *path;
	int lock; /* -1: not held */
};
/* SNAP_IO and the like: there is no such directory and none can be made. */
SNAP_MUST_CHECK enum snap_code recall_file_open(struct recall_file *f,
    struct store *s, const char *dir, const char *place, struct snap_err *err);
void recall_file_close(struct recall_file *f);
/* Nobody else reads or writes until close; SNAP_BUSY: it took too long. */
SNAP_MUST_CHECK enum snap_code recall_file_lock(
    struct recall_file *f, struct snap_err *err);
/* SNAP_NOTFOUND: there is none; SNAP_CORRUPT: one that is none of ours. */
SNAP_MUST_CHECK enum snap_code recall_file_load(
    struct recall_file *f, struct recall *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code recall_file_save(
    struct recall_file *f, const struct recall *r, struct snap_err *err);
/* Another repository that was seen at this place: the one seen last. */
bool recall_file_other(struct recall_file *f, uint8_t id[ID_LEN]);
/* Forget all of this place but what is of `keep` (NULL: of none). */
void recall_file_clear(const char *dir, const char *place, const uint8_t *keep);

/* ---- seen.c: what the store has shown to this handle */
struct recall_seen {
	struct recall now; /* snapshots, groups, lists */
	uint8_t (*others)[ID_LEN], (*mine)[ID_LEN]; /* mine: made here */
	size_t n_others, n_mine, mine_cap;
	bool listed, looked;
	struct store *s;
	struct store_watch watch;
	int64_t wall_ns;   /* this machine's clock as it was opened */
	enum snap_code rc; /* not SNAP_OK: something is missing in it */
};
void recall_watch(struct recall_seen *seen, struct store *s);
void recall_unwatch(struct recall_seen *seen);

/* ---- judge.c */
/* Compare and remember, into *mem.  SNAP_OK also where nothing could be said;
 * what was found is in mem->findings. */
SNAP_MUST_CHECK enum snap_code recall_judge(struct recall_seen *seen,
    struct recall_file *f, struct recall *mem, struct snap_err *err);

#endif
