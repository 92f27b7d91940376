/* SPDX-License-Identifier: PostgreSQL */
/* snapshots.c - list the snapshots as a table or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "json.h"
#include "memory.h"
#include "place.h"
#include "props.h"
#include "repo_notes.h"
#include "run.h"
#include "ui.h"

static void
cell_size(struct ui_table *t, uint64_t v)
{
	char text[UI_SIZE_MAX];

	ui_table_cell(t, span_str(ui_size(v, text)));
}

static void
cell_text(struct ui_table *t, const char *text)
{
	ui_table_cell(t, span_str(text != NULL ? text : ""));
}

/* What is no whole database of PostgreSQL is marked, so that nobody takes it
 * for one. */
static void
cell_source(struct ui_table *t, const struct repo_snapshot *s)
{
	const char *name = place_source(s), *what = "";
	struct bytes b;

	if (s->salvaged)
		what = " (salvaged)";
	else if (repo_snapshot_prop(s, REPO_PROP_SELECTION) != NULL)
		what = " (partial)";
	else if (repo_snapshot_prop(s, PROP_SQLITE) != NULL)
		what = " (sqlite)";
	bytes_init(&b, strlen(name) + 16);
	bytes_put_str(&b, name);
	bytes_put_str(&b, what);
	ui_table_cell(t, b.bad ? span_str(what) : bytes_span(&b));
	bytes_fini(&b);
}

struct listing {
	const struct place *s;
	const struct repo_notes *said;
	struct runs runs;
	const char *only;
	const struct opt_list *tags;
};

static bool
has_tag(const char *tags, const char *tag)
{
	while (*tags != '\0') {
		size_t len = strcspn(tags, ",");

		if (len == strlen(tag) && memcmp(tags, tag, len) == 0)
			return true;
		tags += len + (tags[len] == ',');
	}
	return false;
}

static bool
is_wanted(const struct listing *l, const struct repo_snapshot *s)
{
	const char *tags = repo_notes_tags(l->said, s);
	bool tagged = l->tags->n == 0;

	for (size_t i = 0; i < l->tags->n && !tagged; i++)
		tagged = has_tag(tags, l->tags->v[i]);
	return tagged &&
	       (l->only == NULL || strcmp(place_source(s), l->only) == 0);
}

static void
cell_tags(
    struct ui_table *t, const struct listing *l, const struct repo_snapshot *s)
{
	const char *tags = repo_notes_tags(l->said, s);
	struct bytes b;

	bytes_init(&b, strlen(tags) + 32);
	bytes_put_str(&b, tags);
	if (repo_notes_pinned(l->said, s->id))
		bytes_put_str(&b, b.len != 0 ? " (pinned)" : "(pinned)");
	if (s->untrusted)
		bytes_put_str(&b, b.len != 0 ? " (untrusted)" : "(untrusted)");
	if (repo_notes_forgotten(l->said, s->id))
		bytes_put_str(&b, b.len != 0 ? " (forgotten)" : "(forgotten)");
	ui_table_cell(t, b.bad ? span_str("?") : bytes_span(&b));
	bytes_fini(&b);
}

static void
cell_run(
    struct ui_table *t, const struct listing *l, const struct repo_snapshot *s)
{
	const struct run *run =
	    s->salvaged || s->untrusted ? NULL : runs_of(&l->runs, s);
	char text[RUN_CELL_MAX];

	cell_text(t, run != NULL ? run_cell(run, text) : NULL);
}

/* "3 days ago": whether somebody should do it again soon. */
static void
cell_verified(
    struct ui_table *t, const struct listing *l, const struct repo_snapshot *s)
{
	struct repo_verdict v;
	char text[64], ago[UI_TIME_MAX];

	if (!repo_notes_verdict(l->said, s, &v)) {
		cell_text(t, "");
		return;
	}
	(void)snprintf(text, sizeof text, "%s%s", v.good ? "" : "FAILED ",
	    ui_ago((int64_t)time(NULL) - v.time_ns / 1000000000, ago));
	cell_text(t, text);
}

#define COLUMNS_MAX 11

/* Where owners make all backups there is nothing to tell. */
static bool
any_signer(const struct repo_snapshots *all)
{
	for (size_t i = 0; i < all->n + all->n_salvaged; i++) {
		const struct repo_snapshot *s =
		    i < all->n ? &all->v[i] : &all->salvaged[i - all->n];

		if (strcmp(s->signer, "owner") != 0)
			return true;
	}
	return false;
}

