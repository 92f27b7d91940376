/* SPDX-License-Identifier: PostgreSQL */
/*
 * roots.c - the pairs under snapshots/ as prune has to take them.
 *
 * In doubt they live: what was meant to stand and cannot be read keeps
 * everything that was there when it came, until somebody forgets it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cached.h"
#include "raw.h"
#include "rule.h"
#include "view.h"
#include "warn.h"

#define LOOKS 3 /* it comes, and goes: more often it does not change */

static enum snap_code
add_root(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct roots *r = arg;
	struct root *root;
	uint8_t id[ID_LEN], kind;
	void *p = r->v;
	enum snap_code rc;

	if (!store_name_parse(name, &kind, id) ||
	    (kind != OBJ_SNAPSHOT && kind != OBJ_OK))
		return SNAP_OK;
	rc = vec_room(&p, &r->cap, r->n, sizeof *r->v, err);
	r->v = p;
	if (rc != SNAP_OK)
		return rc;
	root = &r->v[r->n++];
	memset(root, 0, sizeof *root);
	memcpy(root->id, id, ID_LEN);
	root->has_snapshot = kind == OBJ_SNAPSHOT;
	root->has_ok = kind == OBJ_OK;
	if (root->has_snapshot) {
		root->snapshot_time = st->time_ns;
		root->snapshot_size = st->size;
	} else {
		root->ok_time = st->time_ns;
		root->ok_size = st->size;
	}
	return SNAP_OK;
}

static int
root_order(const void *a, const void *b)
{
	const struct root *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

static void
pair_up(struct roots *r)
{
	size_t n = 0;

	if (r->n != 0)
		qsort(r->v, r->n, sizeof *r->v, root_order);
	for (size_t i = 0; i < r->n; i++) {
		struct root *at = &r->v[i];
		struct root *last = n == 0 ? NULL : &r->v[n - 1];

		if (last == NULL || root_order(last, at) != 0) {
			r->v[n++] = *at;
			continue;
		}
		if (at->has_snapshot) {
			last->has_snapshot = true;
			last->snapshot_time = at->snapshot_time;
			last->snapshot_size = at->snapshot_size;
		} else {
			last->has_ok = true;
			last->ok_time = at->ok_time;
			last->ok_size = at->ok_size;
		}
	}
	r->n = n;
}

void
roots_break(struct roots *r, struct root *root, const char *why)
{
	int64_t when = root->snapshot_time > root->ok_time ? root->snapshot_time
							   : root->ok_time;

	if (root->why[0] != '\0')
		return;
	(void)snprintf(root->why, sizeof root->why, "%.*s",
	    (int)sizeof root->why - 1, why);
	r->lacks = true;
	if (root->state != ROOT_KEPT) {
		root->state = ROOT_BROKEN;
		r->n_broken++;
	}
	if (when > r->broken_time && RULE(quarantine))
		r->broken_time = when;
}

void
roots_tell(const struct roots *r, struct store *s)
{
	char hex[2 * ID_LEN + 1];

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].state != ROOT_BROKEN)
			continue;
		hex_encode(r->v[i].id, ID_LEN, hex);
		store_warn(s,
		    "snapshot %s cannot be read (%s): no pack goes that was "
		    "there when it came, until \"forget --broken\"",
		    hex, r->v[i].why);
	}
}

/* Of an object that is there. */
static bool
damaged(enum snap_code rc)
{
	return raw_is_damage(rc) && rc != SNAP_NOTFOUND;
}

/* One half; *is_void: it came too late. */
static enum snap_code
read_half(const struct roots *r, struct store *s, uint8_t kind,
    struct root *root, bool *is_void, struct snap_err *err)
{
	uint64_t size = kind == OBJ_OK ? root->ok_size : root->snapshot_size;
	int64_t time = kind == OBJ_OK ? root->ok_time : root->snapshot_time;
	struct snapshot_body *snap = malloc(sizeof *snap);
	struct confirm_body ok;
	struct store_body b;
	int64_t l0 = 0;
	enum snap_code rc;

	if (snap == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a snapshot");
	rc = cached_get(s, kind, root->id, size, &b, err);
	if (rc != SNAP_OK)
		goto out;
	if (!b.trusted)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "not signed by anyone this repository trusts");
	else if (kind == OBJ_OK)
		rc = confirm_decode(b.body.body, &ok, err);
	else
		rc = snapshot_decode(b.body.body, snap, err);
	if (rc == SNAP_OK && kind == OBJ_OK &&
	    memcmp(ok.id, root->id, ID_LEN) != 0)
		rc = snap_fail(err, SNAP_CORRUPT, "confirms another snapshot");
	if (rc == SNAP_OK) {
		l0 = kind == OBJ_OK ? ok.l0 : snap->l0;
		*is_void = store_is_void(s, l0, time);
		if (kind == OBJ_OK && !root->has_snapshot)
			*is_void |= time - l0 >=
				    (int64_t)s->config.grace_s * SECOND_NS / 2;
		if (kind == OBJ_SNAPSHOT)
			memcpy(root->manifest, snap->root, ID_LEN);
		root->untrusted |=
		    notes_distrusted(r->notes, b.body.signer_id, root->id);
		memcpy(kind == OBJ_SNAPSHOT ? root->signer : root->ok_signer,
		    b.body.signer_id, ID_LEN);
	}
	store_body_fini(&b);
out:
	free(snap);
	return rc;
}

/* What another has confirmed than made it is no snapshot. */
static bool
one_signer(const struct root *root)
{
	return memcmp(root->signer, root->ok_signer, ID_LEN) == 0;
}

enum snap_code
roots_keep(
    struct roots *r, struct root *root, struct store *s, struct snap_err *err)
{
	bool late_snapshot = false, late_ok = false;
	enum snap_code rc;

