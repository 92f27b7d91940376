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

/* A request under way; len == 0: a free slot. */
struct slot {
	uint32_t id, len;
	size_t at; /* from the start of the range */
};

static void
ask_read(struct sftp_conn *c, struct span h, struct slot *s, uint64_t off)
{
	s->id = sftp_begin(c, SFTP_READ);
	ssh_put_string(&c->out, h);
	ssh_put_u64(&c->out, off + s->at);
	ssh_put_u32(&c->out, s->len);
	sftp_end(c);
}

static struct slot *
slot_of(struct slot *slots, uint32_t id)
{
	for (size_t i = 0; i < SFTP_IN_FLIGHT; i++)
		if (slots[i].len > 0 && slots[i].id == id)
			return &slots[i];
	return NULL;
}

/* The answer to a read; what it leaves out is asked for again. */
static enum snap_code
take_data(struct sftp_conn *c, struct span h, struct sftp_reply *r,
    struct slot *s, struct sftp_range *range, struct snap_err *err)
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
	if (!range->fn(range->arg, s->at, data))
		range->stopped = true;
	s->at += data.len;
	s->len -= (uint32_t)data.len;
	if (s->len > 0)
		ask_read(c, h, s, range->off);
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

enum snap_code
sftp_read(struct sftp_conn *c, const struct sftp_answer *handle,
    struct sftp_range *range, struct snap_err *err)
{
	struct span h = span_of(handle->handle, handle->handle_len);
	uint32_t first = c->next_id;
	struct slot slots[SFTP_IN_FLIGHT];
	size_t asked = 0, busy = 0, free_slot = 0;
	bool looking = range->path != NULL;
	enum snap_code rc = SNAP_OK;
	struct sftp_reply r;
	struct slot *s;

	memset(slots, 0, sizeof slots);
	range->stopped = false;
	if (looking)
		sftp_ask_path(c, SFTP_LSTAT, range->path);
	while (rc == SNAP_OK && !range->stopped &&
	       (asked < range->n || busy > 0 || looking)) {
		while (asked < range->n && busy < SFTP_IN_FLIGHT) {
			while (slots[free_slot].len > 0)
				free_slot = (free_slot + 1) % SFTP_IN_FLIGHT;
			s = &slots[free_slot];
			s->at = asked;
			s->len = range->n - asked < SFTP_CHUNK
				     ? (uint32_t)(range->n - asked)
				     : SFTP_CHUNK;
			ask_read(c, h, s, range->off);
			asked += s->len;
			busy++;
		}
		rc = sftp_next(c, first, &r, err);
		if (rc != SNAP_OK)
			break;
		if (looking && r.id == first) {
			looking = false;
			rc = same_file(range, &r, err);
			continue;
		}
		s = slot_of(slots, r.id);
		if (s == NULL)
			return sftp_nonsense(c, err);
		rc = take_data(c, h, &r, s, range, err);
		busy -= rc == SNAP_OK && s->len == 0;
	}
	return rc;
}
