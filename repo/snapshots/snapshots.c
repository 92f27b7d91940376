/* SPDX-License-Identifier: PostgreSQL */
/*
 * snapshots.c - the pairs under snapshots/ that are snapshots.
 *
 * One bad object must not hide the others, so only failures of the store
 * itself end a listing; what does not verify is logged by its name, counted
 * and left out.
 */
#include <stdlib.h>
#include <string.h>

#include "cached.h"
#include "notes.h"
#include "signed.h"
#include "snapshots.h"
#include "watch.h"
#include "workers.h"

struct entry { /* what the listing says of one id */
	uint8_t id[ID_LEN];
	bool has_snapshot, has_ok;
	int64_t snapshot_ns, ok_ns;
	uint64_t snapshot_size, ok_size;
	/* What was loaded. */
	bool stands, damaged, is_void;
	int64_t when;
	struct repo_snapshot snapshot;
};

struct entries {
	struct entry *v;
	size_t n;
};

struct load {
	struct store *s;
	bool cached;        /* the local cache's word counts */
	size_t at_once;     /* gets for one snapshot */
	struct notes notes; /* where there are hosts: who was revoked */
};

static enum snap_code
nomem(struct snap_err *err)
{
	return snap_fail(
	    err, SNAP_NOMEM, "not enough memory to list snapshots");
}

/* One for each half of a pair. */
static enum snap_code
add_entries(struct entries *all, const struct listing *l, struct snap_err *err)
{
	all->v = calloc(l->n + 1, sizeof *all->v);
	if (all->v == NULL)
		return nomem(err);
	for (size_t i = 0; i < l->n; i++) {
		const struct listed *one = &l->v[i];
		struct entry *e = &all->v[all->n];

		memcpy(e->id, one->id, ID_LEN);
		e->has_snapshot = one->kind == OBJ_SNAPSHOT;
		e->has_ok = one->kind == OBJ_OK;
		e->snapshot_ns = e->has_snapshot ? one->time : 0;
		e->ok_ns = e->has_ok ? one->time : 0;
		e->snapshot_size = e->has_snapshot ? one->size : 0;
		e->ok_size = e->has_ok ? one->size : 0;
		all->n += e->has_snapshot || e->has_ok;
	}
	return SNAP_OK;
}

static int
by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

/* Bring the two halves of each pair together; a store that lists a name twice
 * changes nothing. */
static void
pair_up(struct entries *all)
{
	size_t n = 0;

	if (all->n != 0)
		qsort(all->v, all->n, sizeof *all->v, by_id);
	for (size_t i = 0; i < all->n; i++) {
		struct entry *e = &all->v[i];
		struct entry *last = n == 0 ? NULL : &all->v[n - 1];

		if (last == NULL || memcmp(last->id, e->id, ID_LEN) != 0) {
			all->v[n++] = *e;
			continue;
		}
		if (e->has_snapshot) {
			last->snapshot_ns = e->snapshot_ns;
			last->snapshot_size = e->snapshot_size;
		} else {
			last->ok_ns = e->ok_ns;
			last->ok_size = e->ok_size;
		}
		last->has_snapshot |= e->has_snapshot;
		last->has_ok |= e->has_ok;
	}
	all->n = n;
}

enum snap_code
snapshots_describe(const struct snapshot_body *body, const uint8_t id[ID_LEN],
    int64_t time_ns, struct repo_snapshot *out, struct snap_err *err)
{
	size_t need = body->n_props * sizeof *out->props;
	struct repo_property *props;
	char *text;

	for (uint32_t i = 0; i < body->n_props; i++)
		need += body->props[i].key.len + body->props[i].value.len + 2;
	props = malloc(need == 0 ? 1 : need);
	if (props == NULL)
		return nomem(err);
	/* The strings lie behind the array, in the same allocation. */
	text = (char *)(props + body->n_props);
	for (uint32_t i = 0; i < body->n_props; i++) {
		const struct property *p = &body->props[i];

		props[i].key = text;
		if (p->key.len != 0)
			memcpy(text, p->key.p, p->key.len);
		text[p->key.len] = '\0';
		text += p->key.len + 1;
		props[i].value = text;
		if (p->value.len != 0)
			memcpy(text, p->value.p, p->value.len);
		text[p->value.len] = '\0';
		text += p->value.len + 1;
	}
	memset(out, 0, sizeof *out);
	memcpy(out->id, id, ID_LEN);
	memcpy(out->root, body->root, ID_LEN);
	memcpy(out->parent, body->parent, ID_LEN);
	out->time_ns = time_ns;
	out->bytes = body->bytes;
	out->new_bytes = body->new_bytes;
	out->stored_bytes = body->stored_bytes;
	out->rows = body->rows;
	out->n_streams = body->n_streams;
	out->n_props = body->n_props;
	out->props = props;
	out->salvaged = body->type == SNAPSHOT_SALVAGE;
	return SNAP_OK;
}

