/* SPDX-License-Identifier: PostgreSQL */
/* pgtarget_internal.h - what the files of this folder share. */
#ifndef SNAP_PGTARGET_INTERNAL_H
#define SNAP_PGTARGET_INTERNAL_H

#include <pthread.h>

#include "losql.h"
#include "pgsession.h"
#include "pgtarget.h"
#include "sqltext.h"

#define LANES_MAX 64

struct toc; /* pgarchive/toc.h */

struct lane {
	struct sink base; /* first, so that a struct sink * casts back */
	struct pgtarget *t;
	PGconn *conn; /* of its own, or the first lane's, t->pg.conn */
	bool taken;
	uint8_t kind;      /* of the stream that is open, or 0 */
	bool skips;        /* its rows: their table was left out */
	struct bytes what; /* "table public.a", for messages */
	struct losql lo;
	struct bytes sql; /* of large objects, to be run */
	size_t n_waiting; /* large objects in it */
};

struct pgtarget {
	struct pgtarget_opts o;
	struct pgclient pg;
	struct pgtool tool; /* pg_restore */
	struct sink definitions;
	uint8_t kind;      /* of the definitions that come, or 0 */
	int archive;       /* a file without a name, or -1 */
	struct bytes text; /* of the archive, for its table of contents */
	struct toc *toc;   /* NULL = nothing can be left out */
	int32_t *out;      /* entries of it not to be made, by number */
	size_t n_out, out_cap;
	struct bytes properties, sequences;
	char *name;         /* of the database that --create makes */
	struct bytes later; /* of the properties: when all is done */
	struct lane lanes[LANES_MAX];
	pthread_mutex_t lock; /* of `taken` and of the progress */
	uint64_t since_ms;    /* begin of the phase */
	bool looked;          /* pgtarget_look() was content */
	struct pgtarget_progress progress;
};

/* pgtarget.c */
/* The settings of a session that writes. */
SNAP_MUST_CHECK enum snap_code target_pin(
    struct pgtarget *t, PGconn *c, struct snap_err *err);
void lane_fini(struct lane *l);
/* From now on something of the target may be changed. */
void target_touch(struct pgtarget *t);
void target_phase(struct pgtarget *t, enum pgtarget_phase phase);

/* emptiness.c: SNAP_EXISTS names what is there. */
SNAP_MUST_CHECK enum snap_code emptiness_check(
    struct pgtarget *t, struct snap_err *err);

/* presence.c: of a part.  SNAP_EXISTS and SNAP_NOTFOUND name what is there, and
 * what is not; what only comes along and is there is taken out of it. */
SNAP_MUST_CHECK enum snap_code presence_check(
    struct pgtarget *t, struct snap_err *err);
/* Is nothing there of what is to be made?  False also where that cannot be
 * seen. */
bool presence_lacks(struct pgtarget *t);

/* database.c */
/* Of the database to be made: its name into t->name, and whether it exists. */
SNAP_MUST_CHECK enum snap_code database_find(
    struct pgtarget *t, bool *is_there, struct snap_err *err);
/* Drop and create as the properties say, and connect there. */
SNAP_MUST_CHECK enum snap_code database_make(
    struct pgtarget *t, struct snap_err *err);
/* Nothing is made: what the properties say of one that is there. */
SNAP_MUST_CHECK enum snap_code database_set(
    struct pgtarget *t, struct snap_err *err);
/* What would be in the way of the restore itself: settings, privileges. */
SNAP_MUST_CHECK enum snap_code database_finish(
    struct pgtarget *t, struct snap_err *err);

/* drops.c */
SNAP_MUST_CHECK enum snap_code definitions_drop(
    struct pgtarget *t, struct snap_err *err);

/* definitions.c */
/* Do the locks of all that is made fit into the server's table? */
SNAP_MUST_CHECK enum snap_code definitions_locks_fit(
    struct pgtarget *t, bool *fit, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code definitions_pre(
    struct pgtarget *t, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code definitions_post(
    struct pgtarget *t, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code definitions_late(
    struct pgtarget *t, struct snap_err *err);

/* extensions.c: only with o.leave_out; else it does nothing. */
/* The table of contents; once the archive has come. */
SNAP_MUST_CHECK enum snap_code extensions_read(
    struct pgtarget *t, struct snap_err *err);
/* Find out what has to be left out, without changing anything, and tell.
 * SNAP_SOURCE: rows would be. */
SNAP_MUST_CHECK enum snap_code extensions_try(
    struct pgtarget *t, struct snap_err *err);
/* Of DROP statements those go that the user may not give: an extension of
 * somebody else stays, and the schema that holds it. */
SNAP_MUST_CHECK enum snap_code extensions_spare(
    struct pgtarget *t, struct span *list, size_t *n, struct snap_err *err);
/* What is to be dropped is dropped: now extensions_out() holds. */
SNAP_MUST_CHECK enum snap_code extensions_ready(
    struct pgtarget *t, struct snap_err *err);
/* The table of contents goes; what is out is known. */
void extensions_forget(struct pgtarget *t);
/* Of a line of pg_restore -l: is it not to be made? */
bool extensions_out(const struct pgtarget *t, const char *line);
/* An SQL array of those that may be there already. */
void extensions_names(const struct pgtarget *t, struct bytes *out);

/* part/renamed.c: the same two steps, and the values of sequences, with
 * opts.renames. */
SNAP_MUST_CHECK enum snap_code renamed_pre(
    struct pgtarget *t, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code renamed_post(
    struct pgtarget *t, struct snap_err *err);

#endif
