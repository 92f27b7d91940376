/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_put.c - how a file on the server becomes an object.
 *
 * As on a local disk: write and sync a hidden file beside the target, give it
 * its name by a hard link (which never replaces), renew its time, sync its
 * directory, remove the hidden name.  Servers without hardlink@openssh.com
 * get a rename instead, which version 3 of SFTP forbids to replace; whether
 * the server knows that is tried out first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sftp_internal.h"

#define PUBLISH_TRIES 8
#define LINK "hardlink@openssh.com"
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
	bool removing;                         /* the hidden name */
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
	p->removing = p->there;
	p->removal = p->c->next_id;
	if (p->there)
		sftp_ask_path(p->c, SFTP_REMOVE, p->tmp);
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
	struct sftp_range range = { 0, p->data.len, compare_part, &same,
		false };
	struct sftp_answer a[2], s;
	uint32_t first = p->c->next_id;
	enum snap_code rc;

	sftp_ask_path(p->c, SFTP_LSTAT, p->path);
	sftp_ask_open(p->c, p->path, SFTP_FOR_READ);
	rc = sftp_answers(p->c, first, a, 2, err);
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

static void
ask_two(struct sftp_conn *c, const char *ext, const char *from, const char *to)
{
	(void)sftp_begin(c, ext != NULL ? SFTP_EXTENDED : SFTP_RENAME);
	if (ext != NULL)
		ssh_put_string(&c->out, span_str(ext));
	ssh_put_string(&c->out, span_str(from));
	ssh_put_string(&c->out, span_str(to));
	sftp_end(c);
}

/* Two empty files with hidden names in the store's directory. */
static enum snap_code
two_files(struct put *p, char a[SFTP_NAME_SIZE], char b[SFTP_NAME_SIZE],
    struct snap_err *err)
{
	struct sftp_answer got[2];
	uint32_t first = p->c->next_id;
	enum snap_code rc;

	rc = sftp_tmp_path(p->f, "", a, err);
	if (rc == SNAP_OK)
		rc = sftp_tmp_path(p->f, "", b, err);
	if (rc != SNAP_OK)
		return rc;
	sftp_ask_open(p->c, a, SFTP_FOR_WRITE | SFTP_CREAT | SFTP_EXCL);
	sftp_ask_open(p->c, b, SFTP_FOR_WRITE | SFTP_CREAT | SFTP_EXCL);
	rc = sftp_answers(p->c, first, got, 2, err);
	for (int i = 0; rc == SNAP_OK && i < 2; i++) {
		if (got[i].type != SFTP_HANDLE)
			return sftp_refused(
			    &got[i], "create a temporary file", err);
		sftp_ask_handle(p->c, SFTP_CLOSE, &got[i]);
	}
	return rc;
}

/*
 * Try with two files: does a call (`ext`, or a rename) leave the file alone
 * that has the name already, and is the old name there afterwards?  And does a
 * hard link make a second name?  Servers announce what they do not do.
 */
static enum snap_code
try_way(struct put *p, const char *ext, bool *works, struct snap_err *err)
{
	char a[SFTP_NAME_SIZE], b[SFTP_NAME_SIZE], c[SFTP_NAME_SIZE];
	struct sftp_answer got[6];
	uint32_t first, n;
	enum snap_code rc;

	rc = sftp_tmp_path(p->f, "", c, err);
	if (rc == SNAP_OK)
		rc = two_files(p, a, b, err);
	if (rc != SNAP_OK)
		return rc;
	first = p->c->next_id;
	ask_two(p->c, ext, a, b);
	sftp_ask_path(p->c, SFTP_LSTAT, a);
	sftp_ask_path(p->c, SFTP_LSTAT, b);
	if (ext != NULL) {
		ask_two(p->c, ext, a, c);
		sftp_ask_path(p->c, SFTP_LSTAT, a);
		sftp_ask_path(p->c, SFTP_LSTAT, c);
	}
	n = p->c->next_id - first;
	rc = sftp_answers(p->c, first, got, n, err);
	if (rc != SNAP_OK)
		return rc;
	*works = !sftp_is_ok(&got[0]) && got[1].type == SFTP_ATTRS &&
		 got[2].type == SFTP_ATTRS;
	if (ext != NULL)
		*works = *works && sftp_is_ok(&got[3]) &&
			 got[4].type == SFTP_ATTRS && got[5].type == SFTP_ATTRS;
	first = p->c->next_id;
	sftp_ask_path(p->c, SFTP_REMOVE, a);
	sftp_ask_path(p->c, SFTP_REMOVE, b);
	sftp_ask_path(p->c, SFTP_REMOVE, c);
	return sftp_answers(p->c, first, got, 3, err);
}

