/* SPDX-License-Identifier: PostgreSQL */
/*
 * recorded.c - what a snapshot says that its database was.
 *
 * Snapshots of today have a list of digests.  For older ones the same list is
 * made out of the streams: a restore can be held against that as well, but
 * what went wrong before they were stored shows in neither.
 */
#include <stdlib.h>
#include <string.h>

#include "raw.h"
#include "recorded.h"

#define SEQUENCES_MAX ((size_t)1 << 30)

static bool
is_digests(void *arg, const struct repo_stream *s)
{
	(void)arg;
	return s->kind == STREAM_DIGESTS;
}

static enum snap_code
read_list(struct repo *r, const struct repo_manifest *m, struct report *report,
    struct bytes *text, struct snap_err *err)
{
	struct raw_sink in;
	enum snap_code rc;

	raw_sink_init(&in, -1, true, report);
	in.held.max = DIGESTS_MAX;
	rc = repo_read(r, m, is_digests, NULL, &in.sink, err);
	if (rc == SNAP_OK)
		bytes_put_span(text, bytes_span(&in.held));
	raw_sink_fini(&in);
	return rc == SNAP_OK ? bytes_check(text, err) : rc;
}

/* ---- out of the streams */

struct maker {
	struct sink base;
	struct digester *digester;
	struct report *report;
	struct bytes *text, sequences;
	struct digest_entry e; /* of the stream that is open */
	char name[STREAM_NAME_MAX];
};

static enum snap_code
maker_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct maker *k = (struct maker *)s;

	if (m->name.len > sizeof k->name)
		return snap_fail(err, SNAP_CORRUPT, "a name is too long");
	memcpy(k->name, m->name.p, m->name.len);
	k->e = (struct digest_entry){ .kind = m->kind,
		.part = m->part,
		.name = span_of(k->name, m->name.len) };
	digester_begin(k->digester, m->kind == STREAM_TABLE);
	return SNAP_OK;
}

static enum snap_code
maker_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct maker *k = (struct maker *)s;

	if (k->e.kind == STREAM_SEQUENCES)
		bytes_put_span(&k->sequences, d);
	else
		digester_data(k->digester, d);
	return report_check(k->report, err);
}

static enum snap_code
maker_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct maker *k = (struct maker *)s;

	(void)rows;
	if (k->e.kind == STREAM_SEQUENCES)
		return recorded_sequences(
		    bytes_span(&k->sequences), k->text, err);
	digester_end(k->digester, &k->e.sum);
	digests_put(k->text, &k->e);
	return bytes_check(k->text, err);
}

static const struct sink_ops maker_ops = { maker_begin, maker_data, maker_end };

static bool
is_digested(void *arg, const struct repo_stream *s)
{
	(void)arg;
	return s->kind == STREAM_TABLE || s->kind == STREAM_SEQUENCES ||
	       s->kind == STREAM_LARGE_OBJECT;
}

static enum snap_code
make_list(struct repo *r, const struct repo_manifest *m, struct report *report,
    struct bytes *text, struct snap_err *err)
{
	struct maker k = { .base = { &maker_ops },
		.digester = digester_new(),
		.report = report,
		.text = text };
	enum snap_code rc;

	if (k.digester == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	bytes_init(&k.sequences, SEQUENCES_MAX);
	digests_begin(text);
	rc = repo_read(r, m, is_digested, NULL, &k.base, err);
	digester_free(k.digester);
	bytes_fini(&k.sequences);
	return rc;
}

/* ---- setval() calls, as pgsource writes them */

static bool
skip(struct span *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len < n || memcmp(s->p, word, n) != 0)
		return false;
	*s = span_of(s->p + n, s->len - n);
	return true;
}

/* A literal as quote_literal() writes it. */
static bool
take_literal(struct span *s, struct bytes *out)
{
	bool escapes = skip(s, " E") || skip(s, "E");
	uint8_t c;

	bytes_clear(out);
	if (!skip(s, "'"))
		return false;
	while (s->len > 0) {
		c = *s->p;
		*s = span_of(s->p + 1, s->len - 1);
		if (c == '\'' && !skip(s, "'"))
			return out->len > 0;
		if (c == '\\' && escapes && !skip(s, "\\"))
			return false;
		bytes_u8(out, c);
	}
	return false;
}

static bool
take_value(struct span *s, int64_t *out)
{
	char text[24];
	size_t n = 0;
	char *end;

	while (n < s->len && n + 1 < sizeof text && s->p[n] != ',') {
		text[n] = (char)s->p[n];
		n++;
	}
	text[n] = '\0';
	*out = strtoll(text, &end, 10);
	*s = span_of(s->p + n, s->len - n);
	return n > 0 && *end == '\0';
}

enum snap_code
recorded_sequences(struct span sql, struct bytes *out, struct snap_err *err)
{
	struct digest_entry e = { .kind = STREAM_SEQUENCES };
	struct bytes name;
	bool good = true;

	bytes_init(&name, SEQUENCES_MAX);
	while (good && sql.len > 0) {
		good = skip(&sql, "SELECT pg_catalog.setval(") &&
		       take_literal(&sql, &name) && skip(&sql, ", ") &&
		       take_value(&sql, &e.value) && skip(&sql, ", ");
		if (!good)
			break;
		e.called = skip(&sql, "true");
		good = (e.called || skip(&sql, "false")) && skip(&sql, ");\n");
		e.name = bytes_span(&name);
		digests_put(out, &e);
	}
	good = good && !name.bad;
	bytes_fini(&name);
	return good ? bytes_check(out, err)
		    : snap_fail(err, SNAP_CORRUPT,
			  "unknown text in the stream of sequences");
}

/* ---- both */

static enum snap_code
take_rows(
    const struct repo_manifest *m, struct recorded *out, struct snap_err *err)
{
	out->rows = calloc(m->n + 1, sizeof *out->rows);
	if (out->rows == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < m->n; i++) {
		const struct repo_stream *s = &m->v[i];
		const struct digest_entry *e;

		if (s->kind != STREAM_TABLE)
			continue;
		e = digests_find(&out->list, s->kind, s->name, s->part);
		if (e == NULL)
			return snap_fail(err, SNAP_CORRUPT,
			    "of table %.*s nothing was recorded",
			    (int)s->name.len, (const char *)s->name.p);
		out->rows[out->n_rows].copy = s->attr;
		out->rows[out->n_rows++].sum = e->sum;
	}
	return SNAP_OK;
}

enum snap_code
recorded_load(struct repo *r, const struct repo_manifest *m,
    struct report *report, struct recorded *out, struct snap_err *err)
{
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, DIGESTS_MAX);
	for (size_t i = 0; i < m->n; i++)
		out->by_source |= m->v[i].kind == STREAM_DIGESTS;
	rc = out->by_source ? read_list(r, m, report, &text, err)
			    : make_list(r, m, report, &text, err);
	if (rc == SNAP_OK)
		rc = digests_decode(&text, &out->list, err);
	bytes_fini(&text);
	return rc == SNAP_OK ? take_rows(m, out, err) : rc;
}

void
recorded_free(struct recorded *r)
{
	digests_free(&r->list);
	free(r->rows);
}
