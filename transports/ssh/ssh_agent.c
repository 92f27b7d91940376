/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh_agent.c - ask an agent for its keys and signatures.
 *
 * The protocol is a question and an answer (draft-ietf-sshm-ssh-agent).
 * libssh2 has a client too, but that waits without end for an agent that asks
 * its user first.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ssh.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER 12
#define SIGN_REQUEST 13
#define SIGN_RESPONSE 14
#define RSA_SHA2_256 2u
#define RSA_SHA2_512 4u
#define SLICE_MS 100
#define PEOPLE_MS 60000 /* an agent may ask its user */

uint32_t
ssh_u32(struct cursor *c)
{
	uint8_t b[4];

	cursor_copy(c, b, sizeof b);
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

uint64_t
ssh_u64(struct cursor *c)
{
	uint64_t high = ssh_u32(c);

	return high << 32 | ssh_u32(c);
}

struct span
ssh_string(struct cursor *c)
{
	uint32_t len = ssh_u32(c);

	return cursor_span(c, len);
}

void
ssh_put_u32(struct bytes *b, uint32_t v)
{
	uint8_t p[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
		(uint8_t)(v >> 8), (uint8_t)v };

	bytes_put(b, p, sizeof p);
}

void
ssh_put_u64(struct bytes *b, uint64_t v)
{
	ssh_put_u32(b, (uint32_t)(v >> 32));
	ssh_put_u32(b, (uint32_t)v);
}

void
ssh_put_string(struct bytes *b, struct span s)
{
	ssh_put_u32(b, (uint32_t)s.len);
	bytes_put_span(b, s);
}

static enum snap_code
wait_agent(
    struct ssh_agent *a, short events, int64_t start, struct snap_err *err)
{
	struct pollfd p = { a->fd, events, 0 };
	enum snap_code rc;

	rc = report_check(a->ssh->cfg->opts->report, err);
	if (rc != SNAP_OK)
		return rc;
	if (ssh_clock_ms() - start > PEOPLE_MS)
		return snap_fail(err, SNAP_TRANSIENT, "the agent is silent");
	(void)poll(&p, 1, SLICE_MS);
	return SNAP_OK;
}

static enum snap_code
send_all(
    struct ssh_agent *a, struct span s, int64_t start, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	ssize_t n;

	while (rc == SNAP_OK && s.len > 0) {
		n = send(a->fd, s.p, s.len, MSG_NOSIGNAL);
		if (n > 0) {
			s.p += n;
			s.len -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			rc = wait_agent(a, POLLOUT, start, err);
		} else {
			rc = snap_fail_errno(
			    err, SNAP_TRANSIENT, "talk to the agent");
		}
	}
	return rc;
}

static enum snap_code
read_all(struct ssh_agent *a, uint8_t *p, size_t len, int64_t start,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	ssize_t n;

	while (rc == SNAP_OK && len > 0) {
		n = recv(a->fd, p, len, 0);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			rc = wait_agent(a, POLLIN, start, err);
		} else {
			rc =
			    snap_fail(err, SNAP_TRANSIENT, "the agent hung up");
		}
	}
	return rc;
}

/* Send the request in `ask` (its first 4 bytes get the length); the answer
 * without length goes to *out. */
static enum snap_code
ask_agent(struct ssh_agent *a, struct bytes *ask, struct bytes *out,
    struct snap_err *err)
{
	int64_t start = ssh_clock_ms();
	struct span head;
	struct cursor c;
	enum snap_code rc;
	uint8_t *room, b[4];
	uint32_t len;

	rc = bytes_check(ask, err);
	if (rc != SNAP_OK)
		return rc;
	len = (uint32_t)(ask->len - 4);
	for (int i = 0; i < 4; i++)
		ask->p[i] = (uint8_t)(len >> (24 - 8 * i));
	rc = send_all(a, bytes_span(ask), start, err);
	if (rc == SNAP_OK)
		rc = read_all(a, b, sizeof b, start, err);
	if (rc != SNAP_OK)
		return rc;
	head = span_of(b, sizeof b);
	cursor_init(&c, head);
	len = ssh_u32(&c);
	if (len == 0 || len > ANSWER_MAX)
		return snap_fail(err, SNAP_IO, "the agent makes no sense");
	bytes_clear(out);
	room = bytes_room(out, len);
	if (room == NULL)
		return bytes_check(out, err);
	return read_all(a, room, len, start, err);
}

