/* SPDX-License-Identifier: PostgreSQL */
/*
 * regex.c - a pattern's program run over a name, all of its states at once.
 *
 * The system's regcomp() will not do: it takes characters from the locale of
 * the process, which need not be the database's, and knows no \d.
 */
#include <stdlib.h>

#include "regex_internal.h"

static const char *const classes[] = { "alnum", "alpha", "ascii", "blank",
	"cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
	"word", "xdigit" };
#define N_CLASSES (sizeof classes / sizeof classes[0])

static bool
between(uint32_t c, char from, char to)
{
	return c >= (unsigned char)from && c <= (unsigned char)to;
}

static bool
in_class(const char *name, uint32_t c)
{
	bool far = c >= 0x80, digit = between(c, '0', '9');
	bool lower = between(c, 'a', 'z'), upper = between(c, 'A', 'Z');
	bool graph = between(c, '!', '~') || far;

	switch (name[0]) {
	case 'a':
		return name[1] == 's'
			   ? !far
			   : lower || upper || far || (name[2] == 'n' && digit);
	case 'b':
		return c == ' ' || c == '\t';
	case 'c':
		return c < ' ' || c == 0x7f;
	case 'd':
		return digit;
	case 'g':
		return graph;
	case 'l':
		return lower;
	case 'p':
		return name[1] == 'r'
			   ? graph || c == ' '
			   : graph && !far && !digit && !lower && !upper;
	case 's':
		return c == ' ' || between(c, '\t', '\r');
	case 'u':
		return upper;
	case 'w':
		return lower || upper || digit || far || c == '_';
	default:
		return digit || between(c, 'a', 'f') || between(c, 'A', 'F');
	}
}

bool
regex_is_word(uint32_t c)
{
	return in_class("word", c);
}

static bool
in_range(const struct range *g, uint32_t c)
{
	if (g->from >= CLASS_FIRST)
		return in_class(classes[g->from - CLASS_FIRST], c) !=
		       g->negated;
	return c >= g->from && c <= g->to;
}

static bool
in_set(const struct regex *r, const struct step *s, uint32_t c)
{
	bool in = false;

	for (uint32_t i = s->x; !in && i < s->y; i++)
		in = in_range(&r->sets[i], c);
	return in != s->negated;
}

uint32_t
regex_char(const struct regex *r, struct cursor *c)
{
	uint32_t lead = cursor_u8(c), v;
	size_t n = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

	if (!r->utf8 || lead < 0x80)
		return lead;
	if (n == 0 || lead > 0xf4 || c->left < n)
		return BAD_BYTE + lead;
	v = lead & (0x3fu >> n);
	for (size_t i = 0; i < n; i++) {
		if ((c->p[i] & 0xc0) != 0x80)
			return BAD_BYTE + lead;
		v = v << 6 | (c->p[i] & 0x3fu);
	}
	(void)cursor_span(c, n);
	return v;
}

bool
regex_class(struct span name, uint32_t *out)
{
	for (uint32_t i = 0; i < N_CLASSES; i++)
		if (span_eq(name, span_str(classes[i]))) {
			*out = CLASS_FIRST + i;
			return true;
		}
	return false;
}

/* ---- matching */
enum snap_code
regex_new(struct span text, bool utf8, struct regex **out, struct snap_err *err)
{
	struct regex *r = calloc(1, sizeof *r);
	enum snap_code rc;

	if (r == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	r->utf8 = utf8;
	if ((rc = regex_parse(r, text, err)) != SNAP_OK)
		goto out;
	for (int i = 0; i < 2; i++)
		r->list[i] = calloc(r->n, sizeof *r->list[i]);
	r->stack = calloc(r->n, 2 * sizeof *r->stack);
	r->seen = calloc(r->n, sizeof *r->seen);
	if (r->list[0] == NULL || r->list[1] == NULL || r->stack == NULL ||
	    r->seen == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
out:
	if (rc != SNAP_OK)
		regex_free(r);
	else
		*out = r;
	return rc;
}

void
regex_free(struct regex *r)
{
	if (r == NULL)
		return;
	free(r->v);
	free(r->sets);
	free(r->list[0]);
	free(r->list[1]);
	free(r->stack);
	free(r->seen);
	free(r);
}

/* What can be reached from step `from` without a character; `mark` is of this
 * place of the name, so that each step is there once. */
static void
reach(struct regex *r, uint32_t from, size_t mark, bool begin, bool end,
    uint32_t *list, size_t *n)
{
	size_t depth = 0;
	uint32_t at;

	r->stack[depth++] = from;
	while (depth > 0) {
		at = r->stack[--depth];
		if (r->seen[at] == mark)
			continue;
		r->seen[at] = mark;
		switch (r->v[at].op) {
		case OP_SPLIT:
			r->stack[depth++] = r->v[at].y;
			r->stack[depth++] = r->v[at].x;
			break;
		case OP_JUMP:
			r->stack[depth++] = r->v[at].x;
			break;
		case OP_BEGIN:
			if (begin)
				r->stack[depth++] = at + 1;
			break;
		case OP_END:
			if (end)
				r->stack[depth++] = at + 1;
			break;
		default:
			list[(*n)++] = at;
			break;
		}
	}
}

static bool
takes(const struct regex *r, const struct step *s, uint32_t c)
{
	return s->op == OP_ANY || (s->op == OP_CHAR && s->x == c) ||
	       (s->op == OP_SET && in_set(r, s, c));
}

bool
regex_match(struct regex *r, struct span name)
{
	size_t n = 0, n_next, mark = 1;
	struct cursor c;
	uint32_t ch;

	cursor_init(&c, name);
	for (size_t i = 0; i < r->n; i++)
		r->seen[i] = 0;
	reach(r, 0, mark, true, name.len == 0, r->list[0], &n);
	for (;;) {
		for (size_t i = 0; i < n; i++)
			if (r->v[r->list[0][i]].op == OP_HIT)
				return true;
		if (c.left == 0)
			return false;
		ch = regex_char(r, &c);
		mark++;
		n_next = 0;
		for (size_t i = 0; i < n; i++)
			if (takes(r, &r->v[r->list[0][i]], ch))
				reach(r, r->list[0][i] + 1, mark, false,
				    c.left == 0, r->list[1], &n_next);
		/* Not anchored: a match may begin at each character. */
		reach(r, 0, mark, false, c.left == 0, r->list[1], &n_next);
		for (n = 0; n < n_next; n++)
			r->list[0][n] = r->list[1][n];
	}
}
