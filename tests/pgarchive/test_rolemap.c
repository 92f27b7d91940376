/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_rolemap.c - of a statement the roles get other names, and what only
 * looks like one of them does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "archive.h"
#include "rolemap.h"
#include "toc.h"

#define ROOM ((size_t)1 << 20)

static const char *const list[] = { "old=New", "\"O d\"=\"N\"\"w\"",
	"other=new", NULL };
static char text[4096];

static const char *
mapped(const char *sql)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct rolemap *m = NULL;
	struct bytes b;

	bytes_init(&b, sizeof text);
	assert_int_equal(rolemap_new(list, &m, &err), SNAP_OK);
	assert_int_equal(rolemap_sql(m, span_str(sql), &b, &err), SNAP_OK);
	bytes_u8(&b, 0);
	memcpy(text, b.p, b.len);
	bytes_fini(&b);
	rolemap_free(m);
	return text;
}

static void
same(const char *sql)
{
	assert_string_equal(mapped(sql), sql);
}

static void
privileges_go_to_the_new_role(void **state)
{
	(void)state;
	assert_string_equal(
	    mapped("GRANT SELECT(a),UPDATE(\"to\") ON TABLE s.t TO old;\n"),
	    "GRANT SELECT(a),UPDATE(\"to\") ON TABLE s.t TO \"new\";\n");
	assert_string_equal(
	    mapped("REVOKE ALL ON FUNCTION f(a text, \"from\" int) FROM "
		   "\"O d\" ;"),
	    "REVOKE ALL ON FUNCTION f(a text, \"from\" int) FROM \"N\"\"w\" ;");
	assert_string_equal(mapped("SET SESSION AUTHORIZATION old;\n"
				   "GRANT USAGE ON SCHEMA s TO o WITH GRANT "
				   "OPTION GRANTED BY OLD;"),
	    "SET SESSION AUTHORIZATION \"new\";\nGRANT USAGE ON SCHEMA s TO o "
	    "WITH GRANT OPTION GRANTED BY \"new\";");
	assert_string_equal(
	    mapped("ALTER DEFAULT PRIVILEGES FOR ROLE old IN SCHEMA old GRANT "
		   "ALL ON TABLES TO \"O d\";"),
	    "ALTER DEFAULT PRIVILEGES FOR ROLE \"new\" IN SCHEMA old GRANT "
	    "ALL ON TABLES TO \"N\"\"w\";");
	same(
	    "GRANT ALL ON TABLE old TO PUBLIC;\nREVOKE ALL ON TABLE old FROM x;");
	same("GRANT ALL ON TABLE \"a TO old\" TO \"old \", \"OLD\";");
}

static void
policies_and_mappings_and_settings_too(void **state)
{
	(void)state;
	assert_string_equal(
	    mapped("CREATE POLICY old ON old AS PERMISSIVE FOR SELECT TO old, "
		   "x,other USING ((u = 'TO old') OR (SELECT TO old));"),
	    "CREATE POLICY old ON old AS PERMISSIVE FOR SELECT TO \"new\", x "
	    "USING ((u = 'TO old') OR (SELECT TO old));");
	same("CREATE POLICY p ON t TO x, y USING (true);");
	assert_string_equal(
	    mapped(
		"CREATE USER MAPPING FOR old SERVER old OPTIONS (\n    "
		"\"user\" 'old'\n);\nDROP USER MAPPING FOR \"O d\" SERVER f;"),
	    "CREATE USER MAPPING FOR \"new\" SERVER old OPTIONS (\n    "
	    "\"user\" 'old'\n);\nDROP USER MAPPING FOR \"N\"\"w\" SERVER f;");
	same("CREATE USER MAPPING FOR PUBLIC SERVER old;");
	assert_string_equal(
	    mapped("-- to old;\n\\encoding SQL_ASCII\nALTER DATABASE old OWNER "
		   "TO old;\nALTER ROLE old IN DATABASE old SET role TO 'old';"
		   "\nCOMMENT ON DATABASE old IS 'OWNER TO old';"),
	    "-- to old;\n\\encoding SQL_ASCII\nALTER DATABASE old OWNER TO "
	    "\"new\";\nALTER ROLE \"new\" IN DATABASE old SET role TO 'old';"
	    "\nCOMMENT ON DATABASE old IS 'OWNER TO old';");
	same("ALTER ROLE ALL IN DATABASE old RESET ALL;");
	same("CREATE FUNCTION old() RETURNS text AS 'GRANT a TO old;';");
	same("GRANT");
	same("CREATE ROLE \"");
	same("");
}

