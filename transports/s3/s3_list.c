/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_list.c - listings, page by page (ListObjectsV2).
 *
 * Keys are asked for escaped, since XML cannot hold every byte.  A service
 * that does not escape does no harm: our keys need none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_internal.h"
#include "xml.h"

#define ENTRIES_MAX 100000u /* of one page, whatever the service says */
#define PAGE 1000u
#define PARTS_ALL 7u /* Key, LastModified, Size */

struct reader {
	const char *prefix;
	size_t prefix_len;
	struct s3_page *page;
	struct s3_entry now;
	unsigned parts; /* of the entry being read */
	bool foreign;   /* it is none of ours */
	bool is_list, truncated;
};

void
s3_page_fini(struct s3_page *p)
{
	free(p->entry);
	free(p->token);
	memset(p, 0, sizeof *p);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The key without its prefix; false: foreign, or longer than ours are. */
static bool
take_key(struct reader *r, const char *text)
{
	char key[S3_KEY_MAX];
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++) {
		char c = *p;

		if (c == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			c = (char)(hex(p[1]) * 16 + hex(p[2]));
			p += 2;
		}
		if (c == '\0' || n + 1 == sizeof key)
			return false;
		key[n++] = c;
	}
	if (n < r->prefix_len || memcmp(key, r->prefix, r->prefix_len) != 0 ||
	    n - r->prefix_len > TRANSPORT_NAME_MAX)
		return false;
	memcpy(r->now.name, key + r->prefix_len, n - r->prefix_len);
	r->now.name[n - r->prefix_len] = '\0';
	return true;
}

static void
take_etag(struct reader *r, const char *text)
{
	size_t n;

	if (*text == '"')
		text++;
	n = strcspn(text, "\"");
	if (n >= sizeof r->now.etag)
		n = 0;
	memcpy(r->now.etag, text, n);
	r->now.etag[n] = '\0';
}

static bool
take_size(struct reader *r, const char *text)
{
	uint64_t v = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || v > UINT64_MAX / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	r->now.st.size = v;
	return true;
}

/* A part of an entry. */
static enum snap_code
content(
    struct reader *r, const char *name, const char *text, struct snap_err *err)
{
	if (strcmp(name, "Key") == 0) {
		r->foreign = !take_key(r, text);
		r->parts |= 1;
	} else if (strcmp(name, "LastModified") == 0) {
		int64_t ns;

		if (!xml_time(text, &ns))
			return snap_fail(err, SNAP_CORRUPT,
			    "the listing has a time that is none");
		r->now.st.time_ns = s3_late(ns);
		r->parts |= 2;
	} else if (strcmp(name, "Size") == 0) {
		if (!take_size(r, text))
			return snap_fail(err, SNAP_CORRUPT,
			    "the listing has a size that is none");
		r->parts |= 4;
	} else if (strcmp(name, "ETag") == 0)
		take_etag(r, text);
	return SNAP_OK;
}

/* The end of an entry. */
static enum snap_code
entry_done(struct reader *r, struct snap_err *err)
{
	struct s3_page *p = r->page;
	bool whole = r->parts == PARTS_ALL, foreign = r->foreign;
	struct s3_entry done = r->now;

	memset(&r->now, 0, sizeof r->now);
	r->parts = 0;
	r->foreign = false;
	if (!whole)
		return snap_fail(
		    err, SNAP_CORRUPT, "the listing has half an entry");
	if (foreign)
		return SNAP_OK;
	if (p->n == p->cap) {
		size_t cap = p->cap == 0 ? 64 : 2 * p->cap;
		struct s3_entry *more;

		if (p->n >= ENTRIES_MAX)
			return snap_fail(err, SNAP_CORRUPT,
			    "the listing has too many entries in a page");
		more = realloc(p->entry, cap * sizeof *more);
		if (more == NULL)
			return snap_fail(
			    err, SNAP_NOMEM, "no memory for a listing");
		p->entry = more;
		p->cap = cap;
	}
	p->entry[p->n++] = done;
	return SNAP_OK;
}

static enum snap_code
element(void *arg, const char *parent, const char *name, const char *text,
    struct snap_err *err)
{
	struct reader *r = arg;

