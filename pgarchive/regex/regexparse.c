/* SPDX-License-Identifier: PostgreSQL */
/*
 * regexparse.c - PostgreSQL's regular expressions, as far as pg_dump's
 * patterns can spell them: "*" comes out of these as ".*" and "?" as ".", so
 * there are no look-aheads, options or quantifiers that take as few as they
 * can.
 */
#include <string.h>

#include "regex_internal.h"

#define PROGRAM_MAX ((size_t)1 << 16) /* steps, and ranges of sets */
#define DEPTH_MAX 100                 /* of groups in groups */
#define BOUND_MAX 255                 /* as PostgreSQL's */
#define UNBOUNDED (-1)

struct parser {
	struct regex *r;
	struct cursor in;
	unsigned depth;
};

static enum snap_code
wrong(const char *what, struct snap_err *err)
{
	return snap_fail(
	    err, SNAP_USAGE, "invalid regular expression: %s", what);
}

static enum snap_code
put(struct regex *r, struct step s, struct snap_err *err)
{
	enum snap_code rc;

	if (r->n >= PROGRAM_MAX)
		return wrong("too complex", err);
	rc = vec_room((void **)&r->v, &r->cap, r->n, sizeof s, err);
	if (rc == SNAP_OK)
		r->v[r->n++] = s;
	return rc;
}

/* Make room for `n` steps at `at`; what jumps within the moved ones follows. */
static enum snap_code
insert(struct regex *r, size_t at, size_t n, struct snap_err *err)
{
	static const struct step none = { OP_JUMP, 0, 0, false };
	size_t i, len = r->n - at;
	enum snap_code rc = SNAP_OK;

	for (i = 0; rc == SNAP_OK && i < n; i++)
		rc = put(r, none, err);
	if (rc != SNAP_OK)
		return rc;
	memmove(r->v + at + n, r->v + at, len * sizeof *r->v);
	for (i = at + n; i < r->n; i++)
		if (r->v[i].op == OP_SPLIT || r->v[i].op == OP_JUMP) {
			r->v[i].x += (uint32_t)n;
			r->v[i].y += (uint32_t)n;
		}
	return SNAP_OK;
}

/* Another copy of the `len` steps from `at` on, at the end. */
static enum snap_code
copy(struct regex *r, size_t at, size_t len, struct snap_err *err)
{
	uint32_t by = (uint32_t)(r->n - at);
	enum snap_code rc = SNAP_OK;
	struct step s;

	for (size_t i = at; rc == SNAP_OK && i < at + len; i++) {
		s = r->v[i];
		if (s.op == OP_SPLIT || s.op == OP_JUMP) {
			s.x += by;
			s.y += by;
		}
		rc = put(r, s, err);
	}
	return rc;
}

static enum snap_code
put_range(struct regex *r, struct range g, struct snap_err *err)
{
	enum snap_code rc;

	if (r->n_sets >= PROGRAM_MAX)
		return wrong("too complex", err);
	rc =
	    vec_room((void **)&r->sets, &r->sets_cap, r->n_sets, sizeof g, err);
	if (rc == SNAP_OK)
		r->sets[r->n_sets++] = g;
	return rc;
}

static int
peek(const struct parser *p)
{
	return p->in.left > 0 ? p->in.p[0] : -1;
}

static bool
take(struct parser *p, char c)
{
	if (peek(p) != (unsigned char)c)
		return false;
	(void)cursor_u8(&p->in);
	return true;
}

