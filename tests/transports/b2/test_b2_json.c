/* SPDX-License-Identifier: PostgreSQL */
/* test_b2_json.c - no field of an answer is believed to be what it should. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the three above, and this: */
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b2_json.h"
#include "grown.h"

#define LISTING ((size_t)16 << 20) /* bytes, at most */

/* ' stands for ", which C makes hard to read. */
static struct span
json(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return span_str(text);
}

static void
what_a_key_may_do_is_read(void **state)
{
	char text[] =
	    "{'accountId': 'acc', 'authorizationToken': '4_t', 'apiInfo':"
	    " {'groupsApi': 7, 'storageApi': {'apiUrl': 'https://a/',"
	    " 'downloadUrl': 'https://d', 'bucketId': null, 'bucketName':"
	    " null, 'namePrefix': 'p/', 'capabilities': ['listFiles',"
	    " 'shareFiles', 'deleteFiles']}}}";
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_auth a;

	(void)state;
	assert_int_equal(b2_auth_decode(json(text), &a, &err), SNAP_OK);
	assert_string_equal(a.token, "4_t");
	assert_string_equal(a.api_url, "https://a");
	assert_string_equal(a.download_url, "https://d");
	assert_null(a.bucket_id);
	assert_string_equal(a.name_prefix, "p/");
	assert_int_equal(
	    a.capabilities, B2_CAN_LIST_FILES | B2_CAN_DELETE_FILES);
	b2_auth_fini(&a);
}

static void
an_authorisation_of_the_wrong_shape_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "7", "{", "{}",
		"{'accountId': 'a', 'authorizationToken': 't'}",
		"{'accountId': 'a', 'authorizationToken': 't', 'apiInfo': []}",
		"{'accountId': 'a', 'authorizationToken': 't', 'apiInfo':"
		" {'storageApi': {'apiUrl': 'u', 'downloadUrl': 'd'}}}",
		"{'accountId': 7, 'authorizationToken': 't', 'apiInfo':"
		" {'storageApi': {'apiUrl': 'u', 'downloadUrl': 'd',"
		" 'capabilities': []}}}",
		/* It goes into a header: no line may end in it. */
		"{'accountId': 'a', 'authorizationToken': 't\\r\\nX: y',"
		" 'apiInfo': {'storageApi': {'apiUrl': 'u', 'downloadUrl':"
		" 'd', 'capabilities': []}}}",
		"{'accountId': 'a', 'authorizationToken': 't', 'apiInfo':"
		" {'storageApi': {'apiUrl': 'u', 'downloadUrl': 'd',"
		" 'capabilities': [7]}}}",
		"{'accountId': 'a', 'accountId': 'b', 'authorizationToken':"
		" 't', 'apiInfo': {'storageApi': {'apiUrl': 'u',"
		" 'downloadUrl': 'd', 'capabilities': []}}}",
		"{'accountId': 'a', 'authorizationToken': 't', 'apiInfo':"
		" {'storageApi': {'apiUrl': 'u', 'downloadUrl': 'd',"
		" 'bucketId': ['x'], 'capabilities': []}}}" };
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_auth a = { 0 };
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, "%s", bad[i]);
		if (b2_auth_decode(json(text), &a, &err) != SNAP_CORRUPT)
			fail_msg("%s", bad[i]);
		assert_null(a.token);
		assert_non_null(strstr(err.msg, "not as documented"));
	}
}

#define SHA1 "da39a3ee5e6b4b0d3255bfef95601890afd80709"

