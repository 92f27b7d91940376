/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_wire.c - packets of SFTP version 3 (draft-ietf-secsh-filexfer-02).
 *
 * libssh2's own SFTP waits for each answer before it sends the next request,
 * and knows no hardlink@openssh.com, by which a file gets its name without
 * ever replacing another.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sftp_wire.h"

#define VERSION 3
#define ROOM ((size_t)256 << 10) /* bytes taken in at once */
#define OUT_MAX ((size_t)8 << 20)
#define ATTR_SIZE 1u
#define ATTR_UIDGID 2u
#define ATTR_MODE 4u
#define ATTR_TIMES 8u
#define ATTR_EXTENDED 0x80000000u

static enum snap_code
broken(struct sftp_conn *c, enum snap_code rc)
{
	c->broken = true;
	return rc;
}

enum snap_code
sftp_nonsense(struct sftp_conn *c, struct snap_err *err)
{
	return broken(
	    c, snap_fail(err, SNAP_IO, "the SFTP server of %s makes no sense",
		   c->ssh.cfg->host));
}

/* ---- requests */

static void
begin(struct sftp_conn *c, enum sftp_type type)
{
	if (c->n_sent == c->out.len) {
		c->out.len = 0;
		c->n_sent = 0;
	}
	c->begun = c->out.len;
	ssh_put_u32(&c->out, 0);
	bytes_u8(&c->out, (uint8_t)type);
}

uint32_t
sftp_begin(struct sftp_conn *c, enum sftp_type type)
{
	begin(c, type);
	ssh_put_u32(&c->out, c->next_id);
	return c->next_id++;
}

