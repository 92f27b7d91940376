/* SPDX-License-Identifier: PostgreSQL */
/*
 * copyout.c - rows by COPY into a sink, whole tables or slices of them.
 *
 * A slice is a range of heap blocks: its bytes are a function of the rows
 * visible there, whoever copies it and whenever.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pgsource_internal.h"

/* Rows gathered so that a sink is called for much at a time. */
struct gather {
	struct sink *sink;
	struct digest *sum; /* of the rows; NULL = nobody asked */
	uint8_t buf[COPY_BUFFER];
	size_t len;
};

static enum snap_code
flush(struct gather *g, struct snap_err *err)
{
	size_t len = g->len;

	g->len = 0;
	return sink_data(g->sink, span_of(g->buf, len), err);
}

static enum snap_code
gather_row(void *arg, struct span row, struct snap_err *err)
{
	struct gather *g = arg;
	enum snap_code rc = SNAP_OK;

	if (g->sum != NULL)
		digest_row(g->sum, row);
	if (row.len > sizeof g->buf - g->len)
		rc = flush(g, err);
	if (rc != SNAP_OK)
		return rc;
	if (row.len > sizeof g->buf)
		return sink_data(g->sink, row, err);
	memcpy(g->buf + g->len, row.p, row.len);
	g->len += row.len;
	return SNAP_OK;
}

enum snap_code
copy_to_sink(struct pgsource *s, PGconn *c, const char *sql, struct sink *sink,
    struct digest *sum, struct snap_err *err)
{
	struct gather *g;
	enum snap_code rc;
	struct bytes mem;

	/* Too large for the stack of a thread. */
	bytes_init(&mem, sizeof *g);
	g = (void *)bytes_room(&mem, sizeof *g);
	if (g == NULL)
		return bytes_check(&mem, err);
	g->sink = sink;
	g->sum = sum;
	g->len = 0;
	rc = conn_copy_out(&s->pg, c, sql, gather_row, g, err);
	if (rc == SNAP_OK)
		rc = flush(g, err);
	bytes_fini(&mem);
	return rc;
}

uint32_t
table_parts(const struct pgsource *s, const struct table *t)
{
	uint64_t per = s->o.slice_blocks, n;

	/* extcondition is SQL of its own: nothing can be added to it. */
	if (t->cond[0] != '\0' || !t->heap || s->pg.server_num < 140000 ||
	    t->cols[0] == '\0' || t->blocks <= per)
		return 1;
	n = (t->blocks + per - 1) / per;
	return n > UINT32_MAX ? 1 : (uint32_t)n;
}

bool
table_small(const struct pgsource *s, const struct table *t)
{
	return t->size < SMALL_STREAM && table_parts(s, t) == 1;
}

/*
 * The last slice has no upper end: rows that the snapshot shows may lie in
 * blocks that came after the size was asked for.
 */
static void
put_select(const struct pgsource *s, const struct table *t, uint32_t part,
    struct bytes *sql)
{
	uint64_t per = s->o.slice_blocks;
	uint32_t parts = table_parts(s, t);
	const char *and = " WHERE ";

	bytes_printf(sql, "COPY (SELECT %s FROM ONLY %s", t->cols, t->name);
	if (t->cond[0] != '\0') {
		/* extcondition brings its own WHERE; slices never have one. */
		bytes_printf(sql, " %s", t->cond);
	} else {
		if (part > 0) {
			bytes_printf(sql, "%sctid >= '(%" PRIu64 ",0)'", and,
			    per * part);
			and = " AND ";
		}
		if (part + 1 < parts)
			bytes_printf(sql, "%sctid < '(%" PRIu64 ",0)'", and,
			    per * (part + 1));
	}
	bytes_put_str(sql, ") TO STDOUT");
	bytes_u8(sql, 0);
}

static void
put_attr(const struct table *t, struct bytes *attr)
{
	if (t->cols[0] != '\0')
		bytes_printf(
		    attr, "COPY %s (%s) FROM stdin;", t->target, t->cols);
	else
		bytes_printf(attr, "COPY %s FROM stdin;", t->target);
}

enum snap_code
copy_table(struct pgsource *s, PGconn *c, const struct table *t, uint32_t part,
    struct sink *sink, struct snap_err *err)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.part = part,
		.name = span_str(t->stream) };
	struct digest sum = { 0, 0, 0 };
	struct bytes sql, attr;
	enum snap_code rc;

	bytes_init(&sql, QUERY_MAX);
	bytes_init(&attr, STREAM_ATTR_MAX);
	put_attr(t, &attr);
	if (t->cond[0] != '\0' || table_parts(s, t) > 1)
		put_select(s, t, part, &sql);
	else if (t->cols[0] != '\0')
		bytes_printf(&sql, "COPY %s (%s) TO STDOUT", t->name, t->cols);
	else
		bytes_printf(&sql, "COPY %s TO STDOUT", t->name);
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&attr, err);
	if (rc != SNAP_OK)
		goto out;
	m.attr = bytes_span(&attr);
	rc = sink_begin(sink, &m, err);
	if (rc == SNAP_OK)
		rc = copy_to_sink(s, c, (const char *)sql.p, sink, &sum, err);
	if (rc == SNAP_OK)
		rc = sink_end(sink, sum.n, err);
	t->sums[part] = sum;
out:
	bytes_fini(&sql);
	bytes_fini(&attr);
	if (rc != SNAP_OK && rc != SNAP_CANCELLED)
		snap_wrap(err, "table %s", t->name);
	return rc;
}

enum snap_code
push_stream(struct sink *sink, enum stream_kind kind, const char *name,
    struct span data, struct snap_err *err)
{
	struct stream_meta m = { .kind = (uint8_t)kind,
		.cutter = CUTTER_ROWS,
		.name = span_str(name) };
	enum snap_code rc;
	size_t at, n;

	if (kind == STREAM_ARCHIVE)
		m.cutter = CUTTER_BYTES;
	rc = sink_begin(sink, &m, err);
	for (at = 0; rc == SNAP_OK && at < data.len; at += n) {
		n = data.len - at < COPY_BUFFER ? data.len - at : COPY_BUFFER;
		rc = sink_data(sink, span_of(data.p + at, n), err);
	}
	if (rc == SNAP_OK)
		rc = sink_end(sink, 0, err);
	return rc;
}
