/* SPDX-License-Identifier: PostgreSQL */
/*
 * pattern.c - the patterns of psql and pg_dump as regular expressions.
 *
 * "*" and "?" are wildcards, a dot parts schema from name, letters are folded
 * to lower case unless double-quoted, and the rest is a regular expression.
 */
#include <string.h>

#include "pattern.h"

/* One character, in quotes (all literal) or not. */
static void
put_char(struct bytes *b, char ch, bool quoted)
{
	if (!quoted && ch == '*') {
		bytes_put_str(b, ".*");
	} else if (!quoted && ch == '?') {
		bytes_u8(b, '.');
	} else {
		/* As psql: "$" is always literal, the others when quoted. */
		if (ch == '$' || (quoted && strchr("|*+?()[]{}.^\\", ch)))
			bytes_u8(b, '\\');
		/* Only ASCII is folded, other letters depend on a locale. */
		if (!quoted && ch >= 'A' && ch <= 'Z')
			ch = (char)(ch - 'A' + 'a');
		bytes_u8(b, (uint8_t)ch);
	}
}

int
pattern_regex(const char *pattern, struct bytes *schema, struct bytes *name)
{
	bool quoted = false;
	int dots = 0;
	const char *p;

	bytes_clear(schema);
	bytes_clear(name);
	bytes_put_str(name, "^(");
	for (p = pattern; *p != '\0'; p++) {
		if (*p == '"') {
			if (quoted && p[1] == '"') {
				bytes_u8(name, '"');
				p++;
			} else {
				quoted = !quoted;
			}
		} else if (*p == '.' && !quoted) {
			dots++;
			bytes_put_str(name, ")$");
			bytes_clear(schema);
			bytes_put_span(schema, bytes_span(name));
			bytes_clear(name);
			bytes_put_str(name, "^(");
		} else if (!quoted && *p == '[' && p[1] == ']') {
			bytes_put_str(name, "\\[\\]"); /* as in type names */
			p++;
		} else {
			put_char(name, *p, quoted);
		}
	}
	bytes_put_str(name, ")$");
	bytes_u8(name, 0);
	if (dots > 0)
		bytes_u8(schema, 0);
	return dots;
}