enum snap_code
ssh_agent_open(
    struct ssh_agent *a, struct ssh *s, const char *path, struct snap_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct bytes ask;
	struct cursor c;
	enum snap_code rc;

	memset(a, 0, sizeof *a);
	a->ssh = s;
	a->fd = -1;
	bytes_init(&a->keys, ANSWER_MAX);
	bytes_init(&ask, 64);
	if (strlen(path) >= sizeof sun.sun_path)
		return snap_fail(
		    err, SNAP_IO, "the path of the agent's socket is too long");
	memcpy(sun.sun_path, path, strlen(path));
	a->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (a->fd < 0 || fcntl(a->fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    connect(a->fd, (struct sockaddr *)&sun, sizeof sun) != 0 ||
	    fcntl(a->fd, F_SETFL, O_NONBLOCK) != 0)
		return snap_fail_errno(err, SNAP_IO, "reach the agent");
	bytes_zero(&ask, 4);
	bytes_u8(&ask, REQUEST_IDENTITIES);
	rc = ask_agent(a, &ask, &a->keys, err);
	bytes_fini(&ask);
	if (rc != SNAP_OK)
		return rc;
	cursor_init(&c, bytes_span(&a->keys));
	if (cursor_u8(&c) != IDENTITIES_ANSWER)
		return snap_fail(err, SNAP_IO, "the agent shows no keys");
	a->n_keys = ssh_u32(&c);
	return SNAP_OK;
}

void
ssh_agent_close(struct ssh_agent *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	bytes_fini(&a->keys);
}

struct span
ssh_agent_key(const struct ssh_agent *a, uint32_t i)
{
	struct span key = { NULL, 0 };
	struct cursor c;

	cursor_init(&c, bytes_span(&a->keys));
	(void)cursor_u8(&c);
	(void)ssh_u32(&c);
	for (uint32_t k = 0; k <= i && !c.bad; k++) {
		key = ssh_string(&c);
		(void)ssh_string(&c); /* a comment */
	}
	return c.bad ? span_of(NULL, 0) : key;
}

/* Which hash the data to be signed asks of an RSA key: after the session's
 * id come a byte, user, service, method, a byte and the algorithm. */
static uint32_t
rsa_flags(struct span data)
{
	struct span alg;
	struct cursor c;

	cursor_init(&c, data);
	(void)ssh_string(&c);
	(void)cursor_u8(&c);
	for (int i = 0; i < 3; i++)
		(void)ssh_string(&c);
	(void)cursor_u8(&c);
	alg = ssh_string(&c);
	if (span_eq(alg, span_str("rsa-sha2-512")))
		return RSA_SHA2_512;
	return span_eq(alg, span_str("rsa-sha2-256")) ? RSA_SHA2_256 : 0;
}

enum snap_code
ssh_agent_sign(struct ssh_agent *a, struct span key, struct span data,
    struct bytes *out, struct snap_err *err)
{
	struct bytes ask, answer;
	struct cursor c, blob;
	struct span sig;
	enum snap_code rc;

	bytes_init(&ask, ANSWER_MAX);
	bytes_init(&answer, ANSWER_MAX);
	bytes_zero(&ask, 4);
	bytes_u8(&ask, SIGN_REQUEST);
	ssh_put_string(&ask, key);
	ssh_put_string(&ask, data);
	ssh_put_u32(&ask, rsa_flags(data));
	rc = ask_agent(a, &ask, &answer, err);
	if (rc != SNAP_OK)
		goto out;
	cursor_init(&c, bytes_span(&answer));
	if (cursor_u8(&c) != SIGN_RESPONSE) {
		rc = snap_fail(err, SNAP_DENIED, "the agent does not sign");
		goto out;
	}
	/* The signature is a string of two: its kind and itself. */
	cursor_init(&blob, ssh_string(&c));
	(void)ssh_string(&blob);
	sig = ssh_string(&blob);
	if (c.bad || blob.bad)
		rc = snap_fail(err, SNAP_IO, "the agent makes no sense");
	else
		bytes_put_span(out, sig);
	if (rc == SNAP_OK)
		rc = bytes_check(out, err);
out:
	bytes_fini(&ask);
	bytes_fini(&answer);
	return rc;
}
