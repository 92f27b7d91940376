/* SPDX-License-Identifier: PostgreSQL */
/*
 * rows.c - are the rows of each table those that were recorded?
 *
 * Streams are compared where their COPY put them, which is not always the
 * table that they came from: rows of some partitions go through the topmost
 * table and may land in other ones.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pgverify_internal.h"
#include "sink.h"
#include "workers.h"

#define SQL_MAX ((size_t)64 << 20)

/* Streams with one COPY statement. */
struct group {
	struct span target, columns; /* of the statement */
	struct digest want;
	bool only_count; /* others go there with other columns */
};

struct groups {
	struct pgverify *v;
	struct group *g; /* by target */
	size_t n;
};

static bool
cut_prefix(struct span *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len < n || memcmp(s->p, word, n) != 0)
		return false;
	*s = span_of(s->p + n, s->len - n);
	return true;
}

static bool
cut_suffix(struct span *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len < n || memcmp(s->p + s->len - n, word, n) != 0)
		return false;
	s->len -= n;
	return true;
}

/* "COPY a.b (c, d) FROM stdin;" or, without columns, "COPY a.b FROM stdin;" */
static bool
parse_copy(struct span s, struct group *g)
{
	bool quoted = false;
	size_t i;

	if (!cut_prefix(&s, "COPY ") || !cut_suffix(&s, " FROM stdin;"))
		return false;
	for (i = 0; i < s.len && (quoted || s.p[i] != ' '); i++)
		if (s.p[i] == '"')
			quoted = !quoted;
	g->target = span_of(s.p, i);
	s = span_of(s.p + i, s.len - i);
	g->columns = s;
	return g->target.len > 0 &&
	       (s.len == 0 ||
		   (cut_prefix(&g->columns, " (") &&
		       cut_suffix(&g->columns, ")") && g->columns.len > 0));
}

static int
by_copy(const void *a, const void *b)
{
	const struct pgverify_rows *x = a, *y = b;

	return span_cmp(x->copy, y->copy);
}

static int
by_target(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return span_cmp(x->target, y->target);
}

static enum snap_code
group_all(struct groups *gs, struct pgverify_rows *rows, size_t n,
    struct snap_err *err)
{
	struct group *g = NULL;
	size_t i, k = 0;

	gs->g = calloc(n + 1, sizeof *gs->g);
	if (gs->g == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	if (n > 0)
		qsort(rows, n, sizeof *rows, by_copy);
	for (i = 0; i < n; i++) {
		if (i == 0 || !span_eq(rows[i].copy, rows[i - 1].copy)) {
			g = &gs->g[gs->n++];
			if (!parse_copy(rows[i].copy, g))
				return snap_fail(err, SNAP_CORRUPT,
				    "a table's stream has no COPY statement");
		}
		digest_add(&g->want, &rows[i].sum);
	}
	if (gs->n > 0)
		qsort(gs->g, gs->n, sizeof *gs->g, by_target);
	/* Their rows lie among each other: what can be told is how many. */
	for (i = 0; i < gs->n; i++) {
		if (k > 0 && span_eq(gs->g[k - 1].target, gs->g[i].target)) {
			digest_add(&gs->g[k - 1].want, &gs->g[i].want);
			gs->g[k - 1].only_count = true;
		} else {
			gs->g[k++] = gs->g[i];
		}
	}
	gs->n = k;
	return SNAP_OK;
}

/* ---- one of them */

static enum snap_code
add_row(void *arg, struct span row, struct snap_err *err)
{
	(void)err;
	digest_row(arg, row);
	return SNAP_OK;
}

static void
put_literal(struct bytes *b, PGconn *c, struct span s)
{
	char *p = PQescapeLiteral(c, (const char *)s.p, s.len);

	if (p == NULL)
		b->bad = true;
	else
		bytes_put_str(b, p);
	PQfreemem(p);
}

/* Partitions with rows of their own in the snapshot, loaded directly. */
static void
put_others(
    struct bytes *b, PGconn *c, const struct groups *gs, const struct group *g)
{
	const char *sep = "";

