/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh.c - from a host name to a byte stream with its SFTP server.
 *
 * libssh2 works on a socket that never blocks; what it cannot finish it wants
 * to be called for again, unchanged.  All waiting is in ssh_wait().
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ssh.h"

#define SLICE_MS 100       /* between two looks for a cancellation */
#define WINDOW (16u << 20) /* bytes the server may send ahead */
#define OPENSSH "SSH-2.0-OpenSSH_"
/* A session that is given up while it agrees on keys is not freed whole by
 * libssh2 1.10: with a server that answers, a close waits for that. */
#define CLOSE_MS 5000
#define ALIVE_S 30 /* an idle connection shows a sign of life */
#define ALIVE_MISSED 4

int64_t
ssh_clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum snap_code
silent(const struct ssh *s, int64_t limit_ms, struct snap_err *err)
{
	return snap_fail(err, SNAP_TRANSIENT,
	    "%s port %u does not answer for %lld s", s->cfg->host, s->cfg->port,
	    (long long)(limit_ms / 1000));
}

/* One slice of waiting for `events` of the socket. */
static enum snap_code
wait_slice(struct ssh *s, short events, struct snap_err *err)
{
	int64_t limit =
	    s->channel != NULL ? s->cfg->silence_ms : s->cfg->connect_ms;
	struct pollfd p[2] = { { s->fd, events, 0 },
		{ s->wake[0], POLLIN, 0 } };
	enum snap_code rc;
	uint8_t some[64];

	rc = report_check(s->cfg->opts->report, err);
	if (rc != SNAP_OK)
		return rc;
	if (s->cfg->closing != NULL && atomic_load(s->cfg->closing)) {
		if (s->agreeing && libssh2_session_banner_get(s->session))
			limit = limit < CLOSE_MS ? limit : CLOSE_MS;
		else
			return snap_fail(
			    err, SNAP_CANCELLED, "the store is closed");
	}
	if (ssh_clock_ms() - s->since > limit)
		return silent(s, limit, err);
	if (poll(p, 2, SLICE_MS) < 0) {
		if (errno != EINTR)
			return snap_fail_errno(
			    err, SNAP_IO, "wait for the server");
	} else if ((p[1].revents & POLLIN) != 0) {
		s->woken = read(s->wake[0], some, sizeof some) > 0;
	}
	return SNAP_OK;
}

