/* SPDX-License-Identifier: PostgreSQL */
/*
 * doctor.c - does this store do what a repository needs, and what may we do?
 *
 * Tries everything with small objects of names that no repository uses.  Needs
 * no passphrase and changes no repository.  What may not be deleted again
 * stays: a few bytes each, ignored by everything else.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "repo_notes.h"
#include "ui.h"

#define TRIPS 5
#define SKEW_MAX_MS 60000
#define NS_PER_MS 1000000

enum answer { UNKNOWN, NO, YES };

/* What is in a repository, by what may be done with it. */
enum area { DATA, META, INDEX, SNAPSHOTS, KEYS, CONDEMNED, NOTES, N_AREAS };
static const char *const area_names[N_AREAS] = { "data", "meta", "index",
	"snapshots", "keys", "condemned", "notes" };

struct rights {
	enum answer put, get, list, del;
};

struct doctor {
	struct cli *cli;
	struct place place;
	struct transport *t;
	char id[2 * REPO_ID_LEN + 1]; /* of this visit */
	int64_t trip_ms, skew_ms;
	struct rights area[N_AREAS];
	bool has_config;
	uint64_t n_broken; /* promises that the store does not keep */
	const char *role;
	json_t *broken;
};

/* A promise of transport.h, kept or not. */
static void
promise(struct doctor *d, bool kept, const char *what, const char *why)
{
	if (kept)
		return;
	d->n_broken++;
	ui_warning("%s%s%s", what, why[0] != '\0' ? ": " : "", why);
	(void)json_array_append_new(d->broken, json_string(what));
}

/* YES, NO (a right is missing) or, with *err, a failure that ends the visit. */
static enum snap_code
answer_of(enum snap_code rc, enum answer *out, struct snap_err *err)
{
	*out = rc == SNAP_OK ? YES : rc == SNAP_DENIED ? NO : UNKNOWN;
	if (rc == SNAP_OK || rc == SNAP_DENIED)
		return SNAP_OK;
	err->code = rc;
	return rc;
}

static void
name_of(const struct doctor *d, enum area a, char out[TRANSPORT_NAME_MAX + 1])
{
	(void)snprintf(
	    out, TRANSPORT_NAME_MAX + 1, "%s/doctor-%s", area_names[a], d->id);
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int64_t
wall_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

static enum snap_code
time_trips(struct doctor *d, struct snap_err *err)
{
	int64_t trips[TRIPS], now = 0;

	for (size_t i = 0; i < TRIPS; i++) {
		int64_t began = wall_ms(CLOCK_MONOTONIC);

		if (transport_now(d->t, &now, err) != SNAP_OK)
			return err->code;
		trips[i] = wall_ms(CLOCK_MONOTONIC) - began;
	}
	d->skew_ms = now / NS_PER_MS - wall_ms(CLOCK_REALTIME);
	qsort(trips, TRIPS, sizeof *trips, by_value);
	d->trip_ms = trips[TRIPS / 2];
	return SNAP_OK;
}

struct seen {
	const char *wanted; /* NULL: any */
	char first[TRANSPORT_NAME_MAX + 1];
	uint64_t size;
	bool found;
};

static enum snap_code
see(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct seen *s = arg;

	(void)err;
	if (s->first[0] == '\0' && st->size > 0)
		(void)snprintf(s->first, sizeof s->first, "%s", name);
	if (s->wanted != NULL && strcmp(name, s->wanted) == 0) {
		s->found = true;
		s->size = st->size;
	}
	return SNAP_OK;
}

/* Read our own object, or, where we could put none, any that is there. */
static enum snap_code
try_get(struct doctor *d, const char *own, const struct seen *seen,
    enum answer put, enum answer *out, struct snap_err *err)
{
	const char *name = put == YES ? own : seen->first;
	struct bytes b;
	enum snap_code rc;

	if (name[0] == '\0')
		name = own; /* not there: is even that told? */
	bytes_init(&b, 1024);
	rc = transport_get(d->t, name, 0, 1, &b, err);
	if (rc == SNAP_NOTFOUND && put != YES)
		rc = SNAP_OK;
	bytes_fini(&b);
	return answer_of(rc, out, err);
}

static enum snap_code
try_area(struct doctor *d, enum area a, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1], prefix[TRANSPORT_NAME_MAX + 1];
	struct seen seen = { .first = "" };
	struct rights *r = &d->area[a];
	enum snap_code rc;

	name_of(d, a, name);
	(void)snprintf(prefix, sizeof prefix, "%s/", area_names[a]);
	seen.wanted = name;
	rc = answer_of(transport_put(d->t, name, span_str(d->id), NULL, err),
	    &r->put, err);
	if (rc == SNAP_OK)
		rc = answer_of(transport_list(d->t, prefix, see, &seen, err),
		    &r->list, err);
	if (rc == SNAP_OK)
		rc = try_get(d, name, &seen, r->put, &r->get, err);
	if (rc != SNAP_OK || r->put != YES)
		return rc;
	if (r->list == YES)
		promise(d, seen.found && seen.size == strlen(d->id),
		    "a listing lacks what was just put, or has its size wrong",
		    "");
	return SNAP_OK;
}