static void
versions_are_told_apart(void **state)
{
	static const struct {
		const char *more; /* fields */
		bool is_object, is_unfinished, sha1_known;
	} cases[] = {
		{ "'action': 'upload', 'contentSha1': '" SHA1 "'", true, false,
		    true },
		{ "'action': 'copy', 'contentSha1': '" SHA1 "'", true, false,
		    true },
		{ "'action': 'upload', 'contentSha1': 'unverified:" SHA1 "'",
		    true, false, false },
		{ "'action': 'upload', 'contentSha1': 'none'", false, false,
		    true },
		{ "'action': 'upload', 'contentSha1': null", false, false,
		    false },
		{ "'action': 'upload', 'contentSha1': '" SHA1 "0'", false,
		    false, true },
		{ "'action': 'hide', 'contentSha1': '" SHA1 "'", false, false,
		    false },
		{ "'action': 'start', 'contentSha1': '" SHA1 "'", false, true,
		    false },
		{ "'action': 'something', 'contentSha1': '" SHA1 "'", false,
		    false, false },
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_page p;
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		(void)snprintf(text, sizeof text,
		    "{'files': [{'fileName': 'n', 'fileId': 'i',"
		    " 'uploadTimestamp': 1500, 'contentLength': 3, %s}],"
		    " 'nextFileName': 'o', 'nextFileId': null}",
		    cases[i].more);
		assert_int_equal(b2_page_decode(json(text), &p, &err), SNAP_OK);
		assert_int_equal(p.n, 1);
		assert_string_equal(p.next_name, "o");
		assert_null(p.next_id);
		assert_int_equal(p.versions[0].is_object, cases[i].is_object);
		assert_int_equal(
		    p.versions[0].is_unfinished, cases[i].is_unfinished);
		if (cases[i].is_object) {
			assert_int_equal(
			    p.versions[0].sha1_known, cases[i].sha1_known);
			assert_string_equal(p.versions[0].sha1, SHA1);
		}
		/* Not before it was there: the next full second. */
		assert_int_equal(p.versions[0].time_ns, 2000000000);
		b2_page_fini(&p);
	}
}

static void
a_listing_of_the_wrong_shape_is_refused(void **state)
{
	static const char *const bad[] = { "{}", "{'files': {}}",
		"{'files': [7]}", "{'files': [{}]}",
		"{'files': [{'fileName': '', 'fileId': 'i', 'action': 'hide',"
		" 'uploadTimestamp': 1}]}",
		"{'files': [{'fileName': 'n', 'fileId': 'i i', 'action':"
		" 'hide', 'uploadTimestamp': 1}]}",
		"{'files': [{'fileName': 'n', 'fileId': null, 'action':"
		" 'hide', 'uploadTimestamp': 1}]}",
		"{'files': [{'fileName': 'n', 'fileId': 'i', 'action':"
		" 'hide', 'uploadTimestamp': -1}]}",
		"{'files': [{'fileName': 'n', 'fileId': 'i', 'action':"
		" 'hide', 'uploadTimestamp': 1.5}]}",
		"{'files': [{'fileName': 'n', 'fileId': 'i', 'action':"
		" 'hide', 'uploadTimestamp': 9223372036854775807}]}",
		"{'files': [{'fileName': 'n', 'fileId': 'i', 'action':"
		" 'upload', 'uploadTimestamp': 1, 'contentLength': -1}]}",
		"{'files': [{'fileName': 'n', 'fileId': 'i', 'action':"
		" 'upload', 'uploadTimestamp': 1, 'contentLength': '1'}]}",
		"{'files': [], 'nextFileName': 7}",
		"{'files': [], 'nextFileName': 'n', 'nextFileId': 7}" };
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_page p = { NULL, NULL, 0, NULL, NULL };
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, "%s", bad[i]);
		if (b2_page_decode(json(text), &p, &err) != SNAP_CORRUPT)
			fail_msg("%s", bad[i]);
		assert_null(p.root);
	}
}

