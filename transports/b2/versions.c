/* SPDX-License-Identifier: PostgreSQL */
/*
 * versions.c - which version of a name counts.
 *
 * A file of B2 is never replaced: whoever may write adds a version, or a mark
 * that hides the name, and downloads by name, like b2_list_file_names, show
 * only the newest.  So a stolen write key could put anything in front of what
 * is there.  Nobody without the right to delete can remove the oldest version
 * though, and it is the one that counts; therefore versions are what is
 * listed here, and the oldest is what is read.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "b2_internal.h"

#define B2_SMALL_PAGE 100u /* versions, where one name is looked for */

/* ---- going through a listing */

struct walk {
	struct b2 *b;
	char *prefix;                /* full, with that of the repository */
	char *start_name, *start_id; /* of the next page; the id may be NULL */
	unsigned page;               /* versions to ask for */
	bool is_bulky;               /* so many are too much for one answer */
	bool more;
	unsigned n_barren; /* pages in a row without another name */
	int64_t date;      /* of the last answer */
	/* The name that is being collected, over pages; NULL: none. */
	char *name; /* full */
	struct b2_found found;
	bool any; /* *found is one */
	b2_found_fn fn;
	void *arg;
};

static char *
join(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	char *s = malloc(n + m + 1);

	if (s != NULL) {
		memcpy(s, a, n);
		memcpy(s + n, b, m + 1);
	}
	return s;
}

static enum snap_code
walk_init(struct walk *w, struct b2 *b, const char *prefix, const char *start,
    struct snap_err *err)
{
	memset(w, 0, sizeof *w);
	w->b = b;
	w->page = B2_LONG_PAGE;
	w->more = true;
	w->prefix = join(b->prefix, prefix);
	w->start_name = join(b->prefix, start);
	return w->prefix != NULL && w->start_name != NULL ? SNAP_OK
							  : b2_no_memory(err);
}

static void
walk_fini(struct walk *w)
{
	b2_found_fini(&w->found);
	free(w->prefix);
	free(w->start_name);
	free(w->start_id);
	free(w->name);
}

void
b2_found_fini(struct b2_found *f)
{
	free(f->id);
	memset(f, 0, sizeof *f);
}

/* The name collected so far is complete. */
static enum snap_code
emit(struct walk *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (w->any) {
		const char *name = w->name + strlen(w->b->prefix);

		b2_remember(w->b, name, &w->found);
		if (w->fn != NULL)
			rc = w->fn(w->arg, name, &w->found, err);
	}
	b2_found_fini(&w->found);
	free(w->name);
	w->name = NULL;
	w->any = false;
	return rc;
}

/* A further version of the name: the listing has the newest first. */
static enum snap_code
add(struct walk *w, const struct b2_version *v, struct snap_err *err)
{
	bool newer = w->any && v->time_ns > w->found.time_ns;
	char *id;

	if (v->is_unfinished)
		return SNAP_OK;
	if (!v->is_object || newer) {
		w->found.shadowed = true;
		return SNAP_OK;
	}
	id = strdup(v->id);
	if (id == NULL)
		return b2_no_memory(err);
	free(w->found.id);
	w->found.shadowed |= w->any;
	w->found.id = id;
	w->found.size = v->size;
	w->found.time_ns = v->time_ns;
	w->found.sha1_known = v->sha1_known;
	memcpy(w->found.sha1, v->sha1, sizeof v->sha1);
	w->any = true;
	return SNAP_OK;
}

static enum snap_code
feed(struct walk *w, const struct b2_page *p, struct snap_err *err)
{
	size_t n = strlen(w->b->prefix);
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; rc == SNAP_OK && i < p->n; i++) {
		const struct b2_version *v = &p->versions[i];
		int cmp;

		/* What cannot be a name of ours is none of our business. */
		if (v->id == NULL || strncmp(v->name, w->b->prefix, n) != 0 ||
		    !transport_name_ok(v->name + n))
			continue;
		cmp = w->name == NULL ? 1 : strcmp(v->name, w->name);
		if (cmp < 0)
			return snap_fail(err, SNAP_CORRUPT,
			    "the listing of the service is out of order");
		if (cmp > 0) {
			w->n_barren = 0;
			rc = emit(w, err);
			if (rc != SNAP_OK)
				break;
			w->name = strdup(v->name);
			if (w->name == NULL)
				return b2_no_memory(err);
		}
		rc = add(w, v, err);
	}
	return rc;
}

