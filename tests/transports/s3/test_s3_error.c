/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_s3_error.c - what an error of S3 means, also those that no gateway at
 * hand can be brought to give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "s3_env.h"
#include "s3_internal.h"

#define NOON 1795262400 /* 2026-11-21 12:00:00 UTC */
#define XML(code, more)                                                        \
	"<Error><Code>" code "</Code><Message>because</Message>" more "</Error>"

static struct s3 store;

static int
setup(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;

	(void)state;
	env_clear();
	env_var("AWS_ACCESS_KEY_ID", "AKIATEST");
	env_var("AWS_SECRET_ACCESS_KEY", "secret");
	env_var("AWS_REGION", "us-east-1");
	memset(&store, 0, sizeof store);
	assert_int_equal(
	    http_open(env_opts(0), "s3", &store.http, &err), SNAP_OK);
	assert_int_equal(
	    creds_open(env_opts(0), NULL, store.http, &store.creds, &err),
	    SNAP_OK);
	assert_int_equal(s3_config_read(&store.conf, "s3://bucket/path",
			     env_opts(0), store.creds, &err),
	    SNAP_OK);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	creds_close(store.creds);
	http_close(store.http);
	s3_config_fini(&store.conf);
	return 0;
}

static enum snap_code
map(int status, const char *body, const char *header, const char *key,
    struct snap_err *err)
{
	const struct s3_call call = {
		.method = "PUT", .key = key, .action = "s3:PutObject"
	};
	struct http_reply r;
	enum snap_code rc;

	http_reply_init(&r, 10000);
	r.status = status;
	bytes_put_str(&r.body, body);
	if (header != NULL)
		bytes_put(&r.headers, header, strlen(header) + 1);
	r.date_ns = (int64_t)NOON * 1000000000;
	r.retry_after_s = 9;
	rc = s3_error_map(&store, &call, &r, NOON - 1000, err);
	http_reply_fini(&r);
	return rc;
}

static void
each_error_has_its_code_and_its_words(void **state)
{
	static const struct {
		int status;
		const char *body, *header;
		enum snap_code rc;
		const char *msg, *hint;
	} cases[] = {
		{ 403, XML("AccessDenied", ""), NULL, SNAP_DENIED,
		    "the environment may not s3:PutObject in bucket bucket",
		    "Allow the action s3:PutObject on arn:aws:s3:::bucket/path/"
		    "*" },
		{ 403, "", NULL, SNAP_DENIED, "may not s3:PutObject", "Allow" },
		{ 403, XML("RequestTimeTooSkewed", ""), NULL, SNAP_IO,
		    "1000 seconds behind", "timedatectl" },
		{ 403, XML("InvalidAccessKeyId", ""), NULL, SNAP_DENIED,
		    "does not know the access key", "AWS_ACCESS_KEY_ID" },
		{ 403, XML("SignatureDoesNotMatch", ""), NULL, SNAP_DENIED,
		    "does not belong", "AWS_SECRET_ACCESS_KEY" },
		{ 400, XML("ExpiredToken", ""), NULL, SNAP_DENIED,
		    "expired or invalid", "AWS_SESSION_TOKEN" },
		{ 301, XML("PermanentRedirect", ""),
		    "x-amz-bucket-region: eu-west-3", SNAP_USAGE,
		    "is in region eu-west-3, and was asked for in us-east-1",
		    "-o s3.region=eu-west-3" },
		{ 400,
		    XML("AuthorizationHeaderMalformed",
			"<Region>eu-west-3</Region>"),
		    NULL, SNAP_USAGE, "is in region eu-west-3",
		    "-o s3.region=eu-west-3" },
		/* A HEAD has no body. */
		{ 400, "", "X-Amz-Bucket-Region: eu-west-3", SNAP_USAGE,
		    "is in region eu-west-3", "-o s3.region=eu-west-3" },
		{ 301, "", NULL, SNAP_USAGE, "another endpoint",
		    "s3.endpoint" },
		{ 404, XML("NoSuchBucket", ""), NULL, SNAP_NOREPO,
		    "no bucket bucket at s3.us-east-1.amazonaws.com",
		    "aws s3 mb s3://bucket --region us-east-1" },
		{ 404, XML("NoSuchKey", ""), NULL, SNAP_NOTFOUND, "", "" },
		{ 404, "", NULL, SNAP_NOTFOUND, "", "" },
		{ 503, XML("SlowDown", ""), NULL, SNAP_TRANSIENT, "SlowDown",
		    "" },
		{ 200, XML("InternalError", ""), NULL, SNAP_TRANSIENT,
		    "InternalError", "" },
		{ 503, "<html>", NULL, SNAP_TRANSIENT, "503", "" },
		{ 400, XML("BadDigest", ""), NULL, SNAP_TRANSIENT, "", "" },
		{ 507, "", NULL, SNAP_IO, "full", "quota" },
		{ 403, XML("QuotaExceeded", ""), NULL, SNAP_IO, "full",
		    "quota" },
		{ 403, XML("InvalidObjectState", ""), NULL, SNAP_IO, "archived",
		    "storage class" },
		{ 501, XML("NotImplemented", ""), NULL, SNAP_UNSUPPORTED, "",
		    "" },
		{ 400, XML("Unheard&#10;Of", ""), NULL, SNAP_IO, "Unheard?Of",
		    "" },
		{ 418, "", NULL, SNAP_IO, "418", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct snap_err err = SNAP_ERR_INIT;
		enum snap_code rc = map(cases[i].status, cases[i].body,
		    cases[i].header, "path/x", &err);

		if (rc != cases[i].rc || err.code != rc ||
		    strstr(err.msg, cases[i].msg) == NULL ||
		    strstr(err.hint, cases[i].hint) == NULL)
			fail_msg("case %zu: %d \"%s\" (%s)", i, (int)rc,
			    err.msg, err.hint);
		assert_int_equal(
		    err.retry_after_s, rc == SNAP_TRANSIENT ? 9 : 0);
	}
}

static void
what_is_missing_of_a_bucket_is_the_bucket(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;

	(void)state;
	assert_int_equal(map(404, "", NULL, NULL, &err), SNAP_NOREPO);
	assert_int_equal(
	    map(403, XML("AccessDenied", ""), NULL, NULL, &err), SNAP_DENIED);
	assert_non_null(strstr(err.hint, "on arn:aws:s3:::bucket ("));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_error_has_its_code_and_its_words),
		T(what_is_missing_of_a_bucket_is_the_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
