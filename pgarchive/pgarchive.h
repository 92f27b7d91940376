/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgarchive.h - which part of a database is to be restored.
 *
 * Given the stored archive of definitions, the names of the streams and
 * pg_dump's patterns: the entries that pg_restore -L shall make SQL of, which
 * rows go with them, and what the user has to be told.  Free of I/O; the
 * archive's bytes may be anybody's.  The rules: docs/restore.md.
 */
#ifndef SNAP_PGARCHIVE_H
#define SNAP_PGARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

/* Sections, to be combined; 0 = all of them. */
#define PGARCHIVE_SECTION_PRE_DATA 1u
#define PGARCHIVE_SECTION_DATA 2u
#define PGARCHIVE_SECTION_POST_DATA 4u

/* All borrowed until pgarchive_close(). */
struct pgarchive_opts {
	struct span archive; /* STREAM_ARCHIVE */
	/* Names of all STREAM_TABLE; slices may come as one or as many. */
	const struct span *streams;
	size_t n_streams;
	/* pg_dump's patterns, NULL-terminated lists, NULL = none. */
	const char *const *schemas, *const *exclude_schemas;
	const char *const *tables, *const *exclude_tables;
	const char *const *exclude_table_data;
	const char *database; /* may stand in front of a pattern */
	bool utf8;            /* the database's encoding; else bytes */
	bool data_only, schema_only;
	unsigned sections;
	bool no_privileges;
	bool no_dependencies; /* what is needed is at the target already */
	/* The target may have what was not chosen: pgarchive_leave() will tell
	 * whether foreign keys have something to refer to. */
	bool live;
	/* These are not made, NULL-terminated; NULL = all are. */
	const char *const *made_schemas;
};

struct pgarchive;

/*
 * SNAP_USAGE (a pattern that matches nothing or is none), SNAP_CORRUPT,
 * SNAP_UNSUPPORTED (the archive is of a newer pg_dump), SNAP_NOMEM.
 */
SNAP_MUST_CHECK enum snap_code pgarchive_open(const struct pgarchive_opts *o,
    struct pgarchive **out, struct snap_err *err);
void pgarchive_close(struct pgarchive *a);

/*
 * What pg_restore --use-list shall read, without --section and the like, for
 * the SQL in front of the rows, behind them, and last of all: privileges,
 * REFRESH, event triggers.  An empty list means that there is nothing to do
 * (pg_restore would take it for none given).
 */
enum pgarchive_part { PGARCHIVE_PRE_DATA, PGARCHIVE_POST_DATA, PGARCHIVE_LAST };
void pgarchive_list(
    const struct pgarchive *a, enum pgarchive_part part, struct bytes *out);

/* Are any rows, values of sequences or large objects? */
bool pgarchive_data(const struct pgarchive *a);
/* Are the rows of stream i of opts.streams to be restored? */
bool pgarchive_rows(const struct pgarchive *a, size_t i);
/* The COPY statement for them: as stored, or with another target. */
SNAP_MUST_CHECK enum snap_code pgarchive_copy(const struct pgarchive *a,
    struct span stream, struct span stored, struct bytes *out,
    struct snap_err *err);
bool pgarchive_large_objects(const struct pgarchive *a);
/* Of STREAM_SEQUENCES what is to be restored, appended to *out. */
SNAP_MUST_CHECK enum snap_code pgarchive_sequences(const struct pgarchive *a,
    struct span stored, struct bytes *out, struct snap_err *err);

/* Of the list of a part what was chosen and not only comes along, and no
 * schema: what --clean may drop. */
void pgarchive_drops(const struct pgarchive *a, struct bytes *out);

/* What a target may have already. */
enum pgarchive_claim {
	PGARCHIVE_MADE,     /* it was chosen: must not be there yet */
	PGARCHIVE_ALONG,    /* one that is there will do */
	PGARCHIVE_EXPECTED, /* only its rows or parts come: must be there */
	PGARCHIVE_REFERRED  /* a foreign key comes if it is there */
};
struct pgarchive_item {
	enum pgarchive_claim claim;
	struct span desc;         /* "TABLE": what pg_dump calls it */
	struct span schema, name; /* without quotes */
	struct span sql; /* as its DROP names it; p is NULL = no such */
};
/* Of entry i, below pgarchive_n_entries(); false: nothing is claimed. */
size_t pgarchive_n_entries(const struct pgarchive *a);
bool pgarchive_item(
    const struct pgarchive *a, size_t i, struct pgarchive_item *out);
/* The target has entry i where there[i]: it is left out of all lists, and what
 * is about it; what only waited for it comes. */
void pgarchive_leave(struct pgarchive *a, const bool *there);

/* ---- a schema that is to have another name: schemas.c */

/* Is it, or anything in it, restored? */
bool pgarchive_has_schema(const struct pgarchive *a, struct span name);
/* As the archive says; p = NULL when it does not. */
struct span pgarchive_schema_owner(const struct pgarchive *a, struct span name);
/* Those that are restored, with ", " between. */
SNAP_MUST_CHECK enum snap_code pgarchive_schemas(
    const struct pgarchive *a, struct bytes *out, struct snap_err *err);
/* The next extension from *at, which begins as 0, on. */
bool pgarchive_extension(
    const struct pgarchive *a, size_t *at, struct span *name);
/* The same of functions whose text has the schema's name in it: appended. */
bool pgarchive_mention(const struct pgarchive *a, struct span schema,
    size_t *at, struct bytes *out);

/* About how many entries of a lock table one transaction needs. */
uint64_t pgarchive_locks(const struct pgarchive *a);

/* What was left out or brought along, a line each without its end. */
size_t pgarchive_n_notes(const struct pgarchive *a);
void pgarchive_note(const struct pgarchive *a, size_t i, struct bytes *out);

#endif
