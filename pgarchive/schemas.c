/* SPDX-License-Identifier: PostgreSQL */
/*
 * schemas.c - what has to be known of a schema that gets another name.
 *
 * The server follows a name wherever it has resolved it.  Not so in the text
 * of a function, and in the settings that one brings along.
 */
#include <stdlib.h>

#include "names.h"
#include "select_internal.h"

static bool
is_desc(const struct toc_entry *e, const char *desc)
{
	return span_eq(e->desc, span_str(desc));
}

/* The schema that entry i is in, or makes; or none. */
static struct span
schema_of(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *e = &a->toc->v[i];

	return a->m[i].kind == KIND_SCHEMA ? e->tag : e->schema;
}

static int
cmp_spans(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

bool
pgarchive_has_schema(const struct pgarchive *a, struct span name)
{
	for (size_t i = 0; i < a->toc->n; i++)
		if ((a->m[i].kind == KIND_SCHEMA ? is_in(a, i)
						 : is_made(a, i)) &&
		    span_eq(schema_of(a, i), name))
			return true;
	return false;
}

struct span
pgarchive_schema_owner(const struct pgarchive *a, struct span name)
{
	struct span none = { NULL, 0 };

	for (size_t i = 0; i < a->toc->n; i++)
		if (a->m[i].kind == KIND_SCHEMA && is_in(a, i) &&
		    span_eq(a->toc->v[i].tag, name))
			return a->toc->v[i].owner;
	return none;
}

enum snap_code
pgarchive_schemas(
    const struct pgarchive *a, struct bytes *out, struct snap_err *err)
{
	struct span *v = calloc(a->toc->n + 1, sizeof *v);
	size_t n = 0;

	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < a->toc->n; i++)
		if ((is_made(a, i) || a->m[i].kind == KIND_SCHEMA) &&
		    is_in(a, i) && schema_of(a, i).len > 0)
			v[n++] = schema_of(a, i);
	qsort(v, n, sizeof *v, cmp_spans);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && span_eq(v[i], v[i - 1]))
			continue;
		bytes_put_str(out, i > 0 ? ", " : "");
		bytes_put_span(out, v[i]);
	}
	free(v);
	return bytes_check(out, err);
}

bool
pgarchive_extension(const struct pgarchive *a, size_t *at, struct span *name)
{
	for (; *at < a->toc->n; (*at)++)
		if (is_made(a, *at) && is_desc(&a->toc->v[*at], "EXTENSION")) {
			*name = a->toc->v[(*at)++].tag;
			return true;
		}
	return false;
}

/* From the first setting or the body on, both of which begin a line. */
static struct span
text_of(struct span sql)
{
	static const char *const marks[] = { "\n    SET ", "\n    AS " };

	for (size_t i = 0; i < sql.len; i++)
		for (size_t k = 0; k < 2; k++)
			if (span_starts(span_behind(sql, i), marks[k]))
				return span_behind(sql, i);
	return span_of(sql.p, 0);
}

static bool
is_letter(struct span s, size_t i)
{
	uint8_t c = i < s.len ? s.p[i] : 0;

	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
}

static bool
has_word(struct span s, struct span word)
{
	for (size_t i = 0; word.len > 0 && i + word.len <= s.len; i++)
		if (span_eq(span_of(s.p + i, word.len), word) &&
		    (i == 0 || !is_letter(s, i - 1)) &&
		    !is_letter(s, i + word.len))
			return true;
	return false;
}

bool
pgarchive_mention(const struct pgarchive *a, struct span schema, size_t *at,
    struct bytes *out)
{
	for (; *at < a->toc->n; (*at)++) {
		const struct toc_entry *e = &a->toc->v[*at];

		if (!is_made(a, *at) ||
		    (!is_desc(e, "FUNCTION") && !is_desc(e, "PROCEDURE")) ||
		    !has_word(text_of(e->defn), schema))
			continue;
		bytes_put_span(out, e->schema);
		bytes_u8(out, '.');
		bytes_put_span(out, e->tag);
		(*at)++;
		return true;
	}
	return false;
}
