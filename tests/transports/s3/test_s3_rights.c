/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_s3_rights.c - keys that others hand out and that run out, and the
 * policies of the manual, which allow what they say and no more.
 *
 * Started by test_s3.sh, as test_s3_trouble: test_s3_rights SOURCE_DIR
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdio.h"
#include "s3_hands.h"

/* ---- keys that change */

static void
keys_come_from_services_and_are_renewed(void **state)
{
	char url[100], token[] = "test-token-XXXXXX";
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	int fd = mkstemp(token);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "web+token/=\n", 12), 0);
	assert_int_equal(close(fd), 0);
	env_var("AWS_ACCESS_KEY_ID", NULL);
	env_var("AWS_SECRET_ACCESS_KEY", NULL);
	env_set("s3.endpoint", proxy);
	tell_proxy("/__clear", "");
	/* A container's service, with its token. */
	(void)snprintf(url, sizeof url, "%s/__creds", proxy);
	env_var("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	env_var("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token");
	t = open_store(URL);
	/* Refused as expired in mid-work: others are fetched, once. */
	tell_proxy("/__fault",
	    "{\"method\":\"PUT\",\"status\":400,\"count\":9,"
	    "\"code\":\"ExpiredToken\",\"key\":\"testkey\"}");
	assert_int_equal(
	    transport_put(t, "renew/1", span_str("x"), NULL, &err), SNAP_OK);
	/* A HEAD cannot say so: it is asked again in another way. */
	tell_proxy("/__fault", "{\"method\":\"HEAD\",\"status\":400}");
	assert_int_equal(transport_stat(t, "renew/1", &st, &err), SNAP_OK);
	tell_proxy("/__fault", "{\"status\":400,\"code\":\"ExpiredToken\","
			       "\"path\":\"renew\",\"count\":9}");
	assert_int_equal(transport_put(t, "renew/2", span_str("x"), NULL, &err),
	    SNAP_DENIED);
	assert_says(&err, "expired", "");
	transport_close(t);
	env_var("AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL);
	/* Web identity at STS. */
	tell_proxy("/__clear", "");
	(void)snprintf(url, sizeof url, "%s/__sts", proxy);
	env_var("AWS_ENDPOINT_URL_STS", url);
	env_var("AWS_WEB_IDENTITY_TOKEN_FILE", token);
	env_var("AWS_ROLE_ARN", "arn:aws:iam::1:role/y");
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(&err, "STS", "trusts the identity");
	env_var("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
	transport_close(open_store(URL));
	env_var("AWS_ROLE_ARN", NULL);
	/* An instance's metadata, about to run out each time. */
	env_var("AWS_EC2_METADATA_DISABLED", NULL);
	env_var("AWS_EC2_METADATA_SERVICE_ENDPOINT", proxy);
	tell_proxy("/__clear", "");
	tell_proxy("/__valid/60", "");
	t = open_store(URL);
	assert_int_equal(transport_stat(t, "none", &st, &err), SNAP_NOTFOUND);
	transport_close(t);
	assert_int_equal(unlink(token), 0);
}

/* ---- rights */

/* The policy `name` of the manual for the user writer, as a bucket's. */
static void
set_policy(struct transport *owner, const char *name)
{
	static const struct {
		const char *from, *to;
	} swap[] = { { "BUCKET", "snap-trouble" }, { "PATH", "roles" },
		{ "\"Effect\": \"Allow\",",
		    "\"Effect\": \"Allow\", \"Principal\": {\"AWS\": "
		    "[\"arn:aws:iam:::user/writer\"]}," } };
	struct snap_err err = SNAP_ERR_INIT;
	char path[4096], mark[64];
	struct bytes manual, policy;
	const char *p, *end;

	(void)snprintf(path, sizeof path, "%s/docs/transports.md", source_dir);
	(void)snprintf(mark, sizeof mark, "<!-- policy: %s -->", name);
	bytes_init(&manual, 1u << 20);
	bytes_init(&policy, 1u << 16);
	assert_int_equal(fd_slurp(path, 1u << 20, &manual, &err), SNAP_OK);
	bytes_u8(&manual, 0);
	p = strstr((const char *)manual.p, mark);
	assert_non_null(p);
	p = strstr(p, "```json\n") + strlen("```json\n");
	end = strstr(p, "```");
	while (p < end) {
		size_t i;

		for (i = 0; i < 3; i++)
			if (strncmp(p, swap[i].from, strlen(swap[i].from)) == 0)
				break;
		if (i < 3) {
			bytes_put_str(&policy, swap[i].to);
			p += strlen(swap[i].from);
		} else
			bytes_u8(&policy, (uint8_t)*p++);
	}
	ask_bucket(owner, "PUT", "policy", NULL, bytes_span(&policy), NULL);
	bytes_fini(&manual);
	bytes_fini(&policy);
}

static struct transport *
open_as_writer(struct transport *owner, const char *policy)
{
	set_policy(owner, policy);
	env_var("AWS_ACCESS_KEY_ID", "writerkey");
	env_var("AWS_SECRET_ACCESS_KEY", "writersecret");
	return open_store("s3://snap-trouble/roles");
}

static void
the_manuals_policies_do_what_they_say(void **state)
{
	static const char *const stored[] = { "config", "keys/1", "data/ab/1",
		"meta/ab/1", "index/1", "snapshots/1", "condemned/1",
		"notes/1", "runs/1" };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *owner, *t;
	struct transport_stat st;
	struct bytes b;
	int64_t now;

	(void)state;
	owner = open_store("s3://snap-trouble/roles");
	for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++)
		assert_int_equal(
		    transport_put(owner, stored[i], span_str("x"), NULL, &err),
		    SNAP_OK);
	bytes_init(&b, 100);

	t = open_as_writer(owner, "write-only");
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "data/ab/2", span_str("y"), NULL, &err), SNAP_OK);
	/* Ceph lets who put an object read it, as AWS's older buckets do: the
	 * rest is about the owner's. */
	assert_int_equal(
	    transport_get(t, "data/ab/1", 0, SIZE_MAX, &b, &err), SNAP_DENIED);
	assert_says(&err, "may not s3:GetObject", "s3:GetObject");
	assert_says(&err, "", "on arn:aws:s3:::snap-trouble/roles/");
	assert_int_equal(
	    transport_stat(t, "data/ab/1", &st, &err), SNAP_DENIED);
	/* As after a lost answer: known by its MD5, without reading. */
	assert_int_equal(
	    transport_put(t, "data/ab/1", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "data/ab/1", span_str("z"), NULL, &err),
	    SNAP_EXISTS);
	assert_holds(t, "meta/ab/1", "x");
	assert_int_equal(transport_delete(t, "meta/ab/1", &err), SNAP_DENIED);
	assert_says(&err, "may not s3:DeleteObject", "s3:DeleteObject");
	assert_int_equal(
	    transport_put(t, "runs/2", span_str("y"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "notes/2", span_str("y"), NULL, &err),
	    SNAP_DENIED);
	assert_int_equal(
	    transport_put(t, "keys/2", span_str("y"), NULL, &err), SNAP_DENIED);
	assert_says(&err, "may not s3:PutObject", "s3:PutObject");
	transport_close(t);

	t = open_as_writer(owner, "prune");
	assert_holds(t, "data/ab/1", "x");
	assert_int_equal(transport_delete(t, "data/ab/1", &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "condemned/2", span_str("y"), NULL, &err),
	    SNAP_OK);
	assert_int_equal(transport_delete(t, "keys/1", &err), SNAP_DENIED);
	assert_int_equal(transport_delete(t, "config", &err), SNAP_DENIED);
	transport_close(t);

	t = open_as_writer(owner, "full");
	assert_int_equal(transport_delete(t, "keys/1", &err), SNAP_OK);
	assert_int_equal(transport_delete(t, "config", &err), SNAP_OK);
	transport_close(t);

	/* Without any: even looking is refused, and says what is missing. */
	env_var("AWS_ACCESS_KEY_ID", NULL);
	env_var("AWS_SECRET_ACCESS_KEY", NULL);
	ask_bucket(owner, "DELETE", "policy", NULL, span_str(""), NULL);
	env_var("AWS_ACCESS_KEY_ID", "writerkey");
	env_var("AWS_SECRET_ACCESS_KEY", "writersecret");
	assert_int_equal(
	    try_open("s3://snap-trouble/roles", &t, &err), SNAP_DENIED);
	assert_says(&err, "may not s3:ListBucket", "s3:ListBucket");
	bytes_fini(&b);
	transport_close(owner);
}

static int
tests(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest all[] = {
		T(keys_come_from_services_and_are_renewed),
		T(the_manuals_policies_do_what_they_say),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return hands_run(argc, argv, tests);
}