/* How names are given on this server: tried once for each handle. */
static enum snap_code
find_way(struct put *p, enum sftp_way *way, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	bool works = false;

	*way = (enum sftp_way)atomic_load(&p->f->way);
	if (*way != SFTP_WAY_UNKNOWN)
		return SNAP_OK;
	if ((p->c->can & SFTP_CAN_LINK) != 0)
		rc = try_way(p, LINK, &works, err);
	if (rc == SNAP_OK && works) {
		*way = SFTP_WAY_LINK;
	} else if (rc == SNAP_OK) {
		rc = try_way(p, NULL, &works, err);
		*way = SFTP_WAY_RENAME;
	}
	if (rc != SNAP_OK)
		return rc;
	if (!works) {
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "the server's renames replace files");
		(void)snap_detail(err,
		    "Of two backups at once, one could destroy what the "
		    "other has put.");
		return snap_hint(err,
		    "OpenSSH's own SFTP server keeps files. With another one, "
		    "mount the directory and give its path.");
	}
	atomic_store(&p->f->way, (int)*way);
	return SNAP_OK;
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
	ask_two(p->c, way == SFTP_WAY_LINK ? LINK : NULL, p->tmp, p->path);
	rc = sftp_answers(p->c, first, a, 1, err);
	if (rc == SNAP_OK && sftp_is_ok(a)) {
		p->named = true;
		p->there = way == SFTP_WAY_LINK;
	}
	return rc;
}

static enum snap_code
publish(struct put *p, struct snap_err *err)
{
	enum sftp_way way;
	struct sftp_answer a;
	enum snap_code rc;

	rc = find_way(p, &way, err);
	if (rc != SNAP_OK)
		return rc;
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
	(void)sftp_refused(&a, "give it its name", err);
	if (a.status == SFTP_FAILURE)
		sftp_explain(p->f, p->c, err);
	return err->code;
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

/* What is left to do once the name is there, in one round trip: renew the
 * time, sync the directories, remove the hidden name. */
static enum snap_code
finish(struct put *p, struct snap_err *err)
{
	bool renew = p->open && p->data.len > 0, all = true;
	struct sftp_answer a[2];
	size_t n = 0;
	uint32_t first;
	enum snap_code rc = SNAP_OK;

	if (!renew)
		rc = set_time(p, p->named, err);
	if (rc != SNAP_OK)
		return rc;
	first = p->c->next_id;
	if (renew)
		ask_renewal(p);
	for (size_t i = 0; i < p->n_dirs; i++) {
		if (p->dirs[i].type != SFTP_HANDLE) {
			all = false;
			continue;
		}
		sftp_ask_fsync(p->c, &p->dirs[i]);
		n++;
	}
	close_all(p);
	if (renew)
		rc = sftp_answers(p->c, first, a, 2, err);
	if (rc == SNAP_OK && renew && !sftp_is_ok(&a[0]))
		return sftp_refused(&a[0], "renew its time", err);
	if (rc == SNAP_OK && renew && a[1].type != SFTP_ATTRS)
		return sftp_refused(&a[1], "read its time", err);
	if (rc == SNAP_OK && renew)
		p->mtime = a[1].attrs.mtime;
	first += renew ? 2 : 0;
	if (rc == SNAP_OK)
		rc = sftp_answers(p->c, first, p->mkdirs, n, err);
	for (size_t i = 0; rc == SNAP_OK && i < n; i++)
		all = all && sftp_is_ok(&p->mkdirs[i]);
	if (rc == SNAP_OK)
		rc = wait_closed(p, err);
	if (rc != SNAP_OK)
		return rc;
	/* Not every server can; it is tried but once then. */
	if (!all)
		atomic_store(&p->f->no_dir_sync, true);
	if (dir_len(p->name) > 0)
		set_known(p->f, p->name, dir_len(p->name));
	return SNAP_OK;
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
	rc = sftp_tmp_path(f, name, p->tmp, err);
	if (rc == SNAP_OK)
		rc = sftp_take(f, &p->c, err);
	if (rc != SNAP_OK)
		goto out;
	rc = begin(p, err);
	if (rc == SNAP_OK)
		rc = write_file(p, err);
	if (rc == SNAP_OK)
		rc = publish(p, err);
	if (rc == SNAP_OK)
		rc = finish(p, err);
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