static void
rules_that_delete_are_found_where_they_reach(void **state)
{
	static const struct {
		const char *rule, *prefix;
		bool expires;
	} cases[] = {
		{ "", "p/", false },
		{ "{'fileNamePrefix': '', 'daysFromHidingToDeleting': 1}", "p/",
		    true },
		{ "{'fileNamePrefix': 'p/data/', 'daysFromHidingToDeleting':"
		  " 1}",
		    "p/", true },
		{ "{'fileNamePrefix': 'q', 'daysFromHidingToDeleting': 1}",
		    "p/", false },
		{ "{'fileNamePrefix': 'q', 'daysFromHidingToDeleting': 1}", "",
		    true },
		{ "{'fileNamePrefix': '', 'daysFromUploadingToHiding': 9}",
		    "p/", true },
		{ "{'fileNamePrefix': '', 'daysFromHidingToDeleting': null,"
		  " 'daysFromStartingToCancelingUnfinishedLargeFiles': 1}",
		    "p/", false },
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_bucket b;
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		(void)snprintf(text, sizeof text,
		    "{'buckets': [{'bucketName': 'other', 'bucketId': 'o'},"
		    " {'bucketName': 'mine', 'bucketId': 'm',"
		    " 'lifecycleRules': [%s]}]}",
		    cases[i].rule);
		assert_int_equal(b2_bucket_decode(json(text), "mine",
				     cases[i].prefix, &b, &err),
		    SNAP_OK);
		assert_string_equal(b.id, "m");
		assert_int_equal(b.expires, cases[i].expires);
		free(b.id);
	}
}

static void
an_error_page_of_any_kind_is_survived(void **state)
{
	char full[] = "{'status': 401, 'code': 'expired_auth_token',"
		      " 'message': 'bad\\u0007 \\u00e4'}";
	char odd[] = "{'code': 7, 'message': []}";
	struct b2_error e;

	(void)state;
	b2_error_decode(json(full), &e);
	assert_string_equal(e.code, "expired_auth_token");
	assert_string_equal(e.message, "bad? ??");
	b2_error_decode(json(odd), &e);
	assert_string_equal(e.code, "");
	assert_string_equal(e.message, "");
	b2_error_decode(span_str("<html>Bad Gateway</html>"), &e);
	assert_string_equal(e.code, "");
	b2_error_decode(span_of(NULL, 0), &e);
	assert_string_equal(e.message, "");
}

/* A listing's worth of `unit`, as deep as it goes. */
static void
is_refused(const char *unit)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_page page;
	struct bytes b;

	bytes_init(&b, LISTING);
	bytes_put_str(&b, "{\"files\":[");
	while (b.len + strlen(unit) < LISTING - 2)
		bytes_put_str(&b, unit);
	bytes_put_str(&b, "0]");
	bytes_u8(&b, '}');
	assert_false(b.bad);
	assert_int_equal(
	    b2_page_decode(bytes_span(&b), &page, &err), SNAP_CORRUPT);
	bytes_fini(&b);
}

static void
deep_and_crowded_json_takes_little_memory(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_page page;

	(void)state;
	grown_begin();
	is_refused("["); /* 16 million deep */
	is_refused("{\"a\":");
	is_refused("[],");
	is_refused("1,");
	is_refused("\"\\\"\",[],");
	assert_in_range(grown_mib(), 0, 2 * (LISTING >> 20));
	/* What stands in names does not count. */
	assert_int_equal(
	    b2_page_decode(span_str("{\"files\":[],\"nextFileName\":null,"
				    "\"nextFileId\":null,\"a\":\"[[[,,\\\"\"}"),
		&page, &err),
	    SNAP_OK);
	b2_page_fini(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_key_may_do_is_read),
		cmocka_unit_test(
		    an_authorisation_of_the_wrong_shape_is_refused),
		cmocka_unit_test(versions_are_told_apart),
		cmocka_unit_test(a_listing_of_the_wrong_shape_is_refused),
		cmocka_unit_test(rules_that_delete_are_found_where_they_reach),
		cmocka_unit_test(an_error_page_of_any_kind_is_survived),
		cmocka_unit_test(deep_and_crowded_json_takes_little_memory),
	};

	return cmocka_run_group_tests_name("b2 json", tests, NULL, NULL);
}
