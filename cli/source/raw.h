/* SPDX-License-Identifier: PostgreSQL */
/*
 * raw.h - one byte sequence from a file descriptor into a sink, and back.
 */
#ifndef SNAP_RAW_H
#define SNAP_RAW_H

#include "bytes.h"
#include "err.h"
#include "report.h"
#include "sink.h"

/*
 * Push all of `fd` as one stream called `name`.  How it is cut is chosen from
 * its first bytes; warns when they are those of a compressed file, because
 * nothing of such a stream can be found again in the next one.  A stream that
 * begins like a script of pg_dump or pg_dumpall and does not end like one
 * fails (SNAP_SOURCE): a shell hides the status of a pipe's first commands.  So
 * does an empty one, unless it `may_be_empty`.
 */
SNAP_MUST_CHECK enum snap_code raw_push(int fd, const char *name,
    bool may_be_empty, struct sink *out, struct report *r,
    struct snap_err *err);

/* A sink that writes the bytes of every stream to `fd`, one after another.
 * `hold`: keep them in `held` instead, for what is small and must not be
 * delivered in part. */
struct raw_sink {
	struct sink sink;
	int fd;
	bool hold;
	const char *path; /* of fd; NULL = standard output */
	struct report *report;
	struct bytes held;
};
void raw_sink_init(struct raw_sink *s, int fd, bool hold, struct report *r);
void raw_sink_fini(struct raw_sink *s);

/* What a stream is compressed with, judged by its start; NULL = nothing. */
const char *raw_compression(struct span head);
/* True when it is lines of text, to be cut at line ends. */
bool raw_is_lines(struct span head);
/* The line with which a stream that begins so has to end; NULL = any. */
const char *raw_last_line(struct span head);

#endif
