/* SPDX-License-Identifier: PostgreSQL */
/*
 * copycsv.c - out of COPY's text and into its CSV.
 *
 * The rules are those of CopyAttributeOutText() and CopyAttributeOutCSV() in
 * PostgreSQL: a value is quoted when it looks like NULL, when it has a comma, a
 * quote or a line end, and when it is the end marker and alone in its row.
 */
#include <string.h>

#include "copycsv.h"

#define OUT_BYTES ((size_t)128 << 10)
#define COLUMN_MAX 1664 /* PostgreSQL's own limit of a result */

/* What a byte of the text means; all others stand for themselves. */
enum class {
	ORDINARY = 0,
	SPECIAL, /* itself, but the value is quoted */
	STOP     /* ends something or begins an escape */
};
static const uint8_t class_of[256] = { ['\t'] = STOP,
	['\n'] = STOP,
	['\\'] = STOP,
	[','] = SPECIAL,
	['"'] = SPECIAL,
	['\r'] = SPECIAL };

enum snap_code
copycsv_columns(
    struct span copy, struct bytes *out, size_t *n, struct snap_err *err)
{
	static const char begin[] = "COPY ", end[] = ") FROM stdin;";
	size_t i = sizeof begin - 1, n_columns = 0;
	bool quoted = false;

	if (copy.len < i || memcmp(copy.p, begin, i) != 0)
		goto bad;
	/* The table's name has a blank or a parenthesis in quotes only. */
	for (; i < copy.len && (quoted || copy.p[i] != ' '); i++)
		quoted ^= copy.p[i] == '"';
	*n = 0;
	if (i + 1 >= copy.len || copy.p[i + 1] != '(')
		return SNAP_OK;
	n_columns = 1;
	for (i += 2; i < copy.len && (quoted || copy.p[i] != ')'); i++) {
		uint8_t c = copy.p[i];

		if (c == '"') { /* two of them within quotes are one */
			if (!quoted && copy.p[i - 1] == '"')
				bytes_u8(out, c);
			quoted = !quoted;
		} else if (!quoted && c == ',') {
			bytes_u8(out, 0);
			n_columns++;
		} else if (quoted || c != ' ') {
			bytes_u8(out, c);
		}
	}
	bytes_u8(out, 0);
	if (copy.len - i != sizeof end - 1 ||
	    memcmp(copy.p + i, end, sizeof end - 1) != 0 ||
	    n_columns > COLUMN_MAX)
		goto bad;
	*n = n_columns;
	return bytes_check(out, err);
bad:
	return snap_fail(
	    err, SNAP_CORRUPT, "a table's stream has no COPY statement");
}

static enum snap_code
flush(struct copycsv *c, struct snap_err *err)
{
	enum snap_code rc = bytes_check(&c->out, err);

	if (rc == SNAP_OK)
		rc = sink_data(c->to, bytes_span(&c->out), err);
	bytes_clear(&c->out);
	return rc;
}

static void
put_quoted(struct bytes *out, struct span v)
{
	const uint8_t *q;
	size_t n;

	bytes_u8(out, '"');
	while ((q = v.len > 0 ? memchr(v.p, '"', v.len) : NULL) != NULL) {
		n = (size_t)(q - v.p) + 1;
		bytes_put(out, v.p, n);
		bytes_u8(out, '"');
		v = span_of(v.p + n, v.len - n);
	}
	bytes_put_span(out, v);
	bytes_u8(out, '"');
}

/* One value that is not NULL. */
static void
put_value(struct copycsv *c, struct span v, bool special)
{
	if (special || span_eq(v, span_str(c->null)) ||
	    (c->n_columns == 1 && span_eq(v, span_str("\\."))))
		put_quoted(&c->out, v);
	else
		bytes_put_span(&c->out, v);
}

static bool
has_special(const char *s)
{
	return s[strcspn(s, ",\"\r\n")] != '\0';
}

static void
put_header(struct copycsv *c, const struct bytes *names)
{
	const char *p = (const char *)names->p;

	for (size_t i = 0; i < c->n_columns; i++, p += strlen(p) + 1) {
		if (i > 0)
			bytes_u8(&c->out, ',');
		put_value(c, span_str(p), has_special(p));
	}
	bytes_u8(&c->out, '\n');
}

