/* SPDX-License-Identifier: PostgreSQL */
/* show.c - the status as a table with its warnings, and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "status.h"
#include "ui.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_S 86400
#define TEXT_MAX ((size_t)16 << 10)

static void
cell(struct ui_table *t, const char *text)
{
	ui_table_cell(t, span_str(text));
}

/* "+12 MB a day" */
static void
cell_growth(struct ui_table *t, const struct group *g)
{
	char size[UI_SIZE_MAX], text[UI_SIZE_MAX + 16];
	double day = g->growth * DAY_S;

	if (!g->has_growth) {
		cell(t, "");
		return;
	}
	(void)snprintf(text, sizeof text, "%s%s a day", day < 0 ? "-" : "+",
	    ui_size((uint64_t)(day < 0 ? -day : day), size));
	cell(t, text);
}

static void
cell_source(struct ui_table *t, const struct group *g)
{
	struct bytes b;

	bytes_init(&b, TEXT_MAX);
	bytes_put_str(&b, place_source(g->newest));
	if (repo_snapshot_prop(g->newest, REPO_PROP_SELECTION) != NULL)
		bytes_put_str(&b, " (partial)");
	ui_table_cell(t, bytes_span(&b));
	bytes_fini(&b);
}

static void
cell_state(struct ui_table *t, const struct group *g)
{
	struct bytes b;

	bytes_init(&b, TEXT_MAX);
	if (g->failed)
		bytes_put_str(&b, "verify FAILED");
	for (unsigned i = 0; i < N_ANOMALIES; i++)
		if ((g->anomalies >> i & 1) != 0) {
			bytes_put_str(&b, b.len != 0 ? ", " : "");
			bytes_put_str(&b, anomaly_names[i]);
		}
	ui_table_cell(t, b.len != 0 ? bytes_span(&b) : span_str("ok"));
	bytes_fini(&b);
}

static bool
group_is_odd(const struct group *g)
{
	return g->anomalies != 0 || g->failed;
}

static void
warn_of_group(const struct group *g)
{
	char hex[2 * REPO_ID_LEN + 1];
	struct bytes b;

	hex_encode(g->newest->id, REPO_ID_LEN, hex);
	for (unsigned i = 0; i < N_ANOMALIES; i++) {
		if ((g->anomalies >> i & 1) == 0)
			continue;
		bytes_init(&b, TEXT_MAX);
		anomaly_text(g, 1u << i, &b);
		bytes_u8(&b, 0);
		if (!b.bad)
			ui_warning("snapshot %.8s of \"%s\": %s", hex,
			    place_source(g->newest), (const char *)b.p);
		bytes_fini(&b);
	}
	if (g->failed)
		ui_warning("the last verify of \"%s\" found differences",
		    place_source(g->newest));
}

static void
tell_rest(const struct status *s)
{
	char free_text[UI_SIZE_MAX], all[UI_SIZE_MAX];
	struct cli *c = s->cli;

	if (s->has_space)
		ui_info("the store has room for %s of %s",
		    ui_size(s->space.available, free_text),
		    ui_size(s->space.capacity, all));
	for (size_t i = 0; i < s->n; i++) {
		warn_of_group(&s->groups[i]);
		c->n_warnings += group_is_odd(&s->groups[i]);
	}
	memory_warn(&s->found, true);
	c->n_warnings += s->found.n + s->place.all.n_damaged;
	place_remind(s->said);
}

enum snap_code
show_table(const struct status *s, struct snap_err *err)
{
	static const char *const heads[] = { "SOURCE", "NEWEST", "AGE",
		"VERIFIED", "SIZE", "GROWTH", "SNAPSHOTS", "STATE" };
	struct ui_table *t = ui_table_new(8, heads, 0x70);
	char text[UI_TIME_MAX], size[UI_SIZE_MAX], number[32];

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < s->n; i++) {
		const struct group *g = &s->groups[i];

		cell_source(t, g);
		cell(t, ui_time(g->newest_s * SECOND_NS, text));
		cell(t, ui_ago(s->now_s - g->newest_s, text));
		cell(t, g->verified_s == 0
			    ? "never"
			    : ui_ago(s->now_s - g->verified_s, text));
		cell(t, ui_size(g->newest->bytes, size));
		cell_growth(t, g);
		(void)snprintf(number, sizeof number, "%zu", g->n);
		cell(t, number);
		cell_state(t, g);
	}
	ui_table_print(t);
	tell_rest(s);
	return ui_out_end(err);
}

