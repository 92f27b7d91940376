/* SPDX-License-Identifier: PostgreSQL */
/*
 * others.c - are sequences and large objects what was recorded?
 *
 * A large object is read in pieces by lo_get(), which needs no right to the
 * catalog that holds them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgverify_internal.h"
#include "sink.h"

#define PIECE ((size_t)256 << 10)

static const struct digest_entry *
first_of(const struct digests *d, uint8_t kind, const struct digest_entry *end)
{
	const struct digest_entry *e = d->v;

	while (e != end && e->kind != kind)
		e++;
	return e;
}

/* ---- sequences */

static const char *
called(bool is)
{
	return is ? "called" : "not called";
}

static enum snap_code
compare_sequence(struct pgverify *v, PGconn *c, const struct digest_entry *e,
    struct snap_err *err)
{
	PGresult *r = NULL;
	struct bytes b;
	enum snap_code rc;
	int64_t value;
	bool is;

	bytes_init(&b, QUERY_MAX);
	bytes_put_str(&b, "SELECT last_value, is_called FROM ");
	bytes_put_span(&b, e->name);
	bytes_u8(&b, 0);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&v->pg, c, (const char *)b.p, &r, err);
	if (rc == SNAP_OK) {
		value = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
		is = PQgetvalue(r, 0, 1)[0] == 't';
		if (value != e->value || is != e->called)
			verify_found(v, STREAM_SEQUENCES, e->name,
			    "is at %" PRId64 ", %s; %" PRId64
			    ", %s, was recorded",
			    value, called(is), e->value, called(e->called));
	} else if (verify_is_missing(err)) {
		verify_found(v, STREAM_SEQUENCES, e->name, "cannot be read: %s",
		    err->msg);
		rc = SNAP_OK;
	}
	v->count.n_sequences++;
	PQclear(r);
	bytes_fini(&b);
	return rc;
}

enum snap_code
sequences_compare(struct pgverify *v, PGconn *c, const struct digests *d,
    struct snap_err *err)
{
	const struct digest_entry *end = d->v + d->n;
	const struct digest_entry *e = first_of(d, STREAM_SEQUENCES, end);
	enum snap_code rc = SNAP_OK;

	for (; rc == SNAP_OK && e != end && e->kind == STREAM_SEQUENCES; e++)
		rc = compare_sequence(v, c, e, err);
	return rc;
}

/* ---- large objects */

/* "\x6162" into d. */
static bool
add_hex(struct digester *d, const char *hex, size_t len)
{
	uint8_t buf[4096];
	char pair[3] = "";
	size_t n = 0;

	if (len < 2 || len % 2 != 0 || hex[0] != '\\' || hex[1] != 'x')
		return false;
	for (size_t i = 2; i < len; i += 2) {
		pair[0] = hex[i];
		pair[1] = hex[i + 1];
		if (!hex_decode(pair, &buf[n++], 1))
			return false;
		if (n == sizeof buf) {
			digester_data(d, span_of(buf, n));
			n = 0;
		}
	}
	digester_data(d, span_of(buf, n));
	return true;
}

static enum snap_code
digest_object(struct pgverify *v, PGconn *c, const char *oid,
    struct digester *d, struct digest *out, struct snap_err *err)
{
	size_t len = 2 + 2 * PIECE;
	PGresult *r = NULL;
	uint64_t at = 0;
	enum snap_code rc = SNAP_OK;
	char sql[128];

	digester_begin(d, false);
	for (; rc == SNAP_OK && len == 2 + 2 * PIECE; at += PIECE) {
		(void)snprintf(sql, sizeof sql,
		    "SELECT pg_catalog.lo_get(%s, %" PRIu64 ", %zu)", oid, at,
		    PIECE);
		rc = conn_exec(&v->pg, c, sql, &r, err);
		if (rc != SNAP_OK)
			break;
		len = (size_t)PQgetlength(r, 0, 0);
		if (!add_hex(d, PQgetvalue(r, 0, 0), len))
			rc = snap_fail(err, SNAP_SOURCE,
			    "unknown bytes of large object %s", oid);
		PQclear(r);
		r = NULL;
	}
	digester_end(d, out);
	return rc;
}

static enum snap_code
compare_object(struct pgverify *v, PGconn *c, struct digester *d,
    const char *oid, const struct digest_entry *e, struct snap_err *err)
{
	struct digest have;
	enum snap_code rc = digest_object(v, c, oid, d, &have, err);

	if (rc == SNAP_OK && have.n != e->sum.n)
		verify_found(v, STREAM_LARGE_OBJECT, e->name,
		    "has %" PRIu64 " bytes, %" PRIu64 " were recorded", have.n,
		    e->sum.n);
	else if (rc == SNAP_OK && !digest_eq(&have, &e->sum))
		verify_found(v, STREAM_LARGE_OBJECT, e->name,
		    "its %" PRIu64 " bytes are not those that were recorded",
		    have.n);
	v->count.n_large_objects++;
	return rc;
}

/* Both lists are in the order of the numbers. */
static enum snap_code
merge_objects(struct pgverify *v, PGconn *c, const PGresult *list,
    struct digester *d, const struct digests *want, struct snap_err *err)
{
	const struct digest_entry *end = want->v + want->n;
	const struct digest_entry *e = first_of(want, STREAM_LARGE_OBJECT, end);
	enum snap_code rc = SNAP_OK;
	int i = 0, order;
	char name[16];

	while (rc == SNAP_OK && (i < PQntuples(list) || e != end)) {
		const char *oid =
		    i < PQntuples(list) ? PQgetvalue(list, i, 0) : NULL;

		if (oid != NULL)
			(void)snprintf(name, sizeof name, "%010lu",
			    strtoul(oid, NULL, 10));
		order = oid == NULL ? 1
			: e == end  ? -1
				    : span_cmp(span_str(name), e->name);
		if (order < 0)
			verify_found(v, STREAM_LARGE_OBJECT, span_str(name),
			    "was not recorded");
		else if (order > 0)
			verify_found(
			    v, STREAM_LARGE_OBJECT, e->name, "is not there");
		else
			rc = compare_object(v, c, d, oid, e, err);
		i += order <= 0;
		e += order >= 0;
	}
	return rc;
}

enum snap_code
objects_compare(struct pgverify *v, PGconn *c, const struct digests *d,
    struct snap_err *err)
{
	struct digester *digester = digester_new();
	PGresult *list = NULL;
	enum snap_code rc;

	if (digester == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	rc = conn_exec(&v->pg, c,
	    "SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid",
	    &list, err);
	if (rc == SNAP_OK)
		rc = merge_objects(v, c, list, digester, d, err);
	PQclear(list);
	digester_free(digester);
	return rc != SNAP_OK ? snap_wrap(err, "large objects") : rc;
}
