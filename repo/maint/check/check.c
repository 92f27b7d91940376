/* SPDX-License-Identifier: PostgreSQL */
/*
 * check.c - is everything there that the snapshots need?
 *
 * Damage is what a check is for, so it never ends one: each finding is a
 * warning with the name of its object, and the rest is looked at all the same.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_internal.h"
#include "fetch.h"
#include "maint.h"
#include "raw.h"
#include "repo_care.h"
#include "snapshots.h"

#define SECOND_NS INT64_C(1000000000)

void
check_problem(struct check *c, const char *fmt, ...)
{
	char line[SNAP_ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	report_log(c->s->report, REPORT_WARNING, "%s", line);
	pthread_mutex_lock(&c->lock);
	c->result.n_errors++;
	if (c->opts->finding != NULL)
		c->opts->finding(c->opts->arg, line);
	pthread_mutex_unlock(&c->lock);
}

void
check_object_problem(struct check *c, uint8_t kind, const uint8_t id[ID_LEN],
    const struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];

	store_name(kind, id, name);
	/* Some messages of the store begin with the name already. */
	if (strstr(err->msg, name) != NULL)
		check_problem(c, "%s", err->msg);
	else
		check_problem(c, "%s: %s", name, err->msg);
}

bool
check_vanished(struct check *c, const struct inventory_object *o,
    enum snap_code rc)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;

	store_name(o->kind, o->id, name);
	if (rc != SNAP_NOTFOUND || o->kind == OBJ_CONFIG ||
	    transport_stat(c->s->t, name, &st, &ignored) != SNAP_NOTFOUND)
		return false;
	report_log(
	    c->s->report, REPORT_INFO, "%s: was deleted meanwhile", name);
	return true;
}

/* Config and keys: the only ones that a repository cannot be opened without,
 * and read before there is a key. */
static enum snap_code
check_clear(
    struct check *c, const struct inventory_object *o, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct object obj;
	struct bytes b;
	enum snap_code rc;

	store_name(o->kind, o->id, name);
	bytes_init(&b, TRANSPORT_SIZE_MAX);
	rc = store_fetch(c->s, name, &b, err);
	c->result.bytes_read += b.len;
	if (rc == SNAP_OK)
		rc = object_parse(bytes_span(&b), &obj, err);
	if (rc == SNAP_OK && o->kind != OBJ_CONFIG)
		rc = store_check_key(c->s, o->id, bytes_span(&b), err);
	else if (rc == SNAP_OK &&
		 memcmp(obj.header.repo_id, c->s->repo_id, ID_LEN) != 0)
		rc = snap_fail(err, SNAP_CORRUPT, "holds another object");
	bytes_fini(&b);
	return rc;
}

static enum snap_code
check_sealed(
    struct check *c, const struct inventory_object *o, struct snap_err *err)
{
	struct store_body body;
	enum snap_code rc;

	rc = store_get_body(c->s, o->kind, o->id, &body, err);
	if (rc != SNAP_OK)
		return rc;
	c->result.bytes_read += o->size;
	if (!body.trusted)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "not signed by anyone this repository trusts");
	store_body_fini(&body);
	return rc;
}

/*
 * A snapshot without its confirmation.  Of a backup under way, or of one that
 * died there; but when the confirmation was lost, only this tells.  So it is a
 * finding as soon as no backup can be at it any more.
 */
static enum snap_code
check_lone(
    struct check *c, const struct inventory_object *o, struct snap_err *err)
{
	int64_t grace = (int64_t)c->s->config.grace_s * SECOND_NS;
	struct snapshot_body *snap = NULL;
	char name[TRANSPORT_NAME_MAX + 1];
	struct raw_body body;
	enum snap_code rc;
	int64_t age;

	rc = raw_get_body(c->s, o->kind, o->id, &body, err);
	if (rc != SNAP_OK)
		return rc;
	c->result.bytes_read += body.size;
	store_name(o->kind, o->id, name);
	snap = malloc(sizeof *snap);
	rc = snap == NULL ? snap_fail(err, SNAP_NOMEM,
				"not enough memory for a snapshot")
			  : snapshot_decode(body.body.body, snap, err);
	if (rc == SNAP_OK) {
		age = c->s->l0 - store_time(c->s, snap->l0, o->time_ns);
		if (age >= grace)
			check_problem(c,
			    "%s: is not confirmed: its backup was interrupted, "
			    "or its confirmation was lost",
			    name);
		else
			report_log(c->s->report, REPORT_INFO,
			    "%s: is not confirmed yet", name);
	}
	free(snap);
	raw_body_fini(&body);
	return rc;
}

/* The small objects that no other step reads: config, keys, notes, runs,
 * condemned lists, and halves of snapshots that never became whole. */
static enum snap_code
check_small(struct check *c, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < c->inv.n && rc == SNAP_OK; i++) {
		const struct inventory_object *o = &c->inv.v[i];

		switch (o->kind) {
		case OBJ_CONFIG:
		case OBJ_SLOT: /* and all else under keys/ */
			rc = check_clear(c, o, err);
			break;
		case OBJ_RUN:
			/* May be many, and nothing rests on them. */
			if (!c->opts->read_data)
				continue;
			rc = check_sealed(c, o, err);
			break;
		case OBJ_NOTE:
		case OBJ_CONDEMNED:
		case OBJ_CONDEMNED_OK:
			rc = check_sealed(c, o, err);
			break;
		case OBJ_SNAPSHOT:
			if (inventory_find(&c->inv, OBJ_OK, o->id) != NULL)
				continue;
			rc = check_lone(c, o, err);
			break;
		default:
			continue;
		}
		if (raw_is_damage(rc)) {
			if (!check_vanished(c, o, rc))
				check_object_problem(c, o->kind, o->id, err);
			rc = SNAP_OK;
		}
		if (rc == SNAP_OK)
			rc = report_check(c->s->report, err);
	}
	return rc;
}

