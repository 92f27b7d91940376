/* SPDX-License-Identifier: PostgreSQL */
/*
 * selection.h - a part of a snapshot, as the options say.
 *
 * The patterns are pgarchive's business, the bytes the repository's, the SQL
 * pg_restore's: here they meet.
 */
#ifndef SNAP_SELECTION_H
#define SNAP_SELECTION_H

#include "pgarchive.h"
#include "place.h"
#include "schemamap.h"
#include "sqlscript.h"

struct selection;

/* Is less than all of the snapshot asked for? */
bool select_part(const struct opts *o);
/* That, or without what concerns owners, privileges or tablespaces? */
bool select_less(const struct opts *o);
/* Is there an option that the stored SQL alone cannot fulfil? */
bool select_asked(const struct opts *o);
/* Options that exclude each other. */
SNAP_MUST_CHECK enum snap_code select_check(
    const struct opts *o, struct snap_err *err);

/*
 * Read the archive of definitions and choose.  SNAP_USAGE: a pattern matches
 * nothing, or the snapshot is not of a database.  `m` has to stay.
 */
SNAP_MUST_CHECK enum snap_code select_open(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    struct selection **out, struct snap_err *err);
void select_close(struct selection *s);
struct pgarchive *select_choice(const struct selection *s);
const struct schemamap *select_map(const struct selection *s);
/* Says on stderr what is left out or brought along. */
void select_tell(const struct selection *s);
/* Archive, properties and values of sequences for pgtarget_definitions(). */
SNAP_MUST_CHECK enum snap_code select_definitions(struct selection *s,
    struct place *p, struct sink *to, struct snap_err *err);

/* For repo_read(): rows, values of sequences, large objects; `arg` is the
 * selection. */
bool select_stream(void *arg, const struct repo_stream *stream);
uint64_t select_bytes(const struct selection *s); /* of these */
/* What stands between repo_read() and `to`: the COPY statements and values of
 * sequences that fit the selection.  One for each thread. */
struct select_filter {
	struct sink base; /* first, so that a struct sink * casts back */
	const struct selection *s;
	struct sink *to;
	struct bytes text; /* a COPY statement, or what is held */
	uint8_t kind;      /* of the stream that is open */
	bool renamed;      /* schemas have their new names already */
};
void select_filter_init(
    struct select_filter *f, const struct selection *s, struct sink *to);
void select_filter_fini(struct select_filter *f);

/* The SQL of all its definitions, by a pg_restore that is not older than the
 * archive. */
SNAP_MUST_CHECK enum snap_code select_make_sql(
    struct selection *s, struct snap_err *err);
/* Push a part of it; nothing where there is none. */
SNAP_MUST_CHECK enum snap_code select_push(struct selection *s,
    enum pgarchive_part part, struct sink *to, struct snap_err *err);

#endif
