/* SPDX-License-Identifier: PostgreSQL */
/*
 * presence.c - what is there of that which a part of a snapshot wants to make.
 *
 * Entries of the archive are looked up by the names under which catalogs keep
 * them.  Some kinds have no name of their own (casts, operators, triggers):
 * pg_restore will tell of these.
 */
#include <stdlib.h>
#include <string.h>

#include "pgtarget_internal.h"

#define SHOWN 5       /* names in the message of an error */
#define SHOWN_KEPT 20 /* of what stays as it is */

/* How a kind of entry is looked up: w.s and w.n are its schema and name, w.q
 * the name as its DROP has it. */
#define NAMED(catalog, column)                                                 \
	"pg_catalog." catalog " c ON c." column " = w.n::pg_catalog.name"
#define IN_SCHEMA(catalog, column, schema)                                     \
	NAMED(catalog, column)                                                 \
	" JOIN pg_catalog.pg_namespace s ON s.oid = c." schema                 \
	" AND s.nspname = w.s::pg_catalog.name"
static const char relations[] =
    IN_SCHEMA("pg_class", "relname", "relnamespace");
static const char types[] = IN_SCHEMA("pg_type", "typname", "typnamespace");
/* Without quotes: which words need them is another thing in each version. */
static const char functions[] =
    "(SELECT pg_catalog.replace(pg_catalog.concat(pg_catalog.quote_ident("
    "n.nspname), '.', pg_catalog.quote_ident(p.proname), '(', pg_catalog."
    "pg_get_function_identity_arguments(p.oid), ')'), '\"', '') AS sig"
    " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n"
    " ON n.oid = p.pronamespace WHERE p.oid >= 16384) c"
    " ON c.sig = pg_catalog.replace(w.q, '\"', '')";

/* Those that are looked up alike stand together. */
static const struct {
	const char *desc, *where;
} kinds[] = {
	{ "TABLE", relations },
	{ "FOREIGN TABLE", relations },
	{ "VIEW", relations },
	{ "MATERIALIZED VIEW", relations },
	{ "SEQUENCE", relations },
	{ "INDEX", relations },
	{ "CONSTRAINT", relations }, /* by its index */
	{ "TYPE", types },
	{ "SHELL TYPE", types },
	{ "DOMAIN", types },
	{ "FUNCTION", functions },
	{ "PROCEDURE", functions },
	{ "AGGREGATE", functions },
	{ "COLLATION", IN_SCHEMA("pg_collation", "collname", "collnamespace") },
	{ "TEXT SEARCH CONFIGURATION",
	    IN_SCHEMA("pg_ts_config", "cfgname", "cfgnamespace") },
	{ "TEXT SEARCH DICTIONARY",
	    IN_SCHEMA("pg_ts_dict", "dictname", "dictnamespace") },
	{ "OPERATOR CLASS",
	    IN_SCHEMA("pg_opclass", "opcname", "opcnamespace") },
	{ "OPERATOR FAMILY",
	    IN_SCHEMA("pg_opfamily", "opfname", "opfnamespace") },
	{ "SCHEMA", NAMED("pg_namespace", "nspname") },
	{ "EXTENSION", NAMED("pg_extension", "extname") },
	{ "PROCEDURAL LANGUAGE", NAMED("pg_language", "lanname") },
	{ "ACCESS METHOD", NAMED("pg_am", "amname") },
	{ "FOREIGN DATA WRAPPER", NAMED("pg_foreign_data_wrapper", "fdwname") },
	{ "SERVER", NAMED("pg_foreign_server", "srvname") },
	{ "PUBLICATION", NAMED("pg_publication", "pubname") },
	{ "EVENT TRIGGER", NAMED("pg_event_trigger", "evtname") },
	{ "BLOB", "pg_catalog.pg_largeobject_metadata c"
		  " ON c.oid::pg_catalog.text = w.n" },
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static const char *
where_of(struct span desc)
{
	for (size_t k = 0; k < N_KINDS; k++)
		if (span_eq(desc, span_str(kinds[k].desc)))
			return kinds[k].where;
	return NULL;
}

static void
put_literal(struct pgtarget *t, struct span s, struct bytes *out)
{
	char *lit = PQescapeLiteral(
	    t->pg.conn, s.p != NULL ? (const char *)s.p : "", s.len);

	if (lit == NULL)
		out->bad = true;
	else
		bytes_put_str(out, lit);
	PQfreemem(lit);
}

/* All entries that are looked up like this. */
static enum snap_code
look_up(
    struct pgtarget *t, const char *where, bool *there, struct snap_err *err)
{
	size_t n = pgarchive_n_entries(t->o.part), any = 0, i;
	struct pgarchive_item e;
	PGresult *r = NULL;
	struct bytes sql;
	enum snap_code rc = SNAP_OK;

	bytes_init(&sql, QUERY_MAX);
	bytes_put_str(&sql, "SELECT w.i FROM (VALUES ");
	for (i = 0; i < n; i++) {
		if (!pgarchive_item(t->o.part, i, &e) ||
		    where_of(e.desc) != where)
			continue;
		bytes_printf(&sql, "%s(%zu, ", any++ > 0 ? ", " : "", i);
		put_literal(t, e.schema, &sql);
		bytes_put_str(&sql, ", ");
		put_literal(t, e.name, &sql);
		bytes_put_str(&sql, ", ");
		put_literal(t, e.sql, &sql);
		bytes_u8(&sql, ')');
	}
	bytes_printf(&sql, ") AS w (i, s, n, q) JOIN %s", where);
	bytes_u8(&sql, 0);
	if (any > 0 && (rc = bytes_check(&sql, err)) == SNAP_OK)
		rc =
		    conn_exec(&t->pg, t->pg.conn, (const char *)sql.p, &r, err);
	for (int k = 0; rc == SNAP_OK && k < PQntuples(r); k++) {
		i = strtoul(PQgetvalue(r, k, 0), NULL, 10);
		if (i < n)
			there[i] = true;
	}
	PQclear(r);
	bytes_fini(&sql);
	return rc;
}

static enum snap_code
look_up_all(struct pgtarget *t, bool *there, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t k = 0; k < N_KINDS && rc == SNAP_OK; k++)
		if (k == 0 || kinds[k].where != kinds[k - 1].where)
			rc = look_up(t, kinds[k].where, there, err);
	return rc;
}

