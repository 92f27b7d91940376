/* SPDX-License-Identifier: PostgreSQL */
/*
 * extensions.c - what cannot be made because of an extension.
 *
 * Which extensions a user may create differs from server to server, and so does
 * which are installed.  Each is tried in a transaction that is rolled back,
 * before anything is changed: so it is known what has to be left out, with all
 * that depends on it, and the rest can still be made as a whole.  Rows are
 * never left out: a table that needs such an extension ends the restore.
 */
#include <stdlib.h>
#include <string.h>

#include "pgtarget_internal.h"
#include "toc.h"

static bool
is_desc(const struct toc_entry *e, const char *desc)
{
	return span_eq(e->desc, span_str(desc));
}

/* A comment or the like on what has its own entry: not worth a word. */
static bool
is_remark(const struct toc_entry *e)
{
	return is_desc(e, "COMMENT") || is_desc(e, "SECURITY LABEL") ||
	       is_desc(e, "ACL");
}

/* "EXTENSION pg_trgm", for people. */
static void
put_label(const struct toc_entry *e, struct bytes *out)
{
	bytes_put_span(out, e->desc);
	bytes_u8(out, ' ');
	if (e->schema.len > 0) {
		bytes_put_span(out, e->schema);
		bytes_u8(out, '.');
	}
	bytes_put_span(out, e->tag);
	bytes_u8(out, 0);
}

static enum snap_code
run(struct pgtarget *t, const char *before, struct span sql,
    struct snap_err *err)
{
	enum snap_code rc;
	struct bytes b;

	bytes_init(&b, QUERY_MAX);
	bytes_put_str(&b, before);
	bytes_put_span(&b, sql);
	bytes_u8(&b, 0);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc =
		    conn_exec(&t->pg, t->pg.conn, (const char *)b.p, NULL, err);
	bytes_fini(&b);
	return rc;
}

/* *made: did the server take it?  If not, *why. */
static enum snap_code
try_one(struct pgtarget *t, struct span sql, bool *made, struct snap_err *why,
    struct snap_err *err)
{
	enum snap_code rc = run(t, "SAVEPOINT probe;", sql, why);

	*made = rc == SNAP_OK;
	if (*made)
		return rc;
	if (rc == SNAP_CANCELLED || conn_sqlstate(why)[0] == '\0') {
		*err = *why;
		return rc;
	}
	return run(t, "ROLLBACK TO SAVEPOINT probe", span_of(NULL, 0), err);
}

/*
 * A comment that may not be made is no loss where it is there: every extension
 * brings one.
 */
static enum snap_code
has_comment(struct pgtarget *t, const struct toc_entry *e, bool *has,
    struct snap_err *err)
{
	struct span left = e->defn;
	struct sql_token v[6] = { { .kind = SQL_END } };
	struct bytes sql, name;
	char *lit = NULL, *value = NULL;
	enum snap_code rc;

	*has = false;
	for (size_t i = 0; i < 6; i++)
		v[i] = sql_next(&left);
	/* COMMENT ON EXTENSION name IS 'text' */
	if (v[5].kind != SQL_STRING || !sql_is(&v[0], "comment"))
		return SNAP_OK;
	bytes_init(&sql, QUERY_MAX);
	bytes_init(&name, QUERY_MAX);
	sql_fold(&v[3], &name);
	if (!name.bad)
		lit =
		    PQescapeLiteral(t->pg.conn, (const char *)name.p, name.len);
	sql.bad = lit == NULL;
	bytes_printf(&sql,
	    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_extension"
	    " WHERE extname = %s AND pg_catalog.obj_description(oid,"
	    " 'pg_extension') = ",
	    lit != NULL ? lit : "");
	bytes_put_span(&sql, v[5].text);
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_value(
		    &t->pg, t->pg.conn, (const char *)sql.p, &value, err);
	*has = rc == SNAP_OK && strcmp(value, "1") == 0;
	free(value);
	PQfreemem(lit);
	bytes_fini(&sql);
	bytes_fini(&name);
	return rc;
}

/* The schemas that it needs may not be there yet; whatever is wrong with one
 * of them will be told by what makes it. */
static enum snap_code
try_schemas(struct pgtarget *t, const struct toc *toc,
    const struct toc_entry *e, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; rc == SNAP_OK && i < e->n_deps; i++) {
		const struct toc_entry *d = &toc->v[e->deps[i]];
		struct snap_err why = SNAP_ERR_INIT;
		bool made;

		if (is_desc(d, "SCHEMA"))
			rc = try_one(t, d->defn, &made, &why, err);
	}
	return rc;
}

