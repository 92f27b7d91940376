/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_io.c - the bytes of a file, up and down.
 *
 * Many small requests are under way at once, so that a long line is always
 * full: 8 MiB of them, which is 160 MiB/s at 50 ms to the server and back.
 */
#include <string.h>

#include "sftp_internal.h"

enum snap_code
sftp_write(struct sftp_conn *c, const struct sftp_answer *handle,
    struct span data, bool sync, struct snap_err *err)
{
	uint32_t first = c->next_id, in_flight = 0;
	struct span h = span_of(handle->handle, handle->handle_len);
	struct sftp_answer a = { .type = SFTP_STATUS };
	enum snap_code rc = SNAP_OK;
	struct sftp_reply r;
	uint32_t synced = first - 1;
	size_t off = 0, n;
	bool there;

	while (rc == SNAP_OK && (off < data.len || sync || in_flight > 0)) {
		while (off < data.len && in_flight < SFTP_IN_FLIGHT &&
		       c->out.len - c->n_sent < 4 * SFTP_CHUNK) {
			n = data.len - off < SFTP_CHUNK ? data.len - off
							: SFTP_CHUNK;
			(void)sftp_begin(c, SFTP_WRITE);
			ssh_put_string(&c->out, h);
			ssh_put_u64(&c->out, off);
			ssh_put_string(&c->out, span_of(data.p + off, n));
			sftp_end(c);
			off += n;
			in_flight++;
		}
		/* A server takes the requests for one file in their order. */
		if (sync && off == data.len) {
			synced = c->next_id;
			sftp_ask_fsync(c, handle);
			sync = false;
			in_flight++;
		}
		rc = sftp_peek(c, first, &r, &there, err);
		if (rc != SNAP_OK)
			break;
		if (!there) {
			rc = sftp_move(c, err);
			continue;
		}
		in_flight--;
		if (r.type != SFTP_STATUS)
			return sftp_nonsense(c, err);
		sftp_read_status(&r, &a);
		if (a.status != SFTP_OK)
			rc = sftp_refused(
			    &a, r.id == synced ? "sync" : "write", err);
	}
	return rc;
}

static void
ask_read(struct sftp_conn *c, const struct sftp_reading *g, struct sftp_slot *s)
{
	s->id = sftp_begin(c, SFTP_READ);
	ssh_put_string(
	    &c->out, span_of(g->handle->handle, g->handle->handle_len));
	ssh_put_u64(&c->out, g->range->off + s->at);
	ssh_put_u32(&c->out, s->len);
	sftp_end(c);
}

static struct sftp_slot *
slot_of(struct sftp_reading *g, uint32_t id)
{
	for (size_t i = 0; i < SFTP_IN_FLIGHT; i++)
		if (g->slots[i].len > 0 && g->slots[i].id == id)
			return &g->slots[i];
	return NULL;
}

/* The answer to a read; what it leaves out is asked for again. */
static enum snap_code
take_data(struct sftp_conn *c, struct sftp_reading *g, struct sftp_reply *r,
    struct sftp_slot *s, struct snap_err *err)
{
	struct sftp_answer a = { .type = SFTP_STATUS };
	struct span data;

	if (r->type == SFTP_STATUS) {
		sftp_read_status(r, &a);
		if (a.status == SFTP_EOF)
			return snap_fail(err, SNAP_CORRUPT,
			    "the object ends before its size");
		return sftp_refused(&a, "read", err);
	}
	data = ssh_string(&r->body);
	if (r->type != SFTP_DATA || r->body.bad || data.len == 0 ||
	    data.len > s->len)
		return sftp_nonsense(c, err);
	if (!g->range->fn(g->range->arg, s->at, data))
		g->range->stopped = true;
	s->at += data.len;
	s->len -= (uint32_t)data.len;
	if (s->len > 0)
		ask_read(c, g, s);
	return SNAP_OK;
}

/* Is the answer to the look that of the file it was? */
static enum snap_code
same_file(
    const struct sftp_range *range, struct sftp_reply *r, struct snap_err *err)
{
	struct sftp_attrs a;

	memset(&a, 0, sizeof a);
	if (r->type == SFTP_ATTRS)
		sftp_read_attrs(&r->body, &a);
	if (r->type != SFTP_ATTRS || r->body.bad || !sftp_is_file(&a) ||
	    a.size != range->was->size || a.mtime != range->was->mtime)
		return snap_fail(err, SNAP_NOTFOUND, "no longer that file");
	return SNAP_OK;
}

/* Ask for as much as may be under way. */
static void
ask_more(struct sftp_conn *c, struct sftp_reading *g)
{
	const struct sftp_range *range = g->range;
	struct sftp_slot *s;

	while (g->asked < range->n && g->busy < SFTP_IN_FLIGHT) {
		while (g->slots[g->free_slot].len > 0)
			g->free_slot = (g->free_slot + 1) % SFTP_IN_FLIGHT;
		s = &g->slots[g->free_slot];
		s->at = g->asked;
		s->len = range->n - g->asked < SFTP_CHUNK
			     ? (uint32_t)(range->n - g->asked)
			     : SFTP_CHUNK;
		ask_read(c, g, s);
		g->asked += s->len;
		g->busy++;
	}
}

void
sftp_reading_begin(struct sftp_conn *c, struct sftp_reading *g,
    const struct sftp_answer *handle, struct sftp_range *range)
{
	memset(g, 0, sizeof *g);
	g->handle = handle;
	g->range = range;
	range->stopped = false;
	g->looking = range->path != NULL;
	g->look = c->next_id;
	if (g->looking)
		sftp_ask_path(c, SFTP_LSTAT, range->path);
	ask_more(c, g);
}

bool
sftp_reading_done(const struct sftp_reading *g)
{
	return g->range->stopped ||
	       (g->asked == g->range->n && g->busy == 0 && !g->looking);
}

bool
sftp_reading_wants(struct sftp_reading *g, uint32_t id)
{
	return (g->looking && id == g->look) || slot_of(g, id) != NULL;
}

enum snap_code
sftp_reading_take(struct sftp_conn *c, struct sftp_reading *g,
    struct sftp_reply *r, struct snap_err *err)
{
	struct sftp_slot *s;
	enum snap_code rc;

	if (g->looking && r->id == g->look) {
		g->looking = false;
		return same_file(g->range, r, err);
	}
	s = slot_of(g, r->id);
	if (s == NULL)
		return sftp_nonsense(c, err);
	rc = take_data(c, g, r, s, err);
	/* Of a refused one, nothing more will come. */
	if (rc != SNAP_OK)
		s->len = 0;
	g->busy -= s->len == 0;
	if (rc == SNAP_OK && !g->range->stopped)
		ask_more(c, g);
	return rc;
}

size_t
sftp_reading_left(const struct sftp_reading *g)
{
	return g->busy + g->looking;
}

enum snap_code
sftp_read(struct sftp_conn *c, const struct sftp_answer *handle,
    struct sftp_range *range, struct snap_err *err)
{
	uint32_t first = c->next_id;
	enum snap_code rc = SNAP_OK;
	struct sftp_reading g;
	struct sftp_reply r;

	sftp_reading_begin(c, &g, handle, range);
	while (rc == SNAP_OK && !sftp_reading_done(&g)) {
		rc = sftp_next(c, first, &r, err);
		if (rc == SNAP_OK)
			rc = sftp_reading_take(c, &g, &r, err);
	}
	return rc;
}
