/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_list.c - every object below the store's directory.
 *
 * Directories are read many at a time over one connection, so that a long
 * line costs a few round trips for dozens of them.  The callers' function
 * runs while no connection is held, since it may want one.
 */
#include <stdlib.h>
#include <string.h>

#include "sftp_internal.h"

#define BATCH 32      /* directories at once: servers bound open handles */
#define AHEAD_MAX 16u /* requests for entries of one directory */
/* Bytes of names of a batch, a million: a repository has 256 directories. */
#define ENTRIES_MAX ((size_t)64 << 20)

struct dir {
	char name[TRANSPORT_NAME_MAX + 2]; /* with its slash; "" = all */
	struct sftp_answer handle;
	bool open;
	uint32_t ahead;
};

/* Names wait here for their turn: {u8 length, name, u64 size, u32 mtime}. */
struct walk {
	struct sftp *f;
	const char *prefix;
	size_t prefix_len;
	struct bytes todo; /* names of directories, each with its NUL */
	size_t todo_at;
	struct bytes found;
	struct dir dirs[BATCH];
	size_t n_dirs;
	unsigned n_barren; /* answers in a row without a file of ours */
	bool temporary;    /* not objects, but what killed puts left */
};

static void
put_found(
    struct walk *w, const char *name, size_t len, const struct sftp_attrs *a)
{
	bytes_u8(&w->found, (uint8_t)len);
	bytes_put(&w->found, name, len);
	bytes_u64(&w->found, a->size);
	bytes_u32(&w->found, a->mtime);
}

/* One entry of a directory: a file goes to `found`, a directory to `todo`. */
static void
take_entry(struct walk *w, const struct dir *d, struct span leaf,
    const struct sftp_attrs *a)
{
	char name[TRANSPORT_NAME_MAX + 2];
	size_t len = strlen(d->name), all = len + leaf.len, common;

	if (leaf.len == 0 || all > TRANSPORT_NAME_MAX ||
	    memchr(leaf.p, 0, leaf.len) != NULL ||
	    memchr(leaf.p, '/', leaf.len) != NULL)
		return;
	memcpy(name, d->name, len);
	memcpy(name + len, leaf.p, leaf.len);
	name[all] = '\0';
	if (w->temporary && sftp_is_file(a)) {
		if (transport_is_temporary(name + len, leaf.len))
			put_found(w, name, all, a);
		return;
	}
	/* Hidden and odd names are not ours. */
	if (!transport_name_ok(name))
		return;
	common = all < w->prefix_len ? all : w->prefix_len;
	if (strncmp(name, w->prefix, common) != 0)
		return;
	if (sftp_is_dir(a)) {
		name[all] = '/';
		if (all + 1 > TRANSPORT_NAME_MAX ||
		    (common < w->prefix_len && w->prefix[all] != '/'))
			return;
		bytes_put(&w->todo, name, all + 1);
		bytes_u8(&w->todo, 0);
	} else if (sftp_is_file(a) && all >= w->prefix_len) {
		put_found(w, name, all, a);
	}
}

static enum snap_code
take_names(struct walk *w, struct sftp_conn *c, struct dir *d,
    struct sftp_reply *r, struct snap_err *err)
{
	struct sftp_answer a = { .type = SFTP_STATUS };
	size_t before = w->found.len;
	struct sftp_attrs attrs;
	struct span leaf;
	uint32_t n;

	if (r->type == SFTP_STATUS) {
		sftp_read_status(r, &a);
		if (a.status != SFTP_EOF)
			return sftp_refused(&a, "read a directory", err);
		if (d->open)
			sftp_ask_handle(c, SFTP_CLOSE, &d->handle);
		d->open = false;
		return SNAP_OK;
	}
	if (r->type != SFTP_NAME)
		return sftp_nonsense(c, err);
	n = ssh_u32(&r->body);
	for (uint32_t i = 0; i < n && !r->body.bad; i++) {
		leaf = ssh_string(&r->body);
		(void)ssh_string(&r->body); /* as of ls -l */
		sftp_read_attrs(&r->body, &attrs);
		if (!r->body.bad)
			take_entry(w, d, leaf, &attrs);
	}
	w->n_barren = w->found.len > before ? 0 : w->n_barren + 1;
	if (w->n_barren > TRANSPORT_BARREN_MAX ||
	    w->found.len + w->todo.len > ENTRIES_MAX)
		return transport_no_end(err);
	return r->body.bad ? sftp_nonsense(c, err) : SNAP_OK;
}

