/* SPDX-License-Identifier: PostgreSQL */
/*
 * pick.c - names of streams as people write them.
 *
 * A table's stream is called as SQL would write it, with quotes where they are
 * needed, and may have a rank in front (docs/postgresql.md).  People leave the
 * quotes out, and the schema.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "names.h"
#include "near.h"
#include "pick.h"
#include "ui.h"

#define NEAR_MAX 5 /* that are named */
#define IDENT_MAX 512
#define LOID_DIGITS 10

/* [schema.]table as they are in the catalog. */
struct ident {
	char schema[IDENT_MAX], table[IDENT_MAX];
	bool folds; /* the word had no quotes: SQL would take it in small */
};

/* Up to a dot or the end; false: no identifier. */
static bool
read_part(struct span *s, bool last, char *out, bool *folds)
{
	bool quoted = s->len > 0 && s->p[0] == '"';
	size_t i = quoted, n = 0;

	for (; i < s->len && n + 1 < IDENT_MAX; i++) {
		if (quoted && s->p[i] == '"') {
			if (i + 1 == s->len || s->p[i + 1] != '"')
				break;
			i++;
		} else if (!quoted && !last && s->p[i] == '.') {
			break;
		}
		out[n++] = (char)s->p[i];
	}
	out[n] = '\0';
	*folds = !quoted;
	if (quoted && (i == s->len || s->p[i++] != '"'))
		return false;
	if (n == 0 || (last && i < s->len))
		return false;
	*s = span_of(s->p + i, s->len - i);
	return true;
}

/* A word without quotes may have dots in the table's name. */
static bool
read_ident(struct span s, struct ident *out)
{
	struct span all = s;
	bool folds;

	out->schema[0] = '\0';
	out->folds = false;
	if (read_part(&s, false, out->schema, &folds) && s.len > 1 &&
	    s.p[0] == '.') {
		s = span_of(s.p + 1, s.len - 1);
		out->folds = folds;
		if (!read_part(&s, true, out->table, &folds))
			return false;
		out->folds |= folds;
		return true;
	}
	out->schema[0] = '\0';
	return read_part(&all, true, out->table, &out->folds);
}

static bool
same_ident(const struct ident *want, const struct ident *has, bool fold)
{
	int (*cmp)(const char *, const char *) = fold ? strcasecmp : strcmp;

	return cmp(want->table, has->table) == 0 &&
	       (want->schema[0] == '\0' || cmp(want->schema, has->schema) == 0);
}

static bool
is_large_object(const struct repo_stream *s, const char *word)
{
	size_t n = strlen(word), zeros;

	if (s->kind != STREAM_LARGE_OBJECT || n == 0 || n > LOID_DIGITS ||
	    word[strspn(word, "0123456789")] != '\0' ||
	    s->name.len != LOID_DIGITS)
		return false;
	zeros = LOID_DIGITS - n;
	return memcmp(s->name.p, "0000000000", zeros) == 0 &&
	       memcmp(s->name.p + zeros, word, n) == 0;
}

/* How well a word names a stream; from sure to perhaps. */
enum sureness { BY_NAME, BY_SQL, FOLDED, N_SURENESS };

static bool
names(const char *word, const struct ident *want, const struct repo_stream *s,
    enum sureness how)
{
	struct ident has;

	if (how == BY_NAME)
		return span_eq(s->name, span_str(word)) ||
		       span_eq(name_of_stream(s->name), span_str(word)) ||
		       is_large_object(s, word) ||
		       (s->kind != STREAM_TABLE && s->kind != STREAM_RAW &&
			   strcmp(word, json_kind(s->kind)) == 0);
	return want != NULL && s->kind == STREAM_TABLE &&
	       (how == BY_SQL || want->folds) &&
	       read_ident(name_of_stream(s->name), &has) &&
	       same_ident(want, &has, how == FOLDED);
}

