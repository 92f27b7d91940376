/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_url.c - where a repository is said to be, and heads of answers.
 *
 * The first byte picks: any URL; one of S3, behind it lines with its settings;
 * one of B2; the headers of an answer, parted by NULs.
 */
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "s3_internal.h"
#include "url.h"

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			abort();                                               \
	} while (0)
#define LINES 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *line[LINES]; /* NULL: not set */

static const char *
setting(void *arg, const char *name)
{
	static const char *const names[LINES] = { NULL, "s3.endpoint",
		"s3.region", "s3.style", "s3.insecure" };

	(void)arg;
	for (size_t i = 1; i < LINES; i++)
		if (strcmp(names[i], name) == 0)
			return line[i];
	return NULL;
}

static bool
is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static void
any(const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct url u;

	if (url_parse(text, &u, &err) != SNAP_OK)
		return;
	MUST(u.scheme[0] != '\0' && u.host[0] != '\0' && u.port <= 65535);
	MUST(is_clean(u.scheme) && is_clean(u.host) && is_clean(u.path));
	MUST(u.user == NULL || is_clean(u.user));
	url_fini(&u);
}

static void
s3(const struct transport_opts *opts)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct s3_config c;

	/* Else somebody else is asked. */
	if (strncmp(line[0], "s3:", 3) != 0)
		return;
	memset(&c, 0, sizeof c);
	if (s3_config_read(&c, line[0], opts, NULL, &err) == SNAP_OK) {
		MUST(is_clean(c.scheme) && is_clean(c.host));
		MUST(is_clean(c.bucket) && is_clean(c.prefix));
		MUST(strlen(c.bucket) <= S3_BUCKET_MAX);
		MUST(strlen(c.prefix) <= S3_PREFIX_MAX);
		MUST(strpbrk(c.host, "/?#@ ") == NULL);
	}
	s3_config_fini(&c);
}

static void
b2(const struct transport_opts *opts)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	/* There is no key: nobody is asked. */
	MUST(strncmp(line[0], "b2://", 5) != 0 ||
	     transport_open(line[0], opts, &t, &err) != SNAP_OK);
}

static void
head(struct span in)
{
	static const char *const names[] = { "Date", "Retry-After", "ETag",
		"x-amz-bucket-region" };
	struct http_reply r;
	const char *v;

	http_reply_init(&r, 1);
	/* As they are kept: each ends. */
	if (in.len < HTTP_HEADERS_MAX) {
		bytes_put_span(&r.headers, in);
		bytes_u8(&r.headers, 0);
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		v = http_header(&r, names[i]);
		MUST(v == NULL ||
		     (v > (const char *)r.headers.p &&
			 v < (const char *)r.headers.p + r.headers.len));
		MUST(v == NULL || http_date(v) >= 0);
	}
	http_reply_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transport_opts opts = { .setting = setting };
	char *text;

	if (size == 0)
		return 0;
	if (data[0] == 'h') {
		head(span_of(data + 1, size - 1));
		return 0;
	}
	MUST((text = malloc(size)) != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	line[0] = text;
	for (size_t i = 1; i < LINES; i++) {
		line[i] =
		    line[i - 1] != NULL ? strchr(line[i - 1], '\n') : NULL;
		if (line[i] != NULL)
			*line[i]++ = '\0';
	}
	if (data[0] == 's')
		s3(&opts);
	else if (data[0] == 'b')
		b2(&opts);
	else
		any(text);
	free(text);
	return 0;
}
