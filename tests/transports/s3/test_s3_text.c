/* SPDX-License-Identifier: PostgreSQL */
/* test_s3_text.c - what S3, STS and files of the user say, well or badly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "creds_internal.h"
#include "grown.h"
#include "profile.h"
#include "s3_internal.h"
#include "xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define LIST HEAD "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/\">"
#define END "</ListBucketResult>"
#define ENTRY(key)                                                             \
	"<Contents><Key>" key "</Key><LastModified>2026-11-21T19:31:34.567Z"   \
	"</LastModified><ETag>&quot;0123&quot;</ETag><Size>42</Size>"          \
	"<StorageClass>STANDARD</StorageClass></Contents>"

static enum snap_code
read_page(const char *xml, const char *prefix, struct s3_page *page)
{
	struct snap_err err = SNAP_ERR_INIT;

	memset(page, 0, sizeof *page);
	return s3_page_read(span_str(xml), prefix, page, &err);
}

static void
a_page_gives_our_names_and_where_it_goes_on(void **state)
{
	static const char two[] = LIST "<IsTruncated>true</IsTruncated>" ENTRY(
	    "a%2Fb/data/1") ENTRY("a/bc/2")
	    ENTRY(
		"a/b/%ZZ") "<NextContinuationToken>t/=+</NextContinuationToken>" END;
	struct s3_page p;

	(void)state;
	assert_int_equal(read_page(two, "a/b/", &p), SNAP_OK);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.entry[0].name, "data/1");
	assert_string_equal(p.entry[0].etag, "0123");
	assert_int_equal(p.entry[0].st.size, 42);
	/* The last nanosecond of its second. */
	assert_true(p.entry[0].st.time_ns == 1795289494999999999);
	assert_string_equal(
	    p.entry[1].name, "%ZZ"); /* no name: dropped later */
	assert_string_equal(p.token, "t/=+");
	s3_page_fini(&p);
	/* A token that nobody needs is no reason to go on. */
	assert_int_equal(
	    read_page(LIST
		"<IsTruncated>false</IsTruncated>"
		"<NextContinuationToken>x</NextContinuationToken>" END,
		"", &p),
	    SNAP_OK);
	assert_null(p.token);
	assert_int_equal(p.n, 0);
	s3_page_fini(&p);
}

static void
a_page_that_is_damaged_is_no_page(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		HEAD,
		LIST,
		HEAD "<Error><Code>SlowDown</Code></Error>",
		LIST "<IsTruncated>true</IsTruncated>" END,
		LIST "<Contents><Key>a</Key><Size>1</Size></Contents>" END,
		LIST "<Contents><Key>a</Key><Size>-1</Size><LastModified>"
		     "2026-11-21T19:31:34Z</LastModified></Contents>" END,
		LIST "<Contents><Key>a</Key><Size>99999999999999999999999"
		     "</Size></Contents>" END,
		LIST "<Contents><Key>a</Key><Size>1</Size><LastModified>today"
		     "</LastModified></Contents>" END,
		HEAD "<!DOCTYPE x><ListBucketResult></ListBucketResult>",
		HEAD "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult>"
		     "<Contents><Key>&a;</Key></Contents>" END,
	};
	struct s3_page p;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(read_page(bad[i], "", &p), SNAP_CORRUPT);
		assert_null(p.entry);
	}
}

static enum snap_code
count_element(void *arg, const char *parent, const char *name, const char *text,
    struct snap_err *err)
{
	(void)parent;
	(void)name;
	(void)text;
	(void)err;
	++*(unsigned *)arg;
	return SNAP_OK;
}

static void
xml_is_bounded_in_depth_and_length(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;
	unsigned n = 0;

	(void)state;
	bytes_init(&b, 100000);
	for (unsigned i = 0; i < XML_DEPTH_MAX + 1; i++)
		bytes_put_str(&b, "<a>");
	for (unsigned i = 0; i < XML_DEPTH_MAX + 1; i++)
		bytes_put_str(&b, "</a>");
	assert_int_equal(
	    xml_walk(bytes_span(&b), count_element, &n, &err), SNAP_CORRUPT);
	assert_int_equal(
	    xml_walk(span_of(b.p + 3, b.len - 7), count_element, &n, &err),
	    SNAP_OK);
	assert_int_equal(n, XML_DEPTH_MAX);
	bytes_clear(&b);
	bytes_put_str(&b, "<a>");
	for (unsigned i = 0; i < XML_TEXT_MAX + 1; i++)
		bytes_u8(&b, 'x');
	bytes_put_str(&b, "</a>");
	assert_int_equal(
	    xml_walk(bytes_span(&b), count_element, &n, &err), SNAP_CORRUPT);
	bytes_fini(&b);
}

