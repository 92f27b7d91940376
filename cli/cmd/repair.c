/* SPDX-License-Identifier: PostgreSQL */
/*
 * repair.c - write again what can be derived from what is left, and say what
 * cannot.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "repo_care.h"
#include "ui.h"

/* ---- index */

static enum snap_code
repair_index(struct cli *c, struct place *s, struct snap_err *err)
{
	uint64_t n = 0;
	enum snap_code rc;
	json_t *root;

	if (c->o.n_args != 1)
		return snap_fail(
		    err, SNAP_USAGE, "repair index takes nothing else");
	rc = repo_repair_index(s->repo, &n, err);
	if (rc != SNAP_OK)
		return rc;
	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "packs-added", n);
		return json_print(root, err);
	}
	ui_info("added %" PRIu64 " packs to the index", n);
	return SNAP_OK;
}

/* ---- snapshots */

struct hit { /* one stream that is lost, by a check */
	uint8_t snapshot[REPO_ID_LEN];
	uint8_t kind; /* 0: of the list of streams */
	struct bytes name;
};
struct hits {
	struct hit *v;
	size_t n, cap;
	bool bad; /* no memory */
};

static void
on_damage(void *arg, const struct repo_damage *d)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct hits *h = arg;
	void *v = h->v;
	struct hit *hit;

	if (vec_room(&v, &h->cap, h->n, sizeof *h->v, &ignored) != SNAP_OK) {
		h->bad = true;
		return;
	}
	h->v = v;
	hit = &h->v[h->n++];
	memcpy(hit->snapshot, d->snapshot->id, REPO_ID_LEN);
	hit->kind = d->kind;
	bytes_init(&hit->name, STREAM_NAME_MAX);
	if (d->kind != 0)
		bytes_put_span(&hit->name, d->name);
	h->bad |= hit->name.bad;
}

static void
hits_fini(struct hits *h)
{
	for (size_t i = 0; i < h->n; i++)
		bytes_fini(&h->v[i].name);
	free(h->v);
}

/* All slices of a table are lost with one. */
static bool
is_lost(
    const struct hits *h, const uint8_t *snapshot, const struct repo_stream *st)
{
	for (size_t i = 0; i < h->n; i++)
		if (memcmp(h->v[i].snapshot, snapshot, REPO_ID_LEN) == 0 &&
		    h->v[i].kind == st->kind &&
		    span_eq(bytes_span(&h->v[i].name), st->name))
			return true;
	return false;
}

static bool
is_hurt(const struct hits *h, const uint8_t *snapshot, bool *list_damaged)
{
	bool hurt = false;

	*list_damaged = false;
	for (size_t i = 0; i < h->n; i++)
		if (memcmp(h->v[i].snapshot, snapshot, REPO_ID_LEN) == 0) {
			hurt = true;
			*list_damaged |= h->v[i].kind == 0;
		}
	return hurt;
}

struct mend {
	struct cli *c;
	struct place *s;
	const struct hits *hits;
	struct ui_table *table;
	json_t *list;
	size_t n_hurt;
	size_t n_busy; /* not salvaged, which another run may do */
};

static void
say_lost(struct mend *w, json_t *lost, const char *hex, const char *source,
    const char *kind, struct span name)
{
	json_t *o;

	if (w->table != NULL) {
		ui_table_cell(w->table, span_of(hex, 8));
		ui_table_cell(w->table, span_str(source));
		ui_table_cell(w->table, span_str(kind));
		ui_table_cell(w->table, name);
		return;
	}
	o = json_object();
	json_put_text(o, "kind", span_str(kind));
	json_put_text(o, "name", name);
	(void)json_array_append_new(lost, o);
}

/* There is one already, from an earlier repair. */
static const struct repo_snapshot *
salvaged_of(const struct repo_snapshots *all, const char *hex)
{
	for (size_t i = 0; i < all->n_salvaged; i++) {
		const char *of =
		    repo_snapshot_prop(&all->salvaged[i], REPO_PROP_SALVAGED);

		if (of != NULL && strcmp(of, hex) == 0)
			return &all->salvaged[i];
	}
	return NULL;
}