static enum snap_code
csv_begin(struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct copycsv *c = (struct copycsv *)base;
	struct bytes names;
	enum snap_code rc;

	if (c->begun) /* the next slice of the table */
		return SNAP_OK;
	bytes_init(&names, STREAM_ATTR_MAX);
	rc = copycsv_columns(m->attr, &names, &c->n_columns, err);
	if (rc == SNAP_OK)
		rc = sink_begin(c->to, m, err);
	if (rc == SNAP_OK && c->header)
		put_header(c, &names);
	c->begun = rc == SNAP_OK;
	bytes_fini(&names);
	return rc;
}

/* The value is whole, and with `row` the row. */
static enum snap_code
end_value(struct copycsv *c, bool row, struct snap_err *err)
{
	struct span v = bytes_span(&c->value);
	enum snap_code rc = bytes_check(&c->value, err);

	if (rc != SNAP_OK)
		return rc;
	if (c->column > 0)
		bytes_u8(&c->out, ',');
	/* \N is nothing else only where it is all there is. */
	if (c->maybe_null && v.len == 1)
		bytes_put_str(&c->out, c->null);
	else if (c->n_columns > 0)
		put_value(c, v, c->special);
	else if (v.len > 0)
		goto bad;
	c->column++;
	if (row) {
		if (c->column != c->n_columns && c->n_columns > 0)
			goto bad;
		bytes_u8(&c->out, '\n');
		c->column = 0;
	} else if (c->column >= c->n_columns) {
		goto bad;
	}
	bytes_clear(&c->value);
	c->maybe_null = c->special = false;
	return c->out.len < OUT_BYTES ? SNAP_OK : flush(c, err);
bad:
	return snap_fail(err, SNAP_CORRUPT,
	    "a row has not the %zu columns of its table", c->n_columns);
}

/* What follows a backslash. */
static void
put_escaped(struct copycsv *c, uint8_t b)
{
	static const char letters[] = "bfnrtv", bytes[] = "\b\f\n\r\t\v";
	const char *at = b != '\0' ? strchr(letters, b) : NULL;

	if (b == 'N' && c->value.len == 0)
		c->maybe_null = true;
	if (at != NULL)
		b = (uint8_t)bytes[at - letters];
	c->special |= b == '\n' || class_of[b] == SPECIAL;
	bytes_u8(&c->value, b);
	c->escape = false;
}

static enum snap_code
csv_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct copycsv *c = (struct copycsv *)base;
	enum snap_code rc = SNAP_OK;
	size_t i = 0, from;
	bool special;

	while (i < d.len && rc == SNAP_OK) {
		if (c->escape) {
			put_escaped(c, d.p[i++]);
			continue;
		}
		special = false;
		for (from = i; i < d.len && class_of[d.p[i]] != STOP; i++)
			special |= class_of[d.p[i]] == SPECIAL;
		bytes_put(&c->value, d.p + from, i - from);
		c->special |= special;
		if (i == d.len)
			break;
		if (d.p[i] == '\\')
			c->escape = true;
		else
			rc = end_value(c, d.p[i] == '\n', err);
		i++;
	}
	return rc == SNAP_OK ? bytes_check(&c->value, err) : rc;
}

static enum snap_code
csv_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct copycsv *c = (struct copycsv *)base;

	(void)rows;
	if (c->escape || c->column > 0 || c->value.len > 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "the last row of a table has no end");
	return flush(c, err);
}

static const struct sink_ops csv_ops = { csv_begin, csv_data, csv_end };

enum snap_code
copycsv_init(struct copycsv *c, struct sink *to, const char *null, bool header,
    struct snap_err *err)
{
	if (has_special(null))
		return snap_fail(err, SNAP_USAGE,
		    "what stands for NULL has no comma, quote or line end");
	*c = (struct copycsv){
		.sink.ops = &csv_ops, .to = to, .null = null, .header = header
	};
	bytes_init(&c->value, SIZE_MAX);
	bytes_init(&c->out, SIZE_MAX);
	return SNAP_OK;
}

void
copycsv_fini(struct copycsv *c)
{
	bytes_fini(&c->value);
	bytes_fini(&c->out);
}
