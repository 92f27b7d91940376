/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_archive.c - an archive, patterns, names and statements that a hostile
 * database or repository made up.
 *
 * The first byte picks; with the second, of an archive, what is asked of it.
 */
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "largeobjects.h"
#include "pgarchive.h"
#include "regex.h"
#include "rolemap.h"
#include "toc.h"

#define ROOM ((size_t)1 << 24)
#define PATTERN_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two relations and a sequence, for what has to find something. */
static const struct entry fixed[] = {
	{ 1, 2, "TABLE", "p", "s", "", "DROP TABLE s.p;\n", { 0 } },
	{ 2, 2, "TABLE", "c", "s", "", "DROP TABLE s.c;\n", { 1 } },
	{ 3, 2, "TABLE ATTACH", "c", "s", "", "", { 1, 2 } },
	{ 4, 2, "SEQUENCE", "q", "s", "", "DROP SEQUENCE s.q;\n", { 2 } }, { 0 }
};

/* Each entry is in one list at most, each line is one. */
static void
try_choice(const struct pgarchive_opts *o)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct pgarchive *a = NULL;
	struct bytes out;
	size_t i, lines = 0;

	if (pgarchive_open(o, &a, &err) != SNAP_OK)
		return;
	bytes_init(&out, ROOM);
	for (int part = PGARCHIVE_PRE_DATA; part <= PGARCHIVE_LAST; part++)
		pgarchive_list(a, (enum pgarchive_part)part, &out);
	for (i = 0; i < out.len; i++)
		lines += out.p[i] == '\n';
	if (out.bad || lines > o->archive.len)
		abort();
	for (i = 0; i < pgarchive_n_notes(a); i++) {
		bytes_clear(&out);
		pgarchive_note(a, i, &out);
	}
	for (i = 0; i < o->n_streams; i++)
		if (pgarchive_rows(a, i) && !pgarchive_data(a))
			abort();
	if (pgarchive_locks(a) > 3 * o->archive.len)
		abort();
	bytes_clear(&out);
	for (i = 0; pgarchive_mention(a, span_str("s"), &i, &out);)
		if (i > o->archive.len)
			abort();
	if (pgarchive_schemas(a, &out, &err) == SNAP_OK &&
	    pgarchive_has_schema(a, span_str("s")) && out.len == 0)
		abort();
	bytes_fini(&out);
	pgarchive_close(a);
}

/* What was an archive is one with large objects as well. */
static void
try_objects(struct span archive)
{
	struct large_object o = { 4711, span_str("me"), span_str("c"),
		span_str("l"), span_str("p") };
	struct snap_err err = SNAP_ERR_INIT;
	struct toc *t = NULL, *more = NULL;
	struct bytes out;

	if (toc_parse(archive, &t, &err) != SNAP_OK)
		return;
	bytes_init(&out, ROOM);
	if (largeobjects_add(archive, t, &o, 1, &out, &err) == SNAP_OK &&
	    (toc_parse(bytes_span(&out), &more, &err) != SNAP_OK ||
		more->n != t->n + 4 || !largeobjects_known(more)))
		abort();
	bytes_fini(&out);
	toc_free(more);
	toc_free(t);
}

/* Roles that are not in it leave it as it is; others leave it an archive. */
static void
try_roles(struct span archive)
{
	static const char *const nobody[] = { "\"nobody's\"=x", NULL };
	static const char *const keeper[] = { "keeper=\"a;b\"", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct rolemap *none = NULL, *map = NULL;
	struct bytes same, other;
	struct toc *t = NULL;

	bytes_init(&same, ROOM);
	bytes_init(&other, ROOM);
	if (rolemap_new(nobody, &none, &err) != SNAP_OK ||
	    rolemap_new(keeper, &map, &err) != SNAP_OK)
		abort();
	if (rolemap_archive(none, archive, &same, &err) == SNAP_OK) {
		if (rolemap_check(none, &err) != SNAP_OK &&
		    !span_eq(archive, bytes_span(&same)))
			abort();
		if (rolemap_archive(map, archive, &other, &err) != SNAP_OK ||
		    toc_parse(bytes_span(&other), &t, &err) != SNAP_OK)
			abort();
	}
	toc_free(t);
	rolemap_free(none);
	rolemap_free(map);
	bytes_fini(&same);
	bytes_fini(&other);
}

static void
try_archive(struct span in)
{
	char pattern[PATTERN_MAX];
	const char *list[] = { pattern, NULL };
	struct span stream;
	struct pgarchive_opts o = { .streams = &stream, .n_streams = 1 };
	uint8_t ask;
	size_t n;

	if (in.len < 2)
		return;
	ask = in.p[0];
	n = in.p[1] % PATTERN_MAX;
	if (in.len < 2 + n)
		return;
	memcpy(pattern, in.p + 2, n);
	pattern[n] = '\0';
	stream = span_of(in.p + 2, n);
	o.archive = span_of(in.p + 2 + n, in.len - 2 - n);
	try_roles(o.archive);
	o.utf8 = (ask & 1) != 0;
	o.no_dependencies = (ask & 2) != 0;
	o.data_only = (ask & 4) != 0;
	o.sections = ask >> 5;
	if (n > 0)
		switch (ask >> 3 & 3) {
		case 0:
			o.tables = list;
			break;
		case 1:
			o.schemas = list;
			break;
		case 2:
			o.exclude_tables = list;
			break;
		default:
			o.exclude_schemas = list;
		}
	try_choice(&o);
	try_objects(o.archive);
}

/* A name and an expression, parted by a NUL. */
static void
try_regex(struct span in)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct regex *r = NULL;
	size_t n = 0;

	while (n < in.len && in.p[n] != '\0')
		n++;
	if (n == in.len || in.len > 4096)
		return;
	if (regex_new(span_of(in.p + n + 1, in.len - n - 1), (n & 1) != 0, &r,
		&err) == SNAP_OK)
		(void)regex_match(r, span_of(in.p, n));
	regex_free(r);
}

/* What is left of values of sequences is some of their lines. */
static void
try_streams(struct span in)
{
	static const char *const tables[] = { "s.c", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct pgarchive_opts o = { .tables = tables };
	struct pgarchive *a = NULL;
	struct bytes archive, out;
	size_t half = in.len / 2;

	bytes_init(&archive, ROOM);
	bytes_init(&out, ROOM);
	archive_build(&archive, 14, 4, fixed);
	o.archive = bytes_span(&archive);
	if (pgarchive_open(&o, &a, &err) != SNAP_OK)
		abort();
	if (pgarchive_sequences(a, in, &out, &err) == SNAP_OK &&
	    out.len > in.len)
		abort();
	bytes_clear(&out);
	(void)!pgarchive_copy(a, span_of(in.p, half),
	    span_of(in.p + half, in.len - half), &out, &err);
	bytes_clear(&out);
	(void)!pgarchive_copy(a, span_str("s.c"), in, &out, &err);
	pgarchive_close(a);
	bytes_fini(&out);
	bytes_fini(&archive);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size == 0)
		return 0;
	in = span_of(data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		try_archive(in);
		break;
	case 1:
		try_regex(in);
		break;
	default:
		try_streams(in);
	}
	return 0;
}
