/* SPDX-License-Identifier: PostgreSQL */
/*
 * kinds.c - what each entry is, and whose.
 *
 * A part names its table by a dependency, but may depend on other tables as
 * well, and its tag is "table name" without quotes.  So its table is the one
 * of its dependencies with which the tag begins; where that could be two, the
 * SQL decides, in which pg_dump quotes.
 */
#include "names.h"
#include "select_internal.h"

static const struct {
	const char *desc;
	enum kind kind;
} kinds[] = {
	{ "ENCODING", KIND_HIDDEN },
	{ "STDSTRINGS", KIND_HIDDEN },
	{ "SEARCHPATH", KIND_HIDDEN },
	{ "DATABASE", KIND_HIDDEN },
	{ "DATABASE PROPERTIES", KIND_HIDDEN },
	{ "SCHEMA", KIND_SCHEMA },
	{ "DOMAIN", KIND_DOMAIN },
	{ "TABLE", KIND_TABLE },
	{ "FOREIGN TABLE", KIND_FOREIGN_TABLE },
	{ "VIEW", KIND_VIEW },
	{ "MATERIALIZED VIEW", KIND_MATVIEW },
	{ "SEQUENCE", KIND_SEQUENCE },
	{ "INDEX", KIND_INDEX },
	{ "CONSTRAINT", KIND_CONSTRAINT },
	{ "CHECK CONSTRAINT", KIND_CHECK },
	{ "FK CONSTRAINT", KIND_FK },
	{ "TRIGGER", KIND_TRIGGER },
	{ "RULE", KIND_RULE },
	{ "POLICY", KIND_POLICY },
	{ "ROW SECURITY", KIND_ROW_SECURITY },
	{ "DEFAULT", KIND_DEFAULT },
	{ "STATISTICS", KIND_STATISTICS },
	{ "TABLE ATTACH", KIND_ATTACH },
	{ "INDEX ATTACH", KIND_INDEX_ATTACH },
	{ "SEQUENCE OWNED BY", KIND_OWNED_BY },
	{ "MATERIALIZED VIEW DATA", KIND_REFRESH },
	{ "PUBLICATION TABLE", KIND_PUB_MEMBER },
	{ "PUBLICATION TABLES IN SCHEMA", KIND_PUB_MEMBER },
	{ "COMMENT", KIND_REMARK },
	{ "SECURITY LABEL", KIND_REMARK },
	{ "ACL", KIND_ACL },
	{ "DEFAULT ACL", KIND_DEFAULT_ACL },
	{ "EVENT TRIGGER", KIND_EVENT_TRIGGER },
	{ "BLOB", KIND_BLOB },
	{ "BLOB METADATA", KIND_BLOB },
};

struct span
sql_name(const struct toc_entry *e)
{
	struct span s = e->drop, end = span_str(";\n"), none = { NULL, 0 };

	if (!span_starts(s, "DROP "))
		return none;
	s = span_behind(s, 5);
	if (s.len < e->desc.len + 1 + end.len || !span_ends(s, end) ||
	    !span_eq(span_of(s.p, e->desc.len), e->desc) ||
	    s.p[e->desc.len] != ' ')
		return none;
	s = span_behind(s, e->desc.len + 1);
	s.len -= end.len;
	return s.len > 0 ? s : none;
}

static bool
same_schema(const struct toc_entry *a, const struct toc_entry *b)
{
	return span_eq(a->schema, b->schema);
}

/* "TABLE name", with what a name ends at. */
static bool
has_name(struct span text, const char *before, struct span name,
    const char *after, bool at_end)
{
	uint8_t room[4096];
	struct span b = span_str(before), z = span_str(after), all;
	size_t len = b.len + name.len + z.len, i, n = 0;

	if (len > sizeof room)
		return true; /* nothing that a name can be: no word on it */
	for (i = 0; i < b.len; i++)
		room[n++] = b.p[i];
	for (i = 0; i < name.len; i++)
		room[n++] = name.p[i];
	for (i = 0; i < z.len; i++)
		room[n++] = z.p[i];
	all = span_of(room, n);
	return at_end ? span_ends(text, all) : span_has(text, all);
}

/* Does the SQL of part `e` say that it is of `o`? */
static bool
sql_agrees(uint8_t kind, const struct toc_entry *e, const struct toc_entry *o)
{
	struct span name = sql_name(o);

	switch (kind) {
	case KIND_TRIGGER:
	case KIND_RULE:
	case KIND_POLICY:
		return has_name(e->drop, " ON ", name, ";\n", true);
	case KIND_INDEX:
		return has_name(e->defn, " ON ", name, " USING ", false) ||
		       has_name(e->defn, " ON ONLY ", name, " USING ", false);
	case KIND_STATISTICS:
		return has_name(e->defn, " FROM ", name, ";\n", true);
	default:
		return has_name(e->drop, "TABLE ", name, " ", false) ||
		       has_name(e->drop, "TABLE ONLY ", name, " ", false) ||
		       has_name(e->drop, "DOMAIN ", name, " ", false);
	}
}

