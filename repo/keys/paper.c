/* SPDX-License-Identifier: PostgreSQL */
/*
 * paper.c - see paper.h.
 *
 * Of an object only what cannot be made again is written: header and trailer
 * follow from kind, id, epoch and contents.  Whether they really do is tried
 * before anything is printed.
 */
#include <stdlib.h>
#include <string.h>

#include "base32.h"
#include "keys.h"
#include "paper.h"

#define VERSION 1
#define SUM_BYTES 8
#define OBJECT_MAX (64u << 10)
#define BLOB_MAX ((size_t)PAPER_LINES_MAX * PAPER_LINE_BYTES)
#define HEAD_BYTES (1 + 2 + ID_LEN)
#define LINE_SUM_DIGITS 4
#define GROUP 4

void
paper_init(struct paper *p)
{
	memset(p, 0, sizeof *p);
}

void
paper_fini(struct paper *p)
{
	for (size_t i = 0; i < p->n; i++)
		bytes_fini(&p->v[i].raw);
	p->n = 0;
}

/* The whole object out of what paper has of it. */
static enum snap_code
rebuild(const struct header *h, struct span payload, struct bytes *out,
    struct snap_err *err)
{
	uint8_t header[HEADER_LEN];

	header_encode(h, header);
	bytes_put(out, header, sizeof header);
	bytes_put_span(out, payload);
	object_finish(out, HEADER_LEN);
	return bytes_check(out, err);
}

static enum snap_code
take(struct paper *p, const struct header *h, struct span payload,
    struct snap_err *err)
{
	struct paper_object *o = &p->v[p->n];
	enum snap_code rc;

	if (p->n == PAPER_OBJECTS_MAX)
		return snap_fail(err, SNAP_USAGE, "too many objects");
	bytes_init(&o->raw, OBJECT_MAX);
	rc = rebuild(h, payload, &o->raw, err);
	if (rc != SNAP_OK) {
		bytes_fini(&o->raw);
		return rc;
	}
	o->kind = h->kind;
	memcpy(o->id, h->id, ID_LEN);
	memcpy(p->repo_id, h->repo_id, ID_LEN);
	p->n++;
	return SNAP_OK;
}

enum snap_code
paper_add(struct paper *p, struct span raw, struct snap_err *err)
{
	struct object o;
	enum snap_code rc = object_parse(raw, &o, err);

	if (rc == SNAP_OK && p->n > 0 &&
	    memcmp(o.header.repo_id, p->repo_id, ID_LEN) != 0)
		rc = snap_fail(
		    err, SNAP_CORRUPT, "it belongs to another repository");
	if (rc == SNAP_OK)
		rc = take(p, &o.header, o.payload, err);
	if (rc == SNAP_OK && !span_eq(raw, bytes_span(&p->v[p->n - 1].raw))) {
		bytes_fini(&p->v[--p->n].raw);
		rc = snap_fail(err, SNAP_UNSUPPORTED,
		    "it has something that this version cannot write down");
	}
	return rc;
}

/* ---- bytes */

static void
put_object(const struct paper_object *o, struct bytes *out)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct object parsed;

	/* paper_add() has parsed it. */
	if (object_parse(bytes_span(&o->raw), &parsed, &ignored) != SNAP_OK)
		return;
	bytes_u8(out, o->kind);
	bytes_varint(out, parsed.header.epoch);
	if (o->kind != OBJ_CONFIG) /* its id is the repository's */
		bytes_put(out, o->id, ID_LEN);
	bytes_varint(out, parsed.payload.len);
	bytes_put_span(out, parsed.payload);
}

static void
whole_sum(struct span blob, uint8_t sum[SUM_BYTES])
{
	uint8_t full[32];

	keys_fingerprint(blob, full);
	memcpy(sum, full, SUM_BYTES);
}

static enum snap_code
encode(const struct paper *p, struct bytes *blob, struct snap_err *err)
{
	uint8_t sum[SUM_BYTES];
	size_t lines;

	bytes_u8(blob, VERSION);
	bytes_u16(blob, 0); /* below */
	bytes_put(blob, p->repo_id, ID_LEN);
	bytes_varint(blob, p->n);
	for (size_t i = 0; i < p->n; i++)
		put_object(&p->v[i], blob);
	/* Filled up first, so that the sum is the end. */
	while ((blob->len + SUM_BYTES) % PAPER_LINE_BYTES != 0 && !blob->bad)
		bytes_u8(blob, 0);
	lines = (blob->len + SUM_BYTES) / PAPER_LINE_BYTES;
	if (blob->bad || lines > PAPER_LINES_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "more than %d lines; choose fewer slots", PAPER_LINES_MAX);
	blob->p[1] = (uint8_t)lines;
	blob->p[2] = (uint8_t)(lines >> 8);
	whole_sum(bytes_span(blob), sum);
	bytes_put(blob, sum, sizeof sum);
	return bytes_check(blob, err);
}

