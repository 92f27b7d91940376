/* SPDX-License-Identifier: PostgreSQL */
/*
 * digestlist.c - see digestlist.h.
 *
 * Text, so that people can read it, of a line for each thing, so that it
 * deduplicates: what did not change is the line that it was.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "digestlist.h"
#include "sink.h"

#define VERSION_LINE "snap-digests 1"
#define VERSION_WORD "snap-digests "

static const struct sort {
	uint8_t kind;
	const char *word;
} sorts[] = {
	{ STREAM_TABLE, "table" },
	{ STREAM_SEQUENCES, "sequence" },
	{ STREAM_LARGE_OBJECT, "large-object" },
};
#define N_SORTS (sizeof sorts / sizeof sorts[0])

static int
by_name(const void *a, const void *b)
{
	const struct digest_entry *x = a, *y = b;
	int c;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	c = span_cmp(x->name, y->name);
	if (c != 0)
		return c;
	return x->part < y->part ? -1 : x->part > y->part;
}

void
digests_free(struct digests *d)
{
	free(d->v);
	bytes_fini(&d->text);
	memset(d, 0, sizeof *d);
}

const struct digest_entry *
digests_find(
    const struct digests *d, uint8_t kind, struct span name, uint32_t part)
{
	struct digest_entry key = { .kind = kind, .name = name, .part = part };

	return d->n == 0 ? NULL
			 : bsearch(&key, d->v, d->n, sizeof *d->v, by_name);
}

/* ---- to text */

static void
put_name(struct bytes *out, struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '\\')
			bytes_put_str(out, "\\\\");
		else if (name.p[i] == '\n')
			bytes_put_str(out, "\\n");
		else
			bytes_u8(out, name.p[i]);
	bytes_u8(out, '\n');
}

void
digests_begin(struct bytes *text)
{
	bytes_clear(text);
	bytes_put_str(text, VERSION_LINE "\n");
}

void
digests_put(struct bytes *text, const struct digest_entry *e)
{
	if (e->kind == STREAM_SEQUENCES)
		bytes_printf(text, "sequence %" PRId64 " %c ", e->value,
		    e->called ? 't' : 'f');
	else if (e->kind == STREAM_TABLE)
		bytes_printf(text, "table %" PRIu32 " ", e->part);
	else
		bytes_put_str(text, "large-object ");
	if (e->kind != STREAM_SEQUENCES)
		bytes_printf(text, "%" PRIu64 " %016" PRIx64 "%016" PRIx64 " ",
		    e->sum.n, e->sum.high, e->sum.low);
	put_name(text, e->name);
}

/* ---- from text */

/* The next word, and the blank behind it; empty: there is none. */
static struct span
take_word(struct span *line)
{
	const uint8_t *end =
	    line->len > 0 ? memchr(line->p, ' ', line->len) : NULL;
	struct span word = { NULL, 0 };

	if (end == NULL)
		return word;
	word = span_of(line->p, (size_t)(end - line->p));
	*line = span_of(end + 1, line->len - word.len - 1);
	return word;
}

