/* SPDX-License-Identifier: PostgreSQL */
/*
 * largeobj.c - large objects, each a stream of its raw bytes.
 *
 * All pages come in one COPY in the order of the index, so that many small
 * objects do not cost a round trip each.  Missing pages are holes and read as
 * zeros; an object without any page is an empty one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

#define PAGE_MAX ((size_t)65536)

struct lo_state {
	struct pgsource *s;
	struct sink *sink;
	struct digester *digester;
	PGresult *list; /* every loid, in order */
	int next;       /* of list: the first not begun */
	bool open;
	uint32_t loid;
	char name[16]; /* of its stream */
	uint64_t at;   /* bytes given */
};

static uint32_t
get_be(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static enum snap_code
lo_begin(struct lo_state *st, struct snap_err *err)
{
	struct stream_meta m = { .kind = STREAM_LARGE_OBJECT,
		.cutter = CUTTER_BYTES };

	st->loid =
	    (uint32_t)strtoul(PQgetvalue(st->list, st->next++, 0), NULL, 10);
	(void)snprintf(st->name, sizeof st->name, "%010" PRIu32, st->loid);
	m.name = span_str(st->name);
	st->at = 0;
	st->open = true;
	digester_begin(st->digester, false);
	return sink_begin(st->sink, &m, err);
}

static enum snap_code
lo_end(struct lo_state *st, struct snap_err *err)
{
	struct digest_entry e = { .kind = STREAM_LARGE_OBJECT };

	if (!st->open)
		return SNAP_OK;
	st->open = false;
	e.name = span_str(st->name);
	digester_end(st->digester, &e.sum);
	digests_put(&st->s->digests, &e);
	return sink_end(st->sink, 0, err);
}

static enum snap_code
lo_put(struct lo_state *st, struct span d, struct snap_err *err)
{
	digester_data(st->digester, d);
	st->at += d.len;
	return sink_data(st->sink, d, err);
}

/* Go on to `loid`; those passed have no pages. */
static enum snap_code
lo_reach(struct lo_state *st, uint32_t loid, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	while (rc == SNAP_OK && (!st->open || st->loid != loid)) {
		rc = lo_end(st, err);
		if (rc == SNAP_OK && st->next == PQntuples(st->list))
			return snap_fail(err, SNAP_SOURCE,
			    "large object %" PRIu32 " has pages but no owner",
			    loid);
		if (rc == SNAP_OK)
			rc = lo_begin(st, err);
	}
	return rc;
}

static enum snap_code
lo_zeros(struct lo_state *st, uint64_t until, struct snap_err *err)
{
	static const uint8_t zeros[16384];
	enum snap_code rc = SNAP_OK;
	uint64_t n;

	while (rc == SNAP_OK && st->at < until) {
		n = until - st->at;
		if (n > sizeof zeros)
			n = sizeof zeros;
		rc = lo_put(st, span_of(zeros, (size_t)n), err);
		if (rc == SNAP_OK)
			rc = conn_check(&st->s->pg, err);
	}
	return rc;
}

/* Row of COPY BINARY: count, then (length, value) of loid, offset, data. */
static enum snap_code
lo_row(struct lo_state *st, const uint8_t *p, size_t len, struct snap_err *err)
{
	enum snap_code rc;
	uint32_t n;
	uint64_t off;

	if (len < 2 + 8 + 12 + 4 || get_be(p, 2) != 3 ||
	    get_be(p + 2, 4) != 4 || get_be(p + 10, 4) != 8)
		return snap_fail(
		    err, SNAP_SOURCE, "unknown row of a large object");
	off = (uint64_t)get_be(p + 14, 4) << 32 | get_be(p + 18, 4);
	n = get_be(p + 22, 4);
	if (n > PAGE_MAX || n != len - 26 || off > ((uint64_t)1 << 42))
		return snap_fail(
		    err, SNAP_SOURCE, "unknown page of a large object");
	rc = lo_reach(st, get_be(p + 6, 4), err);
	if (rc == SNAP_OK && st->at > off)
		return snap_fail(err, SNAP_SOURCE,
		    "a page of large object %" PRIu32 " at byte %" PRIu64
		    " begins before the end of the one before it",
		    st->loid, off);
	if (rc == SNAP_OK)
		rc = lo_zeros(st, off, err);
	if (rc != SNAP_OK)
		return rc;
	return lo_put(st, span_of(p + 26, n), err);
}

/* COPY's own frame: 11 bytes of signature, flags, extension; then rows. */
struct lo_sink {
	struct sink base;
	struct lo_state *st;
	struct bytes part; /* of a row that is not whole yet */
	bool header;
};

static enum snap_code
lo_parse(struct lo_sink *l, struct snap_err *err)
{
	const uint8_t *p = l->part.p;
	size_t left = l->part.len, len;
	enum snap_code rc = SNAP_OK;

	if (!l->header && left >= 19) {
		if (memcmp(p, "PGCOPY\n\377\r\n", 11) != 0)
			return snap_fail(
			    err, SNAP_SOURCE, "unknown header of COPY");
		len = 19 + get_be(p + 15, 4);
		if (left < len)
			return SNAP_OK;
		p += len;
		left -= len;
		l->header = true;
	}
	while (rc == SNAP_OK && l->header && left >= 26) {
		len = 26 + (size_t)get_be(p + 22, 4);
		if (len > 26 + PAGE_MAX)
			return snap_fail(
			    err, SNAP_SOURCE, "unknown page of COPY");
		if (left < len)
			break;
		rc = lo_row(l->st, p, len, err);
		p += len;
		left -= len;
	}
	if (left > 0)
		memmove(l->part.p, p, left);
	l->part.len = left;
	return rc;
}

static enum snap_code
lo_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct lo_sink *l = (struct lo_sink *)base;
	enum snap_code rc;

	bytes_put_span(&l->part, d);
	rc = bytes_check(&l->part, err);
	return rc != SNAP_OK ? rc : lo_parse(l, err);
}