enum snap_code
ssh_wait(struct ssh *s, struct snap_err *err)
{
	int dirs = libssh2_session_block_directions(s->session);

	/* With bytes left to send, libssh2 takes none in. */
	return wait_slice(s,
	    (dirs & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0 ? POLLOUT : POLLIN,
	    err);
}

void
ssh_wake(struct ssh *s)
{
	ssize_t n;

	/* When the pipe is full, it will wake already. */
	do
		n = write(s->wake[1], "", 1);
	while (n < 0 && errno == EINTR);
}

bool
ssh_is_gone(struct ssh *s)
{
	struct pollfd p = { s->fd, POLLIN, 0 };
	uint8_t b;
	ssize_t n;

	if (poll(&p, 1, 0) <= 0)
		return false;
	n = recv(s->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* ---- the socket */

static void
set_options(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	/* The system keeps idle connections alive in firewalls and learns
	 * which are dead, also while no thread of ours looks after them. */
#ifdef TCP_KEEPIDLE
	int idle = ALIVE_S, missed = ALIVE_MISSED;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &missed, sizeof missed);
#endif
}

/* Connect to one address; SNAP_TRANSIENT when another may work. */
static enum snap_code
connect_one(struct ssh *s, const struct addrinfo *ai, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	socklen_t len = sizeof errno;
	struct pollfd p;
	int e = 0;

	s->since = ssh_clock_ms();
	s->fd = socket(ai->ai_family, ai->ai_socktype, ai->ai_protocol);
	if (s->fd < 0 || fcntl(s->fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0)
		return snap_fail_errno(err, SNAP_IO, "make a socket");
	set_options(s->fd);
	if (connect(s->fd, ai->ai_addr, ai->ai_addrlen) != 0) {
		if (errno != EINPROGRESS)
			goto refused;
		p = (struct pollfd){ s->fd, POLLOUT, 0 };
		while (rc == SNAP_OK && poll(&p, 1, 0) == 0)
			rc = wait_slice(s, POLLOUT, err);
		if (rc != SNAP_OK)
			return rc;
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
			goto refused;
		errno = e;
		if (e != 0)
			goto refused;
	}
	return SNAP_OK;
refused:
	(void)snap_fail_errno(err, SNAP_TRANSIENT, "connect to %s port %u",
	    s->cfg->host, s->cfg->port);
	return snap_hint(err, "Does a server answer there? sftp -P %u %s",
	    s->cfg->port, s->cfg->host);
}

static enum snap_code
connect_any(struct ssh *s, struct snap_err *err)
{
	struct addrinfo hints, *list = NULL, *ai;
	enum snap_code rc = SNAP_TRANSIENT;
	char port[16];
	int e;

	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	(void)snprintf(port, sizeof port, "%u", s->cfg->port);
	e = getaddrinfo(s->cfg->host, port, &hints, &list);
	if (e != 0) {
		rc = e == EAI_MEMORY ? SNAP_NOMEM : SNAP_TRANSIENT;
		(void)snap_fail(err, rc, "find the host %s: %s", s->cfg->host,
		    gai_strerror(e));
		if (e == EAI_NONAME)
			(void)snap_hint(err, "Is the name in the URL right?");
		return rc;
	}
	for (ai = list; ai != NULL && rc == SNAP_TRANSIENT; ai = ai->ai_next) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
		rc = connect_one(s, ai, err);
	}
	freeaddrinfo(list);
	return rc;
}

/* ---- the session */

/* The server hangs up and says why. */
static void
last_words(LIBSSH2_SESSION *session, int reason, const char *text, int len,
    const char *lang, int lang_len, void **abstract)
{
	struct ssh *s = *abstract;
	size_t n = 0;

	(void)session;
	(void)reason;
	(void)lang;
	(void)lang_len;
	s->hung_up = true;
	for (; len > 0 && n < (size_t)len && n + 1 < sizeof s->last_words; n++)
		s->last_words[n] =
		    isprint((unsigned char)text[n]) ? text[n] : '?';
	s->last_words[n] = '\0';
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_failed;

static void
init_library(void)
{
	init_failed = libssh2_init(0);
}

static bool
can_do(const struct ssh *s, int method, const char *name)
{
	const char **algs = NULL;
	int n = libssh2_session_supported_algs(s->session, method, &algs);
	bool found = false;

	for (int i = 0; i < n; i++)
		found = found || strcmp(algs[i], name) == 0;
	if (n > 0)
		libssh2_free(s->session, algs);
	return found;
}

bool
ssh_can_rsa(const struct ssh *s)
{
	return can_do(s, LIBSSH2_METHOD_HOSTKEY, "rsa-sha2-256");
}

static void
add_method(const struct ssh *s, const char *name, struct bytes *out)
{
	if (!can_do(s, LIBSSH2_METHOD_HOSTKEY, name))
		return;
	if (out->len > 0)
		bytes_put_str(out, ",");
	bytes_put_str(out, name);
}

/* Want a host key of a kind that known_hosts has, or a server with several
 * would look as if it had changed. */
static enum snap_code
prefer_known(struct ssh *s, struct span hosts, bool *some, struct snap_err *err)
{
	struct bytes types, methods;
	enum snap_code rc;
	char *t, *next;

	bytes_init(&types, SSH_FILE_MAX);
	bytes_init(&methods, SSH_FILE_MAX);
	ssh_hosts_types(hosts, s->cfg->host, s->cfg->port, &types);
	*some = types.len > 0;
	bytes_u8(&types, 0);
	rc = bytes_check(&types, err);
	for (t = (char *)types.p; rc == SNAP_OK && t != NULL && *t != '\0';
	     t = next) {
		next = strchr(t, ',');
		if (next != NULL)
			*next++ = '\0';
		if (strcmp(t, "ssh-rsa") == 0) {
			add_method(s, "rsa-sha2-512", &methods);
			add_method(s, "rsa-sha2-256", &methods);
		}
		add_method(s, t, &methods);
	}
	if (rc == SNAP_OK && methods.len > 0) {
		bytes_u8(&methods, 0);
		rc = bytes_check(&methods, err);
		if (rc == SNAP_OK)
			(void)libssh2_session_method_pref(s->session,
			    LIBSSH2_METHOD_HOSTKEY, (const char *)methods.p);
	} else if (rc == SNAP_OK && *some) {
		rc = snap_fail(err, SNAP_UNSUPPORTED,
		    "known_hosts has only keys of %s that libssh2 %s cannot "
		    "check",
		    s->cfg->host, libssh2_version(0));
		(void)snap_detail(err, "They are: %.500s.", types.p);
	}
	bytes_fini(&types);
	bytes_fini(&methods);
	return rc;
}

/* No way to talk that both sides know: mostly that is the host key. */
static enum snap_code
no_common_way(struct ssh *s, bool some, struct snap_err *err)
{
	char file[512], port[32] = "";

	(void)snap_fail(err, SNAP_UNSUPPORTED,
	    "%s port %u and libssh2 %s have no common way to talk",
	    s->cfg->host, s->cfg->port, libssh2_version(0));
	if (ssh_can_rsa(s) || !some)
		(void)snap_detail(err,
		    "They agree on no host key, key exchange or cipher.%s",
		    ssh_can_rsa(s) ? ""
				   : " This libssh2 cannot use RSA keys with "
				     "SHA-2 (1.11 can): a server that has only "
				     "an RSA host key is out of its reach.");
	else
		(void)snap_detail(err,
		    "Of the server's host keys only kinds that known_hosts "
		    "has are accepted. If it has RSA only: this libssh2 "
		    "cannot use RSA keys with SHA-2 (1.11 can).");
	ssh_hosts_file(s->cfg, file, sizeof file);
	if (s->cfg->port != SSH_PORT)
		(void)snprintf(port, sizeof port, " -p %u", s->cfg->port);
	return snap_hint(err,
	    "Let known_hosts have the server's ed25519 key: ssh-keyscan -t "
	    "ed25519%s %s >>%s. A server without one makes it with: "
	    "ssh-keygen -A",
	    port, s->cfg->host, file);
}

/* Agree on keys; the server is who known_hosts says, or nothing is said. */
static enum snap_code
greet(struct ssh *s, struct snap_err *err)
{
	enum ssh_host verdict;
	struct bytes hosts;
	enum snap_code rc;
	const char *key;
	bool some = false;
	size_t len = 0;
	int n, type;

	bytes_init(&hosts, SSH_FILE_MAX * 2);
	rc = ssh_hosts_load(s->cfg, &hosts, err);
	if (rc == SNAP_OK)
		rc = prefer_known(s, bytes_span(&hosts), &some, err);
	s->since = ssh_clock_ms();
	s->agreeing = true;
	while (rc == SNAP_OK) {
		n = libssh2_session_handshake(s->session, s->fd);
		if (n == 0)
			break;
		if (n == LIBSSH2_ERROR_EAGAIN)
			rc = ssh_wait(s, err);
		else if (n == LIBSSH2_ERROR_KEX_FAILURE)
			rc = no_common_way(s, some, err);
		else
			rc = ssh_fail(s, n, "agree on keys with", err);
	}
	s->agreeing = false;
	if (rc == SNAP_OK) {
		key = libssh2_session_banner_get(s->session);
		s->in_order = key != NULL &&
			      strncmp(key, OPENSSH, sizeof OPENSSH - 1) == 0;
		key = libssh2_session_hostkey(s->session, &len, &type);
		if (key == NULL)
			len = 0;
		verdict = ssh_hosts_check(bytes_span(&hosts), s->cfg->host,
		    s->cfg->port, span_of(key, len));
		if (verdict != SSH_HOST_KNOWN)
			rc = ssh_hosts_refuse(
			    s->cfg, verdict, span_of(key, len), err);
	}
	bytes_fini(&hosts);
	return rc;
}

enum snap_code
ssh_start(struct ssh *s, struct snap_err *err)
{
	LIBSSH2_CHANNEL *ch = NULL;
	enum snap_code rc = SNAP_OK;
	int n = 0;

	s->since = ssh_clock_ms();
	while (rc == SNAP_OK && ch == NULL) {
		ch = libssh2_channel_open_ex(s->session, "session",
		    sizeof "session" - 1, WINDOW,
		    LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0);
		if (ch != NULL)
			break;
		n = libssh2_session_last_errno(s->session);
		rc = n == LIBSSH2_ERROR_EAGAIN
			 ? ssh_wait(s, err)
			 : ssh_fail(s, n, "open a session at", err);
	}
	while (rc == SNAP_OK) {
		n = libssh2_channel_process_startup(ch, "subsystem",
		    sizeof "subsystem" - 1, "sftp", sizeof "sftp" - 1);
		if (n == 0)
			break;
		if (n == LIBSSH2_ERROR_EAGAIN)
			rc = ssh_wait(s, err);
		else if (n == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
			rc = snap_fail(err, SNAP_UNSUPPORTED,
			    "%s has no SFTP for %s", s->cfg->host,
			    s->cfg->user);
		else
			rc = ssh_fail(s, n, "start SFTP at", err);
	}
	/* What the server writes to its stderr must not fill the window. */
	if (ch != NULL)
		(void)libssh2_channel_handle_extended_data2(
		    ch, LIBSSH2_CHANNEL_EXTENDED_DATA_IGNORE);
	s->channel = ch;
	return rc;
}

static enum snap_code
make_wake(struct ssh *s, struct snap_err *err)
{
	if (pipe(s->wake) != 0)
		return snap_fail_errno(err, SNAP_IO, "make a pipe");
	for (int i = 0; i < 2; i++)
		if (fcntl(s->wake[i], F_SETFD, FD_CLOEXEC) != 0 ||
		    fcntl(s->wake[i], F_SETFL, O_NONBLOCK) != 0)
			return snap_fail_errno(err, SNAP_IO, "make a pipe");
	return SNAP_OK;
}

static void
hear_last_words(struct ssh *s)
{
#if LIBSSH2_VERSION_NUM >= 0x010b01
	(void)libssh2_session_callback_set2(s->session,
	    LIBSSH2_CALLBACK_DISCONNECT, (libssh2_cb_generic *)last_words);
#else
	LIBSSH2_DISCONNECT_FUNC((*words)) = last_words;
	void *callback = NULL;

	/* ISO C has no cast from a function to what libssh2 wants. */
	memcpy(&callback, &words, sizeof callback);
	(void)libssh2_session_callback_set(
	    s->session, LIBSSH2_CALLBACK_DISCONNECT, callback);
#endif
}

enum snap_code
ssh_open(struct ssh *s, const struct ssh_cfg *cfg, struct snap_err *err)
{
	enum snap_code rc;

	memset(s, 0, sizeof *s);
	s->cfg = cfg;
	s->fd = s->wake[0] = s->wake[1] = -1;
	(void)pthread_once(&once, init_library);
	if (init_failed != 0)
		return snap_fail(err, SNAP_NOMEM, "libssh2 does not start");
	rc = make_wake(s, err);
	if (rc == SNAP_OK)
		rc = connect_any(s, err);
	if (rc != SNAP_OK)
		goto fail;
	s->session = libssh2_session_init_ex(NULL, NULL, NULL, s);
	if (s->session == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a session");
		goto fail;
	}
	libssh2_session_set_blocking(s->session, 0);
	hear_last_words(s);
	rc = greet(s, err);
	if (rc != SNAP_OK)
		goto fail;
	return SNAP_OK;
fail:
	ssh_close(s);
	return rc;
}

void
ssh_close(struct ssh *s)
{
	/* First, so that freeing cannot wait for the server; but the number
	 * of the socket stays ours until libssh2 no longer knows it. */
	if (s->session != NULL && s->channel != NULL && !s->half_sent &&
	    !s->half_read)
		(void)libssh2_session_disconnect(s->session, "done");
	if (s->fd >= 0)
		(void)shutdown(s->fd, SHUT_RDWR);
	if (s->channel != NULL)
		(void)libssh2_channel_free(s->channel);
	if (s->session != NULL)
		(void)libssh2_session_free(s->session);
	if (s->fd >= 0)
		close(s->fd);
	for (int i = 0; i < 2 && s->wake[i] >= 0; i++) {
		close(s->wake[i]);
		s->wake[i] = -1;
	}
	s->fd = -1;
	s->session = NULL;
	s->channel = NULL;
}

/* ---- the stream */

static bool
wants_out(const struct ssh *s)
{
	return (libssh2_session_block_directions(s->session) &
		   LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

enum snap_code
ssh_move(struct ssh *s, struct ssh_io *io, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	ssize_t n;

	io->n_sent = 0;
	io->n_read = 0;
	s->since = ssh_clock_ms();
	s->woken = false;
	while (
	    rc == SNAP_OK && io->n_sent == 0 && io->n_read == 0 && !s->woken) {
		/* libssh2 has to finish a packet before it may begin another:
		 * so a half-sent write is followed by no read, which might
		 * have to send too, and the other way round. */
		if (io->out.len > 0 && !s->half_read) {
			n = libssh2_channel_write(
			    s->channel, (const char *)io->out.p, io->out.len);
			if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
				return ssh_fail(s, (int)n, "talk with", err);
			s->half_sent =
			    n == LIBSSH2_ERROR_EAGAIN && wants_out(s);
			io->n_sent = n > 0 ? (size_t)n : 0;
		}
		if (!s->half_sent) {
			n = libssh2_channel_read(
			    s->channel, (char *)io->in, io->in_cap);
			if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
				return ssh_fail(s, (int)n, "talk with", err);
			if (n == 0 && libssh2_channel_eof(s->channel) != 0)
				return snap_fail(err, SNAP_TRANSIENT,
				    "%s port %u ended the SFTP session",
				    s->cfg->host, s->cfg->port);
			s->half_read =
			    n == LIBSSH2_ERROR_EAGAIN && wants_out(s);
			io->n_read = n > 0 ? (size_t)n : 0;
		}
		if (io->n_sent == 0 && io->n_read == 0)
			rc = ssh_wait(s, err);
	}
	return rc;
}

ssize_t
ssh_take(struct ssh *s, uint8_t *p, size_t cap)
{
	ssize_t n;

	if (s->half_sent)
		return 0;
	n = libssh2_channel_read(s->channel, (char *)p, cap);
	s->half_read = n == LIBSSH2_ERROR_EAGAIN && wants_out(s);
	if (n == LIBSSH2_ERROR_EAGAIN)
		return 0;
	return n < 0 || (n == 0 && libssh2_channel_eof(s->channel) != 0) ? -1
									 : n;
}
