/* SPDX-License-Identifier: PostgreSQL */
/*
 * agree_tool.c - random patterns and names, with what we say of them, as rows
 * for COPY: expression, name, "t", "f" or NULL for an invalid one.
 *
 * Usage: agree_tool SEED COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "regex.h"

#define ROOM ((size_t)1 << 12)

static uint64_t state;

static size_t
draw(size_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % below);
}

/* What a pattern can have that means something. */
static const char *const bits[] = { "a", "b", "A", "1", "a", "b", "*", "?", "(",
	")", "|", "+", "{2}", "{1,2}", "{0,}", "{", "[ab]", "[^a]", "[a-b1]",
	"[[:alpha:]]", "[^[:digit:]]", "[[:punct:]b]", "[\\d]", "[", "]", "^",
	"$", "\"", "\\d", "\\w", "\\S", "\\D", "\\.", "\\x61", "\xc3\xa4", "-",
	"_", " ", "\\\\", "[[.a.]-b]", "[[=b=]]", "}" };
static const char *const chars[] = { "a", "b", "1", "a", "b", "A", "\xc3\xa4",
	"\n", "$", "{", "-", "_", ".", "[", "\"", "\\", " " };

static void
fill(struct bytes *b, const char *const *from, size_t n, size_t most)
{
	for (size_t left = draw(most + 1); left > 0; left--)
		bytes_put_str(b, from[draw(n)]);
	bytes_u8(b, 0);
}

static void
put(const struct bytes *b)
{
	for (size_t i = 0; i + 1 < b->len; i++)
		if (b->p[i] == '\n')
			(void)fputs("\\n", stdout);
		else if (b->p[i] == '\\')
			(void)fputs("\\\\", stdout);
		else
			(void)putchar(b->p[i]);
	(void)putchar('\t');
}

int
main(int argc, char **argv)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes pattern, name, schema, text;
	struct regex *r;
	long count;

	if (argc != 3)
		return 2;
	state = strtoull(argv[1], NULL, 10) * 2 + 1;
	bytes_init(&pattern, ROOM);
	bytes_init(&name, ROOM);
	bytes_init(&schema, ROOM);
	bytes_init(&text, ROOM);
	for (count = strtol(argv[2], NULL, 10); count > 0; count--) {
		bytes_clear(&pattern);
		bytes_clear(&name);
		fill(&pattern, bits, sizeof bits / sizeof bits[0], 7);
		fill(&name, chars, sizeof chars / sizeof chars[0], 4);
		(void)pattern_regex((const char *)pattern.p, &schema, &text);
		put(&text);
		put(&name);
		r = NULL;
		if (regex_new(span_of(text.p, text.len - 1), true, &r, &err) !=
		    SNAP_OK)
			(void)puts("\\N");
		else
			(void)puts(regex_match(r, span_of(name.p, name.len - 1))
				       ? "t"
				       : "f");
		regex_free(r);
	}
	bytes_fini(&pattern);
	bytes_fini(&name);
	bytes_fini(&schema);
	bytes_fini(&text);
	return 0;
}
