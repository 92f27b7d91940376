/* SPDX-License-Identifier: PostgreSQL */
/*
 * text.c - sizes, times, names and tables as people read them.
 *
 * Width is counted in code points, which is right for what names are made of
 * and needs no locale.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ui.h"

#define CELL_MAX ((size_t)1 << 20)
#define TABLE_MAX ((size_t)1 << 30)

struct ui_table {
	size_t n_columns, n_cells;
	unsigned right;
	struct bytes text; /* escaped cells, one NUL behind each */
	size_t width[16];
};

const char *
ui_size(uint64_t bytes, char out[UI_SIZE_MAX])
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB",
		"PB" };
	size_t u = 0;
	uint64_t v = bytes;

	/* As PostgreSQL: the unit changes at 10240, and halves round up. */
	while (v >= 10240 && u + 1 < sizeof units / sizeof units[0]) {
		v = v / 1024 + (v % 1024 >= 512 ? 1 : 0);
		u++;
	}
	(void)snprintf(out, UI_SIZE_MAX, "%" PRIu64 " %s", v, units[u]);
	return out;
}

const char *
ui_time(int64_t time_ns, char out[UI_TIME_MAX])
{
	time_t t = (time_t)(time_ns / 1000000000);
	char zone[8];
	struct tm tm;
	size_t n;

	if (localtime_r(&t, &tm) == NULL ||
	    (n = strftime(out, UI_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm)) == 0 ||
	    strftime(zone, sizeof zone, "%z", &tm) != 5) {
		out[0] = '\0';
		return out;
	}
	/* %z has no colon, ISO 8601's extended form has. */
	(void)snprintf(out + n, UI_TIME_MAX - n, "%.3s:%s", zone, zone + 3);
	return out;
}

/* Length of the well-formed UTF-8 sequence at `p`, 0 = none. */
static size_t
sequence(const uint8_t *p, size_t left)
{
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
	    : p[0] >= 0xe0 && p[0] <= 0xef ? 3
	    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
					   : 0;
	if (n == 0 || n > left)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* C0, DEL and C1 steer terminals, U+202A to U+202E and U+2066 to U+2069 the order
 * in which text is read; U+FFFE and U+FFFF are no characters, nor any of XML. */
static bool
is_harmful(const uint8_t *p, size_t n)
{
	if (n == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (n != 3)
		return false;
	if (p[0] == 0xe2)
		return (p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
		       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
	return p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe;
}

void
ui_escape(struct bytes *out, struct span s)
{
	size_t i = 0, n;

	while (i < s.len) {
		n = sequence(s.p + i, s.len - i);
		if (n == 0 || is_harmful(s.p + i, n)) {
			bytes_printf(out, "\\x%02x", s.p[i++]);
			continue;
		}
		bytes_put(out, s.p + i, n);
		i += n;
	}
}

static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct ui_table *
ui_table_new(size_t n_columns, const char *const *heads, unsigned right)
{
	struct ui_table *t = calloc(1, sizeof *t);
	size_t i;

	if (t == NULL || n_columns > sizeof t->width / sizeof t->width[0]) {
		free(t);
		return NULL;
	}
	t->n_columns = n_columns;
	t->right = right;
	bytes_init(&t->text, TABLE_MAX);
	for (i = 0; i < n_columns; i++)
		ui_table_cell(t, span_str(heads[i]));
	return t;
}

void
ui_table_cell(struct ui_table *t, struct span text)
{
	size_t start, w, column;

	if (t == NULL)
		return;
	start = t->text.len;
	column = t->n_cells++ % t->n_columns;
	ui_escape(&t->text, text);
	bytes_u8(&t->text, 0);
	if (t->text.bad)
		return;
	w = width_of((const char *)t->text.p + start);
	if (w > t->width[column])
		t->width[column] = w;
}

void
ui_table_print(struct ui_table *t)
{
	const char *cell;
	size_t i, column, w, pad;

	if (t == NULL)
		return;
	cell = (const char *)t->text.p;
	for (i = 0; !t->text.bad && i < t->n_cells; i++) {
		column = i % t->n_columns;
		w = width_of(cell);
		pad = t->width[column] - w;
		if ((t->right >> column & 1) != 0)
			ui_out("%*s%s", (int)(pad < 200 ? pad : 200), "", cell);
		else if (column + 1 < t->n_columns)
			ui_out("%s%*s", cell, (int)(pad < 200 ? pad : 200), "");
		else
			ui_out("%s", cell);
		ui_out_raw(column + 1 < t->n_columns ? "  " : "\n");
		cell += strlen(cell) + 1;
	}
	if (t->text.bad)
		ui_out_lost(ENOMEM);
	ui_table_free(t);
}

void
ui_table_free(struct ui_table *t)
{
	if (t == NULL)
		return;
	bytes_fini(&t->text);
	free(t);
}
