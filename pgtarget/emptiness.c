/* SPDX-License-Identifier: PostgreSQL */
/*
 * emptiness.c - is there anything in the database that somebody made?
 *
 * What initdb makes has an OID below 16384.  Beyond it only the schema public,
 * which some drop and make again, the extension plpgsql and those that the
 * snapshot has too count as nothing: somebody may have had to make them for a
 * user who may not.
 */
#include <stdlib.h>
#include <string.h>

#include "pgtarget_internal.h"

#define SHOWN 5 /* names in the message */
#define LOOKED_AT 1005
#define LIMIT_TEXT "1005"

/* Rows of what it is, its name, its catalog and its OID. */
static const char *const kinds[] = {
	"SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'"
	" WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'"
	" ELSE 'table' END,"
	" pg_catalog.format('%I.%I', n.nspname, c.relname), 'pg_class', c.oid"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
	" ON n.oid = c.relnamespace WHERE c.oid >= 16384"
	" AND c.relkind NOT IN ('i', 'I', 'c')"
	" AND n.nspname !~ '^pg_(toast|temp)'",
	"SELECT 'function', p.oid::pg_catalog.regprocedure::text, 'pg_proc',"
	" oid FROM pg_catalog.pg_proc p WHERE p.oid >= 16384",
	"SELECT 'type', t.oid::pg_catalog.regtype::text, 'pg_type', t.oid"
	" FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c"
	" ON c.oid = t.typrelid WHERE t.oid >= 16384"
	" AND coalesce(c.relkind, 'c') = 'c' AND t.typcategory <> 'A'",
	"SELECT 'schema', nspname::text, 'pg_namespace', oid"
	" FROM pg_catalog.pg_namespace WHERE oid >= 16384"
	" AND nspname <> 'public' AND nspname !~ '^pg_(toast|temp)'",
	"SELECT 'extension', extname::text, 'pg_extension', oid"
	" FROM pg_catalog.pg_extension",
	"SELECT 'large object', oid::text, 'pg_largeobject', oid"
	" FROM pg_catalog.pg_largeobject_metadata",
	"SELECT 'event trigger', evtname::text, 'pg_event_trigger', oid"
	" FROM pg_catalog.pg_event_trigger",
	"SELECT 'publication', pubname::text, 'pg_publication', oid"
	" FROM pg_catalog.pg_publication",
	"SELECT 'foreign server', srvname::text, 'pg_foreign_server', oid"
	" FROM pg_catalog.pg_foreign_server",
	"SELECT 'foreign-data wrapper', fdwname::text,"
	" 'pg_foreign_data_wrapper', oid"
	" FROM pg_catalog.pg_foreign_data_wrapper",
	"SELECT 'language', lanname::text, 'pg_language', oid"
	" FROM pg_catalog.pg_language WHERE oid >= 16384",
	"SELECT 'default privileges', 'of ' || pg_catalog.pg_get_userbyid("
	"defaclrole), 'pg_default_acl', oid FROM pg_catalog.pg_default_acl",
	"SELECT 'cast', pg_catalog.format('(%s AS %s)',"
	" castsource::pg_catalog.regtype, casttarget::pg_catalog.regtype),"
	" 'pg_cast', oid FROM pg_catalog.pg_cast WHERE oid >= 16384",
	"SELECT 'operator', oid::pg_catalog.regoperator::text, 'pg_operator',"
	" oid FROM pg_catalog.pg_operator WHERE oid >= 16384",
	"SELECT 'operator family', opfname::text, 'pg_opfamily', oid"
	" FROM pg_catalog.pg_opfamily WHERE oid >= 16384",
	"SELECT 'collation', collname::text, 'pg_collation', oid"
	" FROM pg_catalog.pg_collation WHERE oid >= 16384",
	"SELECT 'conversion', conname::text, 'pg_conversion', oid"
	" FROM pg_catalog.pg_conversion WHERE oid >= 16384",
	"SELECT 'text search configuration', cfgname::text, 'pg_ts_config',"
	" oid FROM pg_catalog.pg_ts_config WHERE oid >= 16384",
	"SELECT 'text search dictionary', dictname::text, 'pg_ts_dict', oid"
	" FROM pg_catalog.pg_ts_dict WHERE oid >= 16384",
	"SELECT 'access method', amname::text, 'pg_am', oid"
	" FROM pg_catalog.pg_am WHERE oid >= 16384",
	"SELECT 'subscription', subname::text, 'pg_subscription', subid"
	" FROM pg_catalog.pg_stat_subscription s"
	" WHERE s.subid IN (SELECT oid FROM pg_catalog.pg_subscription"
	" WHERE subdbid = (SELECT d.oid FROM pg_catalog.pg_database d"
	" WHERE d.datname = pg_catalog.current_database()))",
};

/* An extension that the snapshot has too, what it brought and where it is. */
static const char is_other[] =
    ") AS x(kind, name, catalog, oid) WHERE NOT EXISTS (SELECT"
    " FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_depend d"
    " ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
    " AND d.refobjid = e.oid AND d.deptype = 'e'"
    " WHERE e.extname = ANY (known.names) AND ((catalog = 'pg_extension'"
    " AND e.oid = x.oid) OR (catalog = 'pg_namespace'"
    " AND e.extnamespace = x.oid) OR (d.objid = x.oid AND d.classid ="
    " ('pg_catalog.' || catalog)::pg_catalog.regclass)))"
    " LIMIT " LIMIT_TEXT;

static void
name_some(const PGresult *r, struct bytes *out)
{
	int i, n = PQntuples(r) < SHOWN ? PQntuples(r) : SHOWN;

	for (i = 0; i < n; i++)
		bytes_printf(out, "%s%s %s", i == 0 ? "" : ", ",
		    PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
	if (PQntuples(r) > n)
		bytes_printf(out, " and %s%d more",
		    PQntuples(r) == LOOKED_AT ? "over " : "", PQntuples(r) - n);
	bytes_u8(out, 0);
}

enum snap_code
emptiness_check(struct pgtarget *t, struct snap_err *err)
{
	struct bytes sql, names;
	PGresult *r = NULL;
	enum snap_code rc;
	size_t i;

	bytes_init(&sql, QUERY_MAX);
	bytes_init(&names, QUERY_MAX);
	bytes_put_str(&sql, "SELECT kind, name FROM (SELECT ");
	extensions_names(t, &sql);
	bytes_put_str(&sql, " AS names) AS known, (");
	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		bytes_printf(
		    &sql, "%s(%s)", i == 0 ? "" : " UNION ALL ", kinds[i]);
	bytes_put_str(&sql, is_other);
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc =
		    conn_exec(&t->pg, t->pg.conn, (const char *)sql.p, &r, err);
	if (rc != SNAP_OK || PQntuples(r) == 0)
		goto out;
	name_some(r, &names);
	rc = snap_fail(
	    err, SNAP_EXISTS, "database %s is not empty", PQdb(t->pg.conn));
	if (!names.bad)
		(void)snap_detail(err, "It has %s.", (const char *)names.p);
	(void)snap_hint(err,
	    "Restore into an empty database, let --create make one, or have "
	    "--clean drop what the snapshot has as well.");
out:
	PQclear(r);
	bytes_fini(&sql);
	bytes_fini(&names);
	return rc;
}