static void
decode_one(struct cursor *c, struct paper *out, struct snap_err *why)
{
	struct header h;
	uint64_t epoch, len;
	struct span payload;

	memset(&h, 0, sizeof h);
	h.kind = cursor_u8(c);
	epoch = cursor_varint(c);
	memcpy(h.repo_id, out->repo_id, ID_LEN);
	memcpy(h.id, out->repo_id, ID_LEN);
	if (h.kind != OBJ_CONFIG)
		cursor_copy(c, h.id, ID_LEN);
	len = cursor_varint(c);
	if (c->bad || epoch > UINT32_MAX || len > c->left ||
	    (h.kind != OBJ_CONFIG && h.kind != OBJ_SLOT && h.kind != OBJ_HOST &&
		h.kind != OBJ_EPOCH)) {
		c->bad = true;
		return;
	}
	h.epoch = (uint32_t)epoch;
	payload = cursor_span(c, (size_t)len);
	if (take(out, &h, payload, why) != SNAP_OK)
		c->bad = true;
}

static enum snap_code
decode(struct span blob, struct paper *out, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	uint8_t sum[SUM_BYTES];
	struct cursor c;
	uint64_t n;

	blob.len -= SUM_BYTES;
	whole_sum(blob, sum);
	if (memcmp(sum, blob.p + blob.len, SUM_BYTES) != 0) {
		(void)snap_fail(
		    err, SNAP_USAGE, "the lines do not belong together");
		return snap_hint(err, "Are they from one paper form?");
	}
	cursor_init(&c, blob);
	(void)cursor_u8(&c);
	(void)cursor_u16(&c);
	cursor_copy(&c, out->repo_id, ID_LEN);
	n = cursor_varint(&c);
	if (n > PAPER_OBJECTS_MAX)
		c.bad = true;
	for (uint64_t i = 0; i < n && !c.bad; i++)
		decode_one(&c, out, &why);
	while (!c.bad && c.left > 0)
		c.bad = c.left >= PAPER_LINE_BYTES || cursor_u8(&c) != 0;
	if (!c.bad)
		return SNAP_OK;
	paper_fini(out);
	return snap_fail(err, SNAP_USAGE, "this is no paper form%s%s",
	    why.code != SNAP_OK ? ": " : "", why.msg);
}

/* ---- lines */

static unsigned
line_sum(unsigned number, const uint8_t *line)
{
	uint8_t in[2 + PAPER_LINE_BYTES], sum[32];

	in[0] = (uint8_t)number;
	in[1] = (uint8_t)(number >> 8);
	memcpy(in + 2, line, PAPER_LINE_BYTES);
	keys_fingerprint(span_of(in, sizeof in), sum);
	return ((unsigned)sum[0] << 16 | (unsigned)sum[1] << 8 | sum[2]) >> 4;
}

