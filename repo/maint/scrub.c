/* SPDX-License-Identifier: PostgreSQL */
/*
 * scrub.c - what can be told of a repository without any key.
 *
 * For who keeps the store: rot shows in the checksum that every object ends
 * with.  Whether somebody forged an object only a holder of keys can tell.
 */
#include <pthread.h>
#include <string.h>

#include "inventory.h"
#include "maint.h"
#include "raw.h"
#include "workers.h"

#define AT_ONCE 4 /* packs in memory */

struct scrub {
	struct transport *t;
	struct report *report;
	uint8_t repo_id[ID_LEN]; /* what the config says it is */
	bool has_id;
	pthread_mutex_t lock;
	struct repo_scrub_result r;
};

static enum snap_code
get(struct scrub *s, const char *name, uint64_t size, struct bytes *out,
    struct snap_err *err)
{
	enum snap_code rc;

	bytes_clear(out);
	rc = transport_get(s->t, name, 0, SIZE_MAX, out, err);
	if (rc == SNAP_OK && out->len != size)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "has another size than the store's listing says");
	return rc;
}

/* Is it what its name says? */
static enum snap_code
judge(struct scrub *s, const struct inventory_object *o, struct span raw,
    struct snap_err *err)
{
	struct object obj;
	enum snap_code rc;
	bool in_keys;

	rc = object_parse(raw, &obj, err);
	if (rc != SNAP_OK)
		return rc;
	if (s->has_id && memcmp(obj.header.repo_id, s->repo_id, ID_LEN) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "belongs to another repository");
	/* Three kinds share one directory. */
	in_keys = o->kind == OBJ_SLOT &&
		  (obj.header.kind == OBJ_HOST || obj.header.kind == OBJ_EPOCH);
	if ((obj.header.kind != o->kind && !in_keys) ||
	    (o->kind != OBJ_CONFIG &&
		memcmp(obj.header.id, o->id, ID_LEN) != 0))
		return snap_fail(err, SNAP_CORRUPT, "holds another object");
	return SNAP_OK;
}

static enum snap_code
scrub_object(void *arg, void *job, struct snap_err *err)
{
	const struct inventory_object *o = job;
	char name[TRANSPORT_NAME_MAX + 1];
	struct scrub *s = arg;
	struct bytes raw;
	enum snap_code rc;

	store_name(o->kind, o->id, name);
	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	rc = report_check(s->report, err);
	/* Twice, as for everything else: the line may have spoiled it. */
	for (int i = 0; i < 2 && rc != SNAP_CANCELLED; i++) {
		rc = get(s, name, o->size, &raw, err);
		if (rc == SNAP_OK)
			rc = judge(s, o, bytes_span(&raw), err);
		if (rc != SNAP_CORRUPT)
			break;
	}
	pthread_mutex_lock(&s->lock);
	s->r.n_objects++;
	s->r.bytes_read += raw.len;
	if (rc == SNAP_NOTFOUND) {
		rc = SNAP_OK; /* pruned or forgotten meanwhile */
	} else if (raw_is_damage(rc)) {
		report_log(s->report, REPORT_WARNING, "%s: %s", name, err->msg);
		s->r.n_errors++;
		rc = SNAP_OK;
	}
	pthread_mutex_unlock(&s->lock);
	report_done(s->report, raw.len);
	bytes_fini(&raw);
	return rc;
}

/* The config tells which repository it is; a damaged one is found later. */
static enum snap_code
learn_id(struct scrub *s, const struct inventory *inv, struct snap_err *err)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	const struct inventory_object *o;
	struct object obj;
	struct bytes raw;

	if (inventory_of(inv, OBJ_CONFIG, &o) == 0)
		return snap_fail(err, SNAP_NOREPO,
		    "there is no repository at %s", transport_url(s->t));
	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	if (get(s, "config", o->size, &raw, &ignored) == SNAP_OK &&
	    object_parse(bytes_span(&raw), &obj, &ignored) == SNAP_OK) {
		memcpy(s->repo_id, obj.header.repo_id, ID_LEN);
		s->has_id = true;
	}
	bytes_fini(&raw);
	return SNAP_OK;
}

enum snap_code
maint_scrub(struct transport *t, struct report *report,
    struct repo_scrub_result *out, struct snap_err *err)
{
	struct scrub s = { .t = t, .report = report };
	struct inventory inv;
	enum snap_code rc;

	memset(&inv, 0, sizeof inv);
	if (pthread_mutex_init(&s.lock, NULL) != 0)
		return snap_fail(err, SNAP_NOMEM, "no memory for a lock");
	rc = inventory_list(t, report, &inv, err);
	if (rc == SNAP_OK)
		rc = learn_id(&s, &inv, err);
	if (rc == SNAP_OK)
		rc = workers_each(AT_ONCE, scrub_object, &s, inv.v, inv.n,
		    sizeof *inv.v, err);
	if (rc == SNAP_OK) {
		s.r.n_foreign = inv.n_foreign;
		*out = s.r;
	}
	inventory_fini(&inv);
	pthread_mutex_destroy(&s.lock);
	return rc;
}