static enum snap_code
write_salvaged(struct mend *w, const struct repo_snapshot *of,
    const struct repo_manifest *m, const bool *lost, bool list_damaged,
    json_t *entry, struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1], new_hex[2 * REPO_ID_LEN + 1];
	const struct repo_snapshot *there;
	struct repo_snapshot made;
	enum snap_code rc;

	hex_encode(of->id, REPO_ID_LEN, hex);
	there = salvaged_of(&w->s->all, hex);
	if (there != NULL) {
		hex_encode(there->id, REPO_ID_LEN, new_hex);
		ui_info(
		    "snapshot %.8s was salvaged before, as %.8s", hex, new_hex);
		return SNAP_OK;
	}
	rc = repo_salvage(w->s->repo, of, m, lost, list_damaged, &made, err);
	if (rc == SNAP_NOTFOUND) {
		ui_warning("nothing is left of snapshot %.8s", hex);
		return SNAP_OK;
	}
	/* Each is a run of its own: the others need not be. */
	if (rc == SNAP_BUSY) {
		ui_warning("snapshot %.8s was not salvaged: %s", hex, err->msg);
		w->n_busy++;
		return SNAP_OK;
	}
	if (rc != SNAP_OK)
		return rc;
	hex_encode(made.id, REPO_ID_LEN, new_hex);
	if (entry != NULL)
		json_put_text(entry, "salvaged", span_str(new_hex));
	ui_info("salvaged snapshot %.8s as %.8s", hex, new_hex);
	repo_snapshot_fini(&made);
	return SNAP_OK;
}

static enum snap_code
mend_one(
    struct mend *w, const struct repo_snapshot *snapshot, struct snap_err *err)
{
	json_t *entry = json_object(), *names = json_array();
	char hex[2 * REPO_ID_LEN + 1];
	struct repo_manifest *m = NULL;
	bool *lost = NULL, list_damaged;
	enum snap_code rc = SNAP_OK;
	size_t n_parts = 0;

	if (!is_hurt(w->hits, snapshot->id, &list_damaged))
		goto out;
	w->n_hurt++;
	hex_encode(snapshot->id, REPO_ID_LEN, hex);
	rc = repo_manifest_rest(w->s->repo, snapshot, &m, &n_parts, err);
	list_damaged |= rc != SNAP_OK || n_parts != 0;
	if (list_damaged)
		say_lost(w, names, hex, place_source(snapshot), "list",
		    span_str(rc == SNAP_OK ? "a part of the list of streams"
					   : "the list of streams"));
	if (rc == SNAP_CORRUPT || rc == SNAP_IO || rc == SNAP_UNSUPPORTED) {
		ui_warning("nothing is left of snapshot %.8s", hex);
		rc = SNAP_OK;
		goto told;
	}
	lost = rc == SNAP_OK ? calloc(m->n + 1, sizeof *lost) : NULL;
	if (rc == SNAP_OK && lost == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; rc == SNAP_OK && i < m->n; i++) {
		lost[i] = is_lost(w->hits, snapshot->id, &m->v[i]);
		if (lost[i] && (i == 0 || !lost[i - 1] ||
				   !span_eq(m->v[i - 1].name, m->v[i].name)))
			say_lost(w, names, hex, place_source(snapshot),
			    json_kind(m->v[i].kind), m->v[i].name);
	}
	if (rc == SNAP_OK && w->c->o.write && !snapshot->salvaged)
		rc = write_salvaged(
		    w, snapshot, m, lost, list_damaged, entry, err);
told:
	json_put_text(entry, "snapshot", span_str(hex));
	json_put_text(entry, "source", span_str(place_source(snapshot)));
	(void)json_object_set(entry, "lost", names);
	if (w->list != NULL)
		(void)json_array_append(w->list, entry);
out:
	json_decref(entry);
	json_decref(names);
	free(lost);
	repo_manifest_free(m);
	return rc;
}