static void
an_archive_keeps_all_but_the_names(void **state)
{
	static const struct entry before[] = { { 1, 2, "TABLE", "t", "s",
						   "CREATE TABLE s.t ();\n",
						   "DROP TABLE s.t;\n", { 0 } },
		{ 2, 2, "FUNCTION", "f()", "s", "GRANT a TO keeper;", "",
		    { 0 } },
		{ 3, 1, "ACL", "TABLE t", "s", "GRANT ALL ON s.t TO keeper;",
		    NULL, { 1 } },
		{ 0 } };
	static const char *const keep[] = { "keeper=a very much longer name",
		NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes archive, out;
	struct rolemap *m;
	struct toc *t;

	(void)state;
	for (unsigned minor = 12; minor <= 16; minor++) {
		bytes_init(&archive, ROOM);
		bytes_init(&out, ROOM);
		archive_build(&archive, minor, minor % 2 == 0 ? 4 : 8, before);
		assert_int_equal(rolemap_new(keep, &m, &err), SNAP_OK);
		assert_int_equal(
		    rolemap_archive(m, bytes_span(&archive), &out, &err),
		    SNAP_OK);
		assert_int_equal(rolemap_check(m, &err), SNAP_OK);
		rolemap_free(m);
		assert_int_equal(
		    toc_parse(bytes_span(&out), &t, &err), SNAP_OK);
		assert_int_equal(t->n, 3);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(t->v[i].id, before[i].id);
			assert_true(span_eq(t->v[i].owner,
			    span_str("a very much longer name")));
			assert_true(
			    span_eq(t->v[i].tag, span_str(before[i].tag)));
		}
		assert_true(
		    span_eq(t->v[1].defn, span_str("GRANT a TO keeper;")));
		assert_true(span_eq(t->v[2].defn,
		    span_str("GRANT ALL ON s.t TO \"a very much longer "
			     "name\";")));
		assert_int_equal(t->v[2].n_deps, 1);
		toc_free(t);
		bytes_fini(&archive);
		bytes_fini(&out);
	}
}

static void
a_role_that_is_nowhere_is_told(void **state)
{
	static const char *const bad[] = { "", "=", "a", "a=", "=b", "\"a=b",
		"a=b=c", "a=\"b", "public=a", "a=Public", "\"\"=a" };
	const char *const twice[] = { "a=b", "A=c", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct rolemap *m = NULL;
	struct bytes b;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *const one[] = { bad[i], NULL };

		assert_int_equal(rolemap_new(one, &m, &err), SNAP_USAGE);
	}
	assert_int_equal(rolemap_new(twice, &m, &err), SNAP_USAGE);
	bytes_init(&b, ROOM);
	assert_int_equal(rolemap_new(list, &m, &err), SNAP_OK);
	assert_int_equal(
	    rolemap_sql(
		m, span_str("GRANT a TO \"O d\", old, third;"), &b, &err),
	    SNAP_OK);
	assert_int_equal(rolemap_check(m, &err), SNAP_USAGE);
	assert_string_equal(
	    err.msg, "role-map: the snapshot knows no role \"other\"");
	assert_string_equal(err.hint, "It knows O d, old, third.");
	assert_int_equal(
	    rolemap_sql(m, span_str("CREATE ROLE other;"), &b, &err), SNAP_OK);
	assert_int_equal(rolemap_check(m, &err), SNAP_OK);
	rolemap_free(m);
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(privileges_go_to_the_new_role),
		cmocka_unit_test(policies_and_mappings_and_settings_too),
		cmocka_unit_test(an_archive_keeps_all_but_the_names),
		cmocka_unit_test(a_role_that_is_nowhere_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
