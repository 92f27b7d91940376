/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_get.c - bytes of an object.
 *
 * To open a file takes a round trip before the first byte can be asked for.
 * Whoever wants a part of an object mostly comes back for others, so the file
 * stays open; then its name is looked up beside the reading, since it may have
 * been deleted meanwhile.
 */
#include <stdio.h>
#include <string.h>

#include "sftp_internal.h"

/* ---- files that stay open */

static struct sftp_kept *
find(struct sftp_conn *c, const char *name)
{
	for (size_t i = 0; i < SFTP_KEPT; i++)
		if (strcmp(c->kept[i].name, name) == 0)
			return &c->kept[i];
	return NULL;
}

bool
sftp_has_open(const struct sftp_conn *c, const char *name)
{
	for (size_t i = 0; i < SFTP_KEPT; i++)
		if (strcmp(c->kept[i].name, name) == 0)
			return true;
	return false;
}

static void
drop(struct sftp_conn *c, struct sftp_kept *k)
{
	if (k->name[0] != '\0')
		sftp_ask_handle(c, SFTP_CLOSE, &k->file); /* not waited for */
	k->name[0] = '\0';
}

/* Keep it in the place of the one that was used least lately. */
static void
keep(struct sftp_conn *c, const char *name, const struct sftp_answer *look,
    const struct sftp_answer *file, unsigned age)
{
	struct sftp_kept *k = &c->kept[0];

	for (size_t i = 0; i < SFTP_KEPT && k->name[0] != '\0'; i++)
		if (c->kept[i].name[0] == '\0' || c->kept[i].used < k->used)
			k = &c->kept[i];
	drop(c, k);
	(void)snprintf(k->name, sizeof k->name, "%s", name);
	k->file = *file;
	k->was = look->attrs;
	k->used = ++c->n_used;
	k->age = age;
}

/* ---- a get */

struct get {
	struct sftp_conn *c;
	const char *name;
	char path[SFTP_NAME_SIZE];
	uint64_t off;
	size_t len;
	struct bytes *out;
	size_t had;   /* bytes in *out before */
	unsigned age; /* of the store */
};

static bool
copy_in(void *arg, size_t at, struct span s)
{
	uint8_t *room = arg;

	memcpy(room + at, s.p, s.len);
	return true;
}

/* Read by an open file what the object of that size has of the range. */
static enum snap_code
read_open(struct get *g, const struct sftp_answer *file, uint64_t size,
    struct sftp_range *r, struct snap_err *err)
{
	enum snap_code rc;

	r->off = g->off;
	r->fn = copy_in;
	rc = transport_range(size, g->off, g->len, &r->n, err);
	if (rc == SNAP_OK && r->n > 0)
		rc = bytes_reserve(g->out, g->out->len + r->n, err);
	if (rc == SNAP_OK && r->n > 0) {
		r->arg = bytes_room(g->out, r->n);
		rc = bytes_check(g->out, err);
	}
	if (rc == SNAP_OK && (r->n > 0 || r->path != NULL))
		rc = sftp_read(g->c, file, r, err);
	return rc;
}

static enum snap_code
open_object(struct get *g, struct sftp_answer a[2], struct snap_err *err)
{
	enum snap_code rc;

	rc = sftp_look_and_open(g->c, g->path, a, err);
	if (rc != SNAP_OK)
		return rc;
	if (sftp_is_missing(&a[0]) || sftp_is_missing(&a[1]) ||
	    (a[0].type == SFTP_ATTRS && !sftp_is_file(&a[0].attrs)))
		rc = sftp_no_object(err);
	else if (a[0].type != SFTP_ATTRS)
		rc = sftp_refused(&a[0], "look it up", err);
	else if (a[1].type != SFTP_HANDLE)
		rc = sftp_refused(&a[1], "open", err);
	if (rc != SNAP_OK && a[1].type == SFTP_HANDLE)
		sftp_ask_handle(g->c, SFTP_CLOSE, &a[1]);
	return rc;
}

static enum snap_code
get_anew(struct get *g, struct snap_err *err)
{
	struct sftp_range r = { .path = NULL };
	struct sftp_answer a[2];
	enum snap_code rc;

	rc = open_object(g, a, err);
	if (rc != SNAP_OK)
		return rc;
	rc = read_open(g, &a[1], a[0].attrs.size, &r, err);
	/* Of what was read whole, nothing more will be wanted. */
	if (rc == SNAP_OK && r.n < a[0].attrs.size)
		keep(g->c, g->name, &a[0], &a[1], g->age);
	else
		sftp_ask_handle(g->c, SFTP_CLOSE, &a[1]);
	return rc;
}

/* By the file that was kept open.  Whatever is wrong with it, it is closed, and
 * a new one will tell. */
static enum snap_code
get_kept(struct get *g, struct sftp_kept *k, struct snap_err *err)
{
	struct sftp_range r = { .path = g->path, .was = &k->was };
	enum snap_code rc;

	rc = read_open(g, &k->file, k->was.size, &r, err);
	if (rc == SNAP_OK) {
		k->used = ++g->c->n_used;
		return rc;
	}
	drop(g->c, k);
	g->out->len = g->had;
	return rc;
}

enum snap_code
sftp_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	struct get g = { .name = name, .off = off, .len = len, .out = out };
	struct sftp_kept *k;
	enum snap_code rc;

	rc = sftp_take(f, name, &g.c, err);
	if (rc != SNAP_OK)
		return rc;
	g.had = out->len;
	g.age = atomic_load(&f->age);
	sftp_path(f, name, g.path);
	k = find(g.c, name);
	/* A new file may have got the name, which may look the same. */
	if (k != NULL && k->age != g.age) {
		drop(g.c, k);
		k = NULL;
	}
	if (k != NULL)
		rc = get_kept(&g, k, err);
	if (k == NULL || (rc != SNAP_OK && !g.c->broken))
		rc = get_anew(&g, err);
	sftp_give(f, g.c);
	return rc;
}
