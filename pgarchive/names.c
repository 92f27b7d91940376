/* SPDX-License-Identifier: PostgreSQL */
/*
 * names.c - names as quote_ident(), quote_literal() and pg_dump write them.
 */
#include <string.h>

#include "names.h"

bool
span_ends(struct span s, struct span with)
{
	return s.len >= with.len &&
	       (with.len == 0 ||
		   memcmp(s.p + s.len - with.len, with.p, with.len) == 0);
}

bool
span_has(struct span s, struct span what)
{
	if (what.len == 0)
		return true;
	for (; s.len >= what.len; s = span_behind(s, 1))
		if (memcmp(s.p, what.p, what.len) == 0)
			return true;
	return false;
}

struct span
span_behind(struct span s, size_t n)
{
	return n >= s.len ? span_of(NULL, 0) : span_of(s.p + n, s.len - n);
}

/* Between `quote` and the next single one of them. */
static bool
take_quoted(struct span *in, uint8_t quote, bool escapes, struct bytes *out)
{
	size_t i;

	for (i = 1; i < in->len; i++) {
		if (escapes && in->p[i] == '\\' && i + 1 < in->len) {
			bytes_u8(out, in->p[++i]);
			continue;
		}
		if (in->p[i] == quote) {
			if (i + 1 >= in->len || in->p[i + 1] != quote) {
				*in = span_behind(*in, i + 1);
				return true;
			}
			i++;
		}
		bytes_u8(out, in->p[i]);
	}
	return false;
}

static bool
is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '$' || c >= 0x80;
}

bool
name_take(struct span *in, struct bytes *out)
{
	size_t n = 0;

	if (in->len > 0 && in->p[0] == '"')
		return take_quoted(in, '"', false, out);
	while (n < in->len && is_plain(in->p[n]))
		n++;
	bytes_put(out, in->p, n);
	*in = span_behind(*in, n);
	return n > 0;
}

bool
name_argument(const char **p, char end, struct bytes *out)
{
	bool quoted = false;

	for (; **p != '\0' && (quoted || **p != '='); ++*p) {
		char c = **p;

		if (c == '"' && quoted && (*p)[1] == '"')
			++*p;
		else if (c == '"') {
			quoted = !quoted;
			continue;
		}
		bytes_u8(out, !quoted && c >= 'A' && c <= 'Z'
				  ? (uint8_t)(c | 0x20)
				  : (uint8_t)c);
	}
	return !quoted && **p == end && out->len > 0 && !out->bad;
}

bool
name_split(struct span text, struct bytes *schema, struct bytes *name)
{
	bytes_clear(schema);
	bytes_clear(name);
	if (!name_take(&text, schema) || text.len == 0 || text.p[0] != '.')
		return false;
	text = span_behind(text, 1);
	return name_take(&text, name) && text.len == 0 && !schema->bad &&
	       !name->bad;
}

struct span
name_of_stream(struct span s)
{
	size_t n = 1;

	if (s.len == 0 || s.p[0] != ' ')
		return s;
	while (n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n < s.len && s.p[n] == ' ' ? span_behind(s, n + 1) : s;
}

bool
name_literal(struct span *in, struct bytes *out)
{
	bool escapes = in->len > 0 && in->p[0] == 'E';
	struct span s = span_behind(*in, escapes ? 1 : 0);

	bytes_clear(out);
	if (s.len == 0 || s.p[0] != '\'' ||
	    !take_quoted(&s, '\'', escapes, out))
		return false;
	*in = s;
	return !out->bad;
}
