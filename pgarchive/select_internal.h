/* SPDX-License-Identifier: PostgreSQL */
/*
 * select_internal.h - what the files of this folder share: the entries of an
 * archive with a mark each.
 */
#ifndef SNAP_SELECT_INTERNAL_H
#define SNAP_SELECT_INTERNAL_H

#include "pgarchive.h"
#include "toc.h"

#define NONE SIZE_MAX /* no entry */
#define NAME_MAX_BYTES ((size_t)1 << 20)

enum kind {
	KIND_OTHER,  /* types, functions, extensions ... */
	KIND_HIDDEN, /* of the session or of the database: never chosen */
	KIND_SCHEMA,
	KIND_DOMAIN,
	/* what a pattern of tables means */
	KIND_TABLE,
	KIND_FOREIGN_TABLE,
	KIND_VIEW,
	KIND_MATVIEW,
	KIND_SEQUENCE,
	/* parts of a table */
	KIND_INDEX,
	KIND_CONSTRAINT,
	KIND_CHECK,
	KIND_FK,
	KIND_TRIGGER,
	KIND_RULE,
	KIND_POLICY,
	KIND_ROW_SECURITY,
	KIND_DEFAULT,
	KIND_STATISTICS,
	KIND_ATTACH,
	KIND_INDEX_ATTACH,
	KIND_OWNED_BY,
	KIND_REFRESH,
	/* about something else */
	KIND_PUB_MEMBER,
	KIND_REMARK,
	KIND_ACL,
	KIND_DEFAULT_ACL,
	KIND_EVENT_TRIGGER,
	KIND_BLOB
};

enum state {
	STATE_OUT,
	STATE_WANTED, /* chosen, or a part of what is */
	STATE_NEEDED, /* something chosen cannot be without its definition */
	STATE_BARRED, /* excluded, or it needs what is */
	STATE_THERE   /* the target has it */
};

struct mark {
	uint8_t kind, state;
	bool no_rows;  /* --exclude-table-data */
	bool identity; /* a sequence that is made by altering its table */
	bool open;     /* a foreign key to what the target may have */
	bool referred; /* by one of these */
	size_t owner;  /* the table of a part */
	size_t parent; /* of a partition */
	size_t first_part, next_part; /* of an owner; of the same owner */
};

enum note_kind {
	NOTE_BROUGHT, /* `what` comes along because of `why` */
	NOTE_BARRED,  /* `what` is left out because of `why` */
	NOTE_FK,
	NOTE_APART, /* a partition without its parent `why` */
	NOTE_CHILD  /* a child whose parent `why` is restored */
};
struct note {
	enum note_kind kind;
	size_t what, why;
};

struct named {
	struct span schema, name;
	size_t at;
};

/* A stream's table; an extension's own has no entry, only rows. */
struct stream_of {
	size_t entry;
	bool rows;
};

struct pgarchive {
	struct pgarchive_opts o;
	struct toc *toc;
	struct mark *m;        /* one per entry */
	struct named *by_name; /* relations by schema and name */
	size_t n_named;
	bool everything; /* no pattern chooses: all but what is excluded */
	struct stream_of *streams; /* one per o.streams */
	struct note *notes;
	size_t n_notes, notes_cap;
};

static inline bool
is_relation(uint8_t kind)
{
	return kind >= KIND_TABLE && kind <= KIND_SEQUENCE;
}

static inline bool
is_table(uint8_t kind)
{
	return kind == KIND_TABLE || kind == KIND_FOREIGN_TABLE;
}

static inline bool
is_in(const struct pgarchive *a, size_t i)
{
	return a->m[i].state == STATE_WANTED || a->m[i].state == STATE_NEEDED;
}

/* kinds.c: kind, owner, parent and parts of each entry. */
void kinds_mark(struct pgarchive *a);
/* A name as pg_dump writes it, from its DROP; may be empty. */
struct span sql_name(const struct toc_entry *e);

/* match.c: what the patterns choose and exclude. */
enum snap_code match_patterns(struct pgarchive *a, struct snap_err *err);
/* The relation of that name, or NONE. */
size_t find_relation(
    const struct pgarchive *a, struct span schema, struct span name);

/* closure.c: what comes with it, and what cannot come. */
enum snap_code closure(struct pgarchive *a, struct snap_err *err);
/* Comments and privileges come with all that they are about. */
void closure_remarks(struct pgarchive *a);

/* pgarchive.c */
/* Does pg_restore get to see it, in the list of one part? */
bool is_made(const struct pgarchive *a, size_t i);
/* Does whoever restores make this schema? */
bool is_made_elsewhere(const struct pgarchive *a, struct span schema);
/* Its line in such a list. */
void put_id(const struct pgarchive *a, size_t i, struct bytes *out);
/* Are any definitions behind the rows to be made? */
bool has_post_data(const struct pgarchive *a);
/* Drop the notes that do not concern what is restored. */
void notes_sift(struct pgarchive *a);

#endif
