/* SPDX-License-Identifier: PostgreSQL */
/*
 * rolemap.c - which tokens of a statement are roles, and their other names.
 *
 * The statements are pg_dump's own, so their shapes are few.  TO and FROM are
 * reserved words: outside of quotes and parentheses they are no name.
 */
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "rolemap.h"
#include "sqltext.h"
#include "tocput.h"

#define NAME_MAX_BYTES ((size_t)1 << 20)
#define KNOWN_MAX ((size_t)64 << 10) /* bytes of names for a message */
#define SHOWN 20

struct pair {
	struct bytes from, to;
	bool seen;
};

struct rolemap {
	struct pair *v;
	size_t n;
	struct bytes known; /* roles that were seen, a NUL behind each */
};

enum shape {
	SHAPE_NONE,
	SHAPE_GRANT,
	SHAPE_DEFAULTS,
	SHAPE_POLICY,
	SHAPE_MAPPING,
	SHAPE_ROLE,
	SHAPE_OWNER,
	SHAPE_SESSION
};

/* ---- names */

/* Is it in a list of names with a NUL behind each? */
static bool
has_name(const struct bytes *list, struct span name)
{
	for (size_t i = 0, n; i < list->len; i += n + 1) {
		n = strlen((const char *)list->p + i);
		if (span_eq(span_of(list->p + i, n), name))
			return true;
	}
	return false;
}

static void
add_name(struct bytes *list, struct span name)
{
	if (has_name(list, name) || list->len + name.len + 1 > list->max)
		return;
	bytes_put_span(list, name);
	bytes_u8(list, 0);
}

/* What it is called from now on. */
static struct span
new_name(struct rolemap *m, struct span name)
{
	add_name(&m->known, name);
	for (size_t i = 0; i < m->n; i++)
		if (span_eq(bytes_span(&m->v[i].from), name)) {
			m->v[i].seen = true;
			return bytes_span(&m->v[i].to);
		}
	return name;
}

/* ---- statements */

static struct sql_token
next(struct span *left)
{
	struct sql_token t;

	do
		t = sql_next(left);
	while (t.kind == SQL_COMMENT);
	return t;
}

static enum shape
shape_of(struct span s)
{
	struct sql_token a = next(&s), b = next(&s), c = next(&s);
	bool mapping = sql_is(&b, "user") && sql_is(&c, "mapping");

	if (sql_is(&a, "grant") || sql_is(&a, "revoke"))
		return SHAPE_GRANT;
	if (sql_is(&a, "set") && sql_is(&b, "session") &&
	    sql_is(&c, "authorization"))
		return SHAPE_SESSION;
	if (sql_is(&a, "create") && sql_is(&b, "policy"))
		return SHAPE_POLICY;
	if (sql_is(&a, "drop"))
		return mapping ? SHAPE_MAPPING : SHAPE_NONE;
	if (!sql_is(&a, "create") && !sql_is(&a, "alter"))
		return SHAPE_NONE;
	if (sql_is(&b, "role"))
		return SHAPE_ROLE;
	if (mapping)
		return SHAPE_MAPPING;
	if (sql_is(&a, "create"))
		return SHAPE_NONE;
	return sql_is(&b, "default") && sql_is(&c, "privileges")
		   ? SHAPE_DEFAULTS
		   : SHAPE_OWNER;
}

/* Do roles come behind these two tokens? */
static bool
comes_role(enum shape shape, const struct sql_token *before,
    const struct sql_token *last)
{
	switch (shape) {
	case SHAPE_DEFAULTS:
		if (sql_is(before, "for") && sql_is(last, "role"))
			return true;
		/* fallthrough */
	case SHAPE_GRANT:
		return sql_is(last, "to") || sql_is(last, "from") ||
		       (sql_is(before, "granted") && sql_is(last, "by"));
	case SHAPE_POLICY:
		return sql_is(last, "to");
	case SHAPE_MAPPING:
		return sql_is(last, "for");
	case SHAPE_ROLE:
		return (sql_is(before, "create") || sql_is(before, "alter")) &&
		       sql_is(last, "role");
	case SHAPE_OWNER:
		return sql_is(before, "owner") && sql_is(last, "to");
	case SHAPE_SESSION:
		return sql_is(last, "authorization");
	default:
		return false;
	}
}

