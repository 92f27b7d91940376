/* SPDX-License-Identifier: PostgreSQL */
/*
 * load.h - the rows and large objects of a snapshot over several connections.
 */
#ifndef SNAP_LOAD_H
#define SNAP_LOAD_H

#include "pgtarget.h"
#include "repo.h"
#include "selection.h"

struct load_job;
struct load {
	struct repo *repo;
	const struct repo_manifest *m;
	struct selection *part; /* what of it; NULL = all */
	struct pgtarget *target;
	size_t n_threads;
	struct load_job *jobs;
	size_t n_jobs,
	    n_first;      /* first: one after the other, before the rest */
	uint32_t *job_of; /* by stream; LOAD_NONE = not to be loaded */
	bool *done;       /* by stream */
	uint64_t bytes;   /* of all that is to be loaded */
};
#define LOAD_NONE UINT32_MAX

/* Which streams go together, the largest first.  load_fini() in any case. */
SNAP_MUST_CHECK enum snap_code load_plan(struct load *l, struct snap_err *err);
/* SNAP_OK only when each stream of the plan is there. */
SNAP_MUST_CHECK enum snap_code load_run(struct load *l, struct snap_err *err);
void load_fini(struct load *l);

#endif