void
sftp_end(struct sftp_conn *c)
{
	size_t len = c->out.len - c->begun - 4;

	if (c->out.bad)
		return;
	for (int i = 0; i < 4; i++)
		c->out.p[c->begun + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
}

void
sftp_ask_path(struct sftp_conn *c, enum sftp_type type, const char *path)
{
	(void)sftp_begin(c, type);
	ssh_put_string(&c->out, span_str(path));
	sftp_end(c);
}

void
sftp_ask_open(struct sftp_conn *c, const char *path, uint32_t flags)
{
	(void)sftp_begin(c, SFTP_OPEN);
	ssh_put_string(&c->out, span_str(path));
	ssh_put_u32(&c->out, flags);
	if ((flags & SFTP_CREAT) != 0) {
		ssh_put_u32(&c->out, ATTR_MODE);
		ssh_put_u32(&c->out, 0600);
	} else {
		ssh_put_u32(&c->out, 0);
	}
	sftp_end(c);
}

void
sftp_ask_mkdir(struct sftp_conn *c, const char *path)
{
	(void)sftp_begin(c, SFTP_MKDIR);
	ssh_put_string(&c->out, span_str(path));
	ssh_put_u32(&c->out, ATTR_MODE);
	ssh_put_u32(&c->out, 0700);
	sftp_end(c);
}

void
sftp_ask_handle(
    struct sftp_conn *c, enum sftp_type type, const struct sftp_answer *handle)
{
	(void)sftp_begin(c, type);
	ssh_put_string(&c->out, span_of(handle->handle, handle->handle_len));
	sftp_end(c);
}

void
sftp_ask_fsync(struct sftp_conn *c, const struct sftp_answer *handle)
{
	(void)sftp_begin(c, SFTP_EXTENDED);
	ssh_put_string(&c->out, span_str("fsync@openssh.com"));
	ssh_put_string(&c->out, span_of(handle->handle, handle->handle_len));
	sftp_end(c);
}

/* ---- answers */

bool
sftp_drain(struct sftp_conn *c)
{
	struct snap_err err;
	ssize_t n;

	do {
		if (bytes_reserve(&c->in, c->in.len + ROOM, &err) != SNAP_OK)
			return false;
		n = ssh_take(&c->ssh, c->in.p + c->in.len, ROOM);
		if (n > 0)
			c->in.len += (size_t)n;
	} while (n > 0);
	return n == 0;
}

enum snap_code
sftp_move(struct sftp_conn *c, struct snap_err *err)
{
	struct ssh_io io;
	enum snap_code rc;

	if (c->n_taken > 0) {
		memmove(c->in.p, c->in.p + c->n_taken, c->in.len - c->n_taken);
		c->in.len -= c->n_taken;
		c->n_taken = 0;
	}
	rc = bytes_check(&c->out, err);
	if (rc == SNAP_OK)
		rc = bytes_reserve(&c->in, c->in.len + ROOM, err);
	if (rc != SNAP_OK)
		return broken(c, rc);
	memset(&io, 0, sizeof io);
	io.out = span_of(c->out.p, c->out.len);
	if (c->n_sent > 0)
		io.out = span_of(c->out.p + c->n_sent, c->out.len - c->n_sent);
	io.in = c->in.p + c->in.len;
	io.in_cap = ROOM;
	rc = ssh_move(&c->ssh, &io, err);
	if (rc != SNAP_OK)
		return broken(c, rc);
	c->n_sent += io.n_sent;
	c->in.len += io.n_read;
	if (c->n_sent >= ROOM) {
		memmove(c->out.p, c->out.p + c->n_sent, c->out.len - c->n_sent);
		c->out.len -= c->n_sent;
		c->n_sent = 0;
	}
	return SNAP_OK;
}

/* The next whole packet, when it is there: its type, and the rest. */
static enum snap_code
packet(struct sftp_conn *c, struct sftp_reply *r, bool *there,
    struct snap_err *err)
{
	struct cursor all;
	uint32_t len;

	*there = false;
	if (c->in.len - c->n_taken < 4)
		return SNAP_OK;
	cursor_init(
	    &all, span_of(c->in.p + c->n_taken, c->in.len - c->n_taken));
	len = ssh_u32(&all);
	if (len == 0 || len > SFTP_PACKET_MAX)
		return sftp_nonsense(c, err);
	if (all.left < len)
		return SNAP_OK;
	cursor_init(&r->body, cursor_span(&all, len));
	r->type = cursor_u8(&r->body);
	c->n_taken += 4 + (size_t)len;
	*there = true;
	return SNAP_OK;
}

enum snap_code
sftp_peek(struct sftp_conn *c, uint32_t first, struct sftp_reply *r,
    bool *there, struct snap_err *err)
{
	enum snap_code rc;

	for (;;) {
		rc = packet(c, r, there, err);
		if (rc != SNAP_OK || !*there)
			return rc;
		r->id = ssh_u32(&r->body);
		/* Ids wrap around: what counts is the distance. */
		if (r->body.bad || c->next_id - r->id - 1 > UINT32_MAX / 2)
			return sftp_nonsense(c, err);
		if (r->id - first <= UINT32_MAX / 2)
			return SNAP_OK;
	}
}

enum snap_code
sftp_next(struct sftp_conn *c, uint32_t first, struct sftp_reply *r,
    struct snap_err *err)
{
	bool there = false;
	enum snap_code rc;

	for (;;) {
		rc = sftp_peek(c, first, r, &there, err);
		if (rc != SNAP_OK || there)
			return rc;
		rc = sftp_move(c, err);
		if (rc != SNAP_OK)
			return rc;
	}
}

static void
copy_text(struct span s, char out[SFTP_TEXT_MAX])
{
	size_t n = 0;

	for (; n < s.len && n + 1 < SFTP_TEXT_MAX; n++)
		out[n] = isprint(s.p[n]) ? (char)s.p[n] : '?';
	out[n] = '\0';
}

void
sftp_read_status(struct sftp_reply *r, struct sftp_answer *a)
{
	a->status = ssh_u32(&r->body);
	copy_text(ssh_string(&r->body), a->text);
	/* Old servers send no text. */
	if (r->body.bad)
		a->text[0] = '\0';
}

void
sftp_read_attrs(struct cursor *c, struct sftp_attrs *a)
{
	uint32_t flags = ssh_u32(c), n;

	memset(a, 0, sizeof *a);
	if ((flags & ATTR_SIZE) != 0) {
		a->size = ssh_u64(c);
		a->has_size = true;
	}
	if ((flags & ATTR_UIDGID) != 0)
		(void)ssh_u64(c);
	if ((flags & ATTR_MODE) != 0) {
		a->mode = ssh_u32(c);
		a->has_mode = true;
	}
	if ((flags & ATTR_TIMES) != 0) {
		(void)ssh_u32(c);
		a->mtime = ssh_u32(c);
		a->has_time = true;
	}
	if ((flags & ATTR_EXTENDED) == 0)
		return;
	n = ssh_u32(c);
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		(void)ssh_string(c);
		(void)ssh_string(c);
	}
}

enum snap_code
sftp_read_answer(struct sftp_conn *c, struct sftp_reply *r,
    struct sftp_answer *a, struct snap_err *err)
{
	struct span s;

	memset(a, 0, sizeof *a);
	a->type = r->type;
	switch (r->type) {
	case SFTP_STATUS:
		sftp_read_status(r, a);
		return SNAP_OK;
	case SFTP_HANDLE:
		s = ssh_string(&r->body);
		if (r->body.bad || s.len > SFTP_HANDLE_MAX)
			return sftp_nonsense(c, err);
		if (s.len > 0)
			memcpy(a->handle, s.p, s.len);
		a->handle_len = s.len;
		return SNAP_OK;
	case SFTP_ATTRS:
		sftp_read_attrs(&r->body, &a->attrs);
		return r->body.bad ? sftp_nonsense(c, err) : SNAP_OK;
	default:
		return sftp_nonsense(c, err);
	}
}

