/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgcluster.h - what a server has beside single databases: the list of them,
 * and roles and tablespaces.
 *
 * Read once, at once; then the server is left alone.
 */
#ifndef SNAP_PGCLUSTER_H
#define SNAP_PGCLUSTER_H

#include "bytes.h"
#include "pgclient.h"

struct pgcluster_opts {
	/* Where no database is named: postgres, else template1. */
	struct pgclient_opts server;
	/* pg_dump's patterns of names, NULL-terminated, NULL = none. */
	const char *const *exclude;
	bool no_role_passwords;
	const char *pg_dump; /* path of pg_dump; NULL = find one */
};

struct pgcluster {
	uint64_t system_identifier; /* 0 = unknown */
	char **databases;           /* by name */
	size_t n_databases;
	struct bytes globals; /* SQL, with hashes of passwords */
	size_t n_warnings;    /* what was left out, named to the report */
};

/*
 * Databases that allow connections, without template0, as pg_dumpall.
 * Errors: SNAP_SOURCE, SNAP_USAGE (a pattern), SNAP_NOMEM.
 */
SNAP_MUST_CHECK enum snap_code pgcluster_read(const struct pgcluster_opts *opts,
    struct pgcluster *out, struct snap_err *err);
void pgcluster_fini(struct pgcluster *c); /* c: zeros, or read */

#endif