	if (!root->has_snapshot)
		return SNAP_OK;
	rc = read_half(r, s, OBJ_SNAPSHOT, root, &late_snapshot, err);
	if (rc == SNAP_OK)
		rc = read_half(r, s, OBJ_OK, root, &late_ok, err);
	if (rc == SNAP_NOTFOUND)
		return SNAP_OK; /* it went after all */
	if (damaged(rc) ||
	    (rc == SNAP_OK && !late_snapshot && !late_ok && one_signer(root)))
		root->state = ROOT_KEPT;
	if (!damaged(rc))
		return rc;
	roots_break(r, root, err->msg);
	return SNAP_OK;
}

/* What there is of it now: a listing is of no one moment, and another prune may
 * forget it at this one. */
static enum snap_code
look_again(struct root *root, struct store *s, struct snap_err *err)
{
	struct transport_stat snap = { 0, 0 }, ok = { 0, 0 };
	enum snap_code rc;

	/* In the order in which they come, so that none seems lost. */
	rc = store_find(s, OBJ_OK, root->id, &ok, &root->has_ok, err);
	if (rc == SNAP_OK)
		rc = store_find(
		    s, OBJ_SNAPSHOT, root->id, &snap, &root->has_snapshot, err);
	root->ok_time = ok.time_ns;
	root->ok_size = ok.size;
	root->snapshot_time = snap.time_ns;
	root->snapshot_size = snap.size;
	return rc;
}

/* A grace is left to look at what a host made after its key was revoked; then
 * it holds no garbage any more, whatever it names. */
static bool
is_old(const struct root *root, int64_t l0, int64_t grace)
{
	int64_t when = root->snapshot_time > root->ok_time ? root->snapshot_time
							   : root->ok_time;

	return l0 - when >= grace;
}

static enum root_state
go_untrusted(const struct root *root, struct store *s)
{
	char hex[2 * ID_LEN + 1];

	hex_encode(root->id, ID_LEN, hex);
	report_log(s->report, REPORT_INFO,
	    "snapshot %s goes: a host made it after its key was revoked", hex);
	return ROOT_FORGOTTEN;
}

/* SNAP_NOTFOUND: it is not as it was listed. */
static enum snap_code
judge(struct roots *r, struct root *root, struct store *s, int64_t l0,
    int64_t grace, struct snap_err *err)
{
	bool late_snapshot = false, late_ok = false;
	enum snap_code rc = SNAP_OK;

	/* The confirmation goes first when one is forgotten, so this is loss:
	 * somebody took the snapshot away.  Or the run slept between the two
	 * for so long that prune took the one, which shows by its times. */
	if (!root->has_snapshot) {
		rc = read_half(r, s, OBJ_OK, root, &late_ok, err);
		if (rc == SNAP_OK && late_ok)
			root->state = ROOT_GARBAGE;
		else if (rc == SNAP_OK || damaged(rc))
			roots_break(r, root, "it is missing, though confirmed");
		return damaged(rc) ? SNAP_OK : rc;
	}
	if (!root->has_ok && l0 - root->snapshot_time >= grace) {
		root->state = ROOT_GARBAGE;
		return SNAP_OK;
	}
	rc = read_half(r, s, OBJ_SNAPSHOT, root, &late_snapshot, err);
	if (rc == SNAP_OK && root->has_ok)
		rc = read_half(r, s, OBJ_OK, root, &late_ok, err);
	if (damaged(rc)) {
		root->not_held = rc == SNAP_UNSUPPORTED && !s->keys->owner;
		roots_break(r, root, err->msg);
		return SNAP_OK;
	}
	if (late_snapshot || late_ok ||
	    (rc == SNAP_OK && root->has_ok && !one_signer(root)))
		root->state = ROOT_GARBAGE;
	else if (root->untrusted && is_old(root, l0, grace) &&
		 !notes_pinned(r->notes, root->id))
		root->state = go_untrusted(root, s);
	else
		root->state = root->has_ok ? ROOT_STANDS : ROOT_YOUNG;
	return rc;
}

static enum snap_code
judge_now(struct roots *r, struct root *root, struct store *s, int64_t l0,
    int64_t grace, struct snap_err *err)
{
	enum snap_code rc = SNAP_NOTFOUND;

	if (root->has_snapshot)
		rc = judge(r, root, s, l0, grace, err);
	for (int i = 0; rc == SNAP_NOTFOUND && i < LOOKS; i++) {
		rc = look_again(root, s, err);
		if (rc == SNAP_OK && !root->has_ok && !root->has_snapshot)
			root->state = ROOT_GARBAGE; /* and nothing to delete */
		else if (rc == SNAP_OK)
			rc = judge(r, root, s, l0, grace, err);
	}
	if (rc == SNAP_NOTFOUND) {
		roots_break(r, root, "it is there and cannot be got");
		rc = SNAP_OK;
	}
	return rc;
}

enum snap_code
roots_load(struct roots *r, struct store *s, const struct notes *notes,
    int64_t l0, int64_t grace, struct snap_err *err)
{
	enum snap_code rc;

	memset(r, 0, sizeof *r);
	r->broken_time = -1;
	r->notes = notes;
	rc = transport_list(s->t, "snapshots/", add_root, r, err);
	pair_up(r);
	for (size_t i = 0; i < r->n && rc == SNAP_OK; i++) {
		rc = report_check(s->report, err);
		if (notes_forgotten(notes, r->v[i].id) && RULE(records))
			r->v[i].state = ROOT_FORGOTTEN;
		else if (rc == SNAP_OK)
			rc = judge_now(r, &r->v[i], s, l0, grace, err);
	}
	return rc;
}

void
roots_fini(struct roots *r)
{
	free(r->v);
	memset(r, 0, sizeof *r);
}
