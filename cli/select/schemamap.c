/* SPDX-License-Identifier: PostgreSQL */
/*
 * schemamap.c - what was in one schema comes back in another.
 *
 * The SQL is not rewritten: names in it may be anywhere.  The target's own
 * schema steps aside, all is restored under the old name, and then both get
 * the names that they shall have.  Nobody else sees any of it before the
 * commit, and whatever refers to them does so by number.
 */
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "schemamap.h"
#include "sqltext.h"
#include "ui.h"

#define NAME_LEN_MAX 63
#define SQL_MAX ((size_t)1 << 24)
#define SHOWN 20 /* functions */

/* What the blocks are told by put_settings(), and `away`, the name of the
 * target's own schema for the time of the transaction. */
#define NAMES                                                                  \
	"old_name text := pg_catalog.current_setting('snap.old');\n"           \
	"new_name text := pg_catalog.current_setting('snap.new');\n"           \
	"map text := pg_catalog.current_setting('snap.map');\n"                \
	"away text := pg_catalog.concat('snap_', pg_catalog.txid_current(), "  \
	"'_', map);\n"
#define RENAME(from, to)                                                       \
	"EXECUTE pg_catalog.format('ALTER SCHEMA %I RENAME TO %I', " from      \
	", " to ");\n"
#define IF_SCHEMA(name)                                                        \
	"IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = " name \
	") THEN\n"
#define MOVE(ext, to)                                                          \
	"EXECUTE pg_catalog.format('ALTER EXTENSION %I SET SCHEMA %I', " ext   \
	", " to ");\n"

/* SQL reads better in its own lines. */
/* clang-format off */

/* That the new name is free, and may be one, shows at once. */
static const char step_aside[] =
    "DO $snap$ DECLARE\n" NAMES
    "again bool := pg_catalog.current_setting('snap.again');\n"
    "moved text[] := '{}'; e record;\nBEGIN\n"
    "IF NOT again THEN\n"
    "EXECUTE pg_catalog.format('CREATE SCHEMA %I', new_name);\n"
    "EXECUTE pg_catalog.format('DROP SCHEMA %I', new_name);\n"
    "END IF;\n"
    IF_SCHEMA("old_name")
    RENAME("old_name", "away")
    "END IF;\n"
    "IF again THEN\n"
    RENAME("new_name", "old_name")
    "ELSE EXECUTE pg_catalog.format('CREATE SCHEMA %I', old_name);\n"
    "END IF;\n"
    "FOR e IN SELECT extname, extrelocatable FROM pg_catalog.pg_extension x\n"
    "JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace\n"
    "WHERE n.nspname = away AND x.extname = ANY\n"
    "(pg_catalog.current_setting('snap.needs')::pg_catalog.text[]) LOOP\n"
    "IF NOT e.extrelocatable THEN RAISE EXCEPTION USING MESSAGE =\n"
    "pg_catalog.format('extension %I lies in schema %I of the target',"
    " e.extname, old_name),\n"
    "DETAIL = 'What is restored needs it, and it cannot be moved.';\n"
    "END IF;\n"
    MOVE("e.extname", "old_name")
    "moved := moved || e.extname::pg_catalog.text;\n"
    "END LOOP;\n"
    "PERFORM pg_catalog.set_config(pg_catalog.concat('snap.moved', map),"
    " moved::pg_catalog.text, true);\nEND $snap$;\n";

static const char step_back[] =
    "DO $snap$ DECLARE\n" NAMES "e text;\nBEGIN\n"
    "FOREACH e IN ARRAY pg_catalog.current_setting(pg_catalog.concat("
    "'snap.moved', map))::pg_catalog.text[] LOOP\n"
    MOVE("e", "away")
    "END LOOP;\n"
    RENAME("old_name", "new_name")
    IF_SCHEMA("away")
    RENAME("away", "old_name")
    "END IF;\nEND $snap$;\n";

/* clang-format on */

static enum snap_code
check_options(const struct opts *o, struct snap_err *err)
{
	bool pre_data = o->sections.n == 0;

	for (size_t i = 0; i < o->sections.n; i++)
		pre_data |= strcmp(o->sections.v[i], "pre-data") == 0;
	if (o->schemas.n == 0 && o->tables.n == 0)
		return snap_fail(err, SNAP_USAGE,
		    "--schema-map is for what --schema or --table chooses");
	if (o->data_only || !pre_data)
		return snap_fail(err, SNAP_USAGE,
		    "--schema-map makes a new schema: without definitions "
		    "there is nothing in it");
	if (o->no_transaction || o->output != NULL || o->create || o->clean)
		return snap_fail(err, SNAP_USAGE,
		    "--schema-map goes with none of --no-transaction, "
		    "--output, --create and --clean");
	return SNAP_OK;
}

