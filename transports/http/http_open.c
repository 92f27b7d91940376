/* SPDX-License-Identifier: PostgreSQL */
/*
 * http_open.c - settings, which URLs may be asked, and what libcurl's errors
 * mean to the user.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "http_internal.h"

#define CONNECT_SECONDS 15
#define STALL_SECONDS 60
#define SECONDS_MAX 86400
#define HOST_MAX 255

/* ---- settings */

static const char *
ask(const struct transport_opts *opts, const char *service, const char *name)
{
	char full[64];
	const char *value;

	if (opts == NULL || opts->setting == NULL)
		return NULL;
	(void)snprintf(full, sizeof full, "%s.%s", service, name);
	value = opts->setting(opts->arg, full);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *
variable(const struct transport_opts *opts, const char *name, const char *also)
{
	const char *value;

	if (opts == NULL || opts->variable == NULL)
		return NULL;
	value = opts->variable(opts->arg, name);
	if (value == NULL || value[0] == '\0')
		value = opts->variable(opts->arg, also);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum snap_code
copy(const char *value, char **out, struct snap_err *err)
{
	if (value == NULL)
		return SNAP_OK;
	*out = strdup(value);
	if (*out == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	return SNAP_OK;
}

static enum snap_code
seconds(const struct transport_opts *opts, const char *service,
    const char *name, long *out, struct snap_err *err)
{
	const char *value = ask(opts, service, name);
	char *end;
	long s;

	if (value == NULL)
		return SNAP_OK;
	s = strtol(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || s < 1 ||
	    s > SECONDS_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "%s.%s=%.100s is no number of seconds from 1 to %d",
		    service, name, value, SECONDS_MAX);
	*out = s;
	return SNAP_OK;
}

static enum snap_code
read_settings(
    struct http *h, const struct transport_opts *opts, struct snap_err *err)
{
	const char *insecure = ask(opts, h->service, "insecure");
	enum snap_code rc;

	if (insecure != NULL && strcmp(insecure, "yes") != 0 &&
	    strcmp(insecure, "no") != 0)
		return snap_fail(err, SNAP_USAGE,
		    "%s.insecure is \"yes\" or \"no\"", h->service);
	h->insecure = insecure != NULL && strcmp(insecure, "yes") == 0;
	rc = seconds(opts, h->service, "connect-timeout", &h->connect_s, err);
	if (rc == SNAP_OK)
		rc = seconds(
		    opts, h->service, "stall-timeout", &h->stall_s, err);
	if (rc == SNAP_OK)
		rc = copy(ask(opts, h->service, "ca-file"), &h->ca_file, err);
	if (rc == SNAP_OK)
		rc = copy(variable(opts, "https_proxy", "HTTPS_PROXY"),
		    &h->proxy, err);
	if (rc == SNAP_OK)
		rc = copy(
		    variable(opts, "no_proxy", "NO_PROXY"), &h->no_proxy, err);
	return rc;
}

enum snap_code
http_open(const struct transport_opts *opts, const char *service,
    struct http **out, struct snap_err *err)
{
	struct http *h = calloc(1, sizeof *h);
	enum snap_code rc;

	if (h == NULL || pthread_mutex_init(&h->lock, NULL) != 0) {
		free(h);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	h->service = service;
	h->connect_s = CONNECT_SECONDS;
	h->stall_s = STALL_SECONDS;
	h->report = opts != NULL ? opts->report : NULL;
	rc = read_settings(h, opts, err);
	if (rc != SNAP_OK) {
		http_close(h);
		return rc;
	}
	*out = h;
	return SNAP_OK;
}

void
http_wipe_headers(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l != NULL; l = l->next)
		for (volatile char *p = l->data; *p != '\0'; p++)
			*p = ' ';
	curl_slist_free_all(list);
}

void
http_close(struct http *h)
{
	struct http_conn *next;

	if (h == NULL)
		return;
	for (struct http_conn *c = h->idle; c != NULL; c = next) {
		next = c->next;
		http_conn_free(c);
	}
	(void)pthread_mutex_destroy(&h->lock);
	free(h->ca_file);
	free(h->proxy); /* a password in it is the environment's as well */
	free(h->no_proxy);
	free(h);
}

/* ---- URLs */

bool
http_is_tls(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0;
}

/* The host of `url`, for messages and for judging it; false: there is none. */
static bool
host_of(const char *url, char host[HOST_MAX + 1])
{
	const char *p = strstr(url, "://");
	size_t n;

	host[0] = '\0';
	if (p == NULL)
		return false;
	p += 3;
	/* Nobody here writes a user into a URL; one that is there may be
	 * meant to look like a host. */
	n = strcspn(p, "/?#@\\");
	if (p[n] == '@' || p[n] == '\\')
		return false;
	if (p[0] == '[') {
		p++;
		n = strcspn(p, "]/");
	} else {
		n = strcspn(p, ":/?#");
	}
	if (n == 0 || n > HOST_MAX)
		return false;
	memcpy(host, p, n);
	host[n] = '\0';
	return true;
}

static bool
is_ipv4_loopback(const char *host)
{
	unsigned dots = 0;

	if (strncmp(host, "127.", 4) != 0)
		return false;
	/* A name may well start with "127." but has a letter somewhere. */
	for (const char *p = host; *p != '\0'; p++) {
		if (*p == '.')
			dots++;
		else if (*p < '0' || *p > '9')
			return false;
	}
	return dots == 3;
}

bool
http_is_loopback(const char *url)
{
	static const char suffix[] = ".localhost";
	char host[HOST_MAX + 1];
	size_t n, m = sizeof suffix - 1;

	if (!host_of(url, host))
		return false;
	n = strlen(host);
	return strcasecmp(host, "localhost") == 0 ||
	       (n > m && strcasecmp(host + n - m, suffix) == 0) ||
	       strcmp(host, "::1") == 0 || is_ipv4_loopback(host);
}

bool
http_url_safe(const struct http *h, const char *url)
{
	return http_is_tls(url) || (strncasecmp(url, "http://", 7) == 0 &&
				       (h->insecure || http_is_loopback(url)));
}

enum snap_code
http_refuse_plain(const struct http *h, const char *url, struct snap_err *err)
{
	char host[HOST_MAX + 1];

	if (strncasecmp(url, "http://", 7) != 0 || !host_of(url, host))
		return snap_fail(
		    err, SNAP_USAGE, "only http:// and https:// can be asked");
	(void)snap_fail(err, SNAP_USAGE,
	    "%s would be asked without encryption (http://)", host);
	return snap_hint(err,
	    "Use https://. In a network that you trust: -o %s.insecure=yes",
	    h->service);
}

/* ---- errors */

/* By OpenSSL's words, and for names libcurl's. */
static enum snap_code
certificate(const struct http *h, const char *host, const char *text,
    struct snap_err *err)
{
	if (strstr(text, "has expired") != NULL) {
		(void)snap_fail(err, SNAP_DENIED,
		    "the certificate of %s has expired", host);
		return snap_hint(err,
		    "Its keeper has to renew it, unless the clock of this "
		    "machine is wrong.");
	}
	if (strstr(text, "not yet valid") != NULL) {
		(void)snap_fail(err, SNAP_DENIED,
		    "the certificate of %s is not valid yet", host);
		return snap_hint(err, "Is the clock of this machine right?");
	}
	if (strstr(text, "subject name") != NULL) {
		(void)snap_fail(err, SNAP_DENIED,
		    "the certificate that %s shows is for another name", host);
		return snap_hint(err,
		    "Use a name that is in the certificate as host of the "
		    "address.");
	}
	(void)snap_fail(
	    err, SNAP_DENIED, "the certificate of %s is not trusted", host);
	return snap_hint(err,
	    "If an authority of your own signed it, name the authority's "
	    "certificate: -o %s.ca-file=FILE",
	    h->service);
}

static enum snap_code
tls_broken(const char *host, const char *text, struct snap_err *err)
{
	/* OpenSSL's words for an answer that is no TLS at all. */
	if (strstr(text, "wrong version number") != NULL ||
	    strstr(text, "packet length too long") != NULL) {
		(void)snap_fail(
		    err, SNAP_IO, "%s does not speak TLS on that port", host);
		return snap_hint(err, "Check the port of the address.");
	}
	return snap_fail(
	    err, SNAP_TRANSIENT, "the TLS handshake with %s failed", host);
}

static enum snap_code
by_code(const struct http *h, const char *host, CURLcode code, const char *text,
    struct snap_err *err)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return snap_fail(
		    err, SNAP_TRANSIENT, "no address found for host %s", host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return snap_fail(
		    err, SNAP_TRANSIENT, "no address found for the proxy");
	case CURLE_COULDNT_CONNECT:
		return snap_fail(
		    err, SNAP_TRANSIENT, "cannot connect to %s", host);
	case CURLE_OPERATION_TIMEDOUT:
		return snap_fail(err, SNAP_TRANSIENT,
		    "%s did not answer or went silent", host);
	case CURLE_PARTIAL_FILE:
		return snap_fail(
		    err, SNAP_TRANSIENT, "%s cut its answer short", host);
	case CURLE_PEER_FAILED_VERIFICATION:
		return certificate(h, host, text, err);
	case CURLE_SSL_CACERT_BADFILE:
		(void)snap_fail(err, SNAP_USAGE,
		    "the certificates in %s cannot be read",
		    h->ca_file != NULL ? h->ca_file : "the system's store");
		return snap_hint(err,
		    "It has to be a file in PEM format, with the authority's "
		    "certificate: -o %s.ca-file=FILE",
		    h->service);
	case CURLE_SSL_CONNECT_ERROR:
		return tls_broken(host, text, err);
	case CURLE_OUT_OF_MEMORY:
		return snap_fail(err, SNAP_NOMEM, "no memory for a request");
	case CURLE_UNSUPPORTED_PROTOCOL: /* ours was looked at before */
		(void)snap_fail(
		    err, SNAP_IO, "%s does not speak HTTP on that port", host);
		return snap_hint(err, "Check the port of the address.");
	case CURLE_URL_MALFORMAT:
		return snap_fail(err, SNAP_USAGE,
		    "the address of %s cannot be understood", host);
	default: /* reset, closed, garbled: whatever lines do to bytes */
		return snap_fail(
		    err, SNAP_TRANSIENT, "the connection to %s broke", host);
	}
}

enum snap_code
http_map_error(const struct http *h, const struct http_request *q,
    int curl_code, const char *text, struct snap_err *err)
{
	CURLcode code = (CURLcode)curl_code;
	char host[HOST_MAX + 1];
	enum snap_code rc;

	if (!host_of(q->url, host))
		(void)snprintf(host, sizeof host, "the server");
	rc = by_code(h, host, code, text, err);
	(void)snap_detail(err, "libcurl: %s",
	    text[0] != '\0' ? text : curl_easy_strerror(code));
	return rc;
}