/* May the dependency `o` be what `e` is a part of? */
static bool
may_own(const struct pgarchive *a, size_t i, size_t o)
{
	const struct toc_entry *e = &a->toc->v[i], *t = &a->toc->v[o];
	uint8_t kind = a->m[i].kind, of = a->m[o].kind;
	struct span rest;

	switch (kind) {
	case KIND_INDEX:
		return (is_table(of) || of == KIND_MATVIEW) &&
		       same_schema(e, t);
	case KIND_STATISTICS:
		return is_table(of) || of == KIND_MATVIEW;
	case KIND_SEQUENCE:
		return is_table(of);
	case KIND_OWNED_BY:
		return of == KIND_SEQUENCE && same_schema(e, t) &&
		       span_eq(e->tag, t->tag);
	case KIND_ROW_SECURITY:
	case KIND_REFRESH:
	case KIND_ATTACH:
		return is_relation(of) && same_schema(e, t) &&
		       span_eq(e->tag, t->tag);
	default:
		rest = span_behind(e->tag, t->tag.len);
		return (is_relation(of) || of == KIND_DOMAIN) &&
		       same_schema(e, t) && span_starts(rest, " ") &&
		       span_eq(span_of(e->tag.p, t->tag.len), t->tag);
	}
}

static size_t
owner_of(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *v = a->toc->v, *e = &v[i];
	size_t best = NONE;
	bool agrees, best_agrees = false;

	for (size_t k = 0; k < e->n_deps; k++) {
		size_t o = e->deps[k];

		if (!may_own(a, i, o))
			continue;
		agrees = sql_agrees(a->m[i].kind, e, &v[o]);
		if (best == NONE || (agrees && !best_agrees) ||
		    (agrees == best_agrees && v[o].tag.len > v[best].tag.len)) {
			best = o;
			best_agrees = agrees;
		}
	}
	return best;
}

/* ATTACH depends on the partition and on its parent. */
static void
mark_parent(struct pgarchive *a, size_t i)
{
	const struct toc_entry *e = &a->toc->v[i];
	size_t child = a->m[i].owner;

	for (size_t k = 0; child != NONE && k < e->n_deps; k++)
		if (e->deps[k] != child && a->m[e->deps[k]].kind == KIND_TABLE)
			a->m[child].parent = e->deps[k];
}

/*
 * An index is attached by name; among the dependencies are its parents and
 * theirs as well.  The entry of a constraint has its table in front.
 */
static size_t
attached_index(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *v = a->toc->v, *e = &v[i];

	for (size_t k = 0; k < e->n_deps; k++) {
		size_t d = e->deps[k], o = a->m[d].owner;
		struct span tag = v[d].tag;

		if (a->m[d].kind == KIND_CONSTRAINT && o != NONE)
			tag = span_behind(tag, v[o].tag.len + 1);
		else if (a->m[d].kind != KIND_INDEX)
			continue;
		if (same_schema(e, &v[d]) && span_eq(tag, e->tag))
			return d;
	}
	return NONE;
}

static uint8_t
kind_of(const struct toc_entry *e)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (span_eq(e->desc, span_str(kinds[i].desc)))
			return (uint8_t)kinds[i].kind;
	return KIND_OTHER;
}

static bool
has_owner(uint8_t kind)
{
	return kind == KIND_SEQUENCE ||
	       (kind >= KIND_INDEX && kind <= KIND_REFRESH &&
		   kind != KIND_INDEX_ATTACH);
}

void
kinds_mark(struct pgarchive *a)
{
	size_t n = a->toc->n, i, o;

	for (i = 0; i < n; i++) {
		struct mark *m = &a->m[i];

		m->kind = kind_of(&a->toc->v[i]);
		m->owner = m->parent = m->first_part = m->next_part = NONE;
		m->identity = m->kind == KIND_SEQUENCE &&
			      span_starts(a->toc->v[i].defn, "ALTER TABLE ");
	}
	for (i = 0; i < n; i++)
		if (has_owner(a->m[i].kind))
			a->m[i].owner = owner_of(a, i);
	for (i = 0; i < n; i++) {
		if (a->m[i].kind == KIND_ATTACH)
			mark_parent(a, i);
		if (a->m[i].kind == KIND_INDEX_ATTACH)
			a->m[i].owner = attached_index(a, i);
	}
	/* In the order of the archive. */
	for (i = n; i-- > 0;) {
		o = a->m[i].owner;
		if (o == NONE)
			continue;
		a->m[i].next_part = a->m[o].first_part;
		a->m[o].first_part = i;
	}
}
