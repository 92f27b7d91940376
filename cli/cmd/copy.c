/* SPDX-License-Identifier: PostgreSQL */
/*
 * copy.c - snapshots from one repository into another.
 *
 * The streams are read, verified, and go through the target's own chunker and
 * keys, so the two may differ in everything.  A copy remembers where it came
 * from ("origin"): what is there already is not copied again, hence a copy
 * that broke off is resumed by giving the command again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "props.h"
#include "tell.h"
#include "ui.h"

#define ORIGIN_MAX (4 * REPO_ID_LEN + 2)

struct copying {
	struct cli *cli;
	struct place from, to;
	struct repo_snapshots have; /* at the target */
	uint8_t from_id[REPO_ID_LEN];
	json_t *list;
	uint64_t n_copied, n_present, n_damaged;
};

/* "repository:snapshot" where the snapshot was made first.  A host that could
 * say so would have its own taken for a copy of another, which would then be
 * left out as there already. */
static void
origin_of(const struct copying *c, const struct repo_snapshot *s,
    char out[ORIGIN_MAX])
{
	const char *before = repo_snapshot_prop(s, REPO_PROP_ORIGIN);
	char repo[2 * REPO_ID_LEN + 1], id[2 * REPO_ID_LEN + 1];

	hex_encode(c->from_id, REPO_ID_LEN, repo);
	hex_encode(s->id, REPO_ID_LEN, id);
	if (s->by_owner && before != NULL && strlen(before) < ORIGIN_MAX)
		memcpy(out, before, strlen(before) + 1);
	else
		(void)snprintf(out, ORIGIN_MAX, "%s:%s", repo, id);
}

static bool
is_there(const struct copying *c, const char *origin)
{
	uint8_t to_id[REPO_ID_LEN];
	char hex[2 * REPO_ID_LEN + 1], own[ORIGIN_MAX];

	repo_id(c->to.repo, to_id);
	hex_encode(to_id, REPO_ID_LEN, hex);
	for (size_t i = 0; i < c->have.n; i++) {
		const struct repo_snapshot *s = &c->have.v[i];
		const char *v = repo_snapshot_prop(s, REPO_PROP_ORIGIN);
		char id[2 * REPO_ID_LEN + 1];

		hex_encode(s->id, REPO_ID_LEN, id);
		(void)snprintf(own, sizeof own, "%s:%s", hex, id);
		if (strcmp(v != NULL ? v : own, origin) == 0)
			return true;
	}
	return false;
}

/* The copy is what the source says it is. */
static enum snap_code
compare(const struct repo_snapshot *a, const struct repo_snapshot *b,
    struct snap_err *err)
{
	if (a->bytes == b->bytes && a->rows == b->rows &&
	    a->n_streams == b->n_streams)
		return SNAP_OK;
	return snap_fail(err, SNAP_CORRUPT,
	    "the copy has %" PRIu64 " bytes and %" PRIu64
	    " rows, the source says %" PRIu64 " and %" PRIu64,
	    b->bytes, b->rows, a->bytes, a->rows);
}

/* Totals of the streams, before anything is committed. */
static enum snap_code
check_manifest(const struct repo_snapshot *s, const struct repo_manifest *m,
    struct snap_err *err)
{
	struct repo_snapshot sum = { .n_streams = m->n };

	for (size_t i = 0; i < m->n; i++) {
		sum.bytes += m->v[i].bytes;
		sum.rows += m->v[i].rows;
	}
	return compare(s, &sum, err);
}

static enum snap_code
copy_streams(struct copying *c, const struct repo_snapshot *s,
    const struct props *props, struct repo_snapshot *made, struct snap_err *err)
{
	struct repo_backup_opts bo = { .n_lanes = 1 };
	struct repo_backup *b = NULL;
	struct repo_manifest *m = NULL;
	enum snap_code rc;

	bo.system_identifier = repo_snapshot_prop(s, REPO_PROP_SYSTEM);
	bo.database = repo_snapshot_prop(s, REPO_PROP_DATABASE);
	bo.name = repo_snapshot_prop(s, REPO_PROP_NAME);
	rc = repo_manifest(c->from.repo, s, &m, err);
	if (rc == SNAP_OK)
		rc = check_manifest(s, m, err);
	if (rc == SNAP_OK)
		rc = repo_backup_begin(c->to.repo, &bo, &b, err);
	if (rc == SNAP_OK)
		rc = repo_read(
		    c->from.repo, m, NULL, NULL, repo_backup_lane(b, 0), err);
	if (rc == SNAP_OK)
		rc = report_check(&c->cli->report, err);
	if (rc == SNAP_OK)
		rc = repo_backup_commit(b, props->v, props->n, made, err);
	else
		repo_backup_abort(b);
	repo_manifest_free(m);
	return rc;
}

