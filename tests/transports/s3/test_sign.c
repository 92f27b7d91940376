/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sign.c - the signatures that AWS's documentation gives as examples,
 * of the S3 manual and of the general test suite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sign.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define S3_HOST "host: examplebucket.s3.amazonaws.com"
#define S3_DATE "x-amz-date: 20130524T000000Z"
#define S3_EMPTY "x-amz-content-sha256: " EMPTY

static const struct example {
	const char *method, *path;
	struct sign_param params[3];
	size_t n_params;
	const char *headers[6];
	size_t n_headers;
	const char *body; /* NULL: an empty one */
	const char *signature;
} s3_examples[] = {
	{ "GET", "/test.txt", { { NULL, NULL } }, 0,
	    { S3_HOST, "range: bytes=0-9", S3_EMPTY, S3_DATE }, 4, NULL,
	    "f0e8bdb87c964420e857bd35b5d6ed31"
	    "0bd44f0170aba48dd91039c6036bdb41" },
	{ "PUT", "/test%24file.text", { { NULL, NULL } }, 0,
	    { "date: Fri, 24 May 2013 00:00:00 GMT", S3_HOST,
		"x-amz-content-sha256: "
		"44ce7dd67c959e0d3524ffac1771dfbb"
		"a87d2b6b4b4e99e42034a8b803f8b072",
		S3_DATE, "x-amz-storage-class: REDUCED_REDUNDANCY" },
	    5, "Welcome to Amazon S3.",
	    "98ad721746da40c64f1a55b78f14c238"
	    "d841ea1380cd77a1b5971af0ece108bd" },
	{ "GET", "/", { { "lifecycle", "" } }, 1,
	    { S3_HOST, S3_EMPTY, S3_DATE }, 3, NULL,
	    "fea454ca298b7da1c68078a5d1bdbfbb"
	    "e0d65c699e0f91ac7a200a0136783543" },
	/* The query comes in the wrong order and is to be sorted. */
	{ "GET", "/", { { "prefix", "J" }, { "max-keys", "2" } }, 2,
	    { S3_HOST, S3_EMPTY, S3_DATE }, 3, NULL,
	    "34b48302e7b5fa45bde8084f4b7868a8"
	    "6f0a534bc59db6670ed5711ef69dc6f7" },
};

static void
assert_ends_with(const struct bytes *b, const char *end)
{
	size_t n = strlen(end);

	assert_true(b->len >= n);
	assert_memory_equal(b->p + b->len - n, end, n);
}

static void
the_examples_of_the_s3_manual_come_out(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof s3_examples / sizeof s3_examples[0];
	     i++) {
		const struct example *e = &s3_examples[i];
		char hash[SIGN_HASH_LEN];
		struct bytes query, out;

		bytes_init(&query, 1000);
		bytes_init(&out, 4000);
		assert_int_equal(
		    sign_query(&query, e->params, e->n_params, &err), SNAP_OK);
		bytes_u8(&query, 0);
		assert_int_equal(
		    sign_sha256(
			span_str(e->body != NULL ? e->body : ""), hash, &err),
		    SNAP_OK);
		struct sign_request r = { .method = e->method,
			.path = e->path,
			.query = (const char *)query.p,
			.headers = e->headers,
			.n_headers = e->n_headers,
			.payload_hash = hash,
			.date = "20130524T000000Z",
			.region = "us-east-1",
			.service = "s3",
			.key_id = "AKIAIOSFODNN7EXAMPLE",
			.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
		assert_int_equal(sign_make(&r, &out, &err), SNAP_OK);
		assert_ends_with(&out, e->signature);
		bytes_fini(&query);
		bytes_fini(&out);
	}
}

static const struct {
	const char *method;
	struct sign_param params[3];
	size_t n_params;
	const char *headers[4];
	size_t n_headers;
	const char *line; /* from SignedHeaders on */
} suite[] = {
	{ "GET", { { NULL, NULL } }, 0,
	    { "host: example.amazonaws.com", "x-amz-date: 20150830T123600Z" },
	    2,
	    "SignedHeaders=host;x-amz-date, Signature="
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "GET", { { "Param2", "value2" }, { "Param1", "value1" } }, 2,
	    { "host: example.amazonaws.com", "x-amz-date: 20150830T123600Z" },
	    2,
	    "SignedHeaders=host;x-amz-date, Signature="
	    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "POST", { { NULL, NULL } }, 0,
	    { "host: example.amazonaws.com", "x-amz-date: 20150830T123600Z" },
	    2,
	    "SignedHeaders=host;x-amz-date, Signature="
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	/* Blanks around and inside a value, and headers out of order. */
	{ "GET", { { NULL, NULL } }, 0,
	    { "my-header1:  value1", "my-header2: \"a   b   c\"  ",
		"x-amz-date: 20150830T123600Z", "host: example.amazonaws.com" },
	    4,
	    "SignedHeaders=host;my-header1;my-header2;x-amz-date, Signature="
	    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
};

static void
the_examples_of_the_test_suite_come_out(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof suite / sizeof suite[0]; i++) {
		struct bytes query, out;

		bytes_init(&query, 1000);
		bytes_init(&out, 4000);
		assert_int_equal(sign_query(&query, suite[i].params,
				     suite[i].n_params, &err),
		    SNAP_OK);
		bytes_u8(&query, 0);
		struct sign_request r = { .method = suite[i].method,
			.path = "/",
			.query = (const char *)query.p,
			.headers = suite[i].headers,
			.n_headers = suite[i].n_headers,
			.payload_hash = EMPTY,
			.date = "20150830T123600Z",
			.region = "us-east-1",
			.service = "service",
			.key_id = "AKIDEXAMPLE",
			.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
		assert_int_equal(sign_make(&r, &out, &err), SNAP_OK);
		assert_ends_with(&out, suite[i].line);
		bytes_fini(&query);
		bytes_fini(&out);
	}
}

static void
escaping_leaves_only_what_aws_leaves(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b, 1000);
	sign_escape(&b, span_str("aZ09-_.~/ +=&%?:\xc3\xa4"), true);
	bytes_u8(&b, 0);
	assert_string_equal(
	    (const char *)b.p, "aZ09-_.~/%20%2B%3D%26%25%3F%3A%C3%A4");
	bytes_clear(&b);
	sign_escape(&b, span_str("a/b"), false);
	bytes_u8(&b, 0);
	assert_string_equal((const char *)b.p, "a%2Fb");
	bytes_fini(&b);
}

static void
a_date_is_written_as_utc(void **state)
{
	char date[SIGN_DATE_LEN];

	(void)state;
	sign_date(1369353600, date);
	assert_string_equal(date, "20130524T000000Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_s3_manual_come_out),
		cmocka_unit_test(the_examples_of_the_test_suite_come_out),
		cmocka_unit_test(escaping_leaves_only_what_aws_leaves),
		cmocka_unit_test(a_date_is_written_as_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