	bytes_put_str(b, " WHERE NOT tableoid = ANY (ARRAY[");
	for (size_t i = 0; i < gs->n; i++) {
		if (&gs->g[i] == g)
			continue;
		bytes_put_str(b, sep);
		put_literal(b, c, gs->g[i].target);
		bytes_put_str(b, "::pg_catalog.regclass");
		sep = ",";
	}
	bytes_put_str(b, "]::pg_catalog.oid[])");
}

/* What the table is, and what its extension says of its rows. */
static enum snap_code
ask_table(struct pgverify *v, PGconn *c, const struct group *g, PGresult **out,
    struct snap_err *err)
{
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, SQL_MAX);
	bytes_put_str(&b,
	    "SELECT c.relkind, (SELECT e.extcondition[x.i]"
	    " FROM pg_catalog.pg_extension e,"
	    " pg_catalog.unnest(e.extconfig) WITH ORDINALITY x(rel, i)"
	    " WHERE x.rel = c.oid) FROM pg_catalog.pg_class c"
	    " WHERE c.oid = ");
	put_literal(&b, c, g->target);
	bytes_put_str(&b, "::pg_catalog.regclass");
	bytes_u8(&b, 0);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&v->pg, c, (const char *)b.p, out, err);
	bytes_fini(&b);
	return rc;
}

static enum snap_code
digest_table(struct groups *gs, PGconn *c, const struct group *g,
    struct digest *have, struct snap_err *err)
{
	PGresult *r = NULL;
	struct bytes b;
	enum snap_code rc = ask_table(gs->v, c, g, &r, err);
	bool parted;

	if (rc != SNAP_OK)
		return rc;
	parted = PQgetvalue(r, 0, 0)[0] == 'p';
	bytes_init(&b, SQL_MAX);
	bytes_put_str(&b, "COPY (SELECT ");
	bytes_put_span(&b, g->columns);
	bytes_put_str(&b, parted ? " FROM " : " FROM ONLY ");
	bytes_put_span(&b, g->target);
	if (parted)
		put_others(&b, c, gs, g);
	else
		bytes_printf(&b, " %s", PQgetvalue(r, 0, 1));
	bytes_put_str(&b, ") TO STDOUT");
	bytes_u8(&b, 0);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc = conn_copy_out(
		    &gs->v->pg, c, (const char *)b.p, add_row, have, err);
	PQclear(r);
	bytes_fini(&b);
	return rc;
}

static enum snap_code
compare_group(void *arg, void *element, struct snap_err *err)
{
	struct groups *gs = arg;
	struct pgverify *v = gs->v;
	struct group *g = element;
	struct digest have = { 0, 0, 0 };
	PGconn *c = NULL;
	enum snap_code rc = verify_take(v, &c, err);

	if (rc == SNAP_OK)
		rc = digest_table(gs, c, g, &have, err);
	if (rc == SNAP_OK && have.n != g->want.n)
		verify_found(v, STREAM_TABLE, g->target,
		    "has %" PRIu64 " rows, %" PRIu64 " were recorded", have.n,
		    g->want.n);
	else if (rc == SNAP_OK && !g->only_count && !digest_eq(&have, &g->want))
		verify_found(v, STREAM_TABLE, g->target,
		    "its %" PRIu64 " rows are not those that were recorded",
		    have.n);
	else if (rc != SNAP_OK && verify_is_missing(err)) {
		verify_found(
		    v, STREAM_TABLE, g->target, "cannot be read: %s", err->msg);
		rc = SNAP_OK;
	}
	pthread_mutex_lock(&v->lock);
	v->count.n_tables++;
	v->count.rows += have.n;
	pthread_mutex_unlock(&v->lock);
	verify_give(v, c);
	return rc;
}

enum snap_code
rows_compare(struct pgverify *v, struct pgverify_rows *rows, size_t n,
    struct snap_err *err)
{
	struct groups gs = { .v = v };
	enum snap_code rc = group_all(&gs, rows, n, err);

	if (rc == SNAP_OK)
		rc = workers_each(v->o.jobs, compare_group, &gs, gs.g, gs.n,
		    sizeof *gs.g, err);
	free(gs.g);
	return rc;
}
