/* SPDX-License-Identifier: PostgreSQL */
/* url.c - take a URL apart. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "url.h"

#define PORT_MAX 65535u

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A copy of p[0..n), decoded; `what` names it in errors. */
static enum snap_code
decode(
    const char *p, size_t n, const char *what, char **out, struct snap_err *err)
{
	char *copy = malloc(n + 1);
	size_t len = 0;

	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a URL");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '%') {
			int hi = i + 2 < n ? hex_digit(p[i + 1]) : -1;
			int lo = i + 2 < n ? hex_digit(p[i + 2]) : -1;

			if (hi < 0 || lo < 0) {
				free(copy);
				return snap_fail(err, SNAP_USAGE,
				    "the %s of the URL has a bad %%-escape",
				    what);
			}
			c = (unsigned char)(hi * 16 + lo);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f) {
			free(copy);
			return snap_fail(err, SNAP_USAGE,
			    "the %s of the URL has a control character", what);
		}
		copy[len++] = (char)c;
	}
	copy[len] = '\0';
	*out = copy;
	return SNAP_OK;
}

/* [user@]host[:port], n bytes. */
static enum snap_code
authority(const char *p, size_t n, struct url *u, struct snap_err *err)
{
	const char *end = p + n, *at = NULL, *colon = NULL;
	enum snap_code rc = SNAP_OK;

	for (const char *q = p; q < end; q++)
		if (*q == '@')
			at = q;
	if (at != NULL) {
		if (memchr(p, ':', (size_t)(at - p)) != NULL) {
			(void)snap_fail(
			    err, SNAP_USAGE, "the URL holds a password");
			return snap_hint(err,
			    "Leave it out: whoever lists processes would see "
			    "it. Put it into a file that only you can read.");
		}
		rc = decode(p, (size_t)(at - p), "user", &u->user, err);
		p = at + 1;
	}
	if (rc == SNAP_OK && p < end && *p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		if (close == NULL || (close + 1 < end && close[1] != ':'))
			return snap_fail(err, SNAP_USAGE,
			    "the host of the URL has a bracket too many");
		if (close + 1 < end)
			colon = close + 1;
		rc = decode(
		    p + 1, (size_t)(close - p - 1), "host", &u->host, err);
	} else if (rc == SNAP_OK) {
		colon = memchr(p, ':', (size_t)(end - p));
		rc = decode(p, (size_t)((colon != NULL ? colon : end) - p),
		    "host", &u->host, err);
	}
	if (rc != SNAP_OK)
		return rc;
	if (u->host[0] == '\0')
		return snap_fail(err, SNAP_USAGE, "the URL names no host");
	if (colon == NULL || colon + 1 == end)
		return SNAP_OK;
	for (const char *q = colon + 1; q < end; q++) {
		if (*q < '0' || *q > '9' || u->port > PORT_MAX)
			u->port = PORT_MAX + 1;
		else
			u->port = u->port * 10 + (unsigned)(*q - '0');
	}
	if (u->port == 0 || u->port > PORT_MAX)
		return snap_fail(
		    err, SNAP_USAGE, "the port of the URL is no port");
	return SNAP_OK;
}

enum snap_code
url_parse(const char *text, struct url *out, struct snap_err *err)
{
	const char *sep = strstr(text, "://"), *host, *path;
	struct url u = { NULL, NULL, NULL, 0, NULL };
	enum snap_code rc;

	if (sep == NULL || sep == text)
		return snap_fail(err, SNAP_USAGE, "a URL without a scheme");
	host = sep + 3;
	path = host + strcspn(host, "/");
	if (strpbrk(host, "?#") != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "the URL holds a \"?\" or \"#\"; write %%3F or %%23");
	rc = decode(text, (size_t)(sep - text), "scheme", &u.scheme, err);
	for (char *p = u.scheme; rc == SNAP_OK && *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (rc == SNAP_OK)
		rc = authority(host, (size_t)(path - host), &u, err);
	if (rc == SNAP_OK)
		rc = decode(path, strlen(path), "path", &u.path, err);
	if (rc == SNAP_OK)
		*out = u;
	else
		url_fini(&u);
	return rc;
}

void
url_fini(struct url *u)
{
	free(u->scheme);
	free(u->user);
	free(u->host);
	free(u->path);
	memset(u, 0, sizeof *u);
}
