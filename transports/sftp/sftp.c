/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp.c - objects as files below a directory of an SFTP server.
 *
 * An object's time is its mtime, which the server sets when bytes are
 * written, and which a put renews once the object has its name.  Whole
 * seconds are all that SFTP tells: a time is the end of its second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "sftp_internal.h"

#define S_IFMT_BITS 0170000u /* of a mode, as the protocol has them */
#define S_IFREG_BITS 0100000u
#define S_IFDIR_BITS 0040000u
#define READ_ONLY 1u /* flag of statvfs@openssh.com */

void
sftp_path(const struct sftp *f, const char *name, char out[SFTP_NAME_SIZE])
{
	size_t len = strlen(f->root);

	(void)snprintf(out, SFTP_NAME_SIZE, "%s%s%s", f->root,
	    len > 0 && f->root[len - 1] != '/' && name[0] != '\0' ? "/" : "",
	    name);
}

enum snap_code
sftp_tmp_path(const struct sftp *f, const char *name, char out[SFTP_NAME_SIZE],
    struct snap_err *err)
{
	const char *slash = strrchr(name, '/');
	char hidden[TRANSPORT_NAME_MAX + 40];
	uint64_t nonce;

	if (getentropy(&nonce, sizeof nonce) != 0)
		return snap_fail_errno(err, SNAP_IO, "draw a temporary name");
	(void)snprintf(hidden, sizeof hidden, "%.*s.tmp-%016" PRIx64,
	    slash != NULL ? (int)(slash + 1 - name) : 0, name, nonce);
	sftp_path(f, hidden, out);
	return SNAP_OK;
}

bool
sftp_is_file(const struct sftp_attrs *a)
{
	/* A server that tells no mode shows files. */
	return !a->has_mode || (a->mode & S_IFMT_BITS) == S_IFREG_BITS;
}

enum snap_code
sftp_no_object(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOTFOUND, "no such object");
}

bool
sftp_is_dir(const struct sftp_attrs *a)
{
	return a->has_mode && (a->mode & S_IFMT_BITS) == S_IFDIR_BITS;
}

int64_t
sftp_time_ns(uint32_t seconds)
{
	return (int64_t)seconds * 1000000000 + 999999999;
}

/* ---- the operations */

static enum snap_code
sftp_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	char path[SFTP_NAME_SIZE];
	struct sftp_answer a;
	struct sftp_conn *c;
	enum snap_code rc;
	uint32_t first;

	rc = sftp_take(f, &c, err);
	if (rc != SNAP_OK)
		return rc;
	first = c->next_id;
	sftp_path(f, name, path);
	sftp_ask_path(c, SFTP_LSTAT, path);
	rc = sftp_answers(c, first, &a, 1, err);
	if (rc != SNAP_OK)
		goto out;
	if (sftp_is_missing(&a) ||
	    (a.type == SFTP_ATTRS && !sftp_is_file(&a.attrs))) {
		rc = sftp_no_object(err);
	} else if (a.type != SFTP_ATTRS) {
		rc = sftp_refused(&a, "look it up", err);
	} else {
		st->size = a.attrs.size;
		st->time_ns = sftp_time_ns(a.attrs.mtime);
	}
out:
	sftp_give(f, c);
	return rc;
}

/* Remove the file and, where the server can, make that durable. */
static enum snap_code
sftp_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	char path[SFTP_NAME_SIZE], dir[SFTP_NAME_SIZE];
	struct sftp_answer a[2];
	struct sftp_conn *c;
	enum snap_code rc;
	uint32_t first;
	bool sync;

	rc = sftp_take(f, &c, err);
	if (rc != SNAP_OK)
		return rc;
	sync = (c->can & SFTP_CAN_FSYNC) != 0 && !atomic_load(&f->no_dir_sync);
	first = c->next_id;
	sftp_path(f, name, path);
	(void)snprintf(dir, sizeof dir, "%.*s",
	    (int)(strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 - path
					     : 0),
	    path);
	sftp_ask_path(c, SFTP_REMOVE, path);
	if (sync)
		sftp_ask_open(c, dir[0] != '\0' ? dir : ".", SFTP_FOR_READ);
	rc = sftp_answers(c, first, a, sync ? 2 : 1, err);
	(void)atomic_fetch_add(&f->age, 1);
	if (rc != SNAP_OK)
		goto out;
	if (sync && a[1].type == SFTP_HANDLE) {
		first = c->next_id;
		sftp_ask_fsync(c, &a[1]);
		sftp_ask_handle(c, SFTP_CLOSE, &a[1]);
		rc = sftp_answers(c, first, &a[1], 1, err);
	}
	if (rc != SNAP_OK || sftp_is_ok(&a[0]))
		goto out;
	/* Servers do not tell well why they do not remove: is it there? */
	rc = sftp_is_missing(&a[0]) ? sftp_no_object(err)
				    : sftp_refused(&a[0], "remove", err);
	if (rc != SNAP_NOTFOUND) {
		first = c->next_id;
		sftp_ask_path(c, SFTP_LSTAT, path);
		if (sftp_answers(c, first, &a[1], 1, err) != SNAP_OK)
			rc = err->code;
		else if (sftp_is_missing(&a[1]) ||
			 (a[1].type == SFTP_ATTRS &&
			     !sftp_is_file(&a[1].attrs)))
			rc = sftp_no_object(err);
	}
