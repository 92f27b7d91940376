/* SPDX-License-Identifier: PostgreSQL */
/*
 * diff.c - what is different between two snapshots.
 *
 * Streams have digests over their content under one key, so what is equal is
 * known from two manifests.  Only definitions, sequences and globals that
 * differ are read, to show how.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "raw.h"
#include "udiff.h"
#include "ui.h"

#define DIFF_MAX ((size_t)256 << 20)

struct side {
	const struct repo_snapshot *snapshot;
	struct repo_manifest *m;
	size_t at; /* the next stream to compare */
};

/* A table with all its slices, or another stream. */
struct whole {
	const struct repo_stream *first; /* NULL: not there */
	size_t n;
	uint64_t rows, bytes;
};

struct differ {
	struct cli *c;
	struct place s;
	struct side a, b;
	struct ui_table *table;
	json_t *streams, *texts;
	struct bytes text; /* all diffs, for people */
	uint64_t n_unread, n_equal, n_new, n_gone, n_changed;
};

static int
stream_order(const struct repo_stream *x, const struct repo_stream *y)
{
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return span_cmp(x->name, y->name);
}

/* Derived from the definitions, which are compared as text, and from all else.
 */
static void
skip_derived(struct side *s)
{
	while (s->at < s->m->n && (s->m->v[s->at].kind == STREAM_ARCHIVE ||
				      s->m->v[s->at].kind == STREAM_DIGESTS))
		s->at++;
}

static void
take(struct side *s, struct whole *out)
{
	memset(out, 0, sizeof *out);
	out->first = &s->m->v[s->at];
	do {
		out->rows += s->m->v[s->at].rows;
		out->bytes += s->m->v[s->at].bytes;
		out->n++;
		s->at++;
	} while (
	    s->at < s->m->n && stream_order(out->first, &s->m->v[s->at]) == 0);
}

static bool
is_equal(const struct whole *a, const struct whole *b)
{
	bool equal = a->first != NULL && b->first != NULL && a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++)
		equal = a->first[i].part == b->first[i].part &&
			a->first[i].bytes == b->first[i].bytes &&
			span_eq(a->first[i].attr, b->first[i].attr) &&
			memcmp(a->first[i].digest, b->first[i].digest,
			    REPO_ID_LEN) == 0;
	return equal;
}

/* Small, and of lines that people read. */
static bool
is_text(uint8_t kind)
{
	switch (kind) {
	case STREAM_PROPERTIES:
	case STREAM_GLOBALS:
	case STREAM_PRE_DATA:
	case STREAM_SEQUENCES:
	case STREAM_POST_DATA:
	case STREAM_ACL:
		return true;
	default:
		return false;
	}
}

static bool
is_stream(void *arg, const struct repo_stream *s)
{
	return s == arg;
}

/* The whole stream in memory; `stream` NULL: nothing. */
static enum snap_code
read_text(struct differ *d, const struct side *side,
    const struct repo_stream *stream, struct raw_sink *out,
    struct snap_err *err)
{
	if (stream == NULL)
		return SNAP_OK;
	return repo_read(d->s.repo, side->m, is_stream,
	    (void *)(uintptr_t)stream, &out->sink, err);
}

/* Lines as they are, but nothing that a terminal obeys. */
static void
put_visible(struct bytes *out, struct span text)
{
	while (text.len > 0) {
		size_t n = 0;

		while (n < text.len && text.p[n] != '\n' && text.p[n] != '\t')
			n++;
		ui_escape(out, span_of(text.p, n));
		if (n < text.len)
			bytes_u8(out, text.p[n++]);
		text.p += n;
		text.len -= n;
	}
}