static bool
is_role(const struct sql_token *t)
{
	static const char *const words[] = { "public", "all", "current_user",
		"current_role", "session_user" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sql_is(t, words[i]))
			return false;
	return t->kind == SQL_NAME || t->kind == SQL_WORD;
}

/*
 * A list of roles at the start of *left, which moves behind it.  Two that get
 * one name become one.
 */
static bool
put_roles(struct rolemap *m, struct span *left, struct bytes *out)
{
	struct bytes name, done;
	struct span rest = *left, to;
	struct sql_token t;
	bool changed = false;
	size_t start = out->len, n = 0;

	bytes_init(&name, NAME_MAX_BYTES);
	bytes_init(&done, NAME_MAX_BYTES);
	do {
		t = next(&rest);
		if (t.kind != SQL_NAME && t.kind != SQL_WORD)
			break;
		*left = rest;
		bytes_clear(&name);
		sql_fold(&t, &name);
		to = bytes_span(&name);
		if (is_role(&t))
			to = new_name(m, to);
		changed |= !span_eq(to, bytes_span(&name));
		if (has_name(&done, to))
			continue;
		add_name(&done, to);
		bytes_put_str(out, n++ > 0 ? ", " : "");
		if (span_eq(to, bytes_span(&name)))
			bytes_put_span(out, t.text);
		else
			sql_quote(to, out);
	} while (t = next(&rest), t.kind == SQL_OTHER && t.text.p[0] == ',');
	out->bad |= name.bad || done.bad;
	bytes_fini(&name);
	bytes_fini(&done);
	if (!changed && !out->bad)
		out->len = start;
	return changed;
}

/* Where the next token begins. */
static const uint8_t *
next_at(struct span left)
{
	return next(&left).text.p;
}

static bool
put_statement(struct rolemap *m, struct span s, struct bytes *out)
{
	struct sql_token before = { SQL_END, { NULL, 0 } }, last = before, t;
	const uint8_t *from = s.p, *end = s.p + s.len, *at;
	enum shape shape = shape_of(s);
	bool changed = false;
	struct bytes roles;
	size_t open = 0;

	bytes_init(&roles, out->max);
	do {
		at = next_at(s);
		bytes_clear(&roles);
		if (open == 0 && comes_role(shape, &before, &last) &&
		    put_roles(m, &s, &roles)) {
			changed = true;
			bytes_put(out, from, (size_t)(at - from));
			bytes_put_span(out, bytes_span(&roles));
			/* That would go on with the name. */
			if (s.len > 0 && s.p[0] == '"')
				bytes_u8(out, ' ');
			from = s.p;
		}
		out->bad |= roles.bad;
		t = next(&s);
		if (t.kind == SQL_OTHER && t.text.p[0] == '(')
			open++;
		else if (t.kind == SQL_OTHER && t.text.p[0] == ')' && open > 0)
			open--;
		before = last;
		last = t;
	} while (t.kind != SQL_END);
	bytes_put(out, from, (size_t)(end - from));
	bytes_fini(&roles);
	return changed;
}

/* In front of a statement a command of psql's is a line of its own. */
static void
skip_commands(struct span *text)
{
	struct span ahead = *text;
	struct sql_token t;
	const uint8_t *end;

	while ((t = next(&ahead)).kind == SQL_OTHER && t.text.p[0] == '\\') {
		end = memchr(t.text.p, '\n', ahead.len + 1);
		if (end == NULL)
			end = ahead.p + ahead.len;
		*text = span_of(end, (size_t)(ahead.p + ahead.len - end));
		ahead = *text;
	}
}

static bool
put_text(struct rolemap *m, struct span text, struct bytes *out)
{
	const uint8_t *from = text.p, *end;
	bool changed = false;
	struct span s;

	if (text.len == 0)
		return false;
	end = text.p + text.len;
	while (skip_commands(&text), (s = sql_statement(&text)).len > 0) {
		bytes_put(out, from, (size_t)(s.p - from));
		changed |= put_statement(m, s, out);
		from = s.p + s.len;
	}
	bytes_put(out, from, (size_t)(end - from));
	return changed;
}

enum snap_code
rolemap_sql(struct rolemap *m, struct span text, struct bytes *out,
    struct snap_err *err)
{
	(void)put_text(m, text, out);
	return bytes_check(out, err);
}