/* Open the next directories of `todo`. */
static enum snap_code
open_batch(struct walk *w, struct sftp_conn *c, struct snap_err *err)
{
	struct sftp_answer *a;
	char path[SFTP_NAME_SIZE];
	uint32_t first = c->next_id;
	enum snap_code rc;
	const char *name;

	a = calloc(BATCH, sizeof *a);
	if (a == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a listing");
	for (w->n_dirs = 0; w->n_dirs < BATCH && w->todo_at < w->todo.len;
	     w->n_dirs++) {
		struct dir *d = &w->dirs[w->n_dirs];

		name = (const char *)w->todo.p + w->todo_at;
		w->todo_at += strlen(name) + 1;
		memset(d, 0, sizeof *d);
		memcpy(d->name, name, strlen(name));
		d->ahead = 2;
		sftp_path(w->f, name, path);
		sftp_ask_path(c, SFTP_OPENDIR, path);
	}
	rc = sftp_answers(c, first, a, w->n_dirs, err);
	for (size_t i = 0; rc == SNAP_OK && i < w->n_dirs; i++) {
		w->dirs[i].handle = a[i];
		w->dirs[i].open = a[i].type == SFTP_HANDLE;
		/* What is gone, or was never a directory, holds nothing. */
		if (!w->dirs[i].open && !sftp_is_missing(&a[i]))
			rc = sftp_refused(&a[i], "open a directory", err);
	}
	free(a);
	return rc;
}

/* Ask each open directory for its next entries, and take them. */
static enum snap_code
read_round(struct walk *w, struct sftp_conn *c, struct snap_err *err)
{
	uint8_t whose[BATCH * AHEAD_MAX];
	uint32_t first = c->next_id, n = 0;
	enum snap_code rc = SNAP_OK;
	struct sftp_reply r;

	for (size_t i = 0; i < w->n_dirs; i++) {
		struct dir *d = &w->dirs[i];

		for (uint32_t k = 0; d->open && k < d->ahead; k++) {
			whose[n++] = (uint8_t)i;
			sftp_ask_handle(c, SFTP_READDIR, &d->handle);
		}
		if (d->ahead < AHEAD_MAX)
			d->ahead *= 2;
	}
	for (uint32_t k = 0; rc == SNAP_OK && k < n; k++) {
		rc = sftp_next(c, first, &r, err);
		if (rc == SNAP_OK && r.id - first >= n)
			rc = sftp_nonsense(c, err);
		if (rc == SNAP_OK)
			rc = take_names(
			    w, c, &w->dirs[whose[r.id - first]], &r, err);
	}
	return rc;
}

static bool
some_open(const struct walk *w)
{
	for (size_t i = 0; i < w->n_dirs; i++)
		if (w->dirs[i].open)
			return true;
	return false;
}

/* Read a batch of directories over a connection of its own. */
static enum snap_code
read_batch(struct walk *w, struct snap_err *err)
{
	struct sftp_conn *c;
	enum snap_code rc;

	rc = sftp_take(w->f, &c, err);
	if (rc != SNAP_OK)
		return rc;
	rc = open_batch(w, c, err);
	while (rc == SNAP_OK && some_open(w)) {
		rc = read_round(w, c, err);
		if (rc == SNAP_OK)
			rc = bytes_check(&w->found, err);
		if (rc == SNAP_OK)
			rc = bytes_check(&w->todo, err);
	}
	/* Handles left open by a failure would stay so. */
	if (rc != SNAP_OK && some_open(w))
		c->broken = true;
	sftp_give(w->f, c);
	return rc;
}

static enum snap_code
tell(struct walk *w, transport_list_fn fn, void *arg, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
	enum snap_code rc = SNAP_OK;
	struct cursor c;
	size_t len;

	cursor_init(&c, bytes_span(&w->found));
	while (rc == SNAP_OK && c.left > 0) {
		len = cursor_u8(&c);
		cursor_copy(&c, name, len);
		name[len] = '\0';
		st.size = cursor_u64(&c);
		st.time_ns = sftp_time_ns(cursor_u32(&c));
		rc = fn(arg, name, &st, err);
	}
	bytes_clear(&w->found);
	return rc;
}

static enum snap_code
walk(struct sftp *f, const char *prefix, bool temporary, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	const char *slash = strrchr(prefix, '/');
	struct walk *w = calloc(1, sizeof *w);
	enum snap_code rc = SNAP_OK;

	if (w == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a listing");
	w->f = f;
	w->temporary = temporary;
	w->prefix = prefix;
	w->prefix_len = strlen(prefix);
	bytes_init(&w->todo, 2 * ENTRIES_MAX);
	bytes_init(&w->found, 2 * ENTRIES_MAX);
	/* Begin with the deepest directory that the prefix names. */
	if (slash != NULL)
		bytes_put(&w->todo, prefix, (size_t)(slash + 1 - prefix));
	bytes_u8(&w->todo, 0);
	while (rc == SNAP_OK && w->todo_at < w->todo.len) {
		rc = read_batch(w, err);
		if (rc == SNAP_OK)
			rc = tell(w, fn, arg, err);
	}
	bytes_fini(&w->todo);
	bytes_fini(&w->found);
	free(w);
	return rc;
}

enum snap_code
sftp_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	return walk((struct sftp *)t, prefix, false, fn, arg, err);
}

struct sweep {
	struct sftp *f;
	struct transport_swept *out;
	int64_t before_ns;
	bool dry_run;
};

static enum snap_code
sweep_one(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct sweep *s = arg;
	char path[SFTP_NAME_SIZE];
	struct sftp_answer a;
	struct sftp_conn *c;
	uint32_t first;
	enum snap_code rc;

	if (st->time_ns >= s->before_ns)
		return SNAP_OK;
	if (!s->dry_run) {
		rc = sftp_take(s->f, &c, err);
		if (rc != SNAP_OK)
			return rc;
		first = c->next_id;
		sftp_path(s->f, name, path);
		sftp_ask_path(c, SFTP_REMOVE, path);
		rc = sftp_answers(c, first, &a, 1, err);
		sftp_give(s->f, c);
		/* Somebody else was faster, or it is not ours to remove. */
		if (rc != SNAP_OK || !sftp_is_ok(&a))
			return rc;
	}
	s->out->n++;
	s->out->bytes += st->size;
	return SNAP_OK;
}

enum snap_code
sftp_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	struct sweep s = { (struct sftp *)t, out, before_ns, dry_run };

	return walk(s.f, "", true, sweep_one, &s, err);
}
