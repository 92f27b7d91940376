/* SPDX-License-Identifier: PostgreSQL */
/*
 * url.h - the parts of scheme://[user@]host[:port]/path (RFC 3986, 3.2).
 *
 * A password in a URL is refused: whoever lists processes could read it.
 */
#ifndef SNAP_URL_H
#define SNAP_URL_H

#include "err.h"

struct url {
	char *scheme;  /* lower-case */
	char *user;    /* NULL = none */
	char *host;    /* never empty; an IPv6 address without its brackets */
	unsigned port; /* 0 = none */
	char *path;    /* from its first slash on; "" = none */
};

/*
 * Take a URL apart; user, host and path are percent-decoded and hold no NUL.
 * SNAP_USAGE says what is wrong and never repeats what may be a password.
 */
SNAP_MUST_CHECK enum snap_code url_parse(
    const char *text, struct url *out, struct snap_err *err);
void url_fini(struct url *u);

#endif
