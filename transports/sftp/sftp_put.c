/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_put.c - how a file on the server becomes an object.
 *
 * As on a local disk: write and sync a hidden file beside the target, give it
 * its name by a hard link (which never replaces), renew its time, sync its
 * directory, remove the hidden name.  A server that takes requests in their
 * order is asked for all that is behind the sync at once.  How names are given
 * is in sftp_way.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sftp_internal.h"

#define PUBLISH_TRIES 8
#define LEVELS_MAX (TRANSPORT_NAME_MAX / 2 + 1)
#define ATTR_TIMES 8u

struct put {
	struct sftp *f;
	struct sftp_conn *c;
	const char *name;
	struct span data;
	char path[SFTP_NAME_SIZE], tmp[SFTP_NAME_SIZE];
	struct sftp_answer file; /* the hidden one, open */
	bool open;               /* its handle */
	bool there;              /* its hidden name */
	bool named;              /* by us */
	/* The directories whose entries have changed, from the object's up. */
	struct sftp_answer dirs[LEVELS_MAX];
	size_t n_dirs;
	struct sftp_answer mkdirs[LEVELS_MAX]; /* and other answers */
	/* Of finishing: the first request, and what it was for. */
	uint32_t first;
	size_t n_syncs;
	bool renewing, all_dirs;
	bool again;    /* tried once more already */
	bool removing; /* the hidden name */
	uint32_t removal;
	uint32_t mtime;
};

/* ---- directories */

static bool
is_known(struct sftp *f, const char *name, size_t len)
{
	struct sftp_dir *d;

	pthread_mutex_lock(&f->lock);
	for (d = f->known; d != NULL; d = d->next)
		if (strncmp(d->path, name, len) == 0 && d->path[len] == '\0')
			break;
	pthread_mutex_unlock(&f->lock);
	return d != NULL;
}

/* Without memory the directory stays unknown: synced again, no harm. */
static void
set_known(struct sftp *f, const char *name, size_t len)
{
	struct sftp_dir *d;

	if (is_known(f, name, len))
		return;
	d = calloc(1, sizeof *d);
	if (d == NULL)
		return;
	memcpy(d->path, name, len);
	pthread_mutex_lock(&f->lock);
	d->next = f->known;
	f->known = d;
	pthread_mutex_unlock(&f->lock);
}

/* The length of the directory part, without its slash. */
static size_t
dir_len(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? (size_t)(slash - name) : 0;
}

/* The path of the directory name[0..len), as "." when it has none. */
static void
dir_path(const struct sftp *f, const char *name, size_t len,
    char out[SFTP_NAME_SIZE])
{
	char part[TRANSPORT_NAME_MAX + 1];

	memcpy(part, name, len);
	part[len] = '\0';
	sftp_path(f, part, out);
}

/* ---- the steps */

/* Make what is missing of the directory, the hidden file, and open the
 * directories to be synced: all in one round trip. */
static enum snap_code
open_all(struct put *p, bool make, struct snap_err *err)
{
	bool sync = (p->c->can & SFTP_CAN_FSYNC) != 0 &&
		    !atomic_load(&p->f->no_dir_sync);
	size_t len = dir_len(p->name), n_made = 0, k;
	char path[SFTP_NAME_SIZE];
	uint32_t first = p->c->next_id, opened;
	enum snap_code rc;

	for (size_t i = 1; make && len > 0 && i <= len; i++) {
		if (p->name[i] != '/')
			continue;
		dir_path(p->f, p->name, i, path);
		sftp_ask_mkdir(p->c, path);
		n_made++;
	}
	opened = p->c->next_id;
	sftp_ask_open(p->c, p->tmp, SFTP_FOR_WRITE | SFTP_CREAT | SFTP_EXCL);
	p->n_dirs = 0;
	for (k = len; sync; k--) {
		/* The object's own directory, and those with a new one. */
		if (k == len || (make && (k == 0 || p->name[k] == '/'))) {
			dir_path(p->f, p->name, k, path);
			sftp_ask_open(p->c, path, SFTP_FOR_READ);
			p->n_dirs++;
		}
		if (k == 0 || !make)
			break;
	}
	rc = sftp_answers(p->c, first, p->mkdirs, n_made, err);
	if (rc == SNAP_OK)
		rc = sftp_answers(p->c, opened, &p->file, 1, err);
	if (rc == SNAP_OK)
		rc = sftp_answers(p->c, opened + 1, p->dirs, p->n_dirs, err);
	p->open = rc == SNAP_OK && p->file.type == SFTP_HANDLE;
	if (p->open)
		p->there = true;
	return rc;
}