/* Those that were named, or all. */
static enum snap_code
mend_all(struct mend *w, struct snap_err *err)
{
	const struct repo_snapshots *all = &w->s->all;
	const struct repo_snapshot *one = NULL;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 1; i < w->c->o.n_args && rc == SNAP_OK; i++) {
		rc = repo_snapshot_find(all, w->c->o.args[i], &one, err);
		if (rc == SNAP_OK)
			rc = mend_one(w, one, err);
	}
	if (w->c->o.n_args > 1)
		return rc;
	for (size_t i = 0; i < all->n && rc == SNAP_OK; i++)
		rc = mend_one(w, &all->v[i], err);
	for (size_t i = 0; i < all->n_salvaged && rc == SNAP_OK; i++)
		if (!all->salvaged[i].untrusted)
			rc = mend_one(w, &all->salvaged[i], err);
	return rc;
}

/* When all else is done and told. */
static enum snap_code
busy(const struct mend *w, struct snap_err *err)
{
	if (w->n_busy == 0)
		return SNAP_OK;
	(void)snap_fail(
	    err, SNAP_BUSY, "%zu snapshots were not salvaged", w->n_busy);
	return snap_hint(err, "Run it again: the others are not made twice.");
}

static enum snap_code
repair_snapshots(struct cli *c, struct place *s, struct snap_err *err)
{
	static const char *const heads[] = { "SNAPSHOT", "SOURCE", "KIND",
		"LOST" };
	struct hits hits = { .v = NULL };
	struct repo_check_opts co = { .read_data = true,
		.data_percent = 100,
		.damage = on_damage,
		.arg = &hits };
	struct mend w = { .c = c, .s = s, .hits = &hits };
	struct repo_check_result r;
	enum snap_code rc;
	json_t *root;

	ui_progress_begin("reading", &c->report);
	rc = repo_check(s->repo, &co, &r, err);
	ui_progress_end();
	if (rc == SNAP_OK && hits.bad)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	if (rc == SNAP_OK)
		rc = repo_snapshots(s->repo, &s->all, err);
	if (rc != SNAP_OK)
		goto out;
	if (c->o.json)
		w.list = json_array();
	else
		w.table = ui_table_new(4, heads, 0);
	rc = mend_all(&w, err);
	c->n_warnings = w.n_hurt + s->all.n_damaged;
	if (w.table != NULL && w.n_hurt > 0) {
		ui_table_print(w.table);
		w.table = NULL;
		if (rc == SNAP_OK)
			rc = ui_out_end(err);
	} else if (rc == SNAP_OK && c->o.json) {
		root = place_json(s);
		(void)json_object_set(root, "snapshots", w.list);
		rc = json_print(root, err);
	}
	if (s->all.n_damaged != 0 && rc == SNAP_OK)
		ui_warning("%zu snapshots cannot be read at all, named above",
		    s->all.n_damaged);
	else if (w.n_hurt == 0 && rc == SNAP_OK)
		ui_info("no snapshot lacks anything");
	json_decref(w.list);
	ui_table_free(w.table);
	if (rc == SNAP_OK)
		rc = busy(&w, err);
out:
	hits_fini(&hits);
	return rc;
}

/* ---- packs */

/* As check names them: data/ab/ab12..., or the id alone. */
static enum snap_code
pack_ids(
    const struct opts *o, uint8_t (**out)[REPO_ID_LEN], struct snap_err *err)
{
	*out = calloc(o->n_args, sizeof **out);
	if (*out == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 1; i < o->n_args; i++) {
		const char *slash = strrchr(o->args[i], '/');
		const char *id = slash != NULL ? slash + 1 : o->args[i];

		if (!hex_decode(id, (*out)[i - 1], REPO_ID_LEN))
			return snap_fail(err, SNAP_USAGE,
			    "\"%s\" does not name a pack", o->args[i]);
	}
	return SNAP_OK;
}