static enum snap_code
ask(struct walk *w, unsigned page, struct http_reply *r, struct snap_err *err)
{
	struct b2_request q = { .op = B2_LIST_VERSIONS };
	enum snap_code rc;

	q.json = json_pack("{s:s, s:s, s:s, s:i}", "bucketId", w->b->bucket_id,
	    "prefix", w->prefix, "startFileName", w->start_name, "maxFileCount",
	    (int)page);
	if (q.json != NULL && w->start_id != NULL &&
	    json_object_set_new(
		q.json, "startFileId", json_string(w->start_id)) != 0) {
		json_decref(q.json);
		q.json = NULL;
	}
	rc = q.json != NULL ? b2_ask(w->b, &q, r, err) : b2_no_memory(err);
	json_decref(q.json);
	return rc;
}

/* The next page as it comes, decoded. */
static enum snap_code
ask_page(struct walk *w, struct b2_page *p, struct snap_err *err)
{
	struct http_reply r;
	enum snap_code rc;

	if (++w->n_barren > TRANSPORT_BARREN_MAX)
		return transport_no_end(err);
	http_reply_init(&r, B2_REPLY_MAX);
	rc = ask(w, w->is_bulky ? B2_SMALL_PAGE : w->page, &r, err);
	/* Each version may carry 7 kB that some uploader chose: fewer. */
	if (rc == SNAP_CORRUPT && !w->is_bulky && w->page > B2_SMALL_PAGE) {
		w->is_bulky = true;
		rc = ask(w, B2_SMALL_PAGE, &r, err);
	}
	/* There is no such bucket any more: not a missing object. */
	if (rc == SNAP_NOTFOUND && err != NULL)
		rc = err->code = SNAP_NOREPO;
	if (rc == SNAP_OK)
		rc = b2_page_decode(bytes_span(&r.body), p, err);
	for (size_t n = B2_PAGE; n < p->n; n += B2_PAGE)
		b2_count(w->b, B2_LIST_VERSIONS);
	w->date = r.date_ns;
	http_reply_fini(&r);
	return rc;
}

/* Where the page after this one begins. */
static enum snap_code
go_on(struct walk *w, const struct b2_page *p, struct snap_err *err)
{
	char *name, *id = NULL;

	w->more = p->next_name != NULL;
	if (!w->more)
		return SNAP_OK;
	/* Else a service gone wrong would have us ask for ever. */
	if (strcmp(p->next_name, w->start_name) == 0 &&
	    (p->next_id == NULL ||
		(w->start_id != NULL && strcmp(p->next_id, w->start_id) == 0)))
		return snap_fail(err, SNAP_CORRUPT,
		    "the listing of the service goes round in circles");
	name = strdup(p->next_name);
	if (p->next_id != NULL)
		id = strdup(p->next_id);
	if (name == NULL || (p->next_id != NULL && id == NULL)) {
		free(name);
		free(id);
		return b2_no_memory(err);
	}
	free(w->start_name);
	free(w->start_id);
	w->start_name = name;
	w->start_id = id;
	return SNAP_OK;
}

/* One page, and the names that became complete with it. */
static enum snap_code
walk_page(struct walk *w, struct snap_err *err)
{
	struct b2_page p = { NULL, NULL, 0, NULL, NULL };
	enum snap_code rc;

	rc = ask_page(w, &p, err);
	if (rc == SNAP_OK)
		rc = feed(w, &p, err);
	if (rc == SNAP_OK)
		rc = go_on(w, &p, err);
	if (rc == SNAP_OK && !w->more)
		rc = emit(w, err);
	b2_page_fini(&p);
	return rc;
}

/* ---- what the operations want of it */

enum snap_code
b2_list(struct b2 *b, const char *prefix, b2_found_fn fn, void *arg,
    struct snap_err *err)
{
	struct walk w;
	enum snap_code rc;

	rc = walk_init(&w, b, prefix, prefix, err);
	w.fn = fn;
	w.arg = arg;
	while (rc == SNAP_OK && w.more) {
		rc = walk_page(&w, err);
		if (w.more) /* the base has counted one */
			atomic_fetch_add(&b->base.n_list, 1);
	}
	walk_fini(&w);
	return rc;
}

enum snap_code
b2_list_nothing(struct b2 *b, int64_t *date, struct snap_err *err)
{
	struct walk w;
	enum snap_code rc;

	rc = walk_init(&w, b, "", "", err);
	w.page = 1;
	if (rc == SNAP_OK)
		rc = walk_page(&w, err);
	*date = w.date;
	walk_fini(&w);
	return rc;
}

struct wanted {
	const char *name;
	struct b2_found *out;
	bool is_there, is_past; /* found; no need to go on */
	int64_t date;
};

static enum snap_code
is_wanted(
    void *arg, const char *name, const struct b2_found *f, struct snap_err *err)
{
	struct wanted *want = arg;
	int cmp = strcmp(name, want->name);

	want->is_past |= cmp >= 0;
	if (want->is_there || cmp != 0)
		return SNAP_OK;
	*want->out = *f;
	want->out->id = strdup(f->id);
	if (want->out->id == NULL)
		return b2_no_memory(err);
	want->is_there = true;
	return SNAP_OK;
}