/* Decimal, in its shortest form. */
static bool
take_u64(struct span *line, uint64_t max, uint64_t *out)
{
	struct span w = take_word(line);
	uint64_t v = 0, digit;

	if (w.len == 0 || (w.len > 1 && w.p[0] == '0'))
		return false;
	for (size_t i = 0; i < w.len; i++) {
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
		digit = (uint64_t)(w.p[i] - '0');
		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static bool
take_i64(struct span *line, int64_t *out)
{
	bool minus = line->len > 0 && line->p[0] == '-';
	uint64_t v, max = INT64_MAX;

	if (minus) {
		*line = span_of(line->p + 1, line->len - 1);
		max++;
	}
	if (!take_u64(line, max, &v) || (minus && v == 0))
		return false;
	if (minus)
		*out = v == max ? INT64_MIN : -(int64_t)v;
	else
		*out = (int64_t)v;
	return true;
}

static bool
take_sum(struct span *line, struct digest *out)
{
	char hex[33];
	uint8_t raw[16];
	struct span w;

	if (!take_u64(line, UINT64_MAX, &out->n))
		return false;
	w = take_word(line);
	if (w.len != sizeof hex - 1)
		return false;
	memcpy(hex, w.p, w.len);
	hex[w.len] = '\0';
	if (!hex_decode(hex, raw, sizeof raw))
		return false;
	out->high = out->low = 0;
	for (size_t i = 0; i < 8; i++) {
		out->high = out->high << 8 | raw[i];
		out->low = out->low << 8 | raw[i + 8];
	}
	return true;
}

/* In its place, where it does not become longer. */
static bool
take_name(uint8_t *p, struct span *name)
{
	size_t n = 0;

	for (size_t i = 0; i < name->len; i++) {
		if (p[i] != '\\') {
			p[n++] = p[i];
			continue;
		}
		if (++i == name->len || (p[i] != '\\' && p[i] != 'n'))
			return false;
		p[n++] = p[i] == 'n' ? '\n' : '\\';
	}
	*name = span_of(p, n);
	return n > 0;
}

/* What is behind the first word. */
static bool
take_rest(uint8_t kind, struct span *line, struct digest_entry *e)
{
	struct span flag;
	uint64_t part = 0;

	memset(e, 0, sizeof *e);
	e->kind = kind;
	if (kind == STREAM_SEQUENCES) {
		if (!take_i64(line, &e->value))
			return false;
		flag = take_word(line);
		if (flag.len != 1 || (flag.p[0] != 't' && flag.p[0] != 'f'))
			return false;
		e->called = flag.p[0] == 't';
		return true;
	}
	if (kind == STREAM_TABLE && !take_u64(line, UINT32_MAX, &part))
		return false;
	e->part = (uint32_t)part;
	return take_sum(line, &e->sum);
}

static enum snap_code
take_line(struct digests *d, struct span line, struct snap_err *err)
{
	struct span word = take_word(&line);
	struct digest_entry e;
	void *p = d->v;
	enum snap_code rc;
	size_t i;

	for (i = 0; i < N_SORTS; i++)
		if (span_eq(word, span_str(sorts[i].word)))
			break;
	if (i == N_SORTS)
		return SNAP_OK;
	if (!take_rest(sorts[i].kind, &line, &e) ||
	    !take_name(d->text.p + (line.p - d->text.p), &line))
		return snap_fail(err, SNAP_CORRUPT, "not a line of digests");
	e.name = line;
	rc = vec_room(&p, &d->cap, d->n, sizeof *d->v, err);
	d->v = p;
	if (rc == SNAP_OK)
		d->v[d->n++] = e;
	return rc;
}

/* Without its line end; false: there is none. */
static bool
cut_line(struct span *text, struct span *line)
{
	const uint8_t *end =
	    text->len > 0 ? memchr(text->p, '\n', text->len) : NULL;

	if (end == NULL)
		return false;
	*line = span_of(text->p, (size_t)(end - text->p));
	*text = span_of(end + 1, text->len - line->len - 1);
	return true;
}

static enum snap_code
check_version(struct span line, struct snap_err *err)
{
	static const char word[] = VERSION_WORD;

	if (span_eq(line, span_str(VERSION_LINE)))
		return SNAP_OK;
	if (line.len >= sizeof word - 1 &&
	    memcmp(line.p, word, sizeof word - 1) == 0)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "digests that only a newer version can read");
	return snap_fail(err, SNAP_CORRUPT, "not a list of digests");
}

enum snap_code
digests_decode(struct bytes *text, struct digests *out, struct snap_err *err)
{
	struct digests d = { NULL, 0, 0, *text };
	struct span line = { NULL, 0 }, left = bytes_span(text);
	enum snap_code rc;

	bytes_init(text, text->max); /* it is ours now */
	(void)cut_line(&left, &line);
	rc = check_version(line, err);
	while (rc == SNAP_OK && cut_line(&left, &line))
		rc = take_line(&d, line, err);
	if (rc == SNAP_OK && left.len > 0)
		rc = snap_fail(err, SNAP_CORRUPT, "half a line of digests");
	if (d.n > 0)
		qsort(d.v, d.n, sizeof *d.v, by_name);
	for (size_t i = 1; i < d.n && rc == SNAP_OK; i++)
		if (by_name(&d.v[i - 1], &d.v[i]) == 0)
			rc = snap_fail(
			    err, SNAP_CORRUPT, "a digest is there twice");
	if (rc == SNAP_OK)
		*out = d;
	else
		digests_free(&d);
	return rc;
}
