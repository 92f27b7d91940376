/* SPDX-License-Identifier: PostgreSQL */
/*
 * lometa.c - owners, comments, labels and privileges of large objects.
 *
 * From version 17 on pg_dump has them in its data section, which is ours: then
 * they are put into its archive as older ones write them, so that all that
 * reads it finds them where they always were.
 */
#include <stdlib.h>
#include <string.h>

#include "largeobjects.h"
#include "pgsource_internal.h"

/*
 * As pg_dump does: what differs from the privileges that a new one has, the
 * owner's own first, then in the order in which they were granted.
 */
#define PRIVILEGES                                                                 \
	"CASE WHEN m.lomacl IS NOT NULL THEN CASE WHEN d.item = ANY (m.lomacl)"    \
	" THEN '' ELSE pg_catalog.format(E'REVOKE ALL ON LARGE OBJECT %s FROM"     \
	" %I;\n', m.oid, pg_catalog.pg_get_userbyid(m.lomowner)) END ||"           \
	" COALESCE((SELECT pg_catalog.string_agg(CASE WHEN g.grantor = m.lomowner" \
	" THEN '' ELSE pg_catalog.format(E'SET SESSION AUTHORIZATION %I;\n',"      \
	" pg_catalog.pg_get_userbyid(g.grantor)) END ||"                           \
	" pg_catalog.format(E'GRANT %s ON LARGE OBJECT %s TO %s%s;\n', g.what,"    \
	" m.oid, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE"                       \
	" pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END,"      \
	" CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END) ||"              \
	" CASE WHEN g.grantor = m.lomowner THEN ''"                                \
	" ELSE E'RESET SESSION AUTHORIZATION;\n' END, '' ORDER BY"                 \
	" g.grantee = m.lomowner AND g.grantor = m.lomowner DESC, g.n,"            \
	" g.is_grantable) FROM (SELECT u.n, x.grantor, x.grantee,"                 \
	" x.is_grantable, pg_catalog.string_agg(x.privilege_type, ', '"            \
	" ORDER BY x.privilege_type) AS what"                                      \
	" FROM pg_catalog.unnest(m.lomacl) WITH ORDINALITY u(item, n),"            \
	" pg_catalog.aclexplode(ARRAY[u.item]) x WHERE NOT u.item = d.item"        \
	" GROUP BY 1, 2, 3, 4) g), '') END"

static const char all[] =
    "SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),"
    " (SELECT pg_catalog.format(E'COMMENT ON LARGE OBJECT %s IS %L;\n', m.oid,"
    " c.description) FROM pg_catalog.pg_description c WHERE c.objoid = m.oid"
    " AND c.objsubid = 0"
    " AND c.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass),"
    " (SELECT pg_catalog.string_agg(pg_catalog.format(E'SECURITY LABEL FOR %I"
    " ON LARGE OBJECT %s IS %L;\n', l.provider, m.oid, l.label), ''"
    " ORDER BY l.provider) FROM pg_catalog.pg_seclabel l WHERE l.objoid = m.oid"
    " AND l.objsubid = 0"
    " AND l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)"
    ", " PRIVILEGES " FROM pg_catalog.pg_largeobject_metadata m,"
    " LATERAL (SELECT (pg_catalog.acldefault('L', m.lomowner))[1] AS item) d"
    " ORDER BY 1";

static enum snap_code
add_all(struct pgsource *s, const struct toc *t, const PGresult *r,
    struct snap_err *err)
{
	int n = PQntuples(r);
	struct large_object *v = calloc((size_t)n + 1, sizeof *v);
	struct bytes archive;
	enum snap_code rc;

	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (int i = 0; i < n; i++)
		v[i] = (struct large_object){
			(uint32_t)strtoul(PQgetvalue(r, i, 0), NULL, 10),
			span_str(PQgetvalue(r, i, 1)),
			span_str(PQgetvalue(r, i, 2)),
			span_str(PQgetvalue(r, i, 3)),
			span_str(PQgetvalue(r, i, 4))
		};
	bytes_init(&archive, DDL_MAX);
	rc = largeobjects_add(
	    bytes_span(&s->archive), t, v, (size_t)n, &archive, err);
	if (rc == SNAP_OK) {
		bytes_fini(&s->archive);
		s->archive = archive;
	} else {
		bytes_fini(&archive);
	}
	free(v);
	return rc;
}

enum snap_code
largeobj_describe(struct pgsource *s, struct snap_err *err)
{
	PGresult *r = NULL;
	struct toc *t = NULL;
	char *some = NULL;
	enum snap_code rc;

	if (!include_everything(s))
		return SNAP_OK;
	rc = conn_value(&s->pg, s->pg.conn,
	    "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)",
	    &some, err);
	if (rc != SNAP_OK || some[0] != 't')
		goto out;
	rc = toc_parse(bytes_span(&s->archive), &t, err);
	if (rc != SNAP_OK || largeobjects_known(t))
		goto out;
	rc = conn_exec(&s->pg, s->pg.conn, all, &r, err);
	if (rc == SNAP_OK)
		rc = add_all(s, t, r, err);
out:
	PQclear(r);
	toc_free(t);
	free(some);
	return rc == SNAP_OK ? rc : snap_wrap(err, "large objects");
}