static void
close_dirs(struct put *p)
{
	for (size_t i = 0; i < p->n_dirs; i++)
		if (p->dirs[i].type == SFTP_HANDLE)
			sftp_ask_handle(p->c, SFTP_CLOSE, &p->dirs[i]);
	p->n_dirs = 0;
}

/* Close all that is open and remove the hidden name. */
static void
close_all(struct put *p)
{
	if (p->open)
		sftp_ask_handle(p->c, SFTP_CLOSE, &p->file);
	p->open = false;
	close_dirs(p);
	if (p->there) {
		p->removing = true;
		p->removal = p->c->next_id;
		sftp_ask_path(p->c, SFTP_REMOVE, p->tmp);
	}
	p->there = false;
}

/* Wait until the hidden name is gone; that it cannot be removed is no harm. */
static enum snap_code
wait_closed(struct put *p, struct snap_err *err)
{
	struct sftp_answer a;

	if (!p->removing)
		return SNAP_OK;
	p->removing = false;
	return sftp_answers(p->c, p->removal, &a, 1, err);
}

/* The hidden file, open; its directory made when it is not there. */
static enum snap_code
begin(struct put *p, struct snap_err *err)
{
	size_t len = dir_len(p->name);
	bool make = len > 0 && !is_known(p->f, p->name, len);
	enum snap_code rc;

	rc = open_all(p, make, err);
	if (rc == SNAP_OK && !p->open && sftp_is_missing(&p->file) && len > 0) {
		/* Somebody removed it, or the server took the requests in
		 * another order. */
		close_dirs(p);
		rc = open_all(p, true, err);
	}
	if (rc != SNAP_OK || p->open)
		return rc;
	rc = sftp_refused(&p->file, "create a temporary file", err);
	sftp_explain(p->f, p->c, err);
	return err->code;
}

static enum snap_code
write_file(struct put *p, struct snap_err *err)
{
	enum snap_code rc;

	rc = sftp_write(
	    p->c, &p->file, p->data, (p->c->can & SFTP_CAN_FSYNC) != 0, err);
	if (rc != SNAP_OK && !p->c->broken) {
		sftp_explain(p->f, p->c, err);
		rc = err->code;
	}
	return rc;
}

struct same {
	struct span data;
};

static bool
compare_part(void *arg, size_t at, struct span s)
{
	const struct same *m = arg;

	return memcmp(m->data.p + at, s.p, s.len) == 0;
}

/* Does the name hold just these bytes, durably?  SNAP_OK, SNAP_EXISTS (no),
 * SNAP_NOTFOUND (it is gone, or never was), or a failure. */
static enum snap_code
compare(struct put *p, struct snap_err *err)
{
	struct same same = { p->data };
	struct sftp_range range = {
		.n = p->data.len, .fn = compare_part, .arg = &same
	};
	struct sftp_answer a[2], s;
	uint32_t first;
	enum snap_code rc;

	rc = sftp_look_and_open(p->c, p->path, a, err);
	if (rc != SNAP_OK)
		return rc;
	if (a[0].type != SFTP_ATTRS) {
		rc = sftp_is_missing(&a[0])
			 ? sftp_no_object(err)
			 : sftp_refused(&a[0], "look at that name", err);
	} else if (!sftp_is_file(&a[0].attrs) ||
		   a[0].attrs.size != p->data.len) {
		range.stopped = true;
	} else if (a[1].type != SFTP_HANDLE) {
		rc = sftp_is_missing(&a[1])
			 ? sftp_no_object(err)
			 : sftp_refused(&a[1], "read that name", err);
	} else {
		rc = sftp_read(p->c, &a[1], &range, err);
	}
	if (rc == SNAP_OK && range.stopped)
		rc =
		    snap_fail(err, SNAP_EXISTS, "another object has that name");
	/* Its own writer may not have come so far. */
	if (rc == SNAP_OK && (p->c->can & SFTP_CAN_FSYNC) != 0) {
		first = p->c->next_id;
		sftp_ask_fsync(p->c, &a[1]);
		rc = sftp_answers(p->c, first, &s, 1, err);
		if (rc == SNAP_OK && !sftp_is_ok(&s))
			rc = sftp_refused(
			    &s, "sync the object of that name", err);
	}
	if (a[1].type == SFTP_HANDLE)
		sftp_ask_handle(p->c, SFTP_CLOSE, &a[1]);
	return rc;
}

