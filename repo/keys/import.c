/* SPDX-License-Identifier: PostgreSQL */
/*
 * import.c - what opens a repository comes back from paper.
 *
 * First it has to open, in memory, with the secret that is at hand: a wrong
 * sheet, or the wrong passphrase, changes nothing.  What is there and whole is
 * never replaced.  The config comes last: it is what makes a repository.
 */
#include <stdlib.h>
#include <string.h>

#include "keyring.h"
#include "mem.h"
#include "paper.h"

static void
name_of(const struct paper_object *o, char out[TRANSPORT_NAME_MAX + 1])
{
	store_name(o->kind, o->id, out);
}

/* Does all of it open, by itself? */
static enum snap_code
try_paper(
    const struct paper *p, const struct store_opts *o, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct store_opts alone = *o;
	struct mem_store *mem = NULL;
	struct transport *t = NULL;
	struct store *s = NULL;
	enum snap_code rc = mem_store_new(&mem, err);

	alone.cache_dir = NULL;
	if (rc == SNAP_OK)
		rc = transport_open_mem(mem, &t, err);
	for (size_t i = 0; i < p->n && rc == SNAP_OK; i++) {
		name_of(&p->v[i], name);
		rc =
		    transport_put(t, name, bytes_span(&p->v[i].raw), NULL, err);
	}
	if (rc == SNAP_OK)
		rc = store_open(t, &alone, &s, err);
	if (rc == SNAP_OK && !s->keys->owner)
		rc = snap_fail(err, SNAP_DENIED,
		    "it takes a passphrase or a recovery code");
	if (rc != SNAP_OK)
		(void)snap_wrap(err, "the paper form");
	store_close(s);
	transport_close(t);
	mem_store_free(mem);
	return rc;
}

struct whose {
	const uint8_t *repo_id;
	struct transport *t;
	bool ours, others;
};

/* The first object with a header says it. */
static enum snap_code
look_whose(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	struct whose *w = arg;
	struct header h;
	struct bytes raw;

	(void)err;
	if (w->ours || w->others || st->size < HEADER_LEN)
		return SNAP_OK;
	bytes_init(&raw, HEADER_LEN);
	if (transport_get(w->t, name, 0, HEADER_LEN, &raw, &why) == SNAP_OK &&
	    header_decode(bytes_span(&raw), &h, &why) == SNAP_OK) {
		if (memcmp(h.repo_id, w->repo_id, ID_LEN) == 0)
			w->ours = true;
		else
			w->others = true;
	}
	bytes_fini(&raw);
	return SNAP_OK;
}

/* Is what lies there of the repository on the paper? */
static enum snap_code
check_place(struct transport *t, const struct paper *p, bool force,
    struct snap_err *err)
{
	static const char *const places[] = { "config", "snapshots/", "index/",
		"keys/", "notes/" };
	struct whose w = { p->repo_id, t, false, false };
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < sizeof places / sizeof *places &&
			   rc == SNAP_OK && !w.ours && !w.others;
	     i++)
		rc = transport_list(t, places[i], look_whose, &w, err);
	if (rc != SNAP_OK)
		return rc;
	if (w.others && !w.ours)
		return snap_fail(err, SNAP_USAGE,
		    "at %s is another repository than that on the paper",
		    transport_url(t));
	if (w.ours || force)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_USAGE,
	    "there is nothing of that repository at %s", transport_url(t));
	return snap_hint(err, "If this is the place all the same: --force");
}

enum state { MISSING, PRESENT, DAMAGED };

static enum snap_code
state_of(struct transport *t, const struct paper_object *o, enum state *state,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct snap_err why = SNAP_ERR_INIT;
	struct bytes raw;
	struct object there;
	enum snap_code rc;

	name_of(o, name);
	bytes_init(&raw, STORE_KEY_SIZE_MAX);
	rc = transport_get(t, name, 0, SIZE_MAX, &raw, err);
	*state = PRESENT;
	if (rc == SNAP_NOTFOUND) {
		*state = MISSING;
		rc = SNAP_OK;
	} else if (rc == SNAP_NOMEM || rc == SNAP_IO) {
		*state = DAMAGED; /* too large, or not to be read */
		rc = SNAP_OK;
	} else if (rc == SNAP_OK &&
		   !span_eq(bytes_span(&raw), bytes_span(&o->raw))) {
		*state = DAMAGED;
		/* A config that was changed and summed up anew has no right
		 * MAC, for that on the paper has. */
		if (o->kind != OBJ_CONFIG &&
		    object_parse(bytes_span(&raw), &there, &why) == SNAP_OK)
			rc = snap_fail(err, SNAP_EXISTS,
			    "%s is there, whole, and is not what the paper "
			    "has",
			    name);
	}
	bytes_fini(&raw);
	return rc;
}

static enum snap_code
bring(struct transport *t, const struct paper_object *o, enum state state,
    bool force, struct repo_imported *out, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc = SNAP_OK;

	name_of(o, name);
	if (state == PRESENT) {
		out->n_present++;
		return SNAP_OK;
	}
	if (state == DAMAGED && !force) {
		(void)snap_fail(err, SNAP_CORRUPT, "%s is damaged", name);
		return snap_hint(
		    err, "--force deletes it and puts what the paper has.");
	}
	if (state == DAMAGED)
		rc = transport_delete(t, name, err);
	if (rc == SNAP_OK || rc == SNAP_NOTFOUND)
		rc = transport_put(t, name, bytes_span(&o->raw), NULL, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "put back %s", name);
	if (state == DAMAGED)
		out->n_replaced++;
	else
		out->n_put++;
	return SNAP_OK;
}

/* Nothing is changed before all can be. */
static enum snap_code
bring_all(struct transport *t, const struct paper *p, bool force,
    struct repo_imported *out, struct snap_err *err)
{
	enum state states[PAPER_OBJECTS_MAX];
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->n && rc == SNAP_OK; i++) {
		rc = state_of(t, &p->v[i], &states[i], err);
		if (rc == SNAP_OK && states[i] == DAMAGED && !force)
			rc = bring(t, &p->v[i], states[i], false, out, err);
	}
	for (int config = 0; config < 2; config++)
		for (size_t i = 0; i < p->n && rc == SNAP_OK; i++)
			if ((p->v[i].kind == OBJ_CONFIG) == (config == 1))
				rc = bring(
				    t, &p->v[i], states[i], force, out, err);
	return rc;
}

enum snap_code
keyring_import(struct transport *t, struct span text,
    const struct store_opts *o, bool force, struct repo_imported *out,
    struct snap_err *err)
{
	struct repo_imported done = { 0, 0, 0 };
	struct paper *p = malloc(sizeof *p);
	struct store *s = NULL;
	enum snap_code rc;

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for paper");
	rc = paper_read(text, p, err);
	if (rc != SNAP_OK) {
		free(p);
		return rc;
	}
	if ((rc = try_paper(p, o, err)) == SNAP_OK &&
	    (rc = check_place(t, p, force, err)) == SNAP_OK &&
	    (rc = bring_all(t, p, force, &done, err)) == SNAP_OK)
		rc = store_open(t, o, &s, err);
	store_close(s);
	paper_fini(p);
	free(p);
	if (rc == SNAP_OK)
		*out = done;
	return rc;
}