static enum snap_code
compare_text(struct differ *d, const struct repo_stream *a,
    const struct repo_stream *b, struct snap_err *err)
{
	const char *kind = json_kind(a != NULL ? a->kind : b->kind);
	char hex_a[2 * REPO_ID_LEN + 1], hex_b[2 * REPO_ID_LEN + 1];
	struct raw_sink text_a, text_b;
	struct bytes hunks;
	enum snap_code rc;
	json_t *o;

	raw_sink_init(&text_a, -1, true, &d->c->report);
	raw_sink_init(&text_b, -1, true, &d->c->report);
	bytes_init(&hunks, DIFF_MAX);
	rc = read_text(d, &d->a, a, &text_a, err);
	if (rc == SNAP_OK)
		rc = read_text(d, &d->b, b, &text_b, err);
	if (rc == SNAP_OK)
		rc = udiff(bytes_span(&text_a.held), bytes_span(&text_b.held),
		    &hunks, err);
	if (rc != SNAP_OK)
		goto out;
	if (d->texts != NULL) {
		o = json_object();
		json_put_text(o, "kind", span_str(kind));
		json_put_text(o, "diff", bytes_span(&hunks));
		(void)json_array_append_new(d->texts, o);
	} else {
		hex_encode(d->a.snapshot->id, REPO_ID_LEN, hex_a);
		hex_encode(d->b.snapshot->id, REPO_ID_LEN, hex_b);
		bytes_printf(&d->text, "\n--- %.8s/%s\n+++ %.8s/%s\n", hex_a,
		    kind, hex_b, kind);
		put_visible(&d->text, bytes_span(&hunks));
		rc = bytes_check(&d->text, err);
	}
out:
	raw_sink_fini(&text_a);
	raw_sink_fini(&text_b);
	bytes_fini(&hunks);
	return rc;
}

static void
put_size(json_t *o, const char *key, const struct whole *w)
{
	json_t *in = json_object();

	if (w->first == NULL) {
		json_decref(in);
		return;
	}
	json_put_u64(in, "rows", w->rows);
	json_put_u64(in, "bytes", w->bytes);
	(void)json_object_set_new(o, key, in);
}

/* What it is now, and by how much that is more. */
static void
cell_change(struct ui_table *t, uint64_t a, uint64_t b)
{
	char text[48];

	(void)snprintf(text, sizeof text, "%" PRIu64, b);
	ui_table_cell(t, span_str(text));
	(void)snprintf(text, sizeof text, "%s%" PRIu64, b > a ? "+" : "-",
	    b > a ? b - a : a - b);
	ui_table_cell(t, span_str(a == b ? "" : text));
}

static void
tell(struct differ *d, const char *what, const struct whole *a,
    const struct whole *b)
{
	const struct repo_stream *st = a->first != NULL ? a->first : b->first;
	json_t *o;

	if (d->table != NULL) {
		ui_table_cell(d->table, span_str(what));
		ui_table_cell(d->table, span_str(json_kind(st->kind)));
		cell_change(d->table, a->rows, b->rows);
		cell_change(d->table, a->bytes, b->bytes);
		ui_table_cell(d->table, st->name);
		return;
	}
	o = json_object();
	json_put_text(o, "kind", span_str(json_kind(st->kind)));
	json_put_text(o, "name", st->name);
	json_put_text(o, "change", span_str(what));
	put_size(o, "before", a);
	put_size(o, "after", b);
	(void)json_array_append_new(d->streams, o);
}

static enum snap_code
compare_one(struct differ *d, const struct whole *a, const struct whole *b,
    struct snap_err *err)
{
	const struct repo_stream *st = a->first != NULL ? a->first : b->first;

	if (is_equal(a, b)) {
		d->n_equal++;
		return SNAP_OK;
	}
	if (a->first == NULL) {
		d->n_new++;
		tell(d, "new", a, b);
	} else if (b->first == NULL) {
		d->n_gone++;
		tell(d, "gone", a, b);
	} else {
		d->n_changed++;
		tell(d, "changed", a, b);
	}
	if (!is_text(st->kind))
		return SNAP_OK;
	/* Definitions are data; that they differ their digests say. */
	if (repo_rights(d->s.repo) < REPO_MAY_READ) {
		d->n_unread++;
		return SNAP_OK;
	}
	return compare_text(d, a->first, b->first, err);
}