static enum snap_code
get_signed(struct load *l, uint8_t kind, const struct entry *e,
    struct store_body *out, struct snap_err *err)
{
	uint64_t size = kind == OBJ_OK ? e->ok_size : e->snapshot_size;
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	rc = l->cached ? cached_get(l->s, kind, e->id, size, out, err)
		       : store_get_body(l->s, kind, e->id, out, err);
	if (rc == SNAP_OK && !out->trusted) {
		store_name(kind, e->id, name);
		store_body_fini(out);
		rc = snap_fail(err, SNAP_CORRUPT,
		    "%s: not signed by anyone this repository trusts", name);
	}
	return rc;
}

static enum snap_code
read_confirmation(const struct entry *e, const struct store_body *ok,
    struct confirm_body *out, struct snap_err *err)
{
	char hex[2 * ID_LEN + 1];
	enum snap_code rc = confirm_decode(ok->body.body, out, err);

	hex_encode(e->id, ID_LEN, hex);
	if (rc == SNAP_OK && memcmp(out->id, e->id, ID_LEN) != 0)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "snapshots/%s.ok: confirms another snapshot", hex);
	return rc;
}

static enum snap_code
get_confirmation(struct load *l, const struct entry *e,
    struct confirm_body *out, struct snap_err *err)
{
	struct store_body ok;
	enum snap_code rc = get_signed(l, OBJ_OK, e, &ok, err);

	if (rc != SNAP_OK)
		return rc;
	rc = read_confirmation(e, &ok, out, err);
	store_body_fini(&ok);
	return rc;
}

/* One half of a pair, and what came of asking for it. */
struct half {
	uint8_t kind;
	const struct entry *e;
	struct store_body body;
	enum snap_code rc;
	struct snap_err err;
};

static enum snap_code
get_half(void *arg, void *job, struct snap_err *err)
{
	struct half *h = job;

	(void)err;
	h->rc = get_signed(arg, h->kind, h->e, &h->body, &h->err);
	return SNAP_OK;
}

/* Of both halves: see store_same_signer(). */
static void
judge_signer(const struct load *l, const struct store_body *what,
    struct repo_snapshot *out)
{
	out->by_owner = store_body_was_current(l->s, what, out->time_ns);
	store_signer(l->s, what, out->time_ns, out->signer, sizeof out->signer);
	memcpy(out->host_id, what->body.signer_id, ID_LEN);
	out->untrusted =
	    notes_distrusted(&l->notes, what->body.signer_id, out->id);
}

/* Both halves of one pair: are they a snapshot, and which?  Its time, as far as
 * it is known, also on failure. */
static enum snap_code
load_pair(struct load *l, struct entry *e, struct snap_err *err)
{
	struct store *s = l->s;
	struct half halves[] = { { .kind = OBJ_OK, .e = e },
		{ .kind = OBJ_SNAPSHOT, .e = e } };
	struct half *ok = &halves[0], *what = &halves[1];
	struct snapshot_body *snap = NULL;
	struct confirm_body confirm;
	enum snap_code rc;
	char hex[2 * ID_LEN + 1];

	e->when = e->ok_ns;
	hex_encode(e->id, ID_LEN, hex);
	snap = malloc(sizeof *snap);
	if (snap == NULL)
		return nomem(err);
	rc = workers_each(l->at_once, get_half, l, halves, 2, sizeof *ok, err);
	if (rc == SNAP_OK && ok->rc != SNAP_OK)
		*err = ok->err;
	if (rc == SNAP_OK)
		rc = ok->rc;
	if (rc == SNAP_OK)
		rc = read_confirmation(e, &ok->body, &confirm, err);
	if (rc == SNAP_OK) {
		e->when = store_time(s, confirm.l0, e->ok_ns);
		rc = what->rc;
		if (rc != SNAP_OK)
			*err = what->err;
	}
	if (rc == SNAP_OK)
		rc = snapshot_decode(what->body.body.body, snap, err);
	if (rc != SNAP_OK)
		goto out;
	if (!store_same_signer(&ok->body, &what->body)) {
		report_log(s->report, REPORT_WARNING,
		    "snapshots/%s: was confirmed by another key than made it, "
		    "is no snapshot",
		    hex);
		e->is_void = true;
		goto out;
	}
	if (store_is_void(s, confirm.l0, e->ok_ns) ||
	    store_is_void(s, snap->l0, e->snapshot_ns)) {
		report_log(s->report, REPORT_WARNING,
		    "snapshots/%s: was confirmed too late, is no snapshot",
		    hex);
		e->is_void = true;
		goto out;
	}
	rc = snapshots_describe(snap, e->id, e->when, &e->snapshot, err);
	e->stands = rc == SNAP_OK;
	if (e->stands)
		judge_signer(l, &what->body, &e->snapshot);
out:
	store_body_fini(&ok->body);
	store_body_fini(&what->body);
	free(snap);
	return rc;
}

