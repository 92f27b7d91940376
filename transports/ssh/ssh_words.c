/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh_words.c - what went wrong with a connection, in words.
 *
 * libssh2 has numbers, and texts for those who know its inside.  Here each
 * number gets what it means for who runs a backup, and what can be done.
 */
#include <stdio.h>

#include "ssh.h"

struct words {
	enum snap_code code;
	const char *what, *why, *hint; /* NULL: nothing to add */
};

/* As a hint: what ssh says to the same is worth seeing. */
static const char try_ssh[] = "";

/* What breaks a connection need not break the next one. */
static const struct words broke = { SNAP_TRANSIENT, "the connection broke",
	NULL, NULL };
static const struct words silent = { SNAP_TRANSIENT,
	"the server does not answer", NULL, NULL };
static const struct words damaged = { SNAP_TRANSIENT,
	"what came is damaged or no SSH",
	"Checksums found it, so nothing wrong was taken.",
	"If that comes again, a device on the way changes what it hands on." };
static const struct words banner = { SNAP_TRANSIENT,
	"no SSH server answers there",
	"What listens at that port says nothing or something else, or hangs up, "
	"as SSH servers do with too many clients (MaxStartups).",
	"Is the port of the URL right?" };
static const struct words keys = { SNAP_TRANSIENT, "no agreement on new keys",
	NULL, try_ssh };
static const struct words proof = { SNAP_TRANSIENT,
	"the server does not prove that its host key is its own",
	"Nothing was sent.", NULL };
static const struct words expired = { SNAP_DENIED, "the password has expired",
	"It has to be changed before anybody can log in.", try_ssh };
static const struct words key_file = { SNAP_DENIED,
	"libssh2 cannot use the private key", NULL,
	"Use a key as this makes it: ssh-keygen -t ed25519" };
static const struct words refused = { SNAP_DENIED, "the login is refused", NULL,
	try_ssh };
static const struct words session = { SNAP_TRANSIENT,
	"the server opens no session",
	"It may allow fewer on a connection or for this user (MaxSessions).",
	try_ssh };
static const struct words denied = { SNAP_UNSUPPORTED,
	"the server denies the request", NULL, NULL };
static const struct words closed = { SNAP_TRANSIENT,
	"the server ended the session", NULL, NULL };
static const struct words no_memory = { SNAP_NOMEM, "out of memory", NULL,
	NULL };
static const struct words no_random = { SNAP_IO,
	"no random numbers are to be had", NULL, NULL };
static const struct words no_method = { SNAP_UNSUPPORTED,
	"server and libssh2 know no way in common", NULL, try_ssh };
static const struct words other = { SNAP_TRANSIENT, "libssh2 cannot go on",
	NULL, NULL };

static const struct words *
words_of(int rc)
{
	switch (rc) {
	case LIBSSH2_ERROR_SOCKET_NONE:
	case LIBSSH2_ERROR_SOCKET_SEND:
	case LIBSSH2_ERROR_SOCKET_DISCONNECT:
	case LIBSSH2_ERROR_SOCKET_RECV:
	case LIBSSH2_ERROR_BAD_SOCKET:
		return &broke;
	case LIBSSH2_ERROR_TIMEOUT:
	case LIBSSH2_ERROR_SOCKET_TIMEOUT:
		return &silent;
	case LIBSSH2_ERROR_INVALID_MAC:
	case LIBSSH2_ERROR_DECRYPT:
	case LIBSSH2_ERROR_PROTO:
	case LIBSSH2_ERROR_ZLIB:
	case LIBSSH2_ERROR_OUT_OF_BOUNDARY:
	case LIBSSH2_ERROR_CHANNEL_OUTOFORDER:
	case LIBSSH2_ERROR_CHANNEL_UNKNOWN:
	case LIBSSH2_ERROR_CHANNEL_WINDOW_EXCEEDED:
	case LIBSSH2_ERROR_CHANNEL_PACKET_EXCEEDED:
		return &damaged;
	case LIBSSH2_ERROR_BANNER_RECV:
	case LIBSSH2_ERROR_BANNER_SEND:
		return &banner;
	case LIBSSH2_ERROR_KEX_FAILURE:
	case LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE:
		return &keys;
	case LIBSSH2_ERROR_HOSTKEY_INIT:
	case LIBSSH2_ERROR_HOSTKEY_SIGN:
		return &proof;
	case LIBSSH2_ERROR_PASSWORD_EXPIRED:
		return &expired;
	case LIBSSH2_ERROR_FILE:
	case LIBSSH2_ERROR_KEYFILE_AUTH_FAILED:
		return &key_file;
	case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
	case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
		return &refused;
	case LIBSSH2_ERROR_CHANNEL_FAILURE:
		return &session;
	case LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED:
	case LIBSSH2_ERROR_REQUEST_DENIED:
		return &denied;
	case LIBSSH2_ERROR_CHANNEL_CLOSED:
	case LIBSSH2_ERROR_CHANNEL_EOF_SENT:
		return &closed;
	case LIBSSH2_ERROR_ALLOC:
		return &no_memory;
	case LIBSSH2_ERROR_RANDGEN:
		return &no_random;
	case LIBSSH2_ERROR_METHOD_NONE:
	case LIBSSH2_ERROR_METHOD_NOT_SUPPORTED:
		return &no_method;
	default:
		return &other;
	}
}

enum snap_code
ssh_fail(struct ssh *s, int rc, const char *what, struct snap_err *err)
{
	const struct words *w = words_of(rc);
	char *text = NULL;

	(void)libssh2_session_last_error(s->session, &text, NULL, 0);
	(void)snap_fail(err, w->code, "%s %s port %u: %s", what, s->cfg->host,
	    s->cfg->port, w->what);
	if (s->last_words[0] != '\0')
		(void)snap_detail(err, "The server says: %s", s->last_words);
	else if (w->why != NULL)
		(void)snap_detail(err, "%s", w->why);
	else if (text != NULL && text[0] != '\0')
		(void)snap_detail(err, "libssh2 %s says: %s (%d).",
		    libssh2_version(0), text, rc);
	if (w->hint == try_ssh)
		(void)snap_hint(err, "See what this says: ssh -v -p %u %s@%s",
		    s->cfg->port, s->cfg->user, s->cfg->host);
	else if (w->hint != NULL)
		(void)snap_hint(err, "%s", w->hint);
	return w->code;
}