/* Give the hidden file its name, unless that is taken: SNAP_OK, and *a. */
static enum snap_code
publish_once(struct put *p, enum sftp_way way, struct sftp_answer *a,
    struct snap_err *err)
{
	enum snap_code rc;
	uint32_t first;

	if (way == SFTP_WAY_RENAME && p->open) {
		/* Not every system renames what is open. */
		sftp_ask_handle(p->c, SFTP_CLOSE, &p->file);
		p->open = false;
	}
	first = p->c->next_id;
	sftp_ask_name(p->c, way, p->tmp, p->path);
	rc = sftp_answers(p->c, first, a, 1, err);
	if (rc == SNAP_OK && sftp_is_ok(a)) {
		p->named = true;
		p->there = way == SFTP_WAY_LINK;
	}
	return rc;
}

/* Its name could not be given with that answer. */
static enum snap_code
nameless(struct put *p, const struct sftp_answer *a, struct snap_err *err)
{
	(void)sftp_refused(a, "give it its name", err);
	if (a->status == SFTP_FAILURE)
		sftp_explain(p->f, p->c, err);
	return err->code;
}

static enum snap_code
publish(struct put *p, enum sftp_way way, struct snap_err *err)
{
	struct sftp_answer a;
	enum snap_code rc;

	for (int i = 0; i < PUBLISH_TRIES; i++) {
		rc = publish_once(p, way, &a, err);
		if (rc != SNAP_OK || sftp_is_ok(&a))
			return rc;
		/* "Failure" is all a server says when the name is taken. */
		rc = compare(p, err);
		if (rc != SNAP_NOTFOUND)
			return rc;
		if (i > 0 || a.status == SFTP_PERMISSION_DENIED)
			break;
	}
	return nameless(p, &a, err);
}

/*
 * Renew the time of the file: what was written before a long sleep must not
 * look old.  Its last byte is written once more, by the handle it was written
 * with.  Without a handle or a byte it is given the server's time instead.
 */
static void
ask_renewal(struct put *p)
{
	size_t last = p->data.len - 1;

	(void)sftp_begin(p->c, SFTP_WRITE);
	ssh_put_string(&p->c->out, span_of(p->file.handle, p->file.handle_len));
	ssh_put_u64(&p->c->out, last);
	ssh_put_string(&p->c->out, span_of(p->data.p + last, 1));
	sftp_end(p->c);
	sftp_ask_handle(p->c, SFTP_FSTAT, &p->file);
}

static enum snap_code
set_time(struct put *p, bool ours, struct snap_err *err)
{
	struct sftp_answer a;
	enum snap_code rc;
	uint32_t first;

	rc = sftp_server_time(p->f, p->c, &p->mtime, err);
	if (rc != SNAP_OK || !ours)
		return rc;
	first = sftp_begin(p->c, SFTP_SETSTAT);
	ssh_put_string(&p->c->out, span_str(p->path));
	ssh_put_u32(&p->c->out, ATTR_TIMES);
	ssh_put_u32(&p->c->out, p->mtime);
	ssh_put_u32(&p->c->out, p->mtime);
	sftp_end(p->c);
	rc = sftp_answers(p->c, first, &a, 1, err);
	if (rc == SNAP_OK && !sftp_is_ok(&a))
		rc = sftp_refused(&a, "renew its time", err);
	return rc;
}

/* What is left to do once the name is there: renew the time, sync the
 * directories, remove the hidden name.  What was asked, from p->first on. */
static void
ask_finish(struct put *p, bool renew)
{
	p->first = p->c->next_id;
	p->renewing = renew;
	p->n_syncs = 0;
	p->all_dirs = true;
	if (renew)
		ask_renewal(p);
	for (size_t i = 0; i < p->n_dirs; i++) {
		if (p->dirs[i].type != SFTP_HANDLE) {
			p->all_dirs = false;
			continue;
		}
		sftp_ask_fsync(p->c, &p->dirs[i]);
		p->n_syncs++;
	}
	close_all(p);
}

