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

/* ---- files that stay open: who looks for them has the store's lock, and so
 * has the driver when it changes them */

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
close_file(struct sftp_conn *c, const struct sftp_answer *file)
{
	sftp_ask_handle(c, SFTP_CLOSE, file);
	c->n_dropped++; /* not waited for */
}

/* Nobody finds it any more; the last of its readers closes it. */
static void
drop(struct sftp_conn *c, struct sftp_kept *k)
{
	if (k->name[0] != '\0' && k->readers == 0)
		close_file(c, &k->file);
	k->name[0] = '\0';
}

static void
release(struct sftp_conn *c, struct sftp_kept *k)
{
	if (--k->readers == 0 && k->name[0] == '\0')
		close_file(c, &k->file);
}

/* Keep it in a free place, or in that of the one that was used least lately;
 * unless another get was faster. */
static void
keep(struct sftp_conn *c, const struct sftp_get *g)
{
	struct sftp_kept *k = NULL;

	for (size_t i = 0; i < SFTP_KEPT; i++) {
		struct sftp_kept *at = &c->kept[i];

		if (at->readers > 0)
			continue;
		if (k == NULL || at->name[0] == '\0' ||
		    (k->name[0] != '\0' && at->used < k->used))
			k = at;
	}
	if (k == NULL || sftp_has_open(c, g->name)) {
		close_file(c, &g->a[1]);
		return;
	}
	drop(c, k);
	(void)snprintf(k->name, sizeof k->name, "%s", g->name);
	k->file = g->a[1];
	k->was = g->a[0].attrs;
	k->used = ++c->n_used;
	k->age = g->age;
}

/* Read by one that is open, if there is one. */
static void
use_kept(struct sftp *f, struct sftp_conn *c, struct sftp_get *g)
{
	struct sftp_kept *k;

	g->kept = NULL;
	(void)pthread_mutex_lock(&f->lock);
	k = g->anew ? NULL : find(c, g->name);
	/* A new file may have got the name, which may look the same. */
	if (k != NULL && k->age != g->age) {
		drop(c, k);
		k = NULL;
	}
	if (k != NULL) {
		k->readers++;
		k->used = ++c->n_used;
	}
	g->kept = k;
	(void)pthread_mutex_unlock(&f->lock);
}

/* ---- the steps of a get */

/* It is through with the file: true, unless it goes on by another. */
static bool
end(struct sftp *f, struct sftp_conn *c, struct sftp_get *g, enum snap_code rc)
{
	struct sftp_kept *k = g->kept;

	g->rc = rc;
	if (g->state == SFTP_GET_READING)
		c->n_dropped += sftp_reading_left(&g->reading);
	(void)pthread_mutex_lock(&f->lock);
	if (k != NULL) {
		/* Whatever is wrong with it, a new one will tell. */
		if (rc != SNAP_OK)
			drop(c, k);
		release(c, k);
	} else if (g->a[1].type == SFTP_HANDLE) {
		/* Of what was read whole, nothing more will be wanted. */
		if (rc == SNAP_OK && g->range.n < g->a[0].attrs.size)
			keep(c, g);
		else
			close_file(c, &g->a[1]);
	}
	(void)pthread_mutex_unlock(&f->lock);
	if (k == NULL || rc == SNAP_OK || c->broken)
		return true;
	g->out->len = g->had;
	g->anew = true;
	return sftp_get_begin(f, c, g);
}

static bool
copy_in(void *arg, size_t at, struct span s)
{
	uint8_t *room = arg;

	memcpy(room + at, s.p, s.len);
	return true;
}

/* Read by an open file what the object of that size has of the range. */
static bool
begin_reading(struct sftp *f, struct sftp_conn *c, struct sftp_get *g,
    const struct sftp_answer *file, uint64_t size)
{
	struct sftp_range *r = &g->range;
	enum snap_code rc;

	r->off = g->off;
	r->fn = copy_in;
	rc = transport_range(size, g->off, g->len, &r->n, g->err);
	if (rc == SNAP_OK && r->n > 0)
		rc = bytes_reserve(g->out, g->out->len + r->n, g->err);
	if (rc == SNAP_OK && r->n > 0) {
		r->arg = bytes_room(g->out, r->n);
		rc = bytes_check(g->out, g->err);
	}
	if (rc != SNAP_OK)
		return end(f, c, g, rc);
	g->state = SFTP_GET_READING;
	sftp_reading_begin(c, &g->reading, file, r);
	return sftp_reading_done(&g->reading) && end(f, c, g, SNAP_OK);
}

bool
sftp_get_begin(struct sftp *f, struct sftp_conn *c, struct sftp_get *g)
{
	g->state = SFTP_GET_OPENING;
	g->age = atomic_load(&f->age);
	memset(g->a, 0, sizeof g->a);
	memset(&g->range, 0, sizeof g->range);
	use_kept(f, c, g);
	if (g->kept != NULL) {
		g->range.path = g->path;
		g->range.was = &g->kept->was;
		return begin_reading(
		    f, c, g, &g->kept->file, g->kept->was.size);
	}
	g->first = c->next_id;
	sftp_ask_path(c, SFTP_LSTAT, g->path);
	sftp_ask_open(c, g->path, SFTP_FOR_READ);
	return false;
}

/* Both answers are there: what do they say? */
static enum snap_code
judge(struct sftp_get *g)
{
	const struct sftp_answer *look = &g->a[0], *file = &g->a[1];

	if (sftp_is_missing(look) || sftp_is_missing(file) ||
	    (look->type == SFTP_ATTRS && !sftp_is_file(&look->attrs)))
		return sftp_no_object(g->err);
	if (look->type != SFTP_ATTRS)
		return sftp_refused(look, "look it up", g->err);
	if (file->type != SFTP_HANDLE)
		return sftp_refused(file, "open", g->err);
	return SNAP_OK;
}

bool
sftp_get_wants(struct sftp_get *g, uint32_t id)
{
	if (g->state == SFTP_GET_OPENING)
		return id - g->first < 2 && g->a[id - g->first].type == 0;
	return g->state == SFTP_GET_READING &&
	       sftp_reading_wants(&g->reading, id);
}

bool
sftp_get_answer(struct sftp *f, struct sftp_conn *c, struct sftp_get *g,
    struct sftp_reply *r)
{
	enum snap_code rc;

	if (g->state == SFTP_GET_READING) {
		rc = sftp_reading_take(c, &g->reading, r, g->err);
		return (rc != SNAP_OK || sftp_reading_done(&g->reading)) &&
		       end(f, c, g, rc);
	}
	rc = sftp_read_answer(c, r, &g->a[r->id - g->first], g->err);
	if (rc == SNAP_OK && (g->a[0].type == 0 || g->a[1].type == 0))
		return false;
	if (rc == SNAP_OK)
		rc = judge(g);
	return rc != SNAP_OK
		   ? end(f, c, g, rc)
		   : begin_reading(f, c, g, &g->a[1], g->a[0].attrs.size);
}

enum snap_code
sftp_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct sftp *f = (struct sftp *)t;
	struct sftp_get g;

	memset(&g, 0, sizeof g);
	g.name = name;
	g.off = off;
	g.len = len;
	g.out = out;
	g.had = out->len;
	sftp_path(f, name, g.path);
	return sftp_share(f, &g, err);
}
