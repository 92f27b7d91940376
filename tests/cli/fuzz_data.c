/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_data.c - rows on their way to CSV, names of streams, definitions on
 * their way into a directory, and values of sequences that verify compares.
 *
 * The first byte picks.
 */
#include <stdlib.h>
#include <string.h>

#include "copycsv.h"
#include "pgdirectory.h"
#include "pick.h"
#include "recorded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum snap_code
drop_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s, (void)m, (void)err;
	return SNAP_OK;
}

static enum snap_code
drop_data(struct sink *s, struct span d, struct snap_err *err)
{
	(void)s, (void)d, (void)err;
	return SNAP_OK;
}

static enum snap_code
drop_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s, (void)rows, (void)err;
	return SNAP_OK;
}

static const struct sink_ops drop_ops = { drop_begin, drop_data, drop_end };

/* The first line, or what is in front of it. */
static struct span
line_of(struct span *in)
{
	const uint8_t *end = in->len > 0 ? memchr(in->p, '\n', in->len) : NULL;
	size_t n = end != NULL ? (size_t)(end - in->p) : in->len;
	struct span line = span_of(in->p, n);

	n += end != NULL;
	*in = span_of(in->len > 0 ? in->p + n : NULL, in->len - n);
	return line;
}

static void
try_rows(struct span in)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct sink drop = { &drop_ops };
	struct stream_meta m = { .kind = STREAM_TABLE };
	struct copycsv c;

	m.attr = line_of(&in);
	if (copycsv_init(&c, &drop, "N", true, &err) != SNAP_OK)
		abort();
	if (sink_begin(&c.sink, &m, &err) == SNAP_OK &&
	    sink_data(&c.sink, in, &err) == SNAP_OK)
		(void)!sink_end(&c.sink, 0, &err);
	copycsv_fini(&c);
}

/* What was picked is in the list, and its own name picks it. */
static void
try_pick(struct span in)
{
	struct repo_stream v[8];
	struct repo_manifest m = { .v = v };
	struct snap_err err = SNAP_ERR_INIT;
	struct span word = line_of(&in);
	char *text = malloc(word.len + 1);
	struct pick p;

	if (text == NULL)
		abort();
	if (word.len > 0)
		memcpy(text, word.p, word.len);
	text[word.len] = '\0';
	memset(v, 0, sizeof v);
	for (; m.n < 8 && in.len > 0; m.n++) {
		v[m.n].kind = m.n < 6 ? STREAM_TABLE : STREAM_LARGE_OBJECT;
		v[m.n].name = line_of(&in);
	}
	if (pick_stream(&m, text, &p, &err) == SNAP_OK) {
		size_t i = 0;

		while (i < m.n && !pick_is(&p, &v[i]))
			i++;
		if (i == m.n)
			abort();
	}
	free(text);
}

/* A table, its COPY, values of sequences up to a NUL, the archive. */
static void
try_directory(struct span in)
{
	struct pgdirectory_table t;
	struct pgdirectory_opts o = { .tables = &t, .n_tables = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	const uint8_t *nul;
	struct bytes out;
	int32_t first;

	t.stream = line_of(&in);
	t.copy = line_of(&in);
	nul = in.len > 0 ? memchr(in.p, '\0', in.len) : NULL;
	if (nul == NULL)
		return;
	o.sequences = span_of(in.p, (size_t)(nul - in.p));
	o.archive = span_of(nul + 1, in.len - o.sequences.len - 1);
	o.large_objects = true;
	bytes_init(&out, (size_t)1 << 26);
	if (pgdirectory_toc(&o, &out, &first, &err) == SNAP_OK && first <= 0)
		abort();
	bytes_fini(&out);
}

/* What calls become is read as a list of digests, unless two are of one. */
static void
try_sequences(struct span in)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct digests list = { .v = NULL };
	struct bytes text;

	bytes_init(&text, (size_t)1 << 26);
	digests_begin(&text);
	if (recorded_sequences(in, &text, &err) == SNAP_OK)
		(void)!digests_decode(&text, &list, &err);
	else
		bytes_fini(&text);
	digests_free(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size < 1)
		return 0;
	in = span_of(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		try_rows(in);
		break;
	case 1:
		try_pick(in);
		break;
	case 2:
		try_directory(in);
		break;
	default:
		try_sequences(in);
	}
	return 0;
}