static void
put_many(struct bytes *b, const char *unit, size_t len)
{
	for (unsigned n = 0; b->len + strlen(unit) + 20 < len; n++) {
		bytes_put_str(b, unit);
		bytes_printf(b, "%u", n);
		bytes_put_str(b, "='1'");
	}
}

/* Entities of entities, a tag that is all attributes, text without end. */
static void
bombs_of_xml_take_little_memory(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	unsigned n = 0;
	struct bytes b;

	(void)state;
	bytes_init(&b, S3_REPLY_MAX);
	bytes_put_str(&b, "<!DOCTYPE a [<!ENTITY l0 'lol'>");
	for (unsigned i = 1; i < 40; i++) {
		bytes_printf(&b, "<!ENTITY l%u '", i);
		for (unsigned k = 0; k < 10; k++)
			bytes_printf(&b, "&l%u;", i - 1);
		bytes_put_str(&b, "'>");
	}
	bytes_put_str(&b, "]><a>&l39;</a>");
	grown_begin();
	assert_int_equal(
	    xml_walk(bytes_span(&b), count_element, &n, &err), SNAP_CORRUPT);
	bytes_clear(&b);
	bytes_put_str(&b, "<a");
	put_many(&b, " b", S3_REPLY_MAX);
	bytes_put_str(&b, "/>");
	assert_int_equal(
	    xml_walk(bytes_span(&b), count_element, &n, &err), SNAP_OK);
	assert_int_equal(n, 1);
	bytes_clear(&b);
	bytes_put_str(&b, "<a>");
	put_many(&b, "<b>", S3_REPLY_MAX);
	assert_int_equal(
	    xml_walk(bytes_span(&b), count_element, &n, &err), SNAP_CORRUPT);
	assert_in_range(grown_mib(), 0, 128);
	bytes_fini(&b);
}

static void
times_are_read_or_refused(void **state)
{
	static const char *const bad[] = { "", "2026-11-21",
		"2026-13-01T0:0:0Z", "2026-11-21T19:31:34",
		"2026-11-21T19:31:34+01:00", "2026-11-21T24:31:34Z",
		"2026-11-21T19:31:34.5Zx", "1969-12-31T23:59:59Z" };
	int64_t ns = 7;

	(void)state;
	assert_true(xml_time("1970-01-01T00:00:00Z", &ns));
	assert_true(ns == 0);
	assert_true(xml_time("2024-02-29T12:00:01.999Z", &ns));
	assert_true(ns == 1709208001000000000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(xml_time(bad[i], &ns));
}

/* ---- profiles */

static void
a_profile_is_read_from_both_files(void **state)
{
	static const char credentials[] = "# mine\r\n"
					  "[default]\n"
					  "aws_access_key_id=AKIADEFAULT\n"
					  "aws_secret_access_key = d=/+\n"
					  "[ work ]\n"
					  "aws_access_key_id\t= AKIAWORK\r\n"
					  "aws_secret_access_key = w\n";
	static const char config[] = "[default]\nregion = eu-west-1\n"
				     "[profile work]\n"
				     "region=eu-central-1\n"
				     "s3 =\n"
				     "  endpoint_url = http://nested/\n"
				     "endpoint_url = https://s3.example.org\n"
				     "aws_secret_access_key = other\n"
				     "[work]\nregion = none\n";
	struct snap_err err = SNAP_ERR_INIT;
	struct profile p = { 0 };

	(void)state;
	assert_int_equal(
	    profile_read(&p, "work", false, span_str(credentials), &err),
	    SNAP_OK);
	assert_int_equal(
	    profile_read(&p, "work", true, span_str(config), &err), SNAP_OK);
	assert_true(p.found);
	assert_string_equal(p.key_id, "AKIAWORK");
	assert_string_equal(p.secret, "w");
	assert_null(p.token);
	assert_string_equal(p.region, "eu-central-1");
	assert_string_equal(p.endpoint, "https://s3.example.org");
	profile_fini(&p);
	assert_int_equal(
	    profile_read(&p, "default", false, span_str(credentials), &err),
	    SNAP_OK);
	assert_string_equal(p.secret, "d=/+");
	profile_fini(&p);
	assert_int_equal(
	    profile_read(&p, "wor", false, span_str(credentials), &err),
	    SNAP_OK);
	assert_false(p.found);
	profile_fini(&p);
}

static void
a_long_token_stays_whole(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct profile p = { 0 };
	struct bytes b;

	(void)state;
	bytes_init(&b, 100000);
	bytes_put_str(&b, "[default]\naws_session_token = ");
	for (unsigned i = 0; i < 3000; i++)
		bytes_u8(&b, 'T');
	bytes_put_str(&b, "\nregion = r\n");
	assert_int_equal(
	    profile_read(&p, "default", false, bytes_span(&b), &err), SNAP_OK);
	assert_int_equal(strlen(p.token), 3000);
	assert_string_equal(p.region, "r");
	profile_fini(&p);
	bytes_clear(&b);
	bytes_put_str(&b, "[default]\naws_session_token = ");
	for (unsigned i = 0; i < PROFILE_VALUE_MAX + 1; i++)
		bytes_u8(&b, 'T');
	assert_int_equal(
	    profile_read(&p, "default", false, bytes_span(&b), &err),
	    SNAP_CORRUPT);
	assert_null(strstr(err.msg, "TTT")); /* a secret it may be */
	profile_fini(&p);
	bytes_fini(&b);
}

static void
a_line_that_is_no_setting_is_named_by_its_number(void **state)
{
	static const char *const bad[] = { "[default]\nsecret\n",
		"[default]\n[other\n" };
	struct snap_err err = SNAP_ERR_INIT;
	struct profile p = { 0 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
		    profile_read(&p, "default", false, span_str(bad[i]), &err),
		    SNAP_CORRUPT);
		assert_non_null(strstr(err.msg, "line 2"));
		assert_null(strstr(err.msg, "secret"));
		profile_fini(&p);
	}
}