/* With the frames judged, and the segments: which copies can be relied on. */
static enum snap_code
judge_copies(struct check *c, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t at = 0;

	for (uint32_t i = 0; i < c->blocks.n && rc == SNAP_OK; i++) {
		struct blockset_entry *e = &c->blocks.v[i];

		if ((e->flags & BLOCKSET_FIRST) == 0)
			continue;
		if (c->packs[e->pack].indexed)
			rc = blockset_good(
			    &c->blocks, i, e->n_chunks, span_of(NULL, 0), err);
		else
			e->flags |= BLOCKSET_UNINDEXED;
	}
	for (size_t i = 0; i < c->n_copies && rc == SNAP_OK; i++) {
		const struct check_copy *copy = &c->copies[i];
		struct span bitmap = span_of(NULL, 0);

		if (copy->sparse)
			bitmap = span_of(c->sparse[at++].bitmap,
			    ((size_t)copy->n_chunks + 7) / 8);
		if (copy->bad)
			continue;
		if (c->packs[copy->pack].indexed)
			rc = blockset_good(&c->blocks, copy->entry,
			    copy->n_chunks, bitmap, err);
		else
			c->blocks.v[copy->entry].flags |= BLOCKSET_UNINDEXED;
	}
	return rc;
}

static void
count_unused(struct check *c)
{
	char name[TRANSPORT_NAME_MAX + 1];

	for (uint32_t i = 0; i < c->blocks.n; i++) {
		const struct blockset_entry *e = &c->blocks.v[i];

		if ((e->flags & BLOCKSET_USED) != 0 &&
		    (e->flags & BLOCKSET_FIRST) != 0)
			c->packs[e->pack].n_used++;
		c->result.n_blocks += e->class == CLASS_DATA;
	}
	for (size_t i = 0; i < c->n_copies; i++)
		if (c->blocks.v[c->copies[i].entry].flags & BLOCKSET_USED)
			c->packs[c->copies[i].pack].n_used++;
	for (size_t i = 0; i < c->n_packs; i++) {
		const struct check_pack *p = &c->packs[i];

		store_name(p->o->kind, p->o->id, name);
		if (p->readable && !p->indexed)
			report_log(c->s->report, REPORT_INFO,
			    "%s is in no index segment", name);
		/* Where something could not be walked, more is needed than
		 * what was seen. */
		c->result.n_unused_packs +=
		    c->result.n_errors == 0 && p->readable && p->n_used == 0;
	}
}

static enum snap_code
check_all(struct check *c, struct snap_err *err)
{
	uint64_t before;
	enum snap_code rc;

	rc = snapshots_load_stored(c->s, &c->snaps, err);
	if (rc != SNAP_OK)
		return rc;
	c->result.n_snapshots = c->snaps.n + c->snaps.n_salvaged;
	c->result.n_errors += c->snaps.n_damaged; /* logged by the load */
	rc = store_look(c->s, err);
	if (rc == SNAP_OK && store_lost_epoch(c->s) != 0)
		check_problem(c,
		    "keys/: the record that begins key epoch %u is lost or "
		    "damaged",
		    (unsigned)store_lost_epoch(c->s));
	if (rc == SNAP_OK)
		rc = inventory_load(c->s, &c->inv, err);
	if (rc == SNAP_OK)
		rc = check_small(c, err);
	if (rc == SNAP_OK)
		rc = check_segments(c, err);
	if (rc == SNAP_OK)
		rc = check_packs(c, err);
	if (rc == SNAP_OK)
		rc = check_closed(c, err);
	if (rc == SNAP_OK)
		rc = check_index(c, err);
	if (rc == SNAP_OK)
		rc = judge_copies(c, err);
	before = c->result.n_errors;
	if (rc == SNAP_OK)
		rc = check_walk(c, err);
	if (rc == SNAP_OK) {
		check_missing(c, c->result.n_errors - before);
		count_unused(c);
	}
	return rc;
}

enum snap_code
maint_check(struct store *s, const struct repo_check_opts *o,
    struct repo_check_result *out, struct snap_err *err)
{
	struct check c;
	enum snap_code rc;

	if (o->read_data && !(o->data_percent > 0 && o->data_percent <= 100))
		return snap_fail(err, SNAP_USAGE,
		    "the share of data to read must be above 0 and at most "
		    "100 per cent");
	if (o->read_data && !s->keys->owner)
		return snap_fail(err, SNAP_DENIED,
		    "a write-only key cannot read data to check it");
	memset(&c, 0, sizeof c);
	c.s = s;
	c.opts = o;
	rc = blockset_init(&c.blocks, err);
	if (rc != SNAP_OK)
		return rc;
	if (pthread_mutex_init(&c.lock, NULL) != 0) {
		blockset_fini(&c.blocks);
		return snap_fail(err, SNAP_NOMEM, "no memory for a lock");
	}
	rc = check_all(&c, err);
	if (rc == SNAP_OK)
		*out = c.result;
	for (size_t i = 0; i < c.n_sparse; i++)
		free(c.sparse[i].bitmap);
	free(c.sparse);
	free(c.copies);
	free(c.claims);
	free(c.packs);
	blockset_fini(&c.blocks);
	repo_snapshots_free(&c.snaps);
	inventory_fini(&c.inv);
	pthread_mutex_destroy(&c.lock);
	return rc;
}