static enum snap_code
copy_one(struct copying *c, const struct repo_snapshot *s, struct snap_err *err)
{
	char origin[ORIGIN_MAX], a[2 * REPO_ID_LEN + 1], b[2 * REPO_ID_LEN + 1],
	    size[UI_SIZE_MAX], kept[UI_SIZE_MAX];
	struct props props = { .n = 0 };
	struct repo_snapshot made;
	enum snap_code rc = SNAP_OK;

	hex_encode(s->id, REPO_ID_LEN, a);
	origin_of(c, s, origin);
	if (is_there(c, origin)) {
		c->n_present++;
		return SNAP_OK;
	}
	if (s->n_props > PROPS_MAX - 3)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "it has more properties than a copy can have");
	if (rc == SNAP_OK)
		rc = props_add(&props, REPO_PROP_ORIGIN, origin, err);
	if (rc == SNAP_OK)
		rc = props_add_copied(&props, s, err);
	if (rc == SNAP_OK)
		rc = copy_streams(c, s, &props, &made, err);
	props_clear(&props);
	if (rc != SNAP_OK)
		return snap_wrap(err, "copy snapshot %.8s", a);
	hex_encode(made.id, REPO_ID_LEN, b);
	ui_info("snapshot %.8s of %s is %.8s there: %s, %s stored", a,
	    place_source(s), b, ui_size(made.bytes, size),
	    ui_size(made.stored_bytes, kept));
	c->n_copied++;
	(void)json_array_append_new(c->list, json_snapshot(&made));
	repo_snapshot_fini(&made);
	return SNAP_OK;
}

/* Is this one of those that were named? */
static enum snap_code
wanted(struct copying *c, const struct repo_snapshot *s, bool *yes,
    struct snap_err *err)
{
	const struct opts *o = &c->cli->o;
	const struct repo_snapshot *found;

	*yes = o->n_args == 0;
	for (size_t i = 0; i < o->n_args && !*yes; i++) {
		if (repo_snapshot_find(&c->from.all, o->args[i], &found, err) !=
		    SNAP_OK)
			return err->code;
		if (found->salvaged)
			return snap_fail(err, SNAP_USAGE,
			    "\"%s\" is a salvaged snapshot, which lacks data: "
			    "it is not copied",
			    o->args[i]);
		if (found->untrusted)
			return snap_fail(err, SNAP_USAGE,
			    "\"%s\" was made by a host after its key was "
			    "revoked: it is not copied",
			    o->args[i]);
		*yes = found == s;
	}
	return SNAP_OK;
}

static enum snap_code
copy_all(struct copying *c, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	bool yes;

	for (size_t i = 0; rc == SNAP_OK && i < c->from.all.n; i++) {
		const struct repo_snapshot *s = &c->from.all.v[i];

		if ((rc = wanted(c, s, &yes, err)) != SNAP_OK || !yes)
			continue;
		rc = copy_one(c, s, err);
		if (rc == SNAP_CORRUPT) {
			/* The others may well be good. */
			ui_warning("%s", err->msg);
			c->n_damaged++;
			rc = SNAP_OK;
		}
	}
	return rc;
}

static enum snap_code
show(struct copying *c, struct snap_err *err)
{
	json_t *root;

	tell_number(c->cli, "copied", c->n_copied);
	tell_number(c->cli, "damaged", c->n_damaged);
	if (c->cli->o.json) {
		root = place_json(&c->to);
		(void)json_object_set(root, "snapshots", c->list);
		json_put_u64(root, "present", c->n_present);
		json_put_u64(root, "damaged", c->n_damaged);
		if (json_print(root, err) != SNAP_OK)
			return err->code;
	} else {
		ui_info("copied %" PRIu64 " snapshots, %" PRIu64
			" were there already",
		    c->n_copied, c->n_present);
	}
	if (c->n_damaged == 0)
		return SNAP_OK;
	return snap_fail(err, SNAP_CORRUPT,
	    "%" PRIu64 " snapshots could not be copied, named above",
	    c->n_damaged);
}

enum snap_code
cmd_copy(struct cli *cli, struct snap_err *err)
{
	struct copying c = { .cli = cli, .from = PLACE_INIT, .to = PLACE_INIT };
	uint8_t to_id[REPO_ID_LEN];
	enum snap_code rc;

	c.list = json_array();
	c.from.is_source = true;
	c.from.needs = REPO_MAY_READ;
	c.to.for_backup = true;
	if ((rc = place_open(&c.from, cli, err)) != SNAP_OK) {
		(void)snap_wrap(err, "the source");
		goto out;
	}
	c.to.for_backup = true;
	if ((rc = place_open(&c.to, cli, err)) != SNAP_OK)
		goto out;
	repo_id(c.from.repo, c.from_id);
	repo_id(c.to.repo, to_id);
	if (memcmp(c.from_id, to_id, REPO_ID_LEN) == 0) {
		rc = snap_fail(err, SNAP_USAGE,
		    "source and target are the same repository");
		goto out;
	}
	if ((rc = repo_snapshots(c.from.repo, &c.from.all, err)) != SNAP_OK ||
	    (rc = repo_snapshots(c.to.repo, &c.have, err)) != SNAP_OK)
		goto out;
	c.n_damaged = cli->o.n_args == 0 ? c.from.all.n_damaged : 0;
	ui_progress_begin("copying", &cli->report);
	rc = copy_all(&c, err);
	ui_progress_end();
	if (rc == SNAP_OK)
		rc = show(&c, err);
out:
	json_decref(c.list);
	repo_snapshots_free(&c.have);
	tell_record(cli, &c.to, rc, err);
	place_close(&c.to);
	place_close(&c.from);
	return rc;
}