/* Those with this claim that are there, or are not: how many, and the first
 * of them by name. */
static size_t
name_some(const struct pgtarget *t, enum pgarchive_claim claim,
    const bool *there, bool are, size_t shown, struct bytes *out)
{
	struct pgarchive_item e;
	size_t n = 0, k;

	for (size_t i = 0; i < pgarchive_n_entries(t->o.part); i++) {
		if (!pgarchive_item(t->o.part, i, &e) || e.claim != claim ||
		    there[i] != are || where_of(e.desc) == NULL || n++ >= shown)
			continue;
		bytes_put_str(out, n > 1 ? ", " : "");
		for (k = 0; k < e.desc.len; k++)
			bytes_u8(out, e.desc.p[k] == ' '
					  ? (uint8_t)' '
					  : (uint8_t)(e.desc.p[k] | 0x20));
		bytes_u8(out, ' ');
		if (e.schema.len > 0) {
			bytes_put_span(out, e.schema);
			bytes_u8(out, '.');
		}
		bytes_put_span(out, e.name);
	}
	if (n > shown)
		bytes_printf(out, " and %zu more", n - shown);
	bytes_u8(out, 0);
	return n;
}

static enum snap_code
refuse(struct pgtarget *t, const bool *there, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes names;
	size_t n;

	bytes_init(&names, QUERY_MAX);
	n = name_some(t, PGARCHIVE_EXPECTED, there, false, SHOWN, &names);
	if (n > 0) {
		rc = snap_fail(err, SNAP_NOTFOUND,
		    "database %s lacks %zu of the tables and sequences that "
		    "are to be filled or built upon",
		    PQdb(t->pg.conn), n);
		(void)snap_detail(err, "It has no %s.",
		    names.bad ? "?" : (const char *)names.p);
		(void)snap_hint(err,
		    "Their definitions are the section pre-data: restore that "
		    "first, or as well.");
		goto out;
	}
	bytes_clear(&names);
	n = t->o.clean
		? 0
		: name_some(t, PGARCHIVE_MADE, there, true, SHOWN, &names);
	if (n > 0) {
		rc = snap_fail(err, SNAP_EXISTS,
		    "database %s has %zu of what is to be made already",
		    PQdb(t->pg.conn), n);
		(void)snap_detail(
		    err, "It has %s.", names.bad ? "?" : (const char *)names.p);
		(void)snap_hint(err,
		    "Rename or drop what is there, let --clean drop it, or "
		    "restore with --data-only the rows alone.");
	}
out:
	bytes_fini(&names);
	return rc;
}

static void
keep(struct pgtarget *t, bool *there)
{
	struct pgarchive_item e;
	struct bytes names;
	size_t n;

	bytes_init(&names, QUERY_MAX);
	n = name_some(t, PGARCHIVE_ALONG, there, true, SHOWN_KEPT, &names);
	if (n > 0)
		report_log(t->pg.o.report, REPORT_INFO,
		    "left as the target has it: %s",
		    names.bad ? "?" : (const char *)names.p);
	t->progress.n_kept = n;
	for (size_t i = 0; i < pgarchive_n_entries(t->o.part); i++)
		there[i] = there[i] && pgarchive_item(t->o.part, i, &e) &&
			   (e.claim == PGARCHIVE_ALONG ||
			       e.claim == PGARCHIVE_REFERRED);
	pgarchive_leave(t->o.part, there);
	bytes_fini(&names);
}

enum snap_code
presence_check(struct pgtarget *t, struct snap_err *err)
{
	bool *there = calloc(pgarchive_n_entries(t->o.part) + 1, sizeof *there);
	enum snap_code rc;

	if (there == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	rc = look_up_all(t, there, err);
	if (rc == SNAP_OK)
		rc = refuse(t, there, err);
	if (rc == SNAP_OK)
		keep(t, there);
	free(there);
	return rc;
}

bool
presence_lacks(struct pgtarget *t)
{
	bool *there = calloc(pgarchive_n_entries(t->o.part) + 1, sizeof *there);
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes names;
	bool lacks = false;

	bytes_init(&names, QUERY_MAX);
	if (there != NULL && look_up_all(t, there, &err) == SNAP_OK)
		lacks =
		    name_some(t, PGARCHIVE_MADE, there, true, 0, &names) == 0;
	bytes_fini(&names);
	free(there);
	return lacks;
}