/* Both manifests are in the order of kind and name. */
static enum snap_code
compare_all(struct differ *d, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	while (rc == SNAP_OK) {
		struct whole a = { NULL, 0, 0, 0 }, b = { NULL, 0, 0, 0 };
		int order = 0;

		skip_derived(&d->a);
		skip_derived(&d->b);
		if (d->a.at == d->a.m->n && d->b.at == d->b.m->n)
			break;
		if (d->a.at == d->a.m->n)
			order = 1;
		else if (d->b.at == d->b.m->n)
			order = -1;
		else
			order = stream_order(
			    &d->a.m->v[d->a.at], &d->b.m->v[d->b.at]);
		if (order <= 0)
			take(&d->a, &a);
		if (order >= 0)
			take(&d->b, &b);
		rc = compare_one(d, &a, &b, err);
		if (rc == SNAP_OK)
			rc = report_check(&d->c->report, err);
	}
	return rc;
}

static enum snap_code
show(struct differ *d, struct snap_err *err)
{
	uint64_t n = d->n_new + d->n_gone + d->n_changed;
	json_t *root;

	if (d->c->o.json) {
		root = place_json(&d->s);
		(void)json_object_set_new(
		    root, "before", json_snapshot(d->a.snapshot));
		(void)json_object_set_new(
		    root, "after", json_snapshot(d->b.snapshot));
		(void)json_object_set_new(root, "equal", json_boolean(n == 0));
		json_put_u64(root, "unchanged", d->n_equal);
		(void)json_object_set(root, "streams", d->streams);
		(void)json_object_set(root, "definitions", d->texts);
		if (d->n_unread > 0)
			json_put_u64(root, "unread", d->n_unread);
		return json_print(root, err);
	}
	if (n > 0) {
		ui_table_print(d->table);
		d->table = NULL;
	}
	bytes_u8(&d->text, 0);
	if (bytes_check(&d->text, err) != SNAP_OK)
		return err->code;
	ui_out_raw((const char *)d->text.p);
	if (d->n_unread > 0)
		ui_info("what differs in %" PRIu64 " of these, definitions or "
			"values of sequences, only the owner's key shows",
		    d->n_unread);
	ui_info("%" PRIu64 " streams are new, %" PRIu64 " gone, %" PRIu64
		" changed, %" PRIu64 " equal",
	    d->n_new, d->n_gone, d->n_changed, d->n_equal);
	return ui_out_end(err);
}

enum snap_code
cmd_diff(struct cli *c, struct snap_err *err)
{
	static const char *const heads[] = { "CHANGE", "KIND", "ROWS", "",
		"BYTES", "", "NAME" };
	struct differ d = { .c = c, .s = PLACE_INIT };
	enum snap_code rc;

	bytes_init(&d.text, DIFF_MAX);
	if ((rc = place_open(&d.s, c, err)) != SNAP_OK ||
	    (rc = place_find(&d.s, c->o.args[0], &d.a.snapshot, err)) !=
		SNAP_OK ||
	    (rc = repo_snapshot_find(
		 &d.s.all, c->o.args[1], &d.b.snapshot, err)) != SNAP_OK ||
	    (rc = repo_manifest(d.s.repo, d.a.snapshot, &d.a.m, err)) !=
		SNAP_OK ||
	    (rc = repo_manifest(d.s.repo, d.b.snapshot, &d.b.m, err)) !=
		SNAP_OK)
		goto out;
	if (c->o.json) {
		d.streams = json_array();
		d.texts = json_array();
	} else {
		d.table = ui_table_new(7, heads, 0x3c);
		if (d.table == NULL)
			rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	if (rc == SNAP_OK)
		rc = compare_all(&d, err);
	if (rc == SNAP_OK)
		rc = show(&d, err);
	json_decref(d.streams);
	json_decref(d.texts);
	ui_table_free(d.table);
out:
	bytes_fini(&d.text);
	repo_manifest_free(d.a.m);
	repo_manifest_free(d.b.m);
	place_close(&d.s);
	return rc;
}
