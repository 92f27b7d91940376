/* SPDX-License-Identifier: PostgreSQL */
/*
 * history.c - the runs of the past as a table, with a sparkline of what was
 * new in the backups of each source.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "history.h"
#include "ui.h"

#define LAST_DEFAULT 30
#define LAST_MAX 1000000ul
#define SPARK_MAX 60
#define TEXT_MAX ((size_t)64 << 10)
#define LINE_SHOWN ((size_t)160) /* bytes of a status; --json has all */

void
spark_put(const uint64_t *v, size_t n, bool is_utf8, struct bytes *out)
{
	static const char ascii[] = "_.-=+*%#";
	uint64_t most = 1;

	for (size_t i = 0; i < n; i++)
		most = v[i] > most ? v[i] : most;
	for (size_t i = 0; i < n; i++) {
		unsigned level =
		    (unsigned)((double)v[i] / (double)most * 7 + 0.5);

		if (is_utf8) /* U+2581 to U+2588 */
			bytes_printf(
			    out, "\xe2\x96%c", (char)(0x81 + (int)level));
		else
			bytes_u8(out, (uint8_t)ascii[level]);
	}
}

/* As the C library would decide, without asking it for the rest of a locale. */
static bool
is_utf8_here(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = getenv(names[i]);

		if (v != NULL && *v != '\0')
			return strstr(v, "UTF-8") != NULL ||
			       strstr(v, "utf8") != NULL ||
			       strstr(v, "utf-8") != NULL;
	}
	return false;
}

static void
cell(struct ui_table *t, const char *text)
{
	ui_table_cell(t, span_str(text));
}

static void
print_row(struct ui_table *t, const struct event *e, struct bytes *b)
{
	char when[UI_TIME_MAX], size[UI_SIZE_MAX];
	char duration[HISTORY_DURATION_MAX];

	cell(t, ui_time(e->time_ns, when));
	cell(t,
	    e->has_duration ? history_duration(e->duration_ms, duration) : "");
	ui_table_cell(t, e->job);
	ui_table_cell(t, e->source);
	cell(t, e->snapshot ? ui_size(e->snapshot->bytes, size) : "");
	cell(t, e->snapshot ? ui_size(e->snapshot->new_bytes, size) : "");
	bytes_clear(b);
	history_status(e, b);
	if (b->len > LINE_SHOWN) {
		b->len = history_cut(bytes_span(b), LINE_SHOWN).len;
		bytes_put_str(b, "...");
	}
	ui_table_cell(t, bytes_span(b));
}

static bool
is_first_of_source(const struct history *h, size_t i)
{
	if (h->v[i].snapshot == NULL)
		return false;
	for (size_t k = 0; k < i; k++)
		if (h->v[k].snapshot != NULL &&
		    span_eq(h->v[k].source, h->v[i].source))
			return false;
	return true;
}

/* How many backups of the source of h->v[at] there are, and what was new in the
 * largest; v[] is filled from its end with the last of them. */
static size_t
new_bytes(
    const struct history *h, size_t at, uint64_t v[SPARK_MAX], uint64_t *most)
{
	size_t n = 0;

	*most = 0;
	for (size_t i = h->n; i-- > 0;) {
		const struct repo_snapshot *s = h->v[i].snapshot;

		if (s == NULL || !span_eq(h->v[i].source, h->v[at].source))
			continue;
		*most = s->new_bytes > *most ? s->new_bytes : *most;
		if (n++ < SPARK_MAX)
			v[SPARK_MAX - n] = s->new_bytes;
	}
	return n;
}

static enum snap_code
print_sparks(const struct history *h, struct bytes *b, struct snap_err *err)
{
	static const char *const heads[] = { "SOURCE", "BACKUPS", "NEWEST",
		"MOST", "NEW IN EACH" };
	struct ui_table *t = ui_table_new(5, heads, 0xe);
	bool is_utf8 = is_utf8_here();
	uint64_t v[SPARK_MAX], most;
	char text[UI_SIZE_MAX];
	size_t n;

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < h->n; i++) {
		if (!is_first_of_source(h, i))
			continue;
		n = new_bytes(h, i, v, &most);
		ui_table_cell(t, h->v[i].source);
		(void)snprintf(text, sizeof text, "%zu", n);
		cell(t, text);
		cell(t, ui_size(v[SPARK_MAX - 1], text));
		cell(t, ui_size(most, text));
		bytes_clear(b);
		n = n < SPARK_MAX ? n : SPARK_MAX;
		spark_put(v + SPARK_MAX - n, n, is_utf8, b);
		ui_table_cell(t, bytes_span(b));
	}
	ui_table_print(t);
	return SNAP_OK;
}

