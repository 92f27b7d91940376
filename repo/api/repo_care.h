/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo_care.h - the door again, for who keeps a repository: check, repair,
 * forget, prune, count.
 */
#ifndef SNAP_REPO_CARE_H
#define SNAP_REPO_CARE_H

#include "repo.h"

struct repo_damage { /* what one snapshot lacks of one stream */
	const struct repo_snapshot *snapshot;
	uint8_t kind; /* of the stream; 0: the list of streams itself */
	uint32_t part;
	struct span name;
	uint64_t n;       /* pieces that are lost or damaged */
	const char *what; /* the first of them */
};
struct repo_check_opts {
	bool read_data;
	double data_percent; /* of the data packs, 0 < p <= 100 */
	/* Only packs that no check on this machine, with this cache, has read
	 * since then (store time, ns), or for so long; 0: all.  In any case
	 * those come first that were not read for longest. */
	int64_t since_ns, for_ns;
	/* Told of each stream that is damaged, and of each finding as it is
	 * logged, one at a time, from any thread; may be NULL. */
	void (*damage)(void *arg, const struct repo_damage *d);
	void (*finding)(void *arg, const char *line);
	void *arg;
};
struct repo_check_result {
	uint64_t n_packs, n_blocks, n_snapshots, n_unused_packs, bytes_read;
	uint64_t n_read_packs; /* data packs that were read whole */
	uint64_t n_errors; /* each was logged as a warning with its object */
};
/* SNAP_OK when the check itself could run; look at n_errors. */
SNAP_MUST_CHECK enum snap_code repo_check(struct repo *r,
    const struct repo_check_opts *o, struct repo_check_result *out,
    struct snap_err *err);
/*
 * What needs no key: is every object what its name says, as long as it says
 * itself, and is its checksum right?  SNAP_OK when that could be done; look at
 * n_errors.  SNAP_NOREPO.
 */
struct repo_scrub_result {
	uint64_t n_objects, n_foreign, bytes_read, n_errors;
};
SNAP_MUST_CHECK enum snap_code repo_scrub(struct transport *t,
    struct report *report, struct repo_scrub_result *out, struct snap_err *err);
/*
 * Of a damaged snapshot.  Its streams as far as they are known, and how many
 * parts of the list of them are lost.
 */
SNAP_MUST_CHECK enum snap_code repo_manifest_rest(struct repo *r,
    const struct repo_snapshot *s, struct repo_manifest **out, size_t *n_lost,
    struct snap_err *err);
/* Read the chosen streams into nothing; lost[i], of m->n, says which cannot be
 * had whole: of a table with all its slices. */
SNAP_MUST_CHECK enum snap_code repo_survey(struct repo *r,
    const struct repo_manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *s), void *arg,
    bool *lost, struct snap_err *err);
/*
 * Write a snapshot of what is left: of the kind "salvaged", which is nobody's
 * latest or parent, and in no calendar.  It has the properties of the old one,
 * REPO_PROP_SALVAGED and REPO_PROP_LOST.  `list_damaged`: more may be lost
 * than is known.  SNAP_NOTFOUND: nothing is left.
 */
SNAP_MUST_CHECK enum snap_code repo_salvage(struct repo *r,
    const struct repo_snapshot *of, const struct repo_manifest *m,
    const bool *lost, bool list_damaged, struct repo_snapshot *out,
    struct snap_err *err);
/* Write index segments for packs that no readable segment names. */
SNAP_MUST_CHECK enum snap_code repo_repair_index(
    struct repo *r, uint64_t *n_packs_added, struct snap_err *err);

/*
 * Read packs, all or the n named ones, frame by frame.  Of damaged ones what is
 * good goes into new packs, and they are condemned: so the next backup stores
 * anew what they lost.  Blocks that are lost, but whose chunks other blocks
 * have (because a backup stored them anew), are made again; of all packs also
 * directories that are lost.  Nothing is deleted.  SNAP_DENIED: not an owner.
 */