/* The slices of a table lie one behind the other. */
static bool
is_first(const struct repo_manifest *m, size_t i)
{
	return i == 0 || m->v[i].kind != m->v[i - 1].kind ||
	       !span_eq(m->v[i].name, m->v[i - 1].name);
}

static void
put_name(struct bytes *out, struct span name)
{
	bytes_put_str(out, out->len > 0 ? ", " : "");
	ui_escape(out, name_of_stream(name));
}

/* Part of the other, or nearly the same. */
static bool
is_near(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), most = la > lb ? la : lb;

	if (la >= 3 && lb >= 3)
		for (const char *s = la > lb ? a : b; *s != '\0'; s++)
			if (strncasecmp(
				s, la > lb ? b : a, la > lb ? lb : la) == 0)
				return true;
	return near_distance(a, b) <= (most > 5 ? most / 3 : 1);
}

static enum snap_code
unknown(const struct repo_manifest *m, const char *word,
    const struct ident *want, struct snap_err *err)
{
	struct bytes near;
	struct ident has;
	size_t n = 0;

	bytes_init(&near, SNAP_ERR_MSG_MAX / 2);
	for (size_t i = 0; i < m->n && n < NEAR_MAX; i++) {
		const struct repo_stream *s = &m->v[i];

		if (!is_first(m, i) || want == NULL)
			continue;
		if (s->kind == STREAM_TABLE
			? !read_ident(name_of_stream(s->name), &has) ||
			      !is_near(want->table, has.table)
			: !is_near(word, json_kind(s->kind)))
			continue;
		put_name(&near, s->name);
		n++;
	}
	bytes_u8(&near, 0);
	(void)snap_fail(
	    err, SNAP_NOTFOUND, "the snapshot has no stream \"%s\"", word);
	if (n > 0 && !near.bad)
		(void)snap_detail(
		    err, "Near to that are: %s.", (const char *)near.p);
	bytes_fini(&near);
	return snap_hint(
	    err, "\"%s ls SNAPSHOT\" lists what there is.", SNAP_PROGRAM_NAME);
}

static enum snap_code
ambiguous(const struct repo_manifest *m, const char *word,
    const struct ident *want, enum sureness how, struct snap_err *err)
{
	struct bytes all;
	size_t n = 0;

	bytes_init(&all, SNAP_ERR_MSG_MAX / 2);
	for (size_t i = 0; i < m->n; i++)
		if (is_first(m, i) && names(word, want, &m->v[i], how) &&
		    n++ < NEAR_MAX)
			put_name(&all, m->v[i].name);
	bytes_put_str(&all, n > NEAR_MAX ? " ..." : "");
	bytes_u8(&all, 0);
	(void)snap_fail(err, SNAP_USAGE, "\"%s\" names %zu streams", word, n);
	if (!all.bad)
		(void)snap_detail(err, "They are: %s.", (const char *)all.p);
	bytes_fini(&all);
	return err->code;
}

enum snap_code
pick_stream(const struct repo_manifest *m, const char *word, struct pick *out,
    struct snap_err *err)
{
	struct ident ident, *want = &ident;
	size_t n, at = 0;

	if (!read_ident(span_str(word), &ident))
		want = NULL;
	for (enum sureness how = BY_NAME; how < N_SURENESS; how++) {
		n = 0;
		for (size_t i = 0; i < m->n; i++) {
			if (!is_first(m, i) ||
			    !names(word, want, &m->v[i], how))
				continue;
			at = i;
			n++;
		}
		if (n > 1)
			return ambiguous(m, word, want, how, err);
		if (n == 1) {
			*out = (struct pick){ m->v[at].kind, m->v[at].name };
			return SNAP_OK;
		}
	}
	return unknown(m, word, want, err);
}

bool
pick_is(void *arg, const struct repo_stream *s)
{
	const struct pick *p = arg;

	return s->kind == p->kind && span_eq(s->name, p->name);
}