static enum snap_code
as_table(const struct history *h, size_t last, struct snap_err *err)
{
	static const char *const heads[] = { "WHEN", "DURATION", "JOB",
		"SOURCE", "SIZE", "NEW", "STATUS" };
	struct ui_table *t = ui_table_new(7, heads, 0x32);
	size_t from = h->n > last ? h->n - last : 0;
	enum snap_code rc;
	struct bytes b;

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	bytes_init(&b, TEXT_MAX);
	for (size_t i = from; i < h->n; i++)
		print_row(t, &h->v[i], &b);
	ui_table_print(t);
	ui_out("\n");
	rc = print_sparks(h, &b, err);
	bytes_fini(&b);
	if (rc == SNAP_OK && from + h->runs.n_older > 0)
		ui_info("%zu older runs are not shown (--last)",
		    from + h->runs.n_older);
	return rc == SNAP_OK ? ui_out_end(err) : rc;
}

static json_t *
event_json(const struct event *e)
{
	static const char *const ends[] = { "success", "warning", "failure" };
	const struct repo_snapshot *s = e->snapshot;
	char hex[2 * REPO_ID_LEN + 1];
	json_t *o = json_object();

	json_put_time(o, "ended", e->time_ns);
	if (e->has_duration)
		json_put_u64(o, "duration-ms", e->duration_ms);
	json_put_text(o, "command", e->job);
	json_put_text(o, "source", e->source);
	json_put_text(o, "outcome", span_str(ends[e->end]));
	json_put_text(o, "message", e->message);
	json_put_text(o, "run", e->run);
	json_put_text(o, "host", e->host);
	json_put_text(o, "signer", span_str(s ? s->signer : e->record->signer));
	if (s == NULL) {
		json_put_u64(
		    o, "freed-bytes", history_number(e->record, "freed-bytes"));
		return o;
	}
	hex_encode(s->id, REPO_ID_LEN, hex);
	json_put_text(o, "id", span_str(hex));
	json_put_u64(o, "bytes", s->bytes);
	json_put_u64(o, "new-bytes", s->new_bytes);
	json_put_u64(o, "stored-bytes", s->stored_bytes);
	return o;
}

static enum snap_code
as_json(const struct place *s, const struct history *h, size_t last,
    struct snap_err *err)
{
	json_t *root = place_json(s), *list = json_array();

	for (size_t i = h->n > last ? h->n - last : 0; i < h->n; i++)
		(void)json_array_append_new(list, event_json(&h->v[i]));
	(void)json_object_set_new(root, "runs", list);
	json_put_u64(root, "damaged", s->all.n_damaged + h->runs.n_damaged);
	return json_print(root, err);
}

enum snap_code
cmd_history(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	struct history h = { .n = 0 };
	unsigned long last = LAST_DEFAULT;
	enum snap_code rc;

	s.for_listing = true;
	if ((c->o.last != NULL && (rc = opts_number(c->o.last, "last", 1,
				       LAST_MAX, &last, err)) != SNAP_OK) ||
	    (rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = repo_snapshots(s.repo, &s.all, err)) != SNAP_OK)
		goto out;
	/* Of all sources as many are enough as will be shown. */
	rc = history_load(
	    &h, &s, &c->o, c->o.n_args == 0 ? last : LAST_MAX, err);
	if (rc != SNAP_OK)
		goto out;
	c->n_warnings = s.all.n_damaged + h.runs.n_damaged;
	rc = c->o.json ? as_json(&s, &h, last, err) : as_table(&h, last, err);
out:
	history_free(&h);
	place_close(&s);
	return rc;
}
