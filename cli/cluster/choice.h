/* SPDX-License-Identifier: PostgreSQL */
/* choice.h - which databases of a run are meant. */
#ifndef SNAP_CHOICE_H
#define SNAP_CHOICE_H

#include "opts.h"
#include "run.h"

struct choice {
	const struct opts *o; /* --database, --exclude-database */
	struct regex **excluded;
	size_t n_excluded;
	const struct repo_snapshot **v; /* of the run, oldest first */
	size_t n;
	size_t n_missing; /* that it should have, and has not */
};

/* Tells what is missing.  SNAP_USAGE, SNAP_NOTFOUND: a name that the run does
 * not have.  choice_fini() in any case. */
SNAP_MUST_CHECK enum snap_code choice_make(struct choice *c,
    const struct opts *o, const struct run *run, struct snap_err *err);
void choice_fini(struct choice *c);

#endif
