/* SPDX-License-Identifier: PostgreSQL */
/* job.h - one snapshot in the making, and a database as what it is made of. */
#ifndef SNAP_JOB_H
#define SNAP_JOB_H

#include <time.h>

#include "place.h"
#include "props.h"

struct pgsource_opts;

struct job {
	struct cli *cli;
	struct place place;
	const char *verb; /* of the progress; NULL = "backing up" */
	struct timespec start;
	struct props props;
	struct repo_backup *backup;    /* NULL = not begun, or over */
	struct repo_snapshot snapshot; /* once it stands */
};

/* Time, host, tags: all that is known before there is a source. */
SNAP_MUST_CHECK enum snap_code job_start(struct job *j, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code job_commit(struct job *j, struct snap_err *err);
/* Unless committed there is no snapshot; the place stays open, and another
 * one may be started in it. */
void job_end(struct job *j);
/* What was made, for a person; or all of it for --json. */
void job_tell(const struct job *j);
SNAP_MUST_CHECK enum snap_code job_show(struct job *j, struct snap_err *err);

/* What the options say of the source. */
SNAP_MUST_CHECK enum snap_code source_opts(
    struct job *j, struct pgsource_opts *po, struct snap_err *err);
/* Open, dump, commit.  `cluster`: the only one whose database it may be; 0 =
 * any. */
SNAP_MUST_CHECK enum snap_code backup_source(struct job *j,
    const struct pgsource_opts *po, uint64_t cluster, struct snap_err *err);
/* The database that the options name. */
SNAP_MUST_CHECK enum snap_code backup_database(
    struct job *j, struct snap_err *err);

#endif