/* Go through what has the prefix, from `start` on, until it is clear. */
static enum snap_code
search(struct b2 *b, const char *prefix, const char *start, unsigned page,
    struct wanted *want, struct snap_err *err)
{
	struct walk w;
	enum snap_code rc;

	rc = walk_init(&w, b, prefix, start, err);
	w.page = page;
	w.fn = is_wanted;
	w.arg = want;
	do {
		if (rc == SNAP_OK)
			rc = walk_page(&w, err);
		w.page = B2_PAGE;
		/* From the start of a folder one page is all it may cost. */
	} while (rc == SNAP_OK && w.more && !want->is_past &&
		 strcmp(start, want->name) == 0);
	want->is_past |= rc == SNAP_OK && !w.more;
	want->date = w.date;
	walk_fini(&w);
	return rc;
}

enum snap_code
b2_find(struct b2 *b, const char *name, bool wide, struct b2_found *out,
    int64_t *date, struct snap_err *err)
{
	struct wanted want = { name, out, false, false, 0 };
	const char *slash = strrchr(name, '/');
	char folder[TRANSPORT_NAME_MAX + 1];
	size_t n = slash != NULL ? (size_t)(slash + 1 - name) : 0;
	enum snap_code rc = SNAP_OK;

	memcpy(folder, name, n);
	folder[n] = '\0';
	if (wide && n > 0)
		rc = search(b, folder, folder, B2_PAGE, &want, err);
	if (rc == SNAP_OK && !want.is_past)
		rc = search(b, name, name, B2_SMALL_PAGE, &want, err);
	if (date != NULL)
		*date = want.date;
	if (rc == SNAP_OK && !want.is_there)
		return snap_fail(err, SNAP_NOTFOUND, "no such object");
	if (rc != SNAP_OK && want.is_there)
		b2_found_fini(out);
	return rc;
}

enum snap_code
b2_remove_version(
    struct b2 *b, const char *name, const char *id, struct snap_err *err)
{
	struct b2_request q = { .op = B2_DELETE };
	struct http_reply r;
	char *full = join(b->prefix, name);
	enum snap_code rc;

	if (full == NULL)
		return b2_no_memory(err);
	http_reply_init(&r, B2_ANSWER_MAX);
	q.json = json_pack("{s:s, s:s}", "fileName", full, "fileId", id);
	rc = q.json != NULL ? b2_ask(b, &q, &r, err) : b2_no_memory(err);
	json_decref(q.json);
	http_reply_fini(&r);
	free(full);
	return rc;
}

/*
 * A page of versions of just this name goes, from the newest to the oldest:
 * until the last is gone the object is there, whoever shadowed it.
 */
static enum snap_code
remove_page(struct walk *w, bool *had_object, struct snap_err *err)
{
	struct b2_page p = { NULL, NULL, 0, NULL, NULL };
	const char *name = w->prefix + strlen(w->b->prefix);
	enum snap_code rc;

	rc = ask_page(w, &p, err);
	w->more = false;
	for (size_t i = 0; rc == SNAP_OK && i < p.n; i++) {
		const struct b2_version *v = &p.versions[i];

		if (strcmp(v->name, w->prefix) != 0)
			break; /* "a.ok" behind "a" */
		if (v->id == NULL || v->is_unfinished)
			continue;
		rc = b2_remove_version(w->b, name, v->id, err);
		if (rc == SNAP_OK)
			*had_object |= v->is_object;
		if (rc == SNAP_NOTFOUND) /* by somebody else */
			rc = SNAP_OK;
		w->more = i + 1 == p.n && p.next_name != NULL;
	}
	if (rc == SNAP_OK && w->more)
		rc = go_on(w, &p, err);
	b2_page_fini(&p);
	return rc;
}

enum snap_code
b2_remove(struct b2 *b, const char *name, struct snap_err *err)
{
	struct walk w;
	bool had_object = false;
	enum snap_code rc;

	rc = b2_check_right(b, B2_DELETE, err);
	if (rc != SNAP_OK)
		return rc;
	b2_forget(b, name);
	rc = walk_init(&w, b, name, name, err);
	w.page = B2_SMALL_PAGE;
	while (rc == SNAP_OK && w.more) {
		rc = remove_page(&w, &had_object, err);
		w.page = B2_PAGE;
	}
	walk_fini(&w);
	if (rc == SNAP_OK && !had_object)
		return snap_fail(err, SNAP_NOTFOUND, "no such object");
	return rc;
}