/* Deleting comes last: other tests need the objects. */
static enum snap_code
try_delete(struct doctor *d, enum area a, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
	enum snap_code rc;

	name_of(d, a, name);
	if (d->area[a].put != YES)
		return SNAP_OK;
	rc = answer_of(transport_delete(d->t, name, err), &d->area[a].del, err);
	if (rc == SNAP_OK && d->area[a].del == YES && d->area[a].get == YES)
		promise(d,
		    transport_stat(d->t, name, &st, err) == SNAP_NOTFOUND,
		    "a deleted object is still there", "");
	return rc;
}

/* The promises of transport.h, with the object in `notes`, or in `data`. */
static enum snap_code
try_promises(struct doctor *d, enum area a, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st = { 0, 0 };
	int64_t before = 0, after = 0;
	struct bytes b;
	enum snap_code rc;

	if (d->area[a].put != YES)
		return SNAP_OK;
	name_of(d, a, name);
	bytes_init(&b, 1024);
	rc = transport_put(d->t, name, span_str(d->id), NULL, err);
	promise(d, rc == SNAP_OK, "the same object cannot be put again",
	    rc == SNAP_OK ? "" : err->msg);
	rc = transport_put(d->t, name, span_str("other bytes"), NULL, err);
	promise(d, rc == SNAP_EXISTS, "an object can be replaced",
	    rc == SNAP_OK ? "nothing that is stored is safe" : err->msg);
	rc = SNAP_OK;
	if (d->area[a].get != YES)
		goto out;
	if ((rc = transport_get(d->t, name, 4, 8, &b, err)) != SNAP_OK ||
	    (rc = transport_get(d->t, name, 0, SIZE_MAX, &b, err)) != SNAP_OK)
		goto out;
	promise(d,
	    b.len == 8 + strlen(d->id) && memcmp(b.p, d->id + 4, 8) == 0 &&
		memcmp(b.p + 8, d->id, b.len - 8) == 0,
	    "what was put does not come back", "");
	if ((rc = transport_stat(d->t, name, &st, err)) != SNAP_OK ||
	    (rc = transport_now(d->t, &after, err)) != SNAP_OK)
		goto out;
	before = after - (int64_t)3600 * 1000 * NS_PER_MS;
	promise(d,
	    st.size == strlen(d->id) && st.time_ns > before &&
		st.time_ns < after + (int64_t)2000 * NS_PER_MS,
	    "an object's size or time is wrong", "");
out:
	bytes_fini(&b);
	return rc;
}

static bool
all(const struct doctor *d, size_t offset, unsigned areas)
{
	for (unsigned a = 0; a < N_AREAS; a++) {
		const char *r = (const char *)&d->area[a];

		if ((areas >> a & 1) != 0 &&
		    *(const enum answer *)(const void *)(r + offset) != YES)
			return false;
	}
	return true;
}

static const char *
role_of(const struct doctor *d)
{
	const unsigned every = (1u << N_AREAS) - 1;
	const unsigned own = 1u << DATA | 1u << META | 1u << INDEX |
			     1u << SNAPSHOTS | 1u << NOTES;
	const unsigned known = every & ~(1u << DATA);
	bool put = all(d, offsetof(struct rights, put), own);
	bool put_all = all(d, offsetof(struct rights, put), every);
	bool get = all(d, offsetof(struct rights, get), every);
	bool get_known = all(d, offsetof(struct rights, get), known);
	bool list = all(d, offsetof(struct rights, list), every);
	bool del = all(d, offsetof(struct rights, del), every);

	if (put_all && get && list && del)
		return "full: back up, restore, prune";
	if (put_all && get && list)
		return "append-only: init, back up, restore";
	if (put && get && list)
		return "append-only: back up, restore";
	if (put && get_known && list)
		return "write-only: back up";
	if (get && list)
		return "read-only: restore";
	return NULL;
}

static enum snap_code
examine(struct doctor *d, struct snap_err *err)
{
	uint8_t id[REPO_ID_LEN];
	struct transport_stat st;
	enum snap_code rc;

	if (getentropy(id, sizeof id) != 0)
		return snap_fail_errno(err, SNAP_IO, "get a random number");
	hex_encode(id, sizeof id, d->id);
	rc = time_trips(d, err);
	if (rc != SNAP_OK)
		return rc;
	d->has_config = transport_stat(d->t, "config", &st, err) == SNAP_OK;
	for (unsigned a = 0; rc == SNAP_OK && a < N_AREAS; a++)
		rc = try_area(d, (enum area)a, err);
	if (rc == SNAP_OK)
		rc = try_promises(
		    d, d->area[NOTES].get == YES ? NOTES : DATA, err);
	for (unsigned a = 0; rc == SNAP_OK && a < N_AREAS; a++)
		rc = try_delete(d, (enum area)a, err);
	d->role = role_of(d);
	return rc;
}