static json_t *
group_json(const struct status *s, const struct group *g)
{
	static const char *const keys[] = { REPO_PROP_SYSTEM,
		REPO_PROP_DATABASE, REPO_PROP_NAME, REPO_PROP_SELECTION };
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *v = repo_snapshot_prop(g->newest, keys[i]);

		if (v != NULL)
			json_put_text(o, keys[i], span_str(v));
	}
	(void)json_object_set_new(o, "newest", json_snapshot(g->newest));
	json_put_time(o, "time", g->newest_s * SECOND_NS);
	(void)json_object_set_new(
	    o, "age-s", json_integer((json_int_t)(s->now_s - g->newest_s)));
	if (g->verified_s != 0)
		json_put_time(o, "verified", g->verified_s * SECOND_NS);
	(void)json_object_set_new(o, "verify-failed", json_boolean(g->failed));
	json_put_u64(o, "snapshots", g->n);
	if (g->has_growth)
		(void)json_object_set_new(o, "growth-bytes-a-day",
		    json_integer((json_int_t)(g->growth * DAY_S)));
	for (unsigned i = 0; i < N_ANOMALIES; i++)
		if ((g->anomalies >> i & 1) != 0)
			(void)json_array_append_new(
			    list, json_string(anomaly_names[i]));
	(void)json_object_set_new(o, "anomalies", list);
	json_put_u64(o, "tables-gone", g->n_gone);
	return o;
}

static json_t *
findings_json(const struct repo_recall *found)
{
	json_t *list = json_array();

	for (size_t i = 0; i < found->n; i++) {
		json_t *o = json_object();
		struct bytes b;

		bytes_init(&b, TEXT_MAX);
		memory_text(&found->v[i], &b);
		json_put_text(o, "what", bytes_span(&b));
		json_put_time(o, "found", found->v[i].found_ns);
		(void)json_array_append_new(list, o);
		bytes_fini(&b);
	}
	return list;
}

enum snap_code
show_json(const struct status *s, struct snap_err *err)
{
	json_t *root = s->reachable ? place_json(&s->place) : json_root();
	json_t *list = json_array();
	char hex[2 * REPO_ID_LEN + 1];
	uint8_t id[REPO_ID_LEN];
	struct cli *c = s->cli;

	(void)json_object_set_new(
	    root, "reachable", json_boolean(s->reachable));
	if (s->monitor)
		json_put_text(root, "health", span_str(health_name(s->health)));
	for (size_t i = 0; i < s->n; i++) {
		(void)json_array_append_new(list, group_json(s, &s->groups[i]));
		c->n_warnings += group_is_odd(&s->groups[i]);
	}
	(void)json_object_set_new(root, "groups", list);
	(void)json_object_set_new(root, "findings", findings_json(&s->found));
	json_put_u64(root, "damaged", s->place.all.n_damaged);
	c->n_warnings += s->found.n + s->place.all.n_damaged;
	if (s->reachable) {
		repo_id(s->place.repo, id);
		hex_encode(id, REPO_ID_LEN, hex);
		json_put_text(root, "repository-id", span_str(hex));
		(void)json_object_set_new(root, "key-exported",
		    json_boolean(repo_notes_exported(s->said)));
	}
	if (s->has_space) {
		json_put_u64(root, "free-bytes", s->space.available);
		json_put_u64(root, "capacity-bytes", s->space.capacity);
	}
	return json_print(root, err);
}