static void
put_line(unsigned number, const uint8_t *line, struct bytes *out)
{
	unsigned sum = line_sum(number, line), acc = 0, bits = 0;
	size_t digits = 0;

	bytes_printf(out, "%02u: ", number);
	for (size_t i = 0; i < PAPER_LINE_BYTES; i++) {
		acc = (acc << 8 | line[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5) {
			if (digits != 0 && digits % GROUP == 0)
				bytes_u8(out, '-');
			bytes_u8(out, (uint8_t)base32_digit(acc >> (bits - 5)));
			digits++;
		}
	}
	bytes_u8(out, ' ');
	for (int i = LINE_SUM_DIGITS - 1; i >= 0; i--)
		bytes_u8(out, (uint8_t)base32_digit(sum >> (5 * i)));
	bytes_u8(out, '\n');
}

enum snap_code
paper_write(const struct paper *p, struct bytes *out, struct snap_err *err)
{
	struct bytes blob;
	enum snap_code rc;

	bytes_init(&blob, BLOB_MAX + 1);
	rc = encode(p, &blob, err);
	for (size_t at = 0; rc == SNAP_OK && at < blob.len;
	     at += PAPER_LINE_BYTES)
		put_line(
		    (unsigned)(at / PAPER_LINE_BYTES) + 1, blob.p + at, out);
	bytes_fini(&blob);
	return rc == SNAP_OK ? bytes_check(out, err) : rc;
}

struct reader {
	const uint8_t *p, *end;
	uint8_t *blob;
	bool *seen; /* by number - 1 */
	unsigned last;
};

static void
skip_blanks(struct reader *r)
{
	while (r->p < r->end &&
	       (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || *r->p == '-'))
		r->p++;
}

/* "07:", with what looks like a digit; 0: there is none, and r stays. */
static unsigned
read_number(struct reader *r)
{
	const uint8_t *start = r->p;
	unsigned v = 0, n = 0;

	for (; r->p < r->end && n < 4; r->p++, n++) {
		int d = base32_value((char)*r->p);

		if (d < 0 || d > 9)
			break;
		v = 10 * v + (unsigned)d;
	}
	while (r->p < r->end && *r->p == ' ')
		r->p++;
	if (n > 0 && n < 4 && v > 0 && r->p < r->end && *r->p == ':') {
		r->p++;
		return v;
	}
	r->p = start;
	return 0;
}

static enum snap_code
wrong_line(unsigned number, const char *what, struct snap_err *err)
{
	return snap_fail(err, SNAP_USAGE, "line %u %s", number, what);
}

/* What stands behind the number. */
static enum snap_code
read_record(struct reader *r, unsigned number, struct snap_err *err)
{
	uint8_t line[PAPER_LINE_BYTES] = { 0 }, *at;
	unsigned acc = 0, bits = 0, sum = 0, n = 0;
	size_t len = 0;

	for (skip_blanks(r);
	     n < PAPER_LINE_DIGITS && r->p < r->end && *r->p != '\n';
	     r->p++, n++, skip_blanks(r)) {
		int v = base32_value((char)*r->p);

		if (v < 0)
			return wrong_line(number, "has what is no digit", err);
		if (n >= PAPER_LINE_DIGITS - LINE_SUM_DIGITS) {
			sum = sum << 5 | (unsigned)v;
			continue;
		}
		acc = (acc << 5 | (unsigned)v) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			line[len++] = (uint8_t)(acc >> bits);
		}
	}
	if (n < PAPER_LINE_DIGITS)
		return wrong_line(number, "is too short", err);
	if (line_sum(number, line) != sum)
		return wrong_line(number, "has a typing error", err);
	at = r->blob + (size_t)(number - 1) * PAPER_LINE_BYTES;
	if (r->seen[number - 1] && memcmp(at, line, sizeof line) != 0)
		return wrong_line(number, "is there twice, and differs", err);
	memcpy(at, line, sizeof line);
	r->seen[number - 1] = true;
	r->last = number > r->last ? number : r->last;
	return SNAP_OK;
}

/* All records of a line of the text; other text is passed over. */
static enum snap_code
read_text_line(struct reader *r, struct snap_err *err)
{
	unsigned number, next;
	enum snap_code rc;

	skip_blanks(r);
	number = read_number(r);
	if (number == 0)
		return SNAP_OK;
	for (;;) {
		if (number > PAPER_LINES_MAX)
			return wrong_line(number, "is one too many", err);
		if ((rc = read_record(r, number, err)) != SNAP_OK)
			return rc;
		skip_blanks(r);
		if (r->p == r->end || *r->p == '\n')
			return SNAP_OK;
		/* In a QR code the next one follows. */
		next = read_number(r);
		if (next == 0)
			return wrong_line(number, "is too long", err);
		number = next;
	}
}

static enum snap_code
check_complete(const struct reader *r, struct snap_err *err)
{
	unsigned n = (unsigned)r->blob[1] | (unsigned)r->blob[2] << 8;

	if (r->last == 0)
		return snap_fail(err, SNAP_USAGE,
		    "there is no line of a paper form, as \"01: XXXX-XXXX-...\"");
	if (!r->seen[0])
		return wrong_line(1, "is missing", err);
	if (r->blob[0] != VERSION)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "the paper form was written by a newer version");
	if (n == 0 || n > PAPER_LINES_MAX || r->last > n)
		return snap_fail(
		    err, SNAP_USAGE, "there are more than %u lines", n);
	for (unsigned i = 0; i < n; i++)
		if (!r->seen[i])
			return wrong_line(i + 1, "is missing", err);
	return SNAP_OK;
}

enum snap_code
paper_read(struct span text, struct paper *out, struct snap_err *err)
{
	struct reader r = { text.p, text.p + text.len, calloc(1, BLOB_MAX),
		calloc(PAPER_LINES_MAX, sizeof(bool)), 0 };
	enum snap_code rc = SNAP_OK;

	paper_init(out);
	if (text.len > PAPER_TEXT_MAX || r.blob == NULL || r.seen == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "this is too large");
	while (rc == SNAP_OK && r.p < r.end) {
		rc = read_text_line(&r, err);
		while (r.p < r.end && *r.p != '\n')
			r.p++;
		if (r.p < r.end)
			r.p++;
	}
	if (rc == SNAP_OK)
		rc = check_complete(&r, err);
	if (rc == SNAP_OK)
		rc = decode(span_of(r.blob, (size_t)r.last * PAPER_LINE_BYTES),
		    out, err);
	free(r.seen);
	free(r.blob);
	return rc;
}