static int
hex_value(int c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* As many digits as there are behind \x, a fixed number behind the others. */
static enum snap_code
parse_hex(struct parser *p, int kind, uint32_t *out, struct snap_err *err)
{
	size_t n, want = kind == 'u' ? 4 : 8;
	uint32_t v = 0;

	for (n = 0; hex_value(peek(p)) >= 0 && (kind == 'x' || n < want); n++) {
		v = v << 4 | (uint32_t)hex_value(peek(p));
		/* Higher than any character: it matches none. */
		v = v < CLASS_FIRST ? v : CLASS_FIRST - 1;
		(void)cursor_u8(&p->in);
	}
	if (n == 0 || (kind != 'x' && n < want))
		return wrong("escape sequence", err);
	*out = v;
	return SNAP_OK;
}

/* Behind a backslash: a character, or a class as a range. */
static enum snap_code
parse_escape(struct parser *p, struct range *out, struct snap_err *err)
{
	static const char shorthand[] = "dsw", control[] = "abefnrtv";
	static const char *const names[] = { "digit", "space", "word" };
	static const uint32_t values[] = { 7, 8, 27, 12, 10, 13, 9, 11 };
	int c = peek(p);
	uint32_t v = 0;
	const char *at;

	if (c < 0)
		return wrong("escape sequence", err);
	if (c >= 0x80 || !regex_is_word((uint32_t)c) || c == '_') {
		v = regex_char(p->r, &p->in);
		*out = (struct range){ v, v, false };
		return SNAP_OK;
	}
	(void)cursor_u8(&p->in);
	at = strchr(shorthand, c | 0x20);
	if (at != NULL) {
		(void)regex_class(span_str(names[at - shorthand]), &v);
		*out = (struct range){ v, v, (c & 0x20) == 0 };
		return SNAP_OK;
	}
	at = strchr(control, c);
	if (at != NULL)
		v = values[at - control];
	else if (c == 'x' || c == 'u' || c == 'U') {
		enum snap_code rc = parse_hex(p, c, &v, err);

		if (rc != SNAP_OK)
			return rc;
	} else
		return wrong("an escape that is not known here", err);
	*out = (struct range){ v, v, false };
	return SNAP_OK;
}

/* One member of a set: "x", "\d", "[:alpha:]", "[.x.]", "[=x=]". */
static enum snap_code
parse_member(struct parser *p, struct range *out, struct snap_err *err)
{
	struct span name;
	const uint8_t *q;
	uint32_t v;
	char kind;
	size_t n;

	if (take(p, '\\'))
		return parse_escape(p, out, err);
	if (peek(p) == '[' && p->in.left > 1 &&
	    strchr(":.=", p->in.p[1]) != NULL) {
		kind = (char)p->in.p[1];
		(void)cursor_span(&p->in, 2);
		q = p->in.p;
		for (n = 0; n + 1 < p->in.left; n++)
			if (q[n] == (uint8_t)kind && q[n + 1] == ']')
				break;
		if (n + 1 >= p->in.left)
			return wrong("brackets [] not balanced", err);
		name = cursor_span(&p->in, n);
		(void)cursor_span(&p->in, 2);
		if (kind != ':') {
			struct cursor c;

			cursor_init(&c, name);
			v = regex_char(p->r, &c);
			if (!cursor_done(&c))
				return wrong("collating element", err);
		} else if (!regex_class(name, &v))
			return wrong("character class", err);
		*out = (struct range){ v, v, false };
		return SNAP_OK;
	}
	if (peek(p) < 0)
		return wrong("brackets [] not balanced", err);
	v = regex_char(p->r, &p->in);
	*out = (struct range){ v, v, false };
	return SNAP_OK;
}

static enum snap_code
parse_set(struct parser *p, struct snap_err *err)
{
	struct step s = { OP_SET, (uint32_t)p->r->n_sets, 0, take(p, '^') };
	struct range g, to;
	enum snap_code rc;
	bool first = true;

	while (first || !take(p, ']')) {
		first = false;
		if ((rc = parse_member(p, &g, err)) != SNAP_OK)
			return rc;
		if (peek(p) == '-' && p->in.left > 1 && p->in.p[1] != ']') {
			(void)cursor_u8(&p->in);
			if ((rc = parse_member(p, &to, err)) != SNAP_OK)
				return rc;
			if (g.from >= CLASS_FIRST || to.from >= CLASS_FIRST ||
			    to.from < g.from)
				return wrong("character range", err);
			g.to = to.from;
		}
		if ((rc = put_range(p->r, g, err)) != SNAP_OK)
			return rc;
	}
	s.y = (uint32_t)p->r->n_sets;
	return put(p->r, s, err);
}

static enum snap_code parse_any(struct parser *p, struct snap_err *err);

static enum snap_code
parse_atom(struct parser *p, struct snap_err *err)
{
	struct step s = { OP_CHAR, 0, 0, false };
	struct range g;
	enum snap_code rc;

	if (take(p, '(')) {
		if (++p->depth > DEPTH_MAX)
			return wrong("too complex", err);
		rc = parse_any(p, err);
		p->depth--;
		if (rc == SNAP_OK && !take(p, ')'))
			rc = wrong("parentheses () not balanced", err);
		return rc;
	}
	if (take(p, '['))
		return parse_set(p, err);
	if (take(p, '\\')) {
		if ((rc = parse_escape(p, &g, err)) != SNAP_OK)
			return rc;
		if (g.from >= CLASS_FIRST) {
			s = (struct step){ OP_SET, (uint32_t)p->r->n_sets,
				(uint32_t)p->r->n_sets + 1, false };
			if ((rc = put_range(p->r, g, err)) != SNAP_OK)
				return rc;
		} else
			s.x = g.from;
	} else if (take(p, '.'))
		s.op = OP_ANY;
	else
		s.x = regex_char(p->r, &p->in);
	return put(p->r, s, err);
}

static enum snap_code
parse_number(struct parser *p, int *out, struct snap_err *err)
{
	int v = 0;

	if (peek(p) < '0' || peek(p) > '9')
		return wrong("invalid repetition count(s)", err);
	while (peek(p) >= '0' && peek(p) <= '9') {
		v = v * 10 + (cursor_u8(&p->in) - '0');
		if (v > BOUND_MAX)
			return wrong("invalid repetition count(s)", err);
	}
	*out = v;
	return SNAP_OK;
}

/* "{" that no digit follows is a character. */
static bool
at_quantifier(const struct parser *p)
{
	int c = peek(p);

	return c == '*' || c == '+' || c == '?' ||
	       (c == '{' && p->in.left > 1 && p->in.p[1] >= '0' &&
		   p->in.p[1] <= '9');
}

static enum snap_code
parse_bounds(struct parser *p, int *min, int *max, struct snap_err *err)
{
	enum snap_code rc;

	*min = 0;
	*max = UNBOUNDED;
	if (take(p, '*'))
		return SNAP_OK;
	if (take(p, '+')) {
		*min = 1;
		return SNAP_OK;
	}
	if (take(p, '?')) {
		*max = 1;
		return SNAP_OK;
	}
	(void)take(p, '{');
	if ((rc = parse_number(p, min, err)) != SNAP_OK)
		return rc;
	*max = *min;
	if (take(p, ',')) {
		*max = UNBOUNDED;
		if (peek(p) != '}' &&
		    (rc = parse_number(p, max, err)) != SNAP_OK)
			return rc;
	}
	if (!take(p, '}') || (*max != UNBOUNDED && *max < *min))
		return wrong("invalid repetition count(s)", err);
	return SNAP_OK;
}

/* Repeat the steps from `at` on: `min` copies, then as many as may be left
 * out, or one that may be gone through again. */
static enum snap_code
repeat(struct regex *r, size_t at, int min, int max, struct snap_err *err)
{
	size_t len = r->n - at, end, n_more, i, from;
	struct step split = { OP_SPLIT, 0, 0, false };
	enum snap_code rc = SNAP_OK;

	for (int k = 1; rc == SNAP_OK && k < min; k++)
		rc = copy(r, at, len, err);
	n_more = max == UNBOUNDED ? 1 : (size_t)(max - min);
	for (i = 0; rc == SNAP_OK && i < n_more; i++) {
		from = r->n;
		if ((rc = put(r, split, err)) != SNAP_OK ||
		    (rc = copy(r, at, len, err)) != SNAP_OK)
			break;
		if (max == UNBOUNDED) {
			split = (struct step){ OP_JUMP, (uint32_t)from,
				(uint32_t)from, false };
			rc = put(r, split, err);
		}
		r->v[from].x = (uint32_t)from + 1;
		r->v[from].y = (uint32_t)r->n;
	}
	if (rc != SNAP_OK || min > 0)
		return rc;
	/* Not even once: the first copy was only there to be copied. */
	end = r->n - at - len;
	memmove(r->v + at, r->v + at + len, end * sizeof *r->v);
	r->n -= len;
	for (i = at; i < r->n; i++)
		if (r->v[i].op == OP_SPLIT || r->v[i].op == OP_JUMP) {
			r->v[i].x -= (uint32_t)len;
			r->v[i].y -= (uint32_t)len;
		}
	return SNAP_OK;
}

static enum snap_code
parse_branch(struct parser *p, struct snap_err *err)
{
	int c, min, max;
	enum snap_code rc;
	size_t at;

	while ((c = peek(p)) >= 0 && c != '|' && c != ')') {
		if (at_quantifier(p))
			return wrong("quantifier operand invalid", err);
		if (take(p, '^') || take(p, '$')) {
			struct step s = { c == '^' ? OP_BEGIN : OP_END, 0, 0,
				false };

			if ((rc = put(p->r, s, err)) != SNAP_OK)
				return rc;
			continue;
		}
		at = p->r->n;
		if ((rc = parse_atom(p, err)) != SNAP_OK)
			return rc;
		if (!at_quantifier(p))
			continue;
		if ((rc = parse_bounds(p, &min, &max, err)) != SNAP_OK ||
		    (rc = repeat(p->r, at, min, max, err)) != SNAP_OK)
			return rc;
	}
	return SNAP_OK;
}

/* Branches parted by "|": a split in front of each but the last, and behind it
 * a jump to the end of all. */
static enum snap_code
parse_any(struct parser *p, struct snap_err *err)
{
	static const struct step jump = { OP_JUMP, 0, 0, false };
	struct regex *r = p->r;
	size_t at = r->n, last;
	enum snap_code rc = parse_branch(p, err);

	while (rc == SNAP_OK && take(p, '|')) {
		if ((rc = insert(r, at, 1, err)) != SNAP_OK ||
		    (rc = put(r, jump, err)) != SNAP_OK)
			return rc;
		last = r->n - 1;
		r->v[at] = (struct step){ OP_SPLIT, (uint32_t)at + 1,
			(uint32_t)r->n, false };
		rc = parse_branch(p, err);
		r->v[last].x = r->v[last].y = (uint32_t)r->n;
	}
	return rc;
}

enum snap_code
regex_parse(struct regex *r, struct span text, struct snap_err *err)
{
	static const struct step hit = { OP_HIT, 0, 0, false };
	struct parser p = { .r = r };
	enum snap_code rc;

	cursor_init(&p.in, text);
	rc = parse_any(&p, err);
	if (rc == SNAP_OK && p.in.left > 0)
		rc = wrong("parentheses () not balanced", err);
	return rc == SNAP_OK ? put(r, hit, err) : rc;
}