	if (strcmp(parent, "Contents") == 0)
		return content(r, name, text, err);
	if (parent[0] == '\0')
		r->is_list = strcmp(name, "ListBucketResult") == 0;
	if (strcmp(parent, "ListBucketResult") != 0)
		return SNAP_OK;
	if (strcmp(name, "Contents") == 0)
		return entry_done(r, err);
	if (strcmp(name, "IsTruncated") == 0)
		r->truncated = strcmp(text, "true") == 0;
	if (strcmp(name, "NextContinuationToken") == 0 && text[0] != '\0') {
		free(r->page->token);
		r->page->token = strdup(text);
		if (r->page->token == NULL)
			return snap_fail(
			    err, SNAP_NOMEM, "no memory for a listing");
	}
	return SNAP_OK;
}

enum snap_code
s3_page_read(struct span xml, const char *prefix, struct s3_page *out,
    struct snap_err *err)
{
	struct s3_page page = { NULL, 0, 0, NULL };
	struct reader r = {
		.prefix = prefix, .prefix_len = strlen(prefix), .page = &page
	};
	enum snap_code rc = xml_walk(xml, element, &r, err);

	if (rc == SNAP_OK && !r.is_list)
		rc = snap_fail(err, SNAP_CORRUPT, "the answer is no listing");
	if (rc == SNAP_OK && r.truncated && page.token == NULL)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the listing goes on but does not say where");
	if (rc == SNAP_OK && !r.truncated) {
		free(page.token);
		page.token = NULL;
	}
	if (rc == SNAP_OK)
		*out = page;
	else
		s3_page_fini(&page);
	return rc;
}

enum snap_code
s3_list_page(struct s3 *s, const char *start, const char *token, unsigned max,
    struct s3_page *out, struct snap_err *err)
{
	char prefix[S3_KEY_MAX], n[16];
	struct s3_call call = { .method = "GET",
		.action = "s3:ListBucket",
		.params = { { "list-type", "2" }, { "encoding-type", "url" },
		    { NULL, NULL }, { NULL, NULL } },
		.n_params = 2 };
	struct http_reply r;
	struct s3_error e;
	enum snap_code rc;

	s3_key(s, start, prefix);
	(void)snprintf(n, sizeof n, "%u", max);
	call.params[call.n_params++] = (struct sign_param){ "prefix", prefix };
	if (token != NULL)
		call.params[call.n_params++] =
		    (struct sign_param){ "continuation-token", token };
	if (max != PAGE)
		call.params[call.n_params++] =
		    (struct sign_param){ "max-keys", n };
	http_reply_init(&r, S3_REPLY_MAX);
	rc = s3_do(s, &call, &r, err);
	if (rc == SNAP_OK && s3_error_read(bytes_span(&r.body), &e))
		rc = s3_error_map(s, &call, &r, 0, err);
	if (rc == SNAP_OK)
		rc =
		    s3_page_read(bytes_span(&r.body), s->conf.prefix, out, err);
	http_reply_fini(&r);
	return rc;
}

enum snap_code
s3_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct s3 *s = (struct s3 *)t;
	unsigned n_barren = 0;
	char *token = NULL;
	enum snap_code rc;
	bool last;

	do {
		struct s3_page page = { NULL, 0, 0, NULL };

		rc = s3_list_page(s, prefix, token, PAGE, &page, err);
		for (size_t i = 0; rc == SNAP_OK && i < page.n; i++)
			rc =
			    fn(arg, page.entry[i].name, &page.entry[i].st, err);
		last = page.token == NULL;
		/* A service that gives the same token again would never end. */
		if (rc == SNAP_OK && !last && token != NULL &&
		    strcmp(token, page.token) == 0)
			rc = snap_fail(err, SNAP_CORRUPT,
			    "the listing goes round in circles");
		n_barren = page.n > 0 ? 0 : n_barren + 1;
		if (rc == SNAP_OK && n_barren > TRANSPORT_BARREN_MAX)
			rc = transport_no_end(err);
		free(token);
		token = page.token;
		page.token = NULL;
		s3_page_fini(&page);
	} while (rc == SNAP_OK && !last);
	free(token);
	return rc;
}
