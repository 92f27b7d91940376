/* SPDX-License-Identifier: PostgreSQL */
/*
 * sqlscript.h - the streams of one database as one SQL script for psql.
 *
 * A script cut anywhere must not commit, also under `psql -1`: it opens an
 * \if that only its last write closes, wraps all in one transaction, and in a
 * fresh \restrict where the reading psql knows it (a psql variable decides).
 * A failing producer calls sqlscript_poison(), whose line fails even inside
 * COPY data.
 */
#ifndef SNAP_SQLSCRIPT_H
#define SNAP_SQLSCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "sink.h"

struct sqlscript_opts {
	int fd;              /* written, not closed */
	bool no_transaction; /* for targets with a small lock table */
	bool no_restrict;    /* leave \restrict out */
	uint64_t
	    restore_locks;    /* lock entries one transaction needs; 0 = skip */
	const char *encoding; /* client_encoding of the streams */
	const char *title;    /* one line for the head comment; may be NULL */
	/* Rows are missing: a foreign key or a refresh that fails because of
	 * that is a warning of the server and no end of the restore. */
	bool partial;
	/* SQL in front of the first stream, and behind the last. */
	struct span before, after;
	/* STREAM_GLOBALS or STREAM_PROPERTIES: that stream and no other,
	 * with settings of its own and without a transaction, in which
	 * CREATE DATABASE and CREATE TABLESPACE cannot run. */
	enum stream_kind only;
};

struct sqlscript;

/* Writes the head.  The result takes streams in order of kind, name, part
 * through sqlscript_sink(): archive, and what is not `only`, are refused. */
SNAP_MUST_CHECK enum snap_code sqlscript_open(const struct sqlscript_opts *o,
    struct sqlscript **out, struct snap_err *err);
struct sink *sqlscript_sink(struct sqlscript *s);
/* The last bytes, in one write: from here on psql commits. */
SNAP_MUST_CHECK enum snap_code sqlscript_finish(
    struct sqlscript *s, struct snap_err *err);
/* Make sure that psql fails; best effort, never blocks for long. */
void sqlscript_poison(struct sqlscript *s, const char *why);
/* Why a write failed, 0 = none did. */
int sqlscript_errno(const struct sqlscript *s);
void sqlscript_close(struct sqlscript *s);

#endif