struct repo_mend_result {
	uint64_t n_packs, bytes_read; /* read */
	uint64_t n_unread; /* the store failed to hand them out: left alone */
	uint64_t n_damaged, n_condemned, n_moved, bytes_written;
	uint64_t n_lost;    /* blocks and meta objects without a good copy */
	uint64_t n_rebuilt; /* of them */
	uint64_t n_directories;
};
SNAP_MUST_CHECK enum snap_code repo_repair_packs(struct repo *r,
    const uint8_t (*packs)[REPO_ID_LEN], size_t n, struct repo_mend_result *out,
    struct snap_err *err);

/* Snapshots that nobody wants any more: recorded, then deleted; what only they
 * needed goes with the next prunes.  SNAP_DENIED without the maintenance key.
 */
SNAP_MUST_CHECK enum snap_code repo_forget(struct repo *r,
    const uint8_t (*ids)[REPO_ID_LEN], size_t n, struct snap_err *err);

struct repo_prune_opts {
	bool dry_run;
	bool no_snapshots;     /* there need not be any */
	bool alone;            /* nobody else writes: no grace */
	unsigned live_percent; /* packs of which less lives are written anew */
	uint64_t max_repack_bytes; /* 0: as many as there are */
	uint64_t max_time_s;       /* for beginning work; 0: no limit */
	int64_t now_ns;            /* this machine's clock; 0: not compared */
	const char *tmpdir;
	/* To be forgotten; none is while a snapshot cannot be read, for it may
	 * be the newest. */
	const uint8_t (*forget)[REPO_ID_LEN];
	size_t n_forget;
};
struct repo_prune_result {
	uint64_t n_packs, bytes_total, bytes_live; /* frames, as it began */
	uint64_t n_deleted, bytes_freed;           /* now: objects */
	uint64_t n_condemned, bytes_condemned;     /* go a grace later */
	uint64_t n_repacked, n_rescued, bytes_read, bytes_written;
	uint64_t n_denied; /* objects that the store would not delete */
	uint64_t n_broken; /* snapshots that cannot be read */
	uint64_t n_forgotten;
	uint64_t n_kept; /* forgotten, now or before: the store keeps them */
	/* What is left of garbage: condemned, now or before, and going once
	 * waiting_ns has come on the store's clock; too young to be condemned;
	 * and beside what lives in packs that are not worth writing anew. */
	uint64_t bytes_waiting, bytes_young, bytes_beside;
	int64_t now_ns, waiting_ns; /* store time of the run; 0: nothing */
};
/*
 * Collect garbage: docs/prune.md.  Needs the maintenance key.
 * Errors: SNAP_DENIED, SNAP_BUSY (it took too long, or clocks are wrong; what
 * was done is not lost), SNAP_CORRUPT (nothing is believed), SNAP_CANCELLED.
 */
SNAP_MUST_CHECK enum snap_code repo_prune(struct repo *r,
    const struct repo_prune_opts *o, struct repo_prune_result *out,
    struct snap_err *err);

/* Snapshots that were meant to stand and cannot be read, or lack something, so
 * that prune keeps what they may need; *ids is malloc'd.  Each is logged, with
 * the reason.  *n_unnamed: packs that no segment of the index names, and that
 * may be all that they lack. */
SNAP_MUST_CHECK enum snap_code repo_broken(struct repo *r, const char *tmpdir,
    uint8_t (**ids)[REPO_ID_LEN], size_t *n, size_t *n_unnamed,
    struct snap_err *err);

struct repo_stats {
	uint64_t n_snapshots, n_packs, n_blocks, n_chunks;
	uint64_t logical_bytes; /* of all snapshots together */
	uint64_t unique_bytes;  /* plaintext of all blocks */
	uint64_t stored_data, stored_meta, stored_index, stored_other;
};
SNAP_MUST_CHECK enum snap_code repo_stats(
    struct repo *r, struct repo_stats *out, struct snap_err *err);

#endif
