/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgtarget.h - a live PostgreSQL as the place where streams go.
 *
 * The order of use: pgtarget_open(); the archive, the properties and the
 * sequences into pgtarget_definitions(); pgtarget_begin() makes what rows need;
 * tables and large objects, each by some lane, at once; pgtarget_finish() does
 * all the rest and counts.  What is restored is not one transaction: after a
 * failure pgtarget_progress() says how far it came.
 *
 * It knows nothing of repositories.  The rules: docs/restore.md.
 */
#ifndef SNAP_PGTARGET_H
#define SNAP_PGTARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "pgarchive.h"
#include "pgclient.h"
#include "sink.h"

/* SQL around definitions in which names mean other schemas than those of the
 * target: in front of pre-data, of what comes behind the rows, behind each. */
struct pgtarget_renames {
	struct span before, again, after;
};

struct pgtarget_opts {
	struct pgclient_opts server; /* with `create`: to connect to first */
	size_t jobs;                 /* connections, 1 to 64 */
	bool create;                 /* the database, as the properties say */
	/* Drop first what will be made: the objects, or the database. */
	bool clean;
	bool no_owner, no_privileges, no_tablespaces;
	/* Of a database that is there: what the properties set. */
	bool properties;
	/* Extensions and event triggers that the user may not make, with what
	 * needs them, as long as no rows do: then progress.n_left_out. */
	bool leave_out;
	const char *database;   /* another name for `create`; NULL = its own */
	const char *encoding;   /* of all that comes */
	const char *pg_restore; /* path; NULL = find one */
	int dump_num;           /* version of the pg_dump of the archive */
	uint64_t locks;         /* entries of one transaction; 0 = unknown */
	/* What of it, NULL = all; what the target has already of that which
	 * only comes along is taken out of it.  Ids are those of the archive
	 * that pgtarget_definitions() gets. */
	struct pgarchive *part;
	/* Of a part; empty = none.  The definitions are two transactions then,
	 * and COPY statements come with the new names. */
	struct pgtarget_renames renames;
};

enum pgtarget_phase {
	PGTARGET_CHECK,     /* nothing was changed yet */
	PGTARGET_DATABASE,  /* drop, create */
	PGTARGET_PRE_DATA,  /* types, tables, functions */
	PGTARGET_ROWS,      /* and large objects */
	PGTARGET_SEQUENCES, /* their values */
	PGTARGET_POST_DATA, /* indexes, constraints, triggers */
	PGTARGET_ACL,       /* privileges, views refreshed, event triggers */
	PGTARGET_DONE,
	PGTARGET_PHASES
};

struct pgtarget_progress {
	enum pgtarget_phase phase; /* that it is in, or failed in */
	bool untouched;            /* nothing of the target was changed */
	uint64_t ms[PGTARGET_PHASES];
	size_t n_streams, n_large_objects; /* loaded */
	uint64_t rows;
	size_t n_definitions, n_failed; /* of them */
	size_t n_kept; /* that would have come along, but were there */
	size_t n_left_out;
};

struct pgtarget;

/*
 * Connect and find a pg_restore.  SNAP_SOURCE, SNAP_USAGE, SNAP_NOMEM.
 */
SNAP_MUST_CHECK enum snap_code pgtarget_open(const struct pgtarget_opts *opts,
    struct pgtarget **out, struct snap_err *err);
void pgtarget_close(struct pgtarget *t);
/* The database that is restored into, once it is known. */
const char *pgtarget_database(const struct pgtarget *t);

/* Takes STREAM_ARCHIVE, STREAM_PROPERTIES and STREAM_SEQUENCES; borrowed. */
struct sink *pgtarget_definitions(struct pgtarget *t);
/* The name of the database to be restored into if there is something in it, or
 * if it would be dropped; else *database = NULL.  Borrowed.  After the
 * definitions. */
SNAP_MUST_CHECK enum snap_code pgtarget_occupied(
    struct pgtarget *t, const char **database, struct snap_err *err);
/*
 * See whether what comes can go there: the target has to be empty, or for a
 * part to lack what is to be made (SNAP_EXISTS) and to have what is to be
 * filled (SNAP_NOTFOUND).  pgtarget_begin() does it where nobody did.
 */
SNAP_MUST_CHECK enum snap_code pgtarget_look(
    struct pgtarget *t, struct snap_err *err);
/* Create the database or clean it; then everything of the section pre-data. */
SNAP_MUST_CHECK enum snap_code pgtarget_begin(
    struct pgtarget *t, struct snap_err *err);
/*
 * A lane takes STREAM_TABLE and STREAM_LARGE_OBJECT and serves one thread at
 * a time; opts.jobs of them can be taken at once, from any thread.  The rows
 * of a stream are there or not, and their number is the one that sink_end()
 * was told.  What a lane took is safe when it was given back with SNAP_OK.
 */
SNAP_MUST_CHECK enum snap_code pgtarget_lane_take(
    struct pgtarget *t, struct sink **out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code pgtarget_lane_give(
    struct pgtarget *t, struct sink *lane, struct snap_err *err);
/* Whoever is at it shall give up: something failed elsewhere. */
void pgtarget_stop(struct pgtarget *t);
/* Sequences, post-data, privileges; SNAP_OK only if every definition was made,
 * but for those left out. What was not made is warnings of the report, each by
 * name. */
SNAP_MUST_CHECK enum snap_code pgtarget_finish(
    struct pgtarget *t, struct snap_err *err);

void pgtarget_progress(const struct pgtarget *t, struct pgtarget_progress *out);
/* "creating the tables": what a person calls a phase. */
const char *pgtarget_phase_name(enum pgtarget_phase phase);

#endif