/* Each name once: else what is what would depend on the order. */
static enum snap_code
check_names(const struct schemamap *m, struct snap_err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strlen(m->new_[i]) > NAME_LEN_MAX)
			return snap_fail(err, SNAP_USAGE,
			    "--schema-map: the name %s is too long",
			    m->new_[i]);
		for (size_t k = 0; k < m->n; k++)
			if (strcmp(m->old[i], m->new_[k]) == 0 ||
			    (i != k &&
				(strcmp(m->old[i], m->old[k]) == 0 ||
				    strcmp(m->new_[i], m->new_[k]) == 0)))
				return snap_fail(err, SNAP_USAGE,
				    "--schema-map: no name may be there "
				    "twice");
	}
	return SNAP_OK;
}

static enum snap_code
take_name(const char **p, char end, char **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes name;

	bytes_init(&name, SQL_MAX);
	if (!name_argument(p, end, &name))
		rc = snap_fail(err, SNAP_USAGE,
		    "--schema-map: OLD=NEW, the names of two schemas");
	bytes_u8(&name, 0);
	if (rc == SNAP_OK)
		rc = bytes_check(&name, err);
	if (rc == SNAP_OK && (*out = strdup((const char *)name.p)) == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	bytes_fini(&name);
	return rc;
}

static enum snap_code
add_pair(struct schemamap *m, const char *word, struct snap_err *err)
{
	enum snap_code rc = take_name(&word, '=', &m->old[m->n], err);

	if (rc != SNAP_OK)
		return rc;
	word++;
	return take_name(&word, '\0', &m->new_[m->n], err);
}

enum snap_code
schemamap_open(const struct opts *o, struct schemamap *m, struct snap_err *err)
{
	enum snap_code rc;

	bytes_init(&m->before, SQL_MAX);
	bytes_init(&m->again, SQL_MAX);
	bytes_init(&m->after, SQL_MAX);
	if (o->schema_map.n == 0)
		return SNAP_OK;
	if ((rc = check_options(o, err)) != SNAP_OK)
		return rc;
	for (; m->n < o->schema_map.n; m->n++)
		if ((rc = add_pair(m, o->schema_map.v[m->n], err)) != SNAP_OK)
			return rc;
	return check_names(m, err);
}

void
schemamap_close(struct schemamap *m)
{
	for (size_t i = 0; i <= OPTS_LIST_MAX; i++) {
		free(m->old[i]);
		free(m->new_[i]);
		m->old[i] = m->new_[i] = NULL;
	}
	m->n = 0;
	bytes_fini(&m->before);
	bytes_fini(&m->again);
	bytes_fini(&m->after);
}

static void
put_literal(struct bytes *b, struct span s)
{
	bytes_u8(b, '\'');
	for (size_t i = 0; i < s.len; i++) {
		bytes_u8(b, s.p[i]);
		if (s.p[i] == '\'')
			bytes_u8(b, '\'');
	}
	bytes_u8(b, '\'');
}

/* What the blocks read, as text that needs no quoting there. */
static void
put_settings(const struct schemamap *m, size_t i, const struct pgarchive *a,
    bool again, struct bytes *out)
{
	struct span name;
	size_t at = 0;

	bytes_printf(out,
	    "SELECT pg_catalog.set_config('snap.map', '%zu', true), "
	    "pg_catalog.set_config('snap.again', '%d', true), "
	    "pg_catalog.set_config('snap.old', ",
	    i, again);
	put_literal(out, span_str(m->old[i]));
	bytes_put_str(out, ", true), pg_catalog.set_config('snap.new', ");
	put_literal(out, span_str(m->new_[i]));
	bytes_put_str(out, ", true), pg_catalog.set_config('snap.needs', "
			   "(ARRAY[");
	for (size_t n = 0; pgarchive_extension(a, &at, &name); n++) {
		bytes_put_str(out, n > 0 ? ", " : "");
		put_literal(out, name);
	}
	bytes_put_str(out, "]::pg_catalog.text[])::pg_catalog.text, true);\n");
}

/* What the archive would have said of it, or initdb of public. */
static void
put_rights(const struct pgarchive *a, const struct opts *o, const char *old,
    struct bytes *out)
{
	struct span owner = pgarchive_schema_owner(a, span_str(old));

	if (!o->no_owner && owner.len > 0) {
		bytes_put_str(out, "ALTER SCHEMA ");
		sql_quote(span_str(old), out);
		bytes_put_str(out, " OWNER TO ");
		sql_quote(owner, out);
		bytes_put_str(out, ";\n");
	}
	if (!o->no_privileges && strcmp(old, "public") == 0)
		bytes_put_str(out, "GRANT USAGE ON SCHEMA public TO PUBLIC;\n");
}

static enum snap_code
not_there(const struct pgarchive *a, const char *old, struct snap_err *err)
{
	struct bytes names, safe;
	enum snap_code rc;

	bytes_init(&names, SQL_MAX);
	bytes_init(&safe, SQL_MAX);
	if ((rc = pgarchive_schemas(a, &names, err)) == SNAP_OK) {
		ui_escape(&safe, bytes_span(&names));
		bytes_u8(&safe, 0);
		(void)snap_fail(err, SNAP_USAGE,
		    "--schema-map: nothing of schema %s is restored", old);
		rc = snap_hint(err, "There are: %s",
		    safe.bad ? "?" : (const char *)safe.p);
	}
	bytes_fini(&names);
	bytes_fini(&safe);
	return rc;
}

static void
tell_mentions(const struct pgarchive *a, const char *old)
{
	struct bytes all, one, safe;
	size_t at = 0, n = 0;

	bytes_init(&all, SQL_MAX);
	bytes_init(&one, SQL_MAX);
	bytes_init(&safe, SQL_MAX);
	for (; pgarchive_mention(a, span_str(old), &at, &one); n++) {
		if (n < SHOWN) {
			bytes_put_str(&all, n > 0 ? ", " : "");
			bytes_put_span(&all, bytes_span(&one));
		}
		bytes_clear(&one);
	}
	if (n > SHOWN)
		bytes_printf(&all, " and %zu more", n - SHOWN);
	ui_escape(&safe, bytes_span(&all));
	bytes_u8(&safe, 0);
	if (n > 0)
		ui_warning("schema %s is still called so in the text of %s",
		    old, safe.bad ? "functions" : (const char *)safe.p);
	bytes_fini(&all);
	bytes_fini(&one);
	bytes_fini(&safe);
}

void
schemamap_tell(const struct schemamap *m, const struct pgarchive *a)
{
	for (size_t i = 0; i < m->n; i++)
		tell_mentions(a, m->old[i]);
}

enum snap_code
schemamap_plan(struct schemamap *m, const struct pgarchive *a,
    const struct opts *o, struct snap_err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!pgarchive_has_schema(a, span_str(m->old[i])))
			return not_there(a, m->old[i], err);
		if (pgarchive_has_schema(a, span_str(m->new_[i])))
			return snap_fail(err, SNAP_USAGE,
			    "--schema-map: schema %s is restored as well",
			    m->new_[i]);
		put_settings(m, i, a, false, &m->before);
		bytes_put_str(&m->before, step_aside);
		put_rights(a, o, m->old[i], &m->before);
		put_settings(m, i, a, true, &m->again);
		bytes_put_str(&m->again, step_aside);
		put_settings(m, i, a, true, &m->after);
		bytes_put_str(&m->after, step_back);
	}
	m->before.bad |= m->again.bad || m->after.bad;
	return bytes_check(&m->before, err);
}

enum snap_code
schemamap_copy(
    const struct schemamap *m, struct bytes *copy, struct snap_err *err)
{
	struct span rest = span_behind(bytes_span(copy), sizeof "COPY " - 1);
	enum snap_code rc = bytes_check(copy, err);
	struct bytes schema, text;

	bytes_init(&schema, SQL_MAX);
	bytes_init(&text, copy->max);
	if (rc != SNAP_OK || !name_take(&rest, &schema))
		goto out;
	for (size_t i = 0; i < m->n; i++) {
		if (!span_eq(bytes_span(&schema), span_str(m->old[i])))
			continue;
		bytes_put_str(&text, "COPY ");
		sql_quote(span_str(m->new_[i]), &text);
		bytes_put_span(&text, rest);
		bytes_clear(copy);
		bytes_put_span(copy, bytes_span(&text));
		copy->bad |= text.bad;
		rc = bytes_check(copy, err);
		break;
	}
out:
	bytes_fini(&schema);
	bytes_fini(&text);
	return rc;
}
