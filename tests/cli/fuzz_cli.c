/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_cli.c - hostile words on the command line, hostile names from a
 * repository on their way to a terminal, and the first bytes of a stream.
 *
 * The first byte picks.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "raw.h"
#include "repo.h"
#include "ui.h"

#define LIMIT ((size_t)1 << 22)
#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NUL-terminated, and not by chance within what lies behind it. */
static char *
text_of(struct span in)
{
	char *p = malloc(in.len + 1);

	if (p == NULL)
		abort();
	if (in.len > 0)
		memcpy(p, in.p, in.len);
	p[in.len] = '\0';
	return p;
}

/* Words are parted by line ends. */
static void
try_options(struct span in, uint8_t bit)
{
	struct snap_err err = SNAP_ERR_INIT;
	char *text = text_of(in), *argv[WORDS_MAX + 1], *p = text;
	static struct opts o;
	unsigned long v;
	int argc = 0, used;

	while (p != NULL && argc < WORDS_MAX) {
		argv[argc++] = p;
		p = strchr(p, '\n');
		if (p != NULL)
			*p++ = '\0';
	}
	argv[argc] = NULL;
	memset(&o, 0, sizeof o);
	if (opts_parse_front(&o, argc, argv, &used, &err) == SNAP_OK &&
	    (used < 0 || used > argc))
		abort();
	memset(&o, 0, sizeof o);
	(void)!opts_parse(&o, 1u << bit % 9, "backup", argc, argv, &err);
	if (opts_number(text, "jobs", 3, 77, &v, &err) == SNAP_OK &&
	    (v < 3 || v > 77))
		abort();
	free(text);
}

/* Nothing that moves the cursor or a line end gets through. */
static void
try_escape(struct span in)
{
	struct bytes b;

	bytes_init(&b, LIMIT);
	ui_escape(&b, in);
	for (size_t i = 0; i < b.len; i++)
		if (b.p[i] < ' ' || b.p[i] == 0x7f)
			abort();
	bytes_fini(&b);
}

static void
try_json(struct span in)
{
	json_t *o = json_root();
	char *text;

	if (o == NULL)
		return;
	json_put_text(o, "name", in);
	text = json_dumps(o, 0);
	/* There is a string whatever the bytes were. */
	if (text == NULL || json_object_get(o, "name") == NULL)
		abort();
	free(text);
	json_decref(o);
}

static void
try_spec(struct span in)
{
	struct repo_property props[2] = { { "database", "shop" },
		{ "name", "x" } };
	struct repo_snapshot v[3];
	struct repo_snapshots all = { .n = 3, .v = v };
	const struct repo_snapshot *out = NULL;
	struct snap_err err = SNAP_ERR_INIT;
	char *text = text_of(in);

	memset(v, 0, sizeof v);
	for (size_t i = 0; i < 3; i++) {
		memset(v[i].id, i == 0 ? 0xab : 0x12, REPO_ID_LEN);
		v[i].id[15] = (uint8_t)i;
		v[i].n_props = 2;
		v[i].props = props;
	}
	if (repo_snapshot_find(&all, text, &out, &err) == SNAP_OK &&
	    (out < v || out >= v + 3))
		abort();
	free(text);
}

static void
try_head(struct span in)
{
	(void)raw_compression(in);
	(void)raw_is_lines(in);
	(void)raw_last_line(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size < 2)
		return 0;
	in = span_of(data + 2, size - 2);
	switch (data[0] % 5) {
	case 0:
		try_options(in, data[1]);
		break;
	case 1:
		try_escape(in);
		break;
	case 2:
		try_json(in);
		break;
	case 3:
		try_spec(in);
		break;
	default:
		try_head(in);
	}
	return 0;
}
