/* SPDX-License-Identifier: PostgreSQL */
/*
 * child.h - a command whose output is read through a pipe.
 *
 * Its exit status is the only proof that the output is whole, so no caller
 * may take the bytes for good before child_wait() said SNAP_OK.
 */
#ifndef SNAP_CHILD_H
#define SNAP_CHILD_H

#include <sys/types.h>

#include "bytes.h"
#include "err.h"
#include "report.h"

struct child {
	pid_t pid; /* 0 = none */
	int fd;    /* its stdout; -1 = closed */
	const char *name;
};

#define CHILD_INIT                                                             \
	{                                                                      \
		0, -1, NULL                                                    \
	}

/* Run argv[0] by $PATH; stdin and stderr are ours. */
SNAP_MUST_CHECK enum snap_code child_start(
    struct child *c, char *const *argv, struct snap_err *err);
/*
 * `sh -c command` to its end; what it prints goes to our stderr, and it reads
 * `in`, at most CHILD_IN_MAX bytes, as its standard input.
 */
#define CHILD_IN_MAX ((size_t)16 << 10)
SNAP_MUST_CHECK enum snap_code child_shell(const char *command, struct span in,
    const struct report *r, struct snap_err *err);
/* The end of a child whose output was read to its end.  Cancelled, it still
 * runs: child_kill(). */
SNAP_MUST_CHECK enum snap_code child_wait(
    struct child *c, const struct report *r, struct snap_err *err);
/* Stop one that still runs: SIGTERM, later SIGKILL.  Safe after wait. */
void child_kill(struct child *c);

#endif
