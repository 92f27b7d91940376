/* SPDX-License-Identifier: PostgreSQL */
/* cluster.h - all databases of a server, by one command. */
#ifndef SNAP_CLUSTER_H
#define SNAP_CLUSTER_H

#include "job.h"

/* Do the options go with `backup --all`? */
SNAP_MUST_CHECK enum snap_code cluster_check_backup(
    const struct opts *o, struct snap_err *err);
/* A snapshot of each; the place is open.  One that fails does not stop the
 * others: SNAP_SOURCE names those at the end. */
SNAP_MUST_CHECK enum snap_code cluster_backup(
    struct job *j, struct snap_err *err);

/* Do the options go with `restore --all`, or, without it, alone? */
SNAP_MUST_CHECK enum snap_code cluster_check_restore(
    const struct opts *o, struct snap_err *err);
/* Roles, tablespaces, databases of a run; what was not restored is named. */
SNAP_MUST_CHECK enum snap_code cluster_restore(
    struct cli *c, struct snap_err *err);

#endif
