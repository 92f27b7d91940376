/* SPDX-License-Identifier: PostgreSQL */
/*
 * sqltext.c - tokens as PostgreSQL's scan.l and psqlscan.l have them.
 */
#include <string.h>

#include "sqltext.h"

static bool
is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_word_start(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c >= 0x80;
}

static bool
is_word(uint8_t c)
{
	return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

/* Length of what is quoted from p[0] on, a doubled quote being one of its
 * characters; a backslash hides the next one where `escapes`. */
static size_t
quoted_len(struct span s, bool escapes)
{
	uint8_t q = s.p[0];
	size_t i;

	for (i = 1; i < s.len; i++) {
		if (escapes && s.p[i] == '\\') {
			i++;
			continue;
		}
		if (s.p[i] != q)
			continue;
		if (i + 1 < s.len && s.p[i + 1] == q)
			i++;
		else
			return i + 1;
	}
	return s.len;
}

/* $tag$ ... $tag$, or 0 when it is none. */
static size_t
dollar_len(struct span s)
{
	size_t tag = 1, i;

	if (tag < s.len && s.p[tag] >= '0' && s.p[tag] <= '9')
		return 0;
	while (tag < s.len && s.p[tag] != '$' && is_word(s.p[tag]))
		tag++;
	if (tag >= s.len || s.p[tag] != '$')
		return 0;
	tag++;
	for (i = tag; i + tag <= s.len; i++)
		if (memcmp(s.p + i, s.p, tag) == 0)
			return i + tag;
	return s.len;
}

static size_t
comment_len(struct span s)
{
	size_t depth = 0, i = 0;

	if (s.p[0] == '-') {
		while (i < s.len && s.p[i] != '\n' && s.p[i] != '\r')
			i++;
		return i;
	}
	while (i + 1 < s.len) {
		if (s.p[i] == '/' && s.p[i + 1] == '*') {
			depth++;
			i += 2;
		} else if (s.p[i] == '*' && s.p[i + 1] == '/') {
			i += 2;
			if (--depth == 0)
				return i;
		} else {
			i++;
		}
	}
	return s.len;
}

static size_t
word_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && is_word(s.p[n]))
		n++;
	return n;
}

/* How long the token at s is; its kind in *kind. */
static size_t
token_len(struct span s, enum sql_kind *kind)
{
	uint8_t c = s.p[0], next = s.len > 1 ? s.p[1] : 0;
	size_t n;

	*kind = SQL_OTHER;
	if (c == '\'') {
		*kind = SQL_STRING;
		return quoted_len(s, false);
	}
	if (c == '"') {
		*kind = SQL_NAME;
		return quoted_len(s, false);
	}
	if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
		*kind = SQL_COMMENT;
		return comment_len(s);
	}
	if ((c == 'e' || c == 'E') && next == '\'') {
		*kind = SQL_STRING;
		return 1 + quoted_len(span_of(s.p + 1, s.len - 1), true);
	}
	if (c == '$' && (n = dollar_len(s)) > 0) {
		*kind = SQL_STRING;
		return n;
	}
	if (is_word_start(c)) {
		*kind = SQL_WORD;
		return word_len(s);
	}
	if (c >= '0' && c <= '9') /* so that 1$a$ is no quote */
		return word_len(s);
	if (c == ';')
		*kind = SQL_SEMICOLON;
	return 1;
}

struct sql_token
sql_next(struct span *left)
{
	struct sql_token t = { SQL_END, { left->p, 0 } };
	size_t n;

	while (left->len > 0 && is_space(left->p[0]))
		*left = span_of(left->p + 1, left->len - 1);
	if (left->len == 0)
		return t;
	n = token_len(*left, &t.kind);
	t.text = span_of(left->p, n);
	*left = span_of(left->p + n, left->len - n);
	return t;
}

/*
 * The body of a SQL-standard function has semicolons of its own: it stands
 * between BEGIN ATOMIC and the END that no CASE has begun.  So have the
 * commands of a rule, in parentheses.
 */
struct span
sql_statement(struct span *left)
{
	struct sql_token t, before = { SQL_END, { NULL, 0 } };
	struct span all = { NULL, 0 };
	size_t depth = 0, open = 0;

	while ((t = sql_next(left)).kind != SQL_END) {
		if (t.kind == SQL_COMMENT)
			continue;
		if (all.p == NULL)
			all.p = t.text.p;
		all.len = (size_t)(t.text.p - all.p) + t.text.len;
		if (t.kind == SQL_SEMICOLON && depth == 0 && open == 0)
			return all;
		if (t.kind == SQL_OTHER && t.text.p[0] == '(')
			open++;
		else if (t.kind == SQL_OTHER && t.text.p[0] == ')' && open > 0)
			open--;
		if (depth == 0 && sql_is(&t, "atomic") &&
		    sql_is(&before, "begin"))
			depth = 1;
		else if (depth > 0 && sql_is(&t, "case"))
			depth++;
		else if (depth > 0 && sql_is(&t, "end"))
			depth--;
		before = t;
	}
	return all;
}

bool
sql_is(const struct sql_token *token, const char *word)
{
	size_t n = strlen(word), i;

	if (token->kind != SQL_WORD || token->text.len != n)
		return false;
	for (i = 0; i < n; i++)
		if ((token->text.p[i] | 0x20) != word[i])
			return false;
	return true;
}

void
sql_fold(const struct sql_token *token, struct bytes *out)
{
	struct span s = token->text;
	size_t i;

	if (token->kind == SQL_NAME) {
		for (i = 1; i + 1 < s.len; i++) {
			bytes_u8(out, s.p[i]);
			i += s.p[i] == '"';
		}
		return;
	}
	for (i = 0; i < s.len; i++)
		bytes_u8(out, s.p[i] >= 'A' && s.p[i] <= 'Z'
				  ? (uint8_t)(s.p[i] | 0x20)
				  : s.p[i]);
}

void
sql_quote(struct span name, struct bytes *out)
{
	bytes_u8(out, '"');
	for (size_t i = 0; i < name.len; i++) {
		bytes_u8(out, name.p[i]);
		if (name.p[i] == '"')
			bytes_u8(out, '"');
	}
	bytes_u8(out, '"');
}

bool
sql_names(const struct sql_token *token, const char *name)
{
	struct bytes b;
	bool same;

	bytes_init(&b, SIZE_MAX);
	sql_fold(token, &b);
	same = !b.bad && span_eq(bytes_span(&b), span_str(name));
	bytes_fini(&b);
	return same;
}
