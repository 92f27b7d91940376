/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_pgtext.c - hostile text from a server and its tools: the list and the
 * SQL that pg_restore prints, names as patterns, streams as a script.
 *
 * The first byte picks.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgsource_internal.h"
#include "sqlscript.h"

#define LIMIT ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each line goes into one of the lists at most, whole and in order. */
static void
try_toc(struct span in)
{
	static const enum toc_class all[] = { TOC_MAIN, TOC_LATE, TOC_LAST,
		TOC_DATABASE };
	struct bytes toc, list;
	size_t total = 0;

	bytes_init(&toc, LIMIT);
	bytes_init(&list, LIMIT);
	bytes_put_span(&toc, in);
	bytes_u8(&toc, 0);
	toc.len--;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		bytes_clear(&list);
		toc_pick(&toc, all[i], &list);
		total += list.len;
	}
	if (total > in.len)
		abort();
	bytes_fini(&toc);
	bytes_fini(&list);
}

/* Cleaning takes lines away and adds none. */
static void
try_clean(struct span in)
{
	struct bytes b;

	bytes_init(&b, LIMIT);
	bytes_put_span(&b, in);
	child_clean_sql(&b);
	ddl_drop_connect(&b);
	if (b.len > in.len)
		abort();
	bytes_fini(&b);
}

static void
try_pattern(struct span in)
{
	struct bytes schema, name, text;
	int dots;

	bytes_init(&schema, LIMIT);
	bytes_init(&name, LIMIT);
	bytes_init(&text, LIMIT);
	bytes_put_span(&text, in);
	bytes_u8(&text, 0);
	dots = pattern_regex((const char *)text.p, &schema, &name);
	if (dots < 0 || name.bad || name.len == 0 ||
	    name.p[name.len - 1] != '\0' || (dots > 0) != (schema.len > 0))
		abort();
	bytes_fini(&schema);
	bytes_fini(&name);
	bytes_fini(&text);
}

/* Two streams whose name, attribute and bytes a hostile repository chose. */
static void
try_script(struct span in)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct sqlscript_opts o = { .fd = open("/dev/null", O_WRONLY) };
	struct sqlscript *s = NULL;
	struct stream_meta m;
	struct span part[3];
	size_t third = in.len / 3;

	if (o.fd < 0)
		abort();
	for (size_t i = 0; i < 3; i++)
		part[i] = span_of(in.p + i * third, third);
	o.title = "fuzz";
	o.encoding = "UTF8";
	if (sqlscript_open(&o, &s, &err) == SNAP_OK) {
		memset(&m, 0, sizeof m);
		m.kind = STREAM_TABLE;
		m.cutter = CUTTER_ROWS;
		m.name = part[0];
		m.attr = part[1];
		if (sink_begin(sqlscript_sink(s), &m, &err) == SNAP_OK &&
		    sink_data(sqlscript_sink(s), part[2], &err) == SNAP_OK &&
		    sink_end(sqlscript_sink(s), 1, &err) == SNAP_OK)
			(void)!sqlscript_finish(s, &err);
		else
			sqlscript_poison(s, "fuzz");
	}
	sqlscript_close(s);
	(void)close(o.fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size == 0)
		return 0;
	in = span_of(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		try_toc(in);
		break;
	case 1:
		try_clean(in);
		break;
	case 2:
		try_pattern(in);
		break;
	default:
		try_script(in);
	}
	return 0;
}