static enum snap_code
repair_packs(struct cli *c, struct place *s, struct snap_err *err)
{
	uint8_t(*ids)[REPO_ID_LEN] = NULL;
	struct repo_mend_result r = { 0 };
	enum snap_code rc;
	json_t *root;

	if ((rc = pack_ids(&c->o, &ids, err)) != SNAP_OK)
		goto out;
	ui_progress_begin("reading", &c->report);
	rc = repo_repair_packs(s->repo,
	    c->o.n_args > 1 ? (const uint8_t(*)[REPO_ID_LEN])ids : NULL,
	    c->o.n_args - 1, &r, err);
	ui_progress_end();
	if (rc != SNAP_OK)
		goto out;
	c->n_warnings = r.n_lost > r.n_rebuilt || r.n_unread != 0;
	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "packs", r.n_packs);
		json_put_u64(root, "bytes-read", r.bytes_read);
		json_put_u64(root, "unread", r.n_unread);
		json_put_u64(root, "damaged", r.n_damaged);
		json_put_u64(root, "condemned", r.n_condemned);
		json_put_u64(root, "moved", r.n_moved);
		json_put_u64(root, "lost", r.n_lost - r.n_rebuilt);
		json_put_u64(root, "rebuilt", r.n_rebuilt);
		json_put_u64(root, "directories", r.n_directories);
		rc = json_print(root, err);
		goto out;
	}
	ui_info("of %" PRIu64 " packs %" PRIu64 " are damaged; %" PRIu64
		" blocks and objects of them were good and are moved",
	    r.n_packs, r.n_damaged, r.n_moved);
	if (r.n_rebuilt > 0 || r.n_directories > 0)
		ui_info("%" PRIu64 " blocks and %" PRIu64
			" directories were made again",
		    r.n_rebuilt, r.n_directories);
	if (r.n_unread > 0) {
		ui_warning("%" PRIu64 " packs could not be read, named above; "
			   "whether they are damaged is not known",
		    r.n_unread);
		ui_hint("See what is wrong with the disk or the line, and "
			"repair packs once more. Packs that are given up have "
			"to be moved away first.");
	}
	if (r.n_lost > r.n_rebuilt) {
		ui_warning("%" PRIu64 " blocks and objects are lost",
		    r.n_lost - r.n_rebuilt);
		ui_hint("Make a backup of each database, which stores anew "
			"what it still has; then repair packs once more. "
			"\"repair snapshots\" says whether any of it is "
			"needed.");
	}
out:
	free(ids);
	return rc;
}

/* ---- the command */

enum snap_code
cmd_repair(struct cli *c, struct snap_err *err)
{
	static const struct {
		const char *name;
		enum snap_code (*run)(
		    struct cli *c, struct place *s, struct snap_err *err);
	} kinds[] = { { "index", repair_index }, { "packs", repair_packs },
		{ "snapshots", repair_snapshots } };
	struct place s = PLACE_INIT;
	const char *what = c->o.args[0];
	enum snap_code rc;
	size_t i = 0;

	while (i < sizeof kinds / sizeof *kinds &&
	       strcmp(kinds[i].name, what) != 0)
		i++;
	if (i == sizeof kinds / sizeof *kinds) {
		(void)snap_fail(err, SNAP_USAGE, "cannot repair \"%s\"", what);
		return snap_hint(
		    err, "%s repair index|packs|snapshots", SNAP_PROGRAM_NAME);
	}
	if (c->o.write && kinds[i].run != repair_snapshots)
		return snap_fail(err, SNAP_USAGE,
		    "--write goes with \"repair snapshots\" only");
	s.for_backup = c->o.write || kinds[i].run == repair_packs;
	if (kinds[i].run != repair_index)
		s.needs = REPO_MAY_READ;
	rc = place_open(&s, c, err);
	if (rc == SNAP_OK)
		rc = kinds[i].run(c, &s, err);
	place_close(&s);
	return rc;
}
