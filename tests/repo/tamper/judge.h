/* SPDX-License-Identifier: PostgreSQL */
/*
 * judge.h - open, list, restore all, check: what a store that was tampered
 * with still gives, and what was said about it.
 */
#ifndef SNAP_TEST_JUDGE_H
#define SNAP_TEST_JUDGE_H

#include "ground.h"

struct judge_opts {
	struct span secret; /* 0 = the recovery code */
	const char *cache_dir;
	bool like_files; /* the store's times are those of a file system */
	bool no_check, afresh;   /* check through another door, and twice */
	bool latest_may_be_gone; /* the newest was taken away without a trace */
};
struct outcome {
	enum snap_code open_rc;
	uint32_t listed, restored; /* bit i: snapshot i */
	size_t n_damaged;          /* that the listing left out */
	uint64_t n_findings;       /* of the check that reads all data */
	/* What must never be, in words; NULL: nothing of the kind. */
	const char *wrong;
	struct bytes said, checked; /* by open, list, restore; by the checks */
};

/* The caller frees with outcome_fini(). */
void judge(const struct ground *g, struct mem_store *mem,
    const struct judge_opts *o, struct outcome *out);
void outcome_fini(struct outcome *out);
/* Was `what` in a message? */
bool outcome_said(const struct bytes *log, const char *what);

#endif