/* Failures that say something about the object, not about the store; a bad
 * sector under one must not hide the others. */
static bool
is_damage(enum snap_code rc)
{
	return rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED || rc == SNAP_IO;
}

static void
note_damaged(struct repo_snapshots *all, const struct entry *e)
{
	if (all->n_damaged++ != 0 && e->when <= all->damaged_ns)
		return;
	all->damaged_ns = e->when;
	memcpy(all->damaged_id, e->id, ID_LEN);
}

/* The listing has a confirmation alone: it is loss only if that is so now. */
static enum snap_code
look_again(struct load *l, struct entry *e, struct snap_err *err)
{
	struct transport_stat st;
	enum snap_code rc;

	rc = store_find(l->s, OBJ_SNAPSHOT, e->id, &st, &e->has_snapshot, err);
	if (rc == SNAP_OK && e->has_snapshot) {
		e->snapshot_ns = st.time_ns;
		e->snapshot_size = st.size;
	} else if (rc == SNAP_OK) {
		rc = store_find(l->s, OBJ_OK, e->id, &st, &e->has_ok, err);
	}
	return rc;
}

static enum snap_code
load_entry(void *arg, void *job, struct snap_err *err)
{
	struct load *l = arg;
	struct entry *e = job;
	struct store *s = l->s;
	struct snap_err ignored = SNAP_ERR_INIT;
	struct confirm_body confirm;
	struct transport_stat st;
	char hex[2 * ID_LEN + 1];
	enum snap_code rc;

	rc = report_check(s->report, err);
	if (rc == SNAP_OK && !e->has_snapshot)
		rc = look_again(l, e, err);
	if (rc != SNAP_OK)
		return rc;
	e->when = e->ok_ns;
	hex_encode(e->id, ID_LEN, hex);
	if (!e->has_snapshot && e->has_ok) {
		/* Forgetting takes the confirmation first, so this is loss. */
		report_log(s->report, REPORT_WARNING,
		    "snapshots/%s: missing, though it is confirmed", hex);
		if (get_confirmation(l, e, &confirm, &ignored) == SNAP_OK)
			e->when = store_time(s, confirm.l0, e->ok_ns);
		e->damaged = true;
		return SNAP_OK;
	}
	if (!e->has_ok) {
		report_log(s->report, REPORT_DEBUG,
		    "snapshots/%s: not confirmed, is no snapshot", hex);
		return SNAP_OK;
	}
	rc = load_pair(l, e, err);
	if (is_damage(rc)) {
		report_log(s->report, REPORT_WARNING,
		    "snapshot %s is damaged and left out: %s", hex, err->msg);
		e->damaged = true;
		rc = SNAP_OK;
	} else if (rc == SNAP_NOTFOUND) {
		/* Somebody forgot it between the listing and now; if it is
		 * there all the same, the store does not give it. */
		e->has_snapshot = false;
		rc = look_again(l, e, err);
		if (rc == SNAP_OK && e->has_snapshot)
			rc = store_find(
			    s, OBJ_OK, e->id, &st, &e->has_ok, err);
		e->damaged =
		    rc == SNAP_OK && e->has_snapshot && e->has_ok;
		if (e->damaged)
			report_log(s->report, REPORT_WARNING,
			    "snapshot %s is left out: it is listed, and the "
			    "store does not have it",
			    hex);
	}
	return rc;
}

static int
by_time(const void *a, const void *b)
{
	const struct repo_snapshot *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return memcmp(x->id, y->id, ID_LEN);
}

/* Bucket services tell times by the second, and copying makes several
 * snapshots in one: a parent was there before its children. */
static void
parents_first(struct repo_snapshot *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		/* As often as there are others: parents may lie in a circle. */
		for (size_t left = n - i, k = i + 1; k < n && left > 0; k++) {
			struct repo_snapshot child = v[i];

			if (memcmp(v[k].id, child.parent, ID_LEN) != 0)
				continue;
			v[i] = v[k];
			v[k] = child;
			k = i;
			left--;
		}
}

