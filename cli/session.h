/* SPDX-License-Identifier: PostgreSQL */
/* session.h - the repository that the options name, opened. */
#ifndef SNAP_SESSION_H
#define SNAP_SESSION_H

#include "cmd.h"
#include "repo.h"
#include "transport.h"

struct session {
	struct transport *transport;
	struct repo *repo;
	struct repo_snapshots all; /* after session_find() */
};

#define SESSION_INIT                                                           \
	{                                                                      \
		NULL, NULL,                                                    \
		{                                                              \
			0, NULL, 0                                             \
		}                                                              \
	}

/* The store alone; `create`: make the place. */
SNAP_MUST_CHECK enum snap_code session_store(
    struct session *s, struct cli *c, bool create, struct snap_err *err);
/* What repo_init() and repo_open() take; `cache` gets the directory's path,
 * to be freed. */
SNAP_MUST_CHECK enum snap_code session_opts(
    struct cli *c, struct repo_opts *out, char **cache, struct snap_err *err);
/* Store and repository, unlocked. */
SNAP_MUST_CHECK enum snap_code session_open(
    struct session *s, struct cli *c, struct snap_err *err);
/* List the snapshots and pick one; *out lives as long as the session. */
SNAP_MUST_CHECK enum snap_code session_find(struct session *s, const char *spec,
    const struct repo_snapshot **out, struct snap_err *err);
void session_close(struct session *s);

/* Database or stream name of a snapshot, "" = neither. */
const char *session_source(const struct repo_snapshot *s);

#endif
