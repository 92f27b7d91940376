/* SPDX-License-Identifier: PostgreSQL */
/* said.c - behind the door of repo_notes.h. */
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "notes.h"
#include "repo_internal.h"
#include "repo_notes.h"
#include "repo_runs.h"

struct repo_notes {
	struct notes all;
};

enum snap_code
repo_notes(struct repo *r, struct repo_notes **out, struct snap_err *err)
{
	struct repo_notes *n = calloc(1, sizeof *n);
	enum snap_code rc;

	if (n == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for notes");
	rc = notes_load(r->store, &n->all, err);
	if (rc == SNAP_OK)
		*out = n;
	else
		free(n);
	return rc;
}

void
repo_notes_free(struct repo_notes *n)
{
	if (n == NULL)
		return;
	notes_free(&n->all);
	free(n);
}

size_t
repo_notes_damaged(const struct repo_notes *n)
{
	return n->all.n_damaged;
}

const char *
repo_notes_tags(const struct repo_notes *n, const struct repo_snapshot *s)
{
	const struct note *note = notes_about(&n->all, NOTE_TAGS, s->id);
	const char *tags;

	if (note == NULL)
		note = notes_weak(&n->all, NOTE_TAGS, s->id, NULL);
	tags = note != NULL ? note_prop(note, NOTE_PROP_TAGS)
			    : repo_snapshot_prop(s, REPO_PROP_TAGS);

	return tags != NULL ? tags : "";
}

bool
repo_notes_pinned(const struct repo_notes *n, const uint8_t id[REPO_ID_LEN])
{
	return notes_pinned(&n->all, id);
}

bool
repo_notes_forgotten(const struct repo_notes *n, const uint8_t id[REPO_ID_LEN])
{
	return notes_forgotten(&n->all, id);
}

bool
repo_notes_verdict(const struct repo_notes *n, const struct repo_snapshot *s,
    struct repo_verdict *out)
{
	const struct note *note = notes_about(&n->all, NOTE_VERDICT, s->id);
	const char *verdict =
	    note != NULL ? note_prop(note, REPO_VERDICT) : NULL;
	const char *differences;

	if (verdict == NULL)
		return false;
	differences = note_prop(note, REPO_VERDICT_DIFFERENCES);
	*out = (struct repo_verdict){ strcmp(verdict, REPO_VERDICT_GOOD) == 0,
		note->l0, differences != NULL ? differences : "0" };
	return true;
}

size_t
repo_notes_policy(
    const struct repo_notes *n, const struct repo_property **settings)
{
	const struct note *note = notes_about(&n->all, NOTE_POLICY, NULL);

	*settings = note != NULL ? note->props : NULL;
	return note != NULL ? note->n_props : 0;
}

bool
repo_notes_exported(const struct repo_notes *n)
{
	/* A host that was broken into must not say that all is well. */
	for (size_t i = 0; i < n->all.n; i++)
		if (n->all.v[i].type == NOTE_EXPORTED &&
		    n->all.v[i].maintenance)
			return true;
	return false;
}

enum snap_code
repo_may_say(struct repo *r, struct snap_err *err)
{
	if (r->store->keys->maintenance)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_DENIED,
	    "this key may only add backups: it decides of no snapshot");
	return snap_hint(err,
	    "Do it with the passphrase of the owner, or with a maintenance "
	    "key.");
}

enum snap_code
repo_time(struct repo *r, struct snap_err *err)
{
	/* The index is not needed for a note. */
	return r->store->l0 != 0
		   ? SNAP_OK
		   : transport_now(r->store->t, &r->store->l0, err);
}

static enum snap_code
say(struct repo *r, const struct repo_notes *said, enum note_type type,
    const uint8_t *subject, const struct repo_property *props, size_t n,
    struct snap_err *err)
{
	const struct note *last = notes_about(&said->all, type, subject);
	enum snap_code rc = repo_may_say(r, err);

	if (rc == SNAP_OK)
		rc = repo_time(r, err);
	/* Stores tell times by the second, and a clock may have been set. */
	if (rc == SNAP_OK && last != NULL && last->l0 >= r->store->l0 &&
	    last->l0 < INT64_MAX)
		r->store->l0 = last->l0 + 1;
	return rc == SNAP_OK ? notes_put(r->store, type, subject, props, n, err)
			     : rc;
}

enum snap_code
repo_say_tags(struct repo *r, const struct repo_notes *said,
    const uint8_t id[REPO_ID_LEN], const char *tags, struct snap_err *err)
{
	struct repo_property prop = { NOTE_PROP_TAGS, tags };

	return say(r, said, NOTE_TAGS, id, &prop, 1, err);
}

enum snap_code
repo_say_pinned(struct repo *r, const struct repo_notes *said,
    const uint8_t id[REPO_ID_LEN], bool pinned, struct snap_err *err)
{
	struct repo_property prop = { NOTE_PROP_PINNED, pinned ? "yes" : "no" };

	return say(r, said, NOTE_PIN, id, &prop, 1, err);
}

enum snap_code
repo_say_verdict(struct repo *r, const struct repo_notes *said,
    const uint8_t id[REPO_ID_LEN], const struct repo_property *props, size_t n,
    struct snap_err *err)
{
	return say(r, said, NOTE_VERDICT, id, props, n, err);
}

enum snap_code
repo_say_policy(struct repo *r, const struct repo_notes *said,
    const struct repo_property *settings, size_t n, struct snap_err *err)
{
	return say(r, said, NOTE_POLICY, NULL, settings, n, err);
}

enum snap_code
repo_runs(
    struct repo *r, size_t max, struct repo_runs *out, struct snap_err *err)
{
	return runs_load(r->store, max, out, err);
}

void
repo_runs_free(struct repo_runs *runs)
{
	for (size_t i = 0; i < runs->n; i++)
		free(runs->v[i].props);
	free(runs->v);
	memset(runs, 0, sizeof *runs);
}

const char *
repo_run_prop(const struct repo_run *run, const char *key)
{
	for (size_t i = 0; i < run->n_props; i++)
		if (strcmp(run->props[i].key, key) == 0)
			return run->props[i].value;
	return NULL;
}

enum snap_code
repo_say_run(struct repo *r, const struct repo_property *props, size_t n,
    struct snap_err *err)
{
	return runs_put(r->store, props, n, err);
}