static void
sort(struct repo_snapshot *v, size_t n)
{
	size_t from = 0;

	if (n != 0)
		qsort(v, n, sizeof *v, by_time);
	for (size_t i = 1; i <= n; i++)
		if (i == n || v[i].time_ns != v[from].time_ns) {
			parents_first(v + from, i - from);
			from = i;
		}
}

/* Is it in the list, which is sorted? */
static bool
is_listed(void *arg, const uint8_t *id)
{
	const struct entries *all = arg;
	struct entry key;

	memcpy(key.id, id, ID_LEN);
	return all->n > 0 &&
	       bsearch(&key, all->v, all->n, sizeof *all->v, by_id) != NULL;
}

/* From what was loaded to a list in order. */
static enum snap_code
gather(struct entries *list, struct repo_snapshots *all, struct snap_err *err)
{
	all->v = calloc(list->n + 1, sizeof *all->v);
	all->salvaged = calloc(list->n + 1, sizeof *all->salvaged);
	if (all->v == NULL || all->salvaged == NULL) {
		free(all->v);
		free(all->salvaged);
		return nomem(err);
	}
	for (size_t i = 0; i < list->n; i++) {
		struct entry *e = &list->v[i];

		if (e->damaged)
			note_damaged(all, e);
		if (!e->stands)
			continue;
		if (e->snapshot.salvaged || e->snapshot.untrusted) /* moves */
			all->salvaged[all->n_salvaged++] = e->snapshot;
		else
			all->v[all->n++] = e->snapshot;
		e->stands = false;
	}
	sort(all->v, all->n);
	sort(all->salvaged, all->n_salvaged);
	return SNAP_OK;
}

/* Tell who wants to know, before somebody changes the list. */
static enum snap_code
tell_watch(const struct store *s, const struct entries *list,
    const struct repo_snapshots *all, struct snap_err *err)
{
	uint8_t(*others)[ID_LEN];
	size_t n = 0;

	if (s->watch == NULL)
		return SNAP_OK;
	others = calloc(list->n + 1, sizeof *others);
	if (others == NULL)
		return nomem(err);
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].damaged || list->v[i].is_void ||
		    list->v[i].snapshot.untrusted)
			memcpy(others[n++], list->v[i].id, ID_LEN);
	s->watch->snapshots(
	    s->watch->arg, all, (const uint8_t(*)[ID_LEN])others, n);
	free(others);
	return SNAP_OK;
}

static enum snap_code
load(struct store *s, bool cached, struct repo_snapshots *out,
    struct snap_err *err)
{
	struct load l = { .s = s, .cached = cached };
	struct repo_snapshots all = { .n = 0 };
	struct entries list = { NULL, 0 };
	struct listing names;
	enum snap_code rc;

	rc = snapshots_list(s, &names, err);
	/* Behind it: what was there at a revocation is listed, or named. */
	if (rc == SNAP_OK && store_has_hosts(s))
		rc = notes_load(s, &l.notes, err);
	if (rc == SNAP_OK)
		rc = add_entries(&list, &names, err);
	listing_fini(&names);
	if (rc != SNAP_OK)
		goto out;
	pair_up(&list);
	if (cached)
		cached_prune(s, is_listed, &list);
	/* Of few, both halves of each. */
	l.at_once = 2 * list.n <= s->n_requests ? 2 : 1;
	rc = workers_each(
	    s->n_requests, load_entry, &l, list.v, list.n, sizeof *list.v, err);
	if (rc == SNAP_OK)
		rc = gather(&list, &all, err);
	if (rc == SNAP_OK && (rc = tell_watch(s, &list, &all, err)) != SNAP_OK)
		repo_snapshots_free(&all);
	if (rc == SNAP_OK)
		*out = all;
out:
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].stands)
			repo_snapshot_fini(&list.v[i].snapshot);
	free(list.v);
	notes_free(&l.notes);
	return rc;
}

enum snap_code
snapshots_load(
    struct store *s, struct repo_snapshots *out, struct snap_err *err)
{
	return load(s, true, out, err);
}

enum snap_code
snapshots_load_stored(
    struct store *s, struct repo_snapshots *out, struct snap_err *err)
{
	return load(s, false, out, err);
}

void
repo_snapshot_fini(struct repo_snapshot *s)
{
	free(s->props);
	memset(s, 0, sizeof *s);
}

void
repo_snapshots_free(struct repo_snapshots *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		repo_snapshot_fini(&s->v[i]);
	for (size_t i = 0; i < s->n_salvaged; i++)
		repo_snapshot_fini(&s->salvaged[i]);
	free(s->v);
	free(s->salvaged);
	memset(s, 0, sizeof *s);
}