static const char *
word(enum answer a)
{
	return a == YES ? "yes" : a == NO ? "no" : "?";
}

static enum snap_code
as_json(const struct doctor *d, struct snap_err *err)
{
	json_t *root = place_json(&d->place), *rights = json_object(), *o;

	json_put_text(
	    root, "repository", span_str(transport_url(d->place.transport)));
	(void)json_object_set_new(
	    root, "initialised", json_boolean(d->has_config));
	json_put_u64(root, "round-trip-ms", (uint64_t)d->trip_ms);
	(void)json_object_set_new(
	    root, "clock-ahead-ms", json_integer(d->skew_ms));
	for (unsigned a = 0; a < N_AREAS; a++) {
		o = json_object();
		json_put_text(o, "put", span_str(word(d->area[a].put)));
		json_put_text(o, "get", span_str(word(d->area[a].get)));
		json_put_text(o, "list", span_str(word(d->area[a].list)));
		json_put_text(o, "delete", span_str(word(d->area[a].del)));
		(void)json_object_set_new(rights, area_names[a], o);
	}
	(void)json_object_set_new(root, "rights", rights);
	(void)json_object_set(root, "broken", d->broken);
	(void)json_object_set_new(
	    root, "role", d->role != NULL ? json_string(d->role) : json_null());
	return json_print(root, err);
}

static enum snap_code
as_text(const struct doctor *d, struct snap_err *err)
{
	ui_out("%-12s %s%s\n", "repository", transport_url(d->place.transport),
	    d->has_config ? "" : " (not initialised)");
	ui_out("%-12s %" PRId64 " ms\n", "round trip", d->trip_ms);
	ui_out("%-12s %.1f s %s this machine's\n", "clock",
	    (double)(d->skew_ms < 0 ? -d->skew_ms : d->skew_ms) / 1000,
	    d->skew_ms < 0 ? "behind" : "ahead of");
	ui_out("\n%-12s %-6s %-6s %-6s %-6s\n", "", "put", "get", "list",
	    "delete");
	for (unsigned a = 0; a < N_AREAS; a++)
		ui_out("%-12s %-6s %-6s %-6s %-6s\n", area_names[a],
		    word(d->area[a].put), word(d->area[a].get),
		    word(d->area[a].list), word(d->area[a].del));
	ui_out("\n%-12s %s\n", "role",
	    d->role != NULL ? d->role : "none that is of use here");
	return ui_out_end(err);
}

/* Whether somebody has the keys elsewhere only who opens it can tell: that is
 * looked at where a secret is at hand, and else no business of ours. */
static void
remind_of_export(struct doctor *d)
{
	struct place p = PLACE_INIT;
	struct repo_notes *said = NULL;
	struct snap_err ignored = SNAP_ERR_INIT;

	if (!d->has_config)
		return;
	p.never_ask = p.for_listing = true;
	if (place_open(&p, d->cli, &ignored) == SNAP_OK &&
	    repo_notes(p.repo, &said, &ignored) == SNAP_OK)
		place_remind(said);
	repo_notes_free(said);
	place_close(&p);
}

enum snap_code
cmd_doctor(struct cli *cli, struct snap_err *err)
{
	struct doctor d = { .cli = cli, .place = PLACE_INIT };
	enum snap_code rc;

	d.broken = json_array();
	rc = place_store(&d.place, cli, false, err);
	if (rc == SNAP_OK) {
		d.t = d.place.transport;
		rc = examine(&d, err);
	}
	if (rc == SNAP_OK)
		rc = cli->o.json ? as_json(&d, err) : as_text(&d, err);
	if (rc != SNAP_OK)
		goto out;
	remind_of_export(&d);
	if (d.skew_ms > SKEW_MAX_MS || d.skew_ms < -SKEW_MAX_MS) {
		ui_warning("the store's clock is not this machine's: one of "
			   "them is wrong");
		cli->n_warnings++;
	}
	if (d.n_broken > 0)
		rc = snap_fail(err, SNAP_UNSUPPORTED,
		    "this store breaks %" PRIu64
		    " promise%s, named above: do not keep backups there",
		    d.n_broken, d.n_broken == 1 ? "" : "s");
	else if (d.role == NULL)
		rc = snap_fail(err, SNAP_DENIED,
		    "the credentials allow too little for any use");
out:
	json_decref(d.broken);
	place_close(&d.place);
	return rc;
}
