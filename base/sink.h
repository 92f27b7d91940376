/* SPDX-License-Identifier: PostgreSQL */
/*
 * sink.h - where streams go: a source pushes begin(meta), data()*, end() for
 * each stream in turn.
 *
 * Bytes and metadata are borrowed for the call.  A slow sink blocks.  After
 * any failure the sink takes nothing more; whoever opened it abandons the
 * whole job.  One sink serves one thread at a time; parallel sources get one
 * sink per thread.  A stage embeds struct sink as first member.
 */
#ifndef SNAP_SINK_H
#define SNAP_SINK_H

#include <stdint.h>

#include "bytes.h"
#include "err.h"

/*
 * What a stream holds.  The values are part of the repository format
 * (docs/format.md); their numeric order is the order of a restore.
 */
enum stream_kind {
	STREAM_PROPERTIES = 1, /* database properties as SQL, not in the pipe */
	STREAM_GLOBALS = 2,  /* roles and tablespaces as SQL, not in the pipe */
	STREAM_ARCHIVE = 3,  /* pg_dump -Fc of pre- and post-data, no rows */
	STREAM_PRE_DATA = 4, /* SQL */
	STREAM_TABLE = 5, /* COPY text rows; attr = the COPY FROM statement */
	STREAM_SEQUENCES = 6,    /* SQL: setval calls */
	STREAM_LARGE_OBJECT = 7, /* raw bytes; name = "%010u" of the loid */
	STREAM_POST_DATA = 8,    /* SQL */
	STREAM_ACL = 9,          /* SQL: privileges, after everything else */
	STREAM_DIGESTS = 10,     /* of what was read; not in the pipe */
	STREAM_RAW = 16 /* one arbitrary byte sequence (stdin, command) */
};

/* How the chunker cuts it; recorded per stream, part of the format. */
enum stream_cutter {
	CUTTER_ROWS = 1, /* at line ends */
	CUTTER_BYTES = 2 /* by a rolling hash */
};

#define STREAM_NAME_MAX 1024
#define STREAM_ATTR_MAX (1u << 20)

struct stream_meta {
	uint8_t kind;   /* enum stream_kind */
	uint8_t cutter; /* enum stream_cutter */
	uint32_t part;  /* slice of a table, from 0; else 0 */
	struct span
	    name; /* 1 to STREAM_NAME_MAX bytes, unique with kind, part */
	struct span attr; /* 0 to STREAM_ATTR_MAX bytes, see the kind */
};

struct sink {
	const struct sink_ops *ops;
};

struct sink_ops {
	enum snap_code (*begin)(
	    struct sink *, const struct stream_meta *, struct snap_err *);
	enum snap_code (*data)(struct sink *, struct span, struct snap_err *);
	/* `rows`: rows of a table stream, else 0. */
	enum snap_code (*end)(struct sink *, uint64_t rows, struct snap_err *);
};

static inline enum snap_code
sink_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	return s->ops->begin(s, m, err);
}

static inline enum snap_code
sink_data(struct sink *s, struct span d, struct snap_err *err)
{
	return d.len == 0 ? SNAP_OK : s->ops->data(s, d, err);
}

static inline enum snap_code
sink_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	return s->ops->end(s, rows, err);
}

#endif
