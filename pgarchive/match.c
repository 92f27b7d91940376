/* SPDX-License-Identifier: PostgreSQL */
/*
 * match.c - pg_dump's patterns against the archive, by pg_dump's rules: tables
 * beat schemas, what is excluded beats both.
 *
 * Which schemas a name without one is looked for in is a setting of a session;
 * here it is always "public".
 */
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "pattern.h"
#include "regex.h"
#include "select_internal.h"

struct pattern {
	const char *text;
	struct regex *schema; /* NULL = none given */
	struct regex *name;
	bool hit, hit_elsewhere; /* elsewhere: in another schema */
};

struct patterns {
	struct pattern *v;
	size_t n;
	const char *what; /* "table" */
};

struct matcher {
	struct pgarchive *a;
	struct patterns tables, no_tables, no_rows, schemas, no_schemas;
	struct bytes schema, name; /* of what is looked at */
};

/* The database in front of a pattern, which is no pattern itself. */
static bool
is_database(const char *pattern, const char *database)
{
	struct bytes b;
	bool quoted = false, is;

	bytes_init(&b, NAME_MAX_BYTES);
	for (; *pattern != '\0' && (quoted || *pattern != '.'); pattern++) {
		if (*pattern == '"' && !(quoted && pattern[1] == '"')) {
			quoted = !quoted;
			continue;
		}
		if (*pattern == '"')
			pattern++;
		bytes_u8(&b, !quoted && *pattern >= 'A' && *pattern <= 'Z'
				 ? (uint8_t)(*pattern - 'A' + 'a')
				 : (uint8_t)*pattern);
	}
	is = database != NULL && !b.bad &&
	     span_eq(bytes_span(&b), span_str(database));
	bytes_fini(&b);
	return is;
}

static enum snap_code
compile(struct pgarchive *a, struct pattern *p, int most, struct snap_err *err)
{
	struct bytes schema, name;
	enum snap_code rc = SNAP_OK;
	int dots;

	bytes_init(&schema, NAME_MAX_BYTES);
	bytes_init(&name, NAME_MAX_BYTES);
	dots = pattern_regex(p->text, &schema, &name);
	if (schema.bad || name.bad)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	else if (dots > most)
		rc = snap_fail(err, SNAP_USAGE,
		    "improper qualified name (too many dotted names)");
	else if (dots == most && !is_database(p->text, a->o.database))
		rc = snap_fail(
		    err, SNAP_USAGE, "the snapshot is of another database");
	/* Without the NUL at their ends. */
	if (rc == SNAP_OK)
		rc = regex_new(
		    span_of(name.p, name.len - 1), a->o.utf8, &p->name, err);
	if (rc == SNAP_OK && most == 2 && dots > 0)
		rc = regex_new(span_of(schema.p, schema.len - 1), a->o.utf8,
		    &p->schema, err);
	if (rc != SNAP_OK)
		snap_wrap(err, "pattern %s", p->text);
	bytes_fini(&schema);
	bytes_fini(&name);
	return rc;
}