static enum snap_code
take_finish(struct put *p, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct sftp_answer a[2];

	if (p->renewing) {
		rc = sftp_answers(p->c, p->first, a, 2, err);
		if (rc == SNAP_OK && !sftp_is_ok(&a[0]))
			rc = sftp_refused(&a[0], "renew its time", err);
		else if (rc == SNAP_OK && a[1].type != SFTP_ATTRS)
			rc = sftp_refused(&a[1], "read its time", err);
		if (rc != SNAP_OK)
			return rc;
		p->mtime = a[1].attrs.mtime;
		p->first += 2;
	}
	rc = sftp_answers(p->c, p->first, p->mkdirs, p->n_syncs, err);
	for (size_t i = 0; rc == SNAP_OK && i < p->n_syncs; i++)
		p->all_dirs = p->all_dirs && sftp_is_ok(&p->mkdirs[i]);
	if (rc == SNAP_OK)
		rc = wait_closed(p, err);
	if (rc != SNAP_OK)
		return rc;
	/* Not every server can; it is tried but once then. */
	if (!p->all_dirs)
		atomic_store(&p->f->no_dir_sync, true);
	if (dir_len(p->name) > 0)
		set_known(p->f, p->name, dir_len(p->name));
	return SNAP_OK;
}

/* All of it in one round trip, where order is kept: whatever comes of the
 * name, the rest touches nothing but the hidden file. */
static enum snap_code
publish_at_once(struct put *p, struct snap_err *err)
{
	uint32_t first = p->c->next_id;
	struct sftp_answer a;
	enum snap_code rc;

	sftp_ask_name(p->c, SFTP_WAY_LINK, p->tmp, p->path);
	ask_finish(p, true);
	rc = sftp_answers(p->c, first, &a, 1, err);
	if (rc == SNAP_OK)
		rc = take_finish(p, err);
	if (rc != SNAP_OK || sftp_is_ok(&a))
		return rc;
	rc = compare(p, err);
	if (rc != SNAP_NOTFOUND)
		return rc;
	rc = nameless(p, &a, err);
	/* Who had the name may have been deleted in between; the hidden file
	 * is gone, so it takes another put. */
	if (rc == SNAP_IO && a.status == SFTP_FAILURE && !p->again) {
		p->again = true;
		return SNAP_NOTFOUND;
	}
	return rc;
}

static enum snap_code
publish_in_steps(struct put *p, enum sftp_way way, struct snap_err *err)
{
	enum snap_code rc = publish(p, way, err);
	bool renew = p->open && p->data.len > 0;

	if (rc == SNAP_OK && !renew)
		rc = set_time(p, p->named, err);
	if (rc != SNAP_OK)
		return rc;
	ask_finish(p, renew);
	return take_finish(p, err);
}

static enum snap_code
put_once(struct put *p, struct snap_err *err)
{
	enum sftp_way way = SFTP_WAY_UNKNOWN;
	enum snap_code rc;

	rc = sftp_tmp_path(p->f, p->name, p->tmp, err);
	if (rc == SNAP_OK)
		rc = begin(p, err);
	if (rc == SNAP_OK)
		rc = write_file(p, err);
	if (rc == SNAP_OK)
		rc = sftp_find_way(p->f, p->c, &way, err);
	if (rc != SNAP_OK)
		return rc;
	if (way == SFTP_WAY_LINK && p->c->ssh.in_order && p->data.len > 0)
		return publish_at_once(p, err);
	return publish_in_steps(p, way, err);
}

enum snap_code
sftp_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	struct put *p = calloc(1, sizeof *p);
	struct snap_err other; /* what failed first is what counts */
	enum snap_code rc;

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a put");
	p->f = f;
	p->name = name;
	p->data = data;
	sftp_path(f, name, p->path);
	rc = sftp_take(f, &p->c, err);
	if (rc != SNAP_OK)
		goto out;
	rc = put_once(p, err);
	if (rc == SNAP_NOTFOUND && p->again)
		rc = put_once(p, err);
	if (rc == SNAP_OK) {
		st->size = data.len;
		st->time_ns = sftp_time_ns(p->mtime);
	} else if (!p->c->broken) {
		close_all(p);
		(void)wait_closed(p, &other);
	}
	sftp_give(f, p->c);
out:
	free(p);
	return rc;
}