static enum snap_code
as_table(const struct listing *l, struct snap_err *err)
{
	static const char *const heads[COLUMNS_MAX] = { "ID", "TIME", "SOURCE",
		"HOST", "SIZE", "NEW", "STORED", "VERIFIED", "TAGS", NULL,
		NULL };
	const struct repo_snapshots *all = &l->s->all;
	/* The last columns only where there is something for them. */
	bool runs = l->runs.n > 0, signers = any_signer(all);
	const char *names[COLUMNS_MAX];
	struct ui_table *t;
	char hex[2 * REPO_ID_LEN + 1], when[UI_TIME_MAX];
	const struct repo_snapshot *s;
	size_t i;

	memcpy(names, heads, sizeof names);
	i = COLUMNS_MAX - 2;
	if (signers)
		names[i++] = "SIGNED BY";
	if (runs)
		names[i++] = "RUN";
	t = ui_table_new(i, names, 0x70);
	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < all->n + all->n_salvaged; i++) {
		s = i < all->n ? &all->v[i] : &all->salvaged[i - all->n];
		if (!is_wanted(l, s))
			continue;
		hex_encode(s->id, REPO_ID_LEN, hex);
		ui_table_cell(t, span_of(hex, 8));
		cell_text(t, ui_time(s->time_ns, when));
		cell_source(t, s);
		cell_text(t, repo_snapshot_prop(s, REPO_PROP_HOST));
		cell_size(t, s->bytes);
		cell_size(t, s->new_bytes);
		cell_size(t, s->stored_bytes);
		cell_verified(t, l, s);
		cell_tags(t, l, s);
		if (signers)
			cell_text(t, s->signer);
		if (runs)
			cell_run(t, l, s);
	}
	ui_table_print(t);
	return ui_out_end(err);
}

/* A snapshot with what was said of it afterwards. */
static json_t *
said_of(const struct listing *l, const struct repo_snapshot *s)
{
	json_t *one = json_snapshot(s), *verified;
	struct repo_verdict v;

	(void)json_object_set_new(
	    one, REPO_PROP_TAGS, json_tags(repo_notes_tags(l->said, s)));
	(void)json_object_set_new(
	    one, "pinned", json_boolean(repo_notes_pinned(l->said, s->id)));
	if (repo_notes_forgotten(l->said, s->id))
		(void)json_object_set_new(one, "forgotten", json_true());
	if (repo_notes_verdict(l->said, s, &v)) {
		verified = json_object();
		json_put_time(verified, "time", v.time_ns);
		(void)json_object_set_new(
		    verified, "good", json_boolean(v.good));
		json_put_u64(
		    verified, "differences", strtoull(v.differences, NULL, 10));
		(void)json_object_set_new(one, "verified", verified);
	}
	return one;
}

static json_t *
apart_json(const struct listing *l, bool untrusted)
{
	const struct repo_snapshots *all = &l->s->all;
	json_t *list = json_array();

	for (size_t i = 0; i < all->n_salvaged; i++)
		if (is_wanted(l, &all->salvaged[i]) &&
		    all->salvaged[i].untrusted == untrusted)
			(void)json_array_append_new(
			    list, said_of(l, &all->salvaged[i]));
	return list;
}

static enum snap_code
as_json(const struct listing *l, struct snap_err *err)
{
	const struct repo_snapshots *all = &l->s->all;
	json_t *root = place_json(l->s), *list = json_array();
	size_t i;

	for (i = 0; i < all->n; i++)
		if (is_wanted(l, &all->v[i]))
			(void)json_array_append_new(
			    list, said_of(l, &all->v[i]));
	(void)json_object_set_new(root, "snapshots", list);
	(void)json_object_set_new(root, "salvaged", apart_json(l, false));
	(void)json_object_set_new(root, "untrusted", apart_json(l, true));
	list = json_array();
	for (i = 0; i < l->runs.n; i++)
		for (size_t k = 0; k < l->runs.v[i].n; k++)
			if (is_wanted(l, l->runs.v[i].v[k])) {
				(void)json_array_append_new(
				    list, run_json(&l->runs.v[i]));
				break;
			}
	(void)json_object_set_new(root, "runs", list);
	json_put_u64(root, "damaged", all->n_damaged);
	return json_print(root, err);
}

enum snap_code
cmd_snapshots(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	struct repo_notes *said = NULL;
	struct listing l = { .s = &s, .tags = &c->o.tags };
	enum snap_code rc;

	s.for_listing = true;
	if ((rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = repo_snapshots(s.repo, &s.all, err)) != SNAP_OK ||
	    (rc = repo_notes(s.repo, &said, err)) != SNAP_OK ||
	    (rc = runs_find(&s.all, &l.runs, err)) != SNAP_OK)
		goto out;
	l.said = said;
	l.only = c->o.n_args > 0 ? c->o.args[0] : NULL;
	c->n_warnings = s.all.n_damaged + memory_tell(c, &s);
	rc = c->o.json ? as_json(&l, err) : as_table(&l, err);
out:
	runs_free(&l.runs);
	repo_notes_free(said);
	place_close(&s);
	return rc;
}