out:
	sftp_give(f, c);
	return rc;
}

enum snap_code
sftp_server_time(struct sftp *f, struct sftp_conn *c, uint32_t *seconds,
    struct snap_err *err)
{
	char tmp[SFTP_NAME_SIZE];
	struct sftp_answer a, after[3];
	enum snap_code rc;
	uint32_t first;

	rc = sftp_tmp_path(f, "", tmp, err);
	if (rc != SNAP_OK)
		return rc;
	first = c->next_id;
	sftp_ask_open(c, tmp, SFTP_FOR_WRITE | SFTP_CREAT | SFTP_EXCL);
	rc = sftp_answers(c, first, &a, 1, err);
	if (rc != SNAP_OK)
		return rc;
	if (a.type != SFTP_HANDLE)
		return sftp_refused(&a, "create a temporary file", err);
	first = c->next_id;
	sftp_ask_handle(c, SFTP_FSTAT, &a);
	sftp_ask_handle(c, SFTP_CLOSE, &a);
	sftp_ask_path(c, SFTP_REMOVE, tmp);
	/* All are waited for, or the file would outlive the connection. */
	rc = sftp_answers(c, first, after, 3, err);
	if (rc != SNAP_OK)
		return rc;
	if (after[0].type != SFTP_ATTRS || !after[0].attrs.has_time)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "the server does not tell the time of a file");
	*seconds = after[0].attrs.mtime;
	return SNAP_OK;
}

struct fs_state {
	bool known, full, read_only;
	struct transport_space space;
};

static enum snap_code
ask_fs(struct sftp *f, struct sftp_conn *c, struct fs_state *fs,
    struct snap_err *err)
{
	uint64_t v[11];
	struct sftp_reply r;
	enum snap_code rc;
	uint32_t first;

	memset(fs, 0, sizeof *fs);
	if ((c->can & SFTP_CAN_STATVFS) == 0 || c->broken)
		return SNAP_OK;
	first = sftp_begin(c, SFTP_EXTENDED);
	ssh_put_string(&c->out, span_str("statvfs@openssh.com"));
	ssh_put_string(&c->out, span_str(f->root));
	sftp_end(c);
	rc = sftp_next(c, first, &r, err);
	if (rc != SNAP_OK || r.type != SFTP_EXTENDED_REPLY)
		return rc;
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
		v[i] = ssh_u64(&r.body);
	if (r.body.bad)
		return SNAP_OK;
	fs->known = true;
	fs->full = v[4] == 0 || (v[5] > 0 && v[7] == 0);
	fs->read_only = (v[9] & READ_ONLY) != 0;
	/* f_frsize times f_blocks and f_bavail, which a server may invent. */
	if (v[1] != 0 && v[2] <= UINT64_MAX / v[1] && v[4] <= v[2]) {
		fs->space.capacity = v[1] * v[2];
		fs->space.available = v[1] * v[4];
	}
	return SNAP_OK;
}

void
sftp_explain(struct sftp *f, struct sftp_conn *c, struct snap_err *err)
{
	struct fs_state fs;
	struct snap_err other;

	if (err->code != SNAP_IO || ask_fs(f, c, &fs, &other) != SNAP_OK)
		return;
	if (fs.read_only)
		err->code = SNAP_DENIED;
	(void)snap_detail(err, "%s",
	    fs.full ? "The file system of the repository is full; nothing "
		      "that was complete is lost."
	    : fs.read_only
		? "The file system of the repository is read-only."
		: "The server does not say why. A quota may be used up; "
		  "nothing that was complete is lost.");
}

static enum snap_code
sftp_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	struct sftp_conn *c;
	uint32_t seconds = 0;
	enum snap_code rc;

	rc = sftp_take(f, &c, err);
	if (rc != SNAP_OK)
		return rc;
	rc = sftp_server_time(f, c, &seconds, err);
	if (rc == SNAP_IO && !c->broken) {
		sftp_explain(f, c, err);
		rc = err->code;
	}
	/* Who may only read needs a time too.  Our own will do: nothing can
	 * be put that would rest on it. */
	if (rc == SNAP_DENIED) {
		seconds = (uint32_t)time(NULL);
		rc = SNAP_OK;
	}
	if (rc == SNAP_OK)
		*time_ns = sftp_time_ns(seconds);
	sftp_give(f, c);
	return rc;
}

static enum snap_code
sftp_space(struct transport *t, struct transport_space *out,
    struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	struct sftp_conn *c;
	struct fs_state fs;
	enum snap_code rc;

	rc = sftp_take(f, &c, err);
	if (rc != SNAP_OK)
		return rc;
	rc = ask_fs(f, c, &fs, err);
	sftp_give(f, c);
	if (rc == SNAP_OK && fs.space.capacity == 0)
		rc = snap_fail(err, SNAP_UNSUPPORTED, "the server cannot say");
	if (rc == SNAP_OK)
		*out = fs.space;
	return rc;
}

const struct transport_ops sftp_ops = {
	.put = sftp_put,
	.get = sftp_get,
	.stat = sftp_stat,
	.list = sftp_list,
	.del = sftp_del,
	.sweep = sftp_sweep,
	.now = sftp_now,
	.space = sftp_space,
	.close = sftp_close,
};