static void
tell(struct pgtarget *t, const struct toc_entry *e, const char *why)
{
	struct bytes label;

	bytes_init(&label, QUERY_MAX);
	put_label(e, &label);
	if (strncmp(why, "query: ", 7) == 0)
		why += 7;
	report_log(t->pg.o.report, REPORT_WARNING, "%s is left out: %s",
	    label.bad ? "something" : (const char *)label.p, why);
	bytes_fini(&label);
	t->progress.n_left_out++;
}

/* Which are refused: into out[], by entry. */
static enum snap_code
try_all(
    struct pgtarget *t, const struct toc *toc, bool *out, struct snap_err *err)
{
	enum snap_code rc = run(t, "BEGIN READ WRITE", span_of(NULL, 0), err);

	for (size_t i = 0; rc == SNAP_OK && i < toc->n; i++) {
		const struct toc_entry *e = &toc->v[i];
		struct snap_err why = SNAP_ERR_INIT;
		bool remark = is_desc(e, "COMMENT") && e->tag.len > 10 &&
			      memcmp(e->tag.p, "EXTENSION ", 10) == 0;
		bool made = true, has = false;

		if (!remark && !is_desc(e, "EXTENSION"))
			continue;
		for (size_t j = 0; remark && j < e->n_deps; j++)
			has |= out[e->deps[j]];
		if (has) /* gone with it */
			continue;
		if (!remark)
			rc = try_schemas(t, toc, e, err);
		if (rc == SNAP_OK)
			rc = try_one(t, e->defn, &made, &why, err);
		if (rc == SNAP_OK && !made && remark)
			rc = has_comment(t, e, &has, err);
		out[i] = !made;
		if (rc == SNAP_OK && !made && !has)
			tell(t, e, why.msg);
	}
	if (PQstatus(t->pg.conn) == CONNECTION_OK && rc != SNAP_CANCELLED) {
		struct snap_err lost = SNAP_ERR_INIT;
		enum snap_code rc2 =
		    run(t, "ROLLBACK", span_of(NULL, 0), &lost);

		if (rc == SNAP_OK && (rc = rc2) != SNAP_OK)
			*err = lost;
	}
	return rc;
}

/* The first of what it depends on that is out; SIZE_MAX = none. */
static size_t
needs(const struct toc_entry *e, const bool *out)
{
	for (size_t i = 0; i < e->n_deps; i++)
		if (out[e->deps[i]])
			return e->deps[i];
	return SIZE_MAX;
}

/* A table has rows, a sequence a value, and those have to go somewhere. */
static enum snap_code
refuse(
    const struct toc_entry *e, const struct toc_entry *on, struct snap_err *err)
{
	struct bytes a, b;

	bytes_init(&a, QUERY_MAX);
	bytes_init(&b, QUERY_MAX);
	put_label(e, &a);
	put_label(on, &b);
	(void)snap_fail(err, SNAP_SOURCE, "%s cannot be made without %s",
	    a.bad ? "a table" : (const char *)a.p,
	    b.bad ? "an extension" : (const char *)b.p);
	bytes_fini(&a);
	bytes_fini(&b);
	return snap_hint(err,
	    "Have the extension created in the target by somebody who may: what "
	    "is there already is used.");
}

/* What depends on what is out is out as well. */
static enum snap_code
spread(
    struct pgtarget *t, const struct toc *toc, bool *out, struct snap_err *err)
{
	struct bytes why;
	bool more;

	do {
		more = false;
		for (size_t i = 0; i < toc->n; i++) {
			const struct toc_entry *e = &toc->v[i];
			size_t on = out[i] ? SIZE_MAX : needs(e, out);

			if (on == SIZE_MAX)
				continue;
			if (is_desc(e, "TABLE") || is_desc(e, "SEQUENCE"))
				return refuse(e, &toc->v[on], err);
			more = out[i] = true;
			if (is_remark(e))
				continue;
			bytes_init(&why, QUERY_MAX);
			bytes_put_str(&why, "it needs ");
			put_label(&toc->v[on], &why);
			tell(t, e, why.bad ? "?" : (const char *)why.p);
			bytes_fini(&why);
		}
	} while (more);
	return SNAP_OK;
}