/* ---- answers with keys */

static void
keys_are_taken_from_xml_and_json(void **state)
{
	static const char xml[] =
	    "<AssumeRoleWithWebIdentityResponse xmlns=\"x\">"
	    "<AssumeRoleWithWebIdentityResult><Audience>a</Audience>"
	    "<Credentials><SessionToken>t==</SessionToken>"
	    "<SecretAccessKey>s/k</SecretAccessKey>"
	    "<Expiration>2026-11-21T20:00:00Z</Expiration>"
	    "<AccessKeyId>ASIA1</AccessKeyId></Credentials>"
	    "</AssumeRoleWithWebIdentityResult>"
	    "</AssumeRoleWithWebIdentityResponse>";
	static const char json[] =
	    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA2\","
	    "\"SecretAccessKey\":\"s2\",\"Token\":\"t2\","
	    "\"Expiration\":\"2026-11-21T20:00:00Z\"}";
	struct snap_err err = SNAP_ERR_INIT;
	struct creds_key k = { NULL, NULL, NULL, 0 };

	(void)state;
	assert_int_equal(creds_read_sts(span_str(xml), &k, &err), SNAP_OK);
	assert_string_equal(k.id, "ASIA1");
	assert_string_equal(k.secret, "s/k");
	assert_string_equal(k.token, "t==");
	assert_true(k.expires == 1795291200);
	creds_key_fini(&k);
	assert_int_equal(creds_read_json(span_str(json), &k, &err), SNAP_OK);
	assert_string_equal(k.id, "ASIA2");
	assert_string_equal(k.token, "t2");
	assert_true(k.expires == 1795291200);
	creds_key_fini(&k);
}

static void
keys_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", "{}", "[1]", "\"a\"",
		"{\"AccessKeyId\":1,\"SecretAccessKey\":2}",
		"{\"AccessKeyId\":\"a\"}",
		"{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"s\"}",
		("{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\","
		 "\"Token\":\"x\\r\\nEvil: 1\"}") };
	struct snap_err err = SNAP_ERR_INIT;
	struct creds_key k = { NULL, NULL, NULL, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(
		    creds_read_json(span_str(bad[i]), &k, &err), SNAP_CORRUPT);
		assert_null(k.id);
	}
	assert_int_equal(
	    creds_read_sts(span_str("<A><Credentials/></A>"), &k, &err),
	    SNAP_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_gives_our_names_and_where_it_goes_on),
		cmocka_unit_test(a_page_that_is_damaged_is_no_page),
		cmocka_unit_test(xml_is_bounded_in_depth_and_length),
		cmocka_unit_test(bombs_of_xml_take_little_memory),
		cmocka_unit_test(times_are_read_or_refused),
		cmocka_unit_test(a_profile_is_read_from_both_files),
		cmocka_unit_test(a_long_token_stays_whole),
		cmocka_unit_test(
		    a_line_that_is_no_setting_is_named_by_its_number),
		cmocka_unit_test(keys_are_taken_from_xml_and_json),
		cmocka_unit_test(keys_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
