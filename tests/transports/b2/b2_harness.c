/* SPDX-License-Identifier: PostgreSQL */
/* b2_harness.c - see b2_harness.h. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "b2_harness.h"
#include "http.h"

static const char *
must_getenv(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		fail_msg("$%s is not set: run me by tests/support/b2.sh", name);
	return value;
}

/* ---- settings */

static const char *
setting(void *arg, const char *name)
{
	const struct b2_store *s = arg;

	if (strcmp(name, "b2.realm") == 0)
		return s->realm;
	if (strcmp(name, "b2.key-id") == 0)
		return s->key_in_environment ? NULL : s->key_id;
	if (strcmp(name, "b2.ca-file") == 0)
		return s->ca_file;
	if (strcmp(name, "b2.insecure") == 0)
		return s->insecure;
	return NULL;
}

static const char *
variable(void *arg, const char *name)
{
	const struct b2_store *s = arg;

	if (strcmp(name, "B2_APPLICATION_KEY_ID") == 0)
		return s->key_in_environment ? s->key_id : "another-id";
	if (strcmp(name, "B2_APPLICATION_KEY") == 0)
		return s->key_in_environment ? s->key : "another-key";
	return NULL;
}

static enum snap_code
secret(void *arg, const char *name, const char *prompt, struct bytes *out,
    struct snap_err *err)
{
	const struct b2_store *s = arg;

	(void)prompt;
	if (strcmp(name, "b2.key") != 0 || s->key_in_environment ||
	    s->key == NULL)
		return snap_fail(err, SNAP_NOTFOUND, "no secret %s", name);
	/* As the program does before it reads one from a file. */
	if (bytes_reserve(out, 4096, err) != SNAP_OK)
		return err->code;
	bytes_put_str(out, s->key);
	bytes_put_str(out, "\n");
	return SNAP_OK;
}

/* ---- the way in */

static json_t *
post(const char *what, const char *body)
{
	struct transport_opts opts = { .setting = setting };
	struct b2_store plain = { .ca_file = getenv("B2_CA_FILE") };
	struct snap_err err = SNAP_ERR_INIT;
	struct http_request q = { .method = "POST" };
	struct http_reply r;
	struct http *h = NULL;
	char url[300];
	json_t *o;

	opts.arg = &plain;
	(void)snprintf(
	    url, sizeof url, "%s/sim/%s", must_getenv("B2_REALM"), what);
	q.url = url;
	q.body = span_str(body);
	if (http_open(&opts, "b2", &h, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	http_reply_init(&r, 1 << 16);
	if (http_do(h, &q, &r, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	o = json_loadb((const char *)r.body.p, r.body.len, 0, NULL);
	if (r.status != 200 || o == NULL)
		fail_msg("%s %s: status %d", what, body, r.status);
	http_reply_fini(&r);
	http_close(h);
	return o;
}

static char *
quoted(const char *json, va_list ap)
{
	char *s = malloc(1000);

	assert_non_null(s);
	(void)vsnprintf(s, 1000, json, ap);
	for (char *p = s; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return s;
}

long
b2_sim(const char *field, const char *what, const char *json, ...)
{
	va_list ap;
	char *body;
	json_t *o;
	long n = 0;

	va_start(ap, json);
	body = quoted(json, ap);
	va_end(ap);
	o = post(what, body);
	if (field != NULL)
		n = (long)json_integer_value(json_object_get(o, field));
	json_decref(o);
	free(body);
	return n;
}

void
b2_sim_key(char **id, char **key, const char *json, ...)
{
	va_list ap;
	char *body;
	json_t *o;

	va_start(ap, json);
	body = quoted(json, ap);
	va_end(ap);
	o = post("key", body);
	*id = strdup(json_string_value(json_object_get(o, "id")));
	*key = strdup(json_string_value(json_object_get(o, "key")));
	json_decref(o);
	free(body);
}

long
b2_sim_calls(const char *op)
{
	json_t *o = post("stats", "{}");
	long n = (long)json_integer_value(
	    json_object_get(json_object_get(o, "calls"), op));

	json_decref(o);
	return n;
}

long
b2_sim_versions(const struct b2_store *s, const char *name)
{
	return b2_sim("n", "versions", "{'bucket': '%s', 'name': '%s%s%s'}",
	    s->bucket, s->path, s->path[0] != '\0' ? "/" : "", name);
}

/* ---- stores */

struct b2_store *
b2_store_new(const char *path)
{
	static unsigned n;
	struct b2_store *s = calloc(1, sizeof *s);

	assert_non_null(s);
	(void)snprintf(s->bucket, sizeof s->bucket, "snap-test-%ld-%u",
	    (long)getpid(), n++);
	s->path = path;
	s->realm = must_getenv("B2_REALM");
	s->key_id = must_getenv("B2_KEY_ID");
	s->key = must_getenv("B2_KEY");
	s->ca_file = getenv("B2_CA_FILE");
	s->create = true;
	atomic_init(&s->cancel, 0);
	s->report.cancel = &s->cancel;
	(void)b2_sim(NULL, "bucket", "{'name': '%s'}", s->bucket);
	return s;
}

void
b2_store_free(struct b2_store *s)
{
	(void)b2_sim(NULL, "clear", "{}");
	(void)b2_sim(NULL, "drop", "{'name': '%s'}", s->bucket);
	free(s);
}

enum snap_code
b2_store_open(struct b2_store *s, struct transport **out, struct snap_err *err)
{
	char url[300];

	s->opts = (struct transport_opts){
		.create = s->create,
		.arg = s,
		.setting = setting,
		.variable = variable,
		.secret = secret,
		.report = &s->report,
	};
	(void)snprintf(url, sizeof url, "b2://%s/%s", s->bucket, s->path);
	return transport_open(url, &s->opts, out, err);
}

struct transport *
b2_store_must_open(struct b2_store *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	if (b2_store_open(s, &t, &err) != SNAP_OK)
		fail_msg("%s (%s) %s", err.msg, err.detail, err.hint);
	return t;
}

int
b2_setup(void **state)
{
	struct b2_fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->s = b2_store_new("p");
	f->t = b2_store_must_open(f->s);
	*state = f;
	return 0;
}

int
b2_teardown(void **state)
{
	struct b2_fixture *f = *state;

	transport_close(f->t);
	transport_close(f->fresh);
	b2_store_free(f->s);
	free(f);
	return 0;
}

void
b2_must_put(struct transport *t, const char *name, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;

	if (transport_put(t, name, span_str(text), NULL, &err) != SNAP_OK)
		fail_msg("%s (%s)", err.msg, err.detail);
}