static enum snap_code
compile_list(struct pgarchive *a, const char *const *list, const char *what,
    int most, struct patterns *out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t n = 0;

	out->what = what;
	while (list != NULL && list[n] != NULL)
		n++;
	if (n == 0)
		return SNAP_OK;
	out->v = calloc(n, sizeof *out->v);
	if (out->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (; rc == SNAP_OK && out->n < n; out->n++) {
		out->v[out->n].text = list[out->n];
		rc = compile(a, &out->v[out->n], most, err);
	}
	return rc;
}

static void
patterns_free(struct patterns *p)
{
	for (size_t i = 0; i < p->n; i++) {
		regex_free(p->v[i].schema);
		regex_free(p->v[i].name);
	}
	free(p->v);
}

/* Every pattern is tried, so that each knows whether it hit something. */
static bool
table_matches(struct patterns *p, struct span schema, struct span name)
{
	bool visible = span_eq(schema, span_str("public")), any = false;

	for (size_t i = 0; i < p->n; i++) {
		struct pattern *q = &p->v[i];

		if (!regex_match(q->name, name))
			continue;
		if (q->schema != NULL ? regex_match(q->schema, schema)
				      : visible)
			any = q->hit = true;
		else
			q->hit_elsewhere = true;
	}
	return any;
}

static bool
schema_matches(struct patterns *p, struct span schema)
{
	bool any = false;

	for (size_t i = 0; schema.len > 0 && i < p->n; i++)
		if (regex_match(p->v[i].name, schema))
			any = p->v[i].hit = true;
	return any;
}

/* A relation, or a table that is an extension's. */
static enum state
choose_table(
    struct matcher *m, struct span schema, struct span name, bool *no_rows)
{
	bool chosen = table_matches(&m->tables, schema, name);
	bool barred = table_matches(&m->no_tables, schema, name);
	bool in_schema = schema_matches(&m->schemas, schema);
	bool in_barred = schema_matches(&m->no_schemas, schema);

	*no_rows = table_matches(&m->no_rows, schema, name);
	if (m->tables.n == 0) {
		chosen = m->schemas.n == 0 || in_schema;
		barred |= in_barred;
	}
	return barred ? STATE_BARRED : chosen ? STATE_WANTED : STATE_OUT;
}

/* What has no rows and is of no table. */
static enum state
choose_other(struct matcher *m, struct span schema)
{
	bool chosen = schema_matches(&m->schemas, schema);
	bool barred = schema_matches(&m->no_schemas, schema);

	if (m->tables.n > 0)
		return STATE_OUT;
	if (barred)
		return STATE_BARRED;
	return chosen || m->a->everything ? STATE_WANTED : STATE_OUT;
}

static void
choose_entries(struct matcher *m)
{
	struct pgarchive *a = m->a;

	for (size_t i = 0; i < a->toc->n; i++) {
		const struct toc_entry *e = &a->toc->v[i];
		struct mark *k = &a->m[i];

		if (is_relation(k->kind))
			k->state = (uint8_t)choose_table(
			    m, e->schema, e->tag, &k->no_rows);
		else if (k->kind == KIND_SCHEMA)
			k->state = (uint8_t)choose_other(m, e->tag);
		else if (k->kind == KIND_OTHER || k->kind == KIND_DOMAIN ||
			 k->kind == KIND_DEFAULT_ACL ||
			 k->kind == KIND_EVENT_TRIGGER || k->kind == KIND_BLOB)
			k->state = (uint8_t)choose_other(m, e->schema);
		/* The schema that every database has may have privileges
		 * without being in the archive. */
		else if ((k->kind == KIND_ACL || k->kind == KIND_REMARK) &&
			 e->n_deps == 0 &&
			 span_eq(e->tag, span_str("SCHEMA public")))
			k->state = (uint8_t)choose_other(m, span_str("public"));
	}
}

static void
choose_streams(struct matcher *m)
{
	struct pgarchive *a = m->a;
	struct stream_of *s;
	bool no_rows;

	for (size_t i = 0; i < a->o.n_streams; i++) {
		s = &a->streams[i];
		s->entry = NONE;
		s->rows = a->everything;
		if (!name_split(
			name_of_stream(a->o.streams[i]), &m->schema, &m->name))
			continue;
		s->entry = find_relation(
		    a, bytes_span(&m->schema), bytes_span(&m->name));
		if (s->entry == NONE)
			s->rows = choose_table(m, bytes_span(&m->schema),
				      bytes_span(&m->name),
				      &no_rows) == STATE_WANTED &&
				  !no_rows;
	}
}

static enum snap_code
check_hits(const struct patterns *p, struct snap_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].hit)
			continue;
		(void)snap_fail(err, SNAP_USAGE, "no %s matches the pattern %s",
		    p->what, p->v[i].text);
		if (p->v[i].hit_elsewhere)
			return snap_hint(err,
			    "Without a schema in front it is one of public; "
			    "*.%s would be one of any schema.",
			    p->v[i].text);
		return snap_hint(err, "See what there is: ls SNAPSHOT");
	}
	return SNAP_OK;
}

enum snap_code
match_patterns(struct pgarchive *a, struct snap_err *err)
{
	const struct pgarchive_opts *o = &a->o;
	struct matcher m = { .a = a };
	enum snap_code rc;

	bytes_init(&m.schema, NAME_MAX_BYTES);
	bytes_init(&m.name, NAME_MAX_BYTES);
	rc = compile_list(a, o->tables, "table", 2, &m.tables, err);
	if (rc == SNAP_OK)
		rc = compile_list(
		    a, o->exclude_tables, "table", 2, &m.no_tables, err);
	if (rc == SNAP_OK)
		rc = compile_list(
		    a, o->exclude_table_data, "table", 2, &m.no_rows, err);
	if (rc == SNAP_OK)
		rc = compile_list(a, o->schemas, "schema", 1, &m.schemas, err);
	if (rc == SNAP_OK)
		rc = compile_list(
		    a, o->exclude_schemas, "schema", 1, &m.no_schemas, err);
	if (rc != SNAP_OK)
		goto out;
	a->everything = m.tables.n == 0 && m.schemas.n == 0;
	choose_entries(&m);
	choose_streams(&m);
	if ((rc = check_hits(&m.tables, err)) == SNAP_OK &&
	    (rc = check_hits(&m.no_tables, err)) == SNAP_OK &&
	    (rc = check_hits(&m.no_rows, err)) == SNAP_OK &&
	    (rc = check_hits(&m.schemas, err)) == SNAP_OK)
		rc = check_hits(&m.no_schemas, err);
out:
	patterns_free(&m.tables);
	patterns_free(&m.no_tables);
	patterns_free(&m.no_rows);
	patterns_free(&m.schemas);
	patterns_free(&m.no_schemas);
	bytes_fini(&m.schema);
	bytes_fini(&m.name);
	return rc;
}