/* ---- archives */

static bool
edit(void *arg, const struct toc_entry *e, enum toc_field field,
    struct span text, struct bytes *out)
{
	static const char *const descs[] = { "ACL", "DEFAULT ACL", "POLICY",
		"USER MAPPING", "DATABASE", "DATABASE PROPERTIES" };
	struct rolemap *m = arg;
	struct span to;

	if (field == TOC_OWNER) {
		to = new_name(m, text);
		bytes_put_span(out, to);
		return !span_eq(to, text);
	}
	for (size_t i = 0; i < sizeof descs / sizeof descs[0]; i++)
		if (span_eq(e->desc, span_str(descs[i])))
			return put_text(m, text, out);
	return false;
}

enum snap_code
rolemap_archive(struct rolemap *m, struct span archive, struct bytes *out,
    struct snap_err *err)
{
	return toc_edit(archive, edit, m, out, err);
}

/* ---- the map */

/* public is no role. */
static bool
take_name(const char **p, char end, struct bytes *out)
{
	return name_argument(p, end, out) &&
	       !span_eq(bytes_span(out), span_str("public"));
}

static enum snap_code
add_pair(struct rolemap *m, const char *text, struct snap_err *err)
{
	struct pair *p = &m->v[m->n++];
	const char *s = text;

	bytes_init(&p->from, NAME_MAX_BYTES);
	bytes_init(&p->to, NAME_MAX_BYTES);
	if (!take_name(&s, '=', &p->from) ||
	    (s++, !take_name(&s, '\0', &p->to)))
		return snap_fail(err, SNAP_USAGE,
		    "role-map: \"%s\" is not OLD=NEW, two names of roles",
		    text);
	for (size_t i = 0; i + 1 < m->n; i++)
		if (span_eq(bytes_span(&m->v[i].from), bytes_span(&p->from)) &&
		    !span_eq(bytes_span(&m->v[i].to), bytes_span(&p->to)))
			return snap_fail(err, SNAP_USAGE,
			    "role-map: \"%s\" is one role's second new name",
			    text);
	return SNAP_OK;
}

enum snap_code
rolemap_new(const char *const *list, struct rolemap **out, struct snap_err *err)
{
	struct rolemap *m = calloc(1, sizeof *m);
	enum snap_code rc = SNAP_OK;
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	if (m != NULL)
		m->v = calloc(n + 1, sizeof *m->v);
	if (m == NULL || m->v == NULL) {
		free(m);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	bytes_init(&m->known, KNOWN_MAX);
	for (size_t i = 0; i < n && rc == SNAP_OK; i++)
		rc = add_pair(m, list[i], err);
	if (rc != SNAP_OK)
		rolemap_free(m);
	else
		*out = m;
	return rc;
}

void
rolemap_free(struct rolemap *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++) {
		bytes_fini(&m->v[i].from);
		bytes_fini(&m->v[i].to);
	}
	free(m->v);
	bytes_fini(&m->known);
	free(m);
}

static void
hint_known(const struct rolemap *m, struct snap_err *err)
{
	struct bytes names;
	size_t n = 0;

	bytes_init(&names, KNOWN_MAX);
	for (size_t i = 0; i < m->known.len;
	     i += strlen((const char *)m->known.p + i) + 1)
		if (n++ < SHOWN)
			bytes_printf(&names, "%s%s", n > 1 ? ", " : "",
			    (const char *)m->known.p + i);
	if (n > SHOWN)
		bytes_printf(&names, " and %zu more", n - SHOWN);
	bytes_u8(&names, 0);
	(void)snap_hint(err, "It knows %s.",
	    names.bad || n == 0 ? "none" : (const char *)names.p);
	bytes_fini(&names);
}

enum snap_code
rolemap_check(const struct rolemap *m, struct snap_err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		struct span from = bytes_span(&m->v[i].from);

		if (m->v[i].seen)
			continue;
		(void)snap_fail(err, SNAP_USAGE,
		    "role-map: the snapshot knows no role \"%.*s\"",
		    (int)from.len, (const char *)from.p);
		hint_known(m, err);
		return SNAP_USAGE;
	}
	return SNAP_OK;
}
