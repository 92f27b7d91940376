/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgsource_internal.h - what the files of this folder share.
 *
 * One struct pgsource per dump.  The coordinating connection holds the locks
 * and the snapshot and is also the connection of thread 0, so that `jobs`
 * connections do the work and none only waits.
 */
#ifndef SNAP_PGSOURCE_INTERNAL_H
#define SNAP_PGSOURCE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "digestlist.h"
#include "pgsession.h"
#include "pgsource.h"

#define SMALL_STREAM ((uint64_t)8 << 20) /* bytes; below: sink 0, by name */
#define COPY_BUFFER ((size_t)256 << 10)  /* bytes handed to a sink at once */

/* One table whose rows are ours to copy; strings are malloc'd. */
struct table {
	char *oid;
	char *name;   /* schema.table as quote_ident() writes it */
	char *stream; /* name of its streams; ranked when order matters */
	char *cols;   /* quoted column list; "" = none */
	char *target; /* into which a restore copies: itself, or its root */
	char *cond;   /* extension's WHERE; "" = none */
	char *filenode;
	uint64_t size;   /* bytes with TOAST */
	uint64_t blocks; /* of the main fork */
	bool heap, can_read, row_security, unlogged;
	struct digest *sums; /* of its parts; each is its thread's */
};

struct tables {
	struct table *v;
	size_t n;
};

/* The oids that pg_dump's patterns stand for, as '{1,2}' literals. */
struct selection {
	char *schemas, *exclude_schemas; /* NULL = no such option given */
	char *tables, *exclude_tables, *exclude_data;
};

struct pgsource {
	struct pgsource_opts o;
	struct pgclient pg; /* its connection is the coordinator */
	struct selection sel;
	char *snapshot;
	struct pgtool tool; /* pg_dump */
	uint64_t sysid;
	struct tables tables;
	struct bytes archive;  /* of pg_dump */
	unsigned dump_wait_ms; /* how long its locks may take */
	struct bytes setvals;  /* of all sequences */
	PGresult *sequences;   /* the list of them */
	struct bytes digests;  /* as text: sequences, large objects, tables */
	PGconn *workers[64];   /* of threads 1 and on, index 0 unused */
	size_t n_workers;      /* of them open, or 0 */
	pthread_mutex_t lock;  /* of first_err and of the warnings */
	struct snap_err first_err;
	struct bytes warnings;
	size_t n_warnings, n_kept; /* kept: those whose text is in it */
	struct pgsource_property *props;
	size_t n_props;
};

/* pgsource.c: of the cluster, 0 = not to be had */
uint64_t server_identity(struct pgclient *pg);

/* props.c */
void src_warn(struct pgsource *s, const char *fmt, ...) SNAP_PRINTF(2, 3);

/* patterns.c */
/* "COL matches": what pattern_regex() made, as a condition. */
void pattern_match(struct pgclient *pg, struct bytes *sql, const char *col,
    const struct bytes *regex);
enum snap_code patterns_resolve(struct pgsource *s, struct snap_err *err);
void selection_free(struct selection *sel);

/* catalog.c */
enum snap_code catalog_tables(struct pgsource *s, bool with_sizes,
    struct tables *out, struct snap_err *err);
void tables_free(struct tables *t);
void tables_trim(struct tables *t, size_t n); /* drop those from n on */
/* Rights and row security, all named; call before anything is locked. */
enum snap_code catalog_check(
    struct pgsource *s, const struct tables *t, struct snap_err *err);
/* Appends " AND ..." conditions on c (pg_class); true = by pg_dump's rules. */
void catalog_filter(const struct pgsource *s, struct bytes *sql);
bool include_everything(const struct pgsource *s);

/* locks.c */
enum snap_code locks_take(struct pgsource *s, struct snap_err *err);
void workers_close(struct pgsource *s);

/* ddl.c */
/* Run pg_dump into s->archive; needs the snapshot. */
enum snap_code ddl_archive(struct pgsource *s, struct snap_err *err);
/* Push the archive and what pg_restore makes of it. */
enum snap_code ddl_dump(
    struct pgsource *s, struct sink *sink, struct snap_err *err);
/* Put a constant for the time in the header of an archive. */
enum snap_code ddl_patch_time(struct bytes *archive, struct snap_err *err);
/* Take what only psql reads out of the text of pg_restore --create. */
void ddl_drop_connect(struct bytes *text);

/* copyout.c */
/* `sum` (may be NULL) gets the digest of the rows. */
enum snap_code copy_to_sink(struct pgsource *s, PGconn *c, const char *sql,
    struct sink *sink, struct digest *sum, struct snap_err *err);
/* Slice `part` of `n_parts` of a table, as a stream of its own. */
enum snap_code copy_table(struct pgsource *s, PGconn *c, const struct table *t,
    uint32_t part, struct sink *sink, struct snap_err *err);
bool table_small(const struct pgsource *s, const struct table *t);
uint32_t table_parts(const struct pgsource *s, const struct table *t);
/* A whole small stream. */
enum snap_code push_stream(struct sink *sink, enum stream_kind kind,
    const char *name, struct span data, struct snap_err *err);

/* sequences.c, lometa.c, largeobj.c, globals.c, props.c */
/* Rows of patterns that keep pg_dump from reading many sequences. */
enum snap_code sequences_patterns(
    struct pgsource *s, PGresult **out, struct snap_err *err);
/* Read them into s->setvals: they can be dropped, but not be locked. */
enum snap_code sequences_take(struct pgsource *s, struct snap_err *err);
enum snap_code sequences_dump(
    struct pgsource *s, struct sink *sink, struct snap_err *err);
/* Large objects into s->archive, if pg_dump left them out. */
enum snap_code largeobj_describe(struct pgsource *s, struct snap_err *err);
enum snap_code largeobj_dump(
    struct pgsource *s, struct sink *sink, struct snap_err *err);
/* Roles and tablespaces as SQL; *hidden: without passwords, for want of the
 * right to read them. */
#define GLOBALS_HIDDEN                                                         \
	"%s may not read pg_authid: the passwords of the roles are left out"
enum snap_code globals_read(struct pgclient *pg, const struct pgtool *tool,
    bool no_passwords, bool *hidden, struct bytes *out, struct snap_err *err);
enum snap_code globals_dump(
    struct pgsource *s, struct sink *sink, struct snap_err *err);
enum snap_code props_collect(struct pgsource *s, struct snap_err *err);
enum snap_code props_finish(struct pgsource *s, struct snap_err *err);
void props_free(struct pgsource *s);

#endif
