/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_way.c - how a file gets its name on this server without replacing
 * another.
 *
 * By hardlink@openssh.com, or else by a rename, which version 3 of SFTP forbids
 * to replace.  Servers announce what they do not do, so it is tried out first.
 */
#include "sftp_internal.h"

#define ANSWERS_MAX 16

/* Requests and the answers to them, as far as they have come. */
struct trial {
	struct sftp_conn *c;
	uint32_t first;
	size_t n; /* answers */
	struct sftp_answer got[ANSWERS_MAX];
};

void
sftp_ask_name(
    struct sftp_conn *c, enum sftp_way way, const char *from, const char *to)
{
	bool link = way == SFTP_WAY_LINK;

	(void)sftp_begin(c, link ? SFTP_EXTENDED : SFTP_RENAME);
	if (link)
		ssh_put_string(&c->out, span_str("hardlink@openssh.com"));
	ssh_put_string(&c->out, span_str(from));
	ssh_put_string(&c->out, span_str(to));
	sftp_end(c);
}

static enum snap_code
wait_all(struct trial *t, struct snap_err *err)
{
	size_t n = t->c->next_id - t->first, had = t->n;

	t->n = n;
	return sftp_answers(
	    t->c, t->first + (uint32_t)had, t->got + had, n - had, err);
}

/* One step ends; the next may need it done. */
static enum snap_code
step(struct trial *t, struct snap_err *err)
{
	return t->c->ssh.in_order ? SNAP_OK : wait_all(t, err);
}

static void
close_files(struct trial *t)
{
	for (size_t i = 0; i < 2; i++)
		if (t->got[i].type == SFTP_HANDLE)
			sftp_ask_handle(t->c, SFTP_CLOSE, &t->got[i]);
}

/*
 * Try with two files: is the file left alone that has the name already, and is
 * the old name there afterwards?  And does a hard link make a second name?
 * With a server that keeps to the order this is one round trip.
 */
static enum snap_code
try_way(struct sftp *f, struct trial *t, enum sftp_way way, bool *works,
    struct snap_err *err)
{
	char name[3][SFTP_NAME_SIZE];
	enum snap_code rc = SNAP_OK;
	const struct sftp_answer *a;
	size_t at;

	for (int i = 0; rc == SNAP_OK && i < 3; i++)
		rc = sftp_tmp_path(f, "", name[i], err);
	if (rc != SNAP_OK)
		return rc;
	t->first = t->c->next_id;
	t->n = 0;
	for (int i = 0; i < 2; i++)
		sftp_ask_open(
		    t->c, name[i], SFTP_FOR_WRITE | SFTP_CREAT | SFTP_EXCL);
	rc = step(t, err);
	/* Not every system renames what is open. */
	if (rc == SNAP_OK && t->n > 0)
		close_files(t);
	at = t->c->next_id - t->first;
	sftp_ask_name(t->c, way, name[0], name[1]);
	sftp_ask_path(t->c, SFTP_LSTAT, name[0]);
	sftp_ask_path(t->c, SFTP_LSTAT, name[1]);
	if (way == SFTP_WAY_LINK) {
		sftp_ask_name(t->c, way, name[0], name[2]);
		sftp_ask_path(t->c, SFTP_LSTAT, name[0]);
		sftp_ask_path(t->c, SFTP_LSTAT, name[2]);
	}
	if (rc == SNAP_OK)
		rc = step(t, err);
	for (int i = 0; i < 3; i++)
		sftp_ask_path(t->c, SFTP_REMOVE, name[i]);
	if (rc == SNAP_OK)
		rc = wait_all(t, err);
	if (rc != SNAP_OK)
		return rc;
	if (t->c->ssh.in_order)
		close_files(t);
	for (size_t i = 0; i < 2; i++)
		if (t->got[i].type != SFTP_HANDLE)
			return sftp_refused(
			    &t->got[i], "create a temporary file", err);
	a = &t->got[at];
	*works = !sftp_is_ok(&a[0]) && a[1].type == SFTP_ATTRS &&
		 a[2].type == SFTP_ATTRS;
	if (way == SFTP_WAY_LINK)
		*works = *works && sftp_is_ok(&a[3]) &&
			 a[4].type == SFTP_ATTRS && a[5].type == SFTP_ATTRS;
	return SNAP_OK;
}

enum snap_code
sftp_find_way(struct sftp *f, struct sftp_conn *c, enum sftp_way *way,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct trial t = { .c = c };
	bool works = false;

	*way = (enum sftp_way)atomic_load(&f->way);
	if (*way != SFTP_WAY_UNKNOWN)
		return SNAP_OK;
	if ((c->can & SFTP_CAN_LINK) != 0)
		rc = try_way(f, &t, SFTP_WAY_LINK, &works, err);
	if (rc == SNAP_OK && works) {
		*way = SFTP_WAY_LINK;
	} else if (rc == SNAP_OK) {
		rc = try_way(f, &t, SFTP_WAY_RENAME, &works, err);
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
	atomic_store(&f->way, (int)*way);
	return SNAP_OK;
}