static const struct sink_ops lo_ops = { NULL, lo_data, NULL };

static const char by_pages[] =
    "COPY (SELECT loid, pageno::pg_catalog.int8 *"
    " (pg_catalog.current_setting('block_size')::pg_catalog.int8 / 4), data"
    " FROM pg_catalog.pg_largeobject ORDER BY loid, pageno)"
    " TO STDOUT (FORMAT binary)";

enum snap_code
largeobj_dump(struct pgsource *s, struct sink *sink, struct snap_err *err)
{
	struct lo_state st = { .s = s, .sink = sink };
	struct lo_sink l = { { &lo_ops }, &st, { 0 }, false };
	enum snap_code rc;

	if (!include_everything(s))
		return SNAP_OK;
	st.digester = digester_new();
	if (st.digester == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	bytes_init(&l.part, 4 * PAGE_MAX + 2 * COPY_BUFFER);
	rc = conn_exec(&s->pg, s->pg.conn,
	    "SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY 1",
	    &st.list, err);
	if (rc == SNAP_OK && PQntuples(st.list) > 0) {
		rc = copy_to_sink(s, s->pg.conn, by_pages, &l.base, NULL, err);
		/* The empty ones behind the last page. */
		if (rc == SNAP_OK)
			rc = lo_end(&st, err);
		while (rc == SNAP_OK && st.next < PQntuples(st.list)) {
			rc = lo_begin(&st, err);
			if (rc == SNAP_OK)
				rc = lo_end(&st, err);
		}
	}
	PQclear(st.list);
	digester_free(st.digester);
	bytes_fini(&l.part);
	if (rc != SNAP_OK && rc != SNAP_CANCELLED)
		snap_wrap(err, "large objects");
	return rc;
}