static int
by_number(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* By its number in the archive. */
static enum snap_code
add_out(struct pgtarget *t, const struct toc_entry *e, struct snap_err *err)
{
	enum snap_code rc = vec_room(
	    (void **)&t->out, &t->out_cap, t->n_out, sizeof *t->out, err);

	if (rc == SNAP_OK)
		t->out[t->n_out++] = e->id;
	return rc;
}

enum snap_code
extensions_try(struct pgtarget *t, struct snap_err *err)
{
	bool *out;
	enum snap_code rc;

	if (t->toc == NULL)
		return SNAP_OK;
	out = calloc(t->toc->n + 1, sizeof *out);
	rc = out == NULL ? snap_fail(err, SNAP_NOMEM, "out of memory")
			 : try_all(t, t->toc, out, err);
	if (rc == SNAP_OK)
		rc = spread(t, t->toc, out, err);
	for (size_t i = 0; rc == SNAP_OK && i < t->toc->n; i++)
		if (out[i])
			rc = add_out(t, &t->toc->v[i], err);
	free(out);
	return rc;
}

/* DROP what IF EXISTS name, of one of these? */
static bool
stays(const PGresult *theirs, struct span s)
{
	struct sql_token v[5];
	int col;

	for (size_t i = 0; i < 5; i++)
		v[i] = sql_next(&s);
	col = sql_is(&v[1], "schema");
	if (!sql_is(&v[0], "drop") || (col == 0 && !sql_is(&v[1], "extension")))
		return false;
	for (int i = 0; i < PQntuples(theirs); i++)
		if (sql_names(&v[4], PQgetvalue(theirs, i, col)))
			return true;
	return false;
}

enum snap_code
extensions_spare(
    struct pgtarget *t, struct span *list, size_t *n, struct snap_err *err)
{
	PGresult *theirs = NULL;
	size_t kept = 0;
	enum snap_code rc;

	if (!t->o.leave_out)
		return SNAP_OK;
	rc = conn_exec(&t->pg, t->pg.conn,
	    "SELECT e.extname, s.nspname FROM pg_catalog.pg_extension e"
	    " JOIN pg_catalog.pg_namespace s ON s.oid = e.extnamespace"
	    " WHERE NOT pg_catalog.pg_has_role(e.extowner, 'USAGE')",
	    &theirs, err);
	for (size_t i = 0; rc == SNAP_OK && i < *n; i++)
		if (!stays(theirs, list[i]))
			list[kept++] = list[i];
	if (rc == SNAP_OK)
		*n = kept;
	PQclear(theirs);
	return rc;
}

/* Somebody made it for an extension. */
static enum snap_code
skip_schemas(struct pgtarget *t, struct snap_err *err)
{
	PGresult *r = NULL;
	enum snap_code rc = conn_exec(&t->pg, t->pg.conn,
	    "SELECT nspname FROM pg_catalog.pg_namespace WHERE oid >= 16384"
	    " AND oid IN (SELECT extnamespace FROM pg_catalog.pg_extension)",
	    &r, err);

	for (size_t i = 0; rc == SNAP_OK && i < t->toc->n; i++)
		for (int j = 0; rc == SNAP_OK && j < PQntuples(r) &&
				is_desc(&t->toc->v[i], "SCHEMA");
		     j++)
			if (span_eq(t->toc->v[i].tag,
				span_str(PQgetvalue(r, j, 0))))
				rc = add_out(t, &t->toc->v[i], err);
	PQclear(r);
	return rc;
}

enum snap_code
extensions_ready(struct pgtarget *t, struct snap_err *err)
{
	enum snap_code rc = t->toc != NULL ? skip_schemas(t, err) : SNAP_OK;

	if (t->n_out > 0)
		qsort(t->out, t->n_out, sizeof *t->out, by_number);
	return rc;
}

void
extensions_forget(struct pgtarget *t)
{
	toc_free(t->toc);
	t->toc = NULL;
	bytes_fini(&t->text);
}

bool
extensions_out(const struct pgtarget *t, const char *line)
{
	int32_t id = (int32_t)strtol(line, NULL, 10);

	return t->n_out > 0 && bsearch(&id, t->out, t->n_out, sizeof *t->out,
				   by_number) != NULL;
}

/* An archive of a pg_dump newer than we know is none of ours: nothing of it is
 * left out then. */
enum snap_code
extensions_read(struct pgtarget *t, struct snap_err *err)
{
	struct toc *toc = NULL;
	enum snap_code rc;
	bool any = false;

	if (!t->o.leave_out || t->toc != NULL)
		return SNAP_OK;
	rc = toc_parse(bytes_span(&t->text), &toc, err);
	if (rc == SNAP_UNSUPPORTED)
		return SNAP_OK;
	for (size_t i = 0; rc == SNAP_OK && i < toc->n; i++)
		any |= is_desc(&toc->v[i], "EXTENSION");
	if (any)
		t->toc = toc;
	else
		toc_free(toc);
	return rc;
}

void
extensions_names(const struct pgtarget *t, struct bytes *out)
{
	bytes_put_str(out, "ARRAY['plpgsql'");
	for (size_t i = 0; t->toc != NULL && i < t->toc->n; i++) {
		const struct toc_entry *e = &t->toc->v[i];
		char *lit;

		if (!is_desc(e, "EXTENSION"))
			continue;
		lit = PQescapeLiteral(
		    t->pg.conn, (const char *)e->tag.p, e->tag.len);
		bytes_put_str(out, ", ");
		bytes_put_str(out, lit != NULL ? lit : "");
		out->bad |= lit == NULL;
		PQfreemem(lit);
	}
	bytes_put_str(out, "]::pg_catalog.name[]");
}