enum snap_code
sftp_answers(struct sftp_conn *c, uint32_t first, struct sftp_answer *a,
    size_t n, struct snap_err *err)
{
	struct sftp_reply r;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; rc == SNAP_OK && i < n; i++)
		a[i].type = 0;
	for (size_t i = 0; rc == SNAP_OK && i < n; i++) {
		rc = sftp_next(c, first, &r, err);
		if (rc != SNAP_OK)
			break;
		if (r.id - first >= n || a[r.id - first].type != 0)
			return sftp_nonsense(c, err);
		rc = sftp_read_answer(c, &r, &a[r.id - first], err);
	}
	return rc;
}

bool
sftp_is_ok(const struct sftp_answer *a)
{
	return a->type != SFTP_STATUS || a->status == SFTP_OK;
}

bool
sftp_is_missing(const struct sftp_answer *a)
{
	return a->type == SFTP_STATUS && a->status == SFTP_NO_SUCH_FILE;
}

enum snap_code
sftp_refused(
    const struct sftp_answer *a, const char *what, struct snap_err *err)
{
	static const char *const words[] = { "OK", "end of file",
		"no such file", "permission denied", "failure", "bad message",
		"no connection", "connection lost", "not supported" };
	enum snap_code rc = SNAP_IO;
	const char *word = "unknown status";

	if (a->status < sizeof words / sizeof words[0])
		word = words[a->status];
	if (a->status == SFTP_PERMISSION_DENIED)
		rc = SNAP_DENIED;
	else if (a->status == SFTP_NO_CONNECTION ||
		 a->status == SFTP_CONNECTION_LOST)
		rc = SNAP_TRANSIENT;
	else if (a->status == SFTP_OP_UNSUPPORTED)
		rc = SNAP_UNSUPPORTED;
	(void)snap_fail(err, rc, "%s: %s", what, word);
	if (a->text[0] != '\0')
		(void)snap_detail(err, "The server says: %s (status %lu).",
		    a->text, (unsigned long)a->status);
	return rc;
}

/* ---- the beginning */

/* Not SFTP: mostly what a shell's start-up files print. */
static enum snap_code
no_sftp(struct sftp_conn *c, struct snap_err *err)
{
	char text[SFTP_TEXT_MAX];

	copy_text(span_of(c->in.p, c->in.len < 60 ? c->in.len : 60), text);
	(void)snap_fail(err, SNAP_UNSUPPORTED,
	    "%s does not answer as an SFTP server", c->ssh.cfg->host);
	(void)snap_detail(err, "It began with \"%s\".", text);
	return snap_hint(err,
	    "If the start-up files of %s's shell print something there, let "
	    "them do so on terminals only.",
	    c->ssh.cfg->user);
}

void
sftp_hello_begin(struct sftp_conn *c)
{
	bytes_init(&c->out, OUT_MAX);
	bytes_init(&c->in, SFTP_PACKET_MAX + 2 * ROOM);
	begin(c, SFTP_INIT);
	ssh_put_u32(&c->out, VERSION);
	sftp_end(c);
}

enum snap_code
sftp_hello(struct sftp_conn *c, struct snap_err *err)
{
	static const struct {
		const char *name;
		unsigned can;
	} known[] = { { "fsync@openssh.com", SFTP_CAN_FSYNC },
		{ "hardlink@openssh.com", SFTP_CAN_LINK },
		{ "statvfs@openssh.com", SFTP_CAN_STATVFS } };
	struct sftp_reply r;
	enum snap_code rc = SNAP_OK;
	struct span name;
	bool there = false;

	while (rc == SNAP_OK && !there) {
		rc = packet(c, &r, &there, err);
		if (rc != SNAP_OK)
			return no_sftp(c, err);
		if (!there)
			rc = sftp_move(c, err);
	}
	if (rc != SNAP_OK)
		return rc;
	if (r.type != SFTP_VERSION || ssh_u32(&r.body) < VERSION)
		return no_sftp(c, err);
	while (r.body.left > 0 && !r.body.bad) {
		name = ssh_string(&r.body);
		(void)ssh_string(&r.body);
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			if (!r.body.bad &&
			    span_eq(name, span_str(known[i].name)))
				c->can |= known[i].can;
	}
	return SNAP_OK;
}

enum snap_code
sftp_look_and_open(struct sftp_conn *c, const char *path,
    struct sftp_answer a[2], struct snap_err *err)
{
	uint32_t first = c->next_id;

	sftp_ask_path(c, SFTP_LSTAT, path);
	sftp_ask_open(c, path, SFTP_FOR_READ);
	return sftp_answers(c, first, a, 2, err);
}
