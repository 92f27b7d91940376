/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_s3_trouble.c - what goes wrong with S3 ends in the right code and in
 * words that help, and never in a wrong object.
 *
 * test_s3.sh starts a gateway with the users test (two keys) and writer (no
 * rights of its own), and a proxy before it that fails as it is told.
 * test_s3_trouble SOURCE_DIR
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdio.h"
#include "s3_hands.h"
#include "s3_internal.h"

/* ---- opening */

static void
wrong_keys_are_told_apart(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_var("AWS_SECRET_ACCESS_KEY", SECRET);
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(
	    &err, "does not belong to its access key", "AWS_SECRET_ACCESS_KEY");
	env_var("AWS_ACCESS_KEY_ID", "AKIANOBODY");
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(&err, "does not know the access key", "AWS_ACCESS_KEY_ID");
	assert_non_null(strstr(err.msg, "the environment"));
	env_var("AWS_SESSION_TOKEN", SECRET);
	assert_int_not_equal(try_open(URL, &t, &err), SNAP_OK);
}

static void
a_missing_bucket_is_not_made_unasked(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_set("s3.create-bucket", NULL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    try_open("s3://snap-nowhere/a", &t, &err), SNAP_NOREPO);
		assert_says(
		    &err, "no bucket snap-nowhere", "s3 mb s3://snap-nowhere");
	}
}

static void
an_untrusted_certificate_is_refused(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_set("s3.endpoint", getenv("RGW_TLS_URL"));
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(&err, "certificate of 127.0.0.1", "s3.ca-file=FILE");
	env_set("s3.ca-file", "/dev/null");
	assert_int_equal(try_open(URL, &t, &err), SNAP_USAGE);
	env_set("s3.ca-file", getenv("RGW_CA"));
	transport_close(open_store(URL));
}

static void
clear_text_stays_on_this_machine(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_set("s3.endpoint", "http://s3.example.invalid");
	assert_int_equal(try_open(URL, &t, &err), SNAP_USAGE);
	assert_says(&err, "without encryption", "s3.insecure=yes");
}

/* ---- settings of a put */

static void
a_storage_class_is_for_large_objects(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t *p = calloc(1, 131072);

	(void)state;
	assert_non_null(p);
	env_set("s3.storage-class", "NO_SUCH_CLASS");
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "class/a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "class/b", span_of(p, 131072), NULL, &err),
	    SNAP_USAGE);
	assert_says(&err, "refuses", "s3.storage-class");
	transport_close(t);
	env_set("s3.storage-class", "STANDARD_IA");
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "class/c", span_of(p, 131072), NULL, &err),
	    SNAP_OK);
	transport_close(t);
	free(p);
}

static void
object_lock_keeps_what_was_put(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	struct bytes b;

	(void)state;
	env_set("s3.object-lock-mode", "governance");
	env_set("s3.object-lock-days", "30");
	t = open_store("s3://snap-locked/repo");
	assert_int_equal(
	    transport_put(t, "data/1", span_str("x"), NULL, &err), SNAP_OK);
	bytes_init(&b, 10000);
	ask_bucket(t, "GET", "retention", "repo/data/1", span_str(""), &b);
	bytes_u8(&b, 0);
	assert_non_null(strstr((const char *)b.p, "GOVERNANCE"));
	bytes_fini(&b);
	/* The name is free, the bytes are not gone: that is the bucket's. */
	assert_int_equal(transport_delete(t, "data/1", &err), SNAP_OK);
	transport_close(t);
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "data/1", span_str("x"), NULL, &err), SNAP_USAGE);
	assert_says(&err, "refuses", "made with object lock");
	transport_close(t);
}

static void
without_if_none_match_nothing_is_replaced_either(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;

	(void)state;
	env_set("s3.if-none-match", "no");
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("old"), &st, &err), SNAP_OK);
	assert_true(st.time_ns > 0);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("new"), NULL, &err),
	    SNAP_EXISTS);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("older"), NULL, &err),
	    SNAP_EXISTS);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("old"), &st, &err), SNAP_OK);
	assert_holds(t, "plain/a", "old");
	transport_close(t);
}

static void
the_first_put_finds_out_about_if_none_match(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = open_behind("s3://snap-trouble/probe");

	(void)state;
	assert_int_equal(((struct s3 *)t)->exclusive, S3_EXCLUSIVE_YES);
	assert_true(seen("PUT /snap-trouble/probe/.snap-probe") <= 2);
	transport_close(t);
	tell_proxy("/__fault",
	    "{\"method\":\"PUT\",\"path\":\"snap-probe\",\"status\":501,"
	    "\"code\":\"NotImplemented\"}");
	t = open_store("s3://snap-trouble/probe2");
	assert_int_equal(
	    transport_put(t, "a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(((struct s3 *)t)->exclusive, S3_EXCLUSIVE_NO);
	assert_int_equal(
	    transport_put(t, "a", span_str("y"), NULL, &err), SNAP_EXISTS);
	transport_close(t);
}

/* ---- faults on the way */

static void
a_busy_service_is_asked_again_later(void **state)
{
	static const struct {
		int status;
		const char *code;
	} busy[] = { { 503, "SlowDown" }, { 500, "InternalError" },
		{ 429, "TooManyRequests" }, { 408, "RequestTimeout" },
		{ 400, "RequestTimeout" }, { 502, "X" }, { 504, "X" } };
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	char rule[200];

	(void)state;
	for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
		(void)snprintf(rule, sizeof rule,
		    "{\"status\":%d,\"code\":\"%s\",\"retry_after\":7}",
		    busy[i].status, busy[i].code);
		tell_proxy("/__fault", rule);
		assert_int_equal(
		    transport_put(t, "busy", span_str("x"), NULL, &err),
		    SNAP_TRANSIENT);
		assert_int_equal(err.retry_after_s, 7);
		assert_int_equal(
		    transport_stat(t, "busy", &st, &err), SNAP_NOTFOUND);
	}
	/* Also where there is no body to tell. */
	tell_proxy("/__fault", "{\"method\":\"HEAD\",\"status\":503}");
	assert_int_equal(transport_stat(t, "busy", &st, &err), SNAP_TRANSIENT);
	tell_proxy("/__fault", "{\"error_in_200\":true}");
	assert_int_equal(transport_put(t, "busy", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	tell_proxy("/__fault", "{\"error_in_200\":true}");
	assert_int_equal(
	    transport_list(t, "", NULL, NULL, &err), SNAP_TRANSIENT);
	transport_close(t);
}

static void
a_put_whose_answer_was_lost_succeeds_again(void **state)
{
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;

	(void)state;
	tell_proxy("/__fault", "{\"method\":\"PUT\",\"lose_reply\":true}");
	rc = transport_put(t, "lost/1", span_str("x"), NULL, &err);
	/* libcurl may have asked again over another connection. */
	assert_true(rc == SNAP_TRANSIENT || rc == SNAP_OK);
	assert_int_equal(seen("PUT /snap-trouble/repo/lost/1"),
	    rc == SNAP_TRANSIENT ? 1 : 2);
	assert_holds(t, "lost/1", "x");
	assert_int_equal(
	    transport_put(t, "lost/1", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "lost/1", span_str("y"), NULL, &err), SNAP_EXISTS);
	/* A conflict that leaves nothing behind is none of ours. */
	tell_proxy("/__fault", "{\"method\":\"PUT\",\"status\":409,"
			       "\"code\":\"ConditionalRequestConflict\"}");
	assert_int_equal(transport_put(t, "lost/2", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	transport_close(t);
}

static void
what_breaks_on_the_way_is_transient(void **state)
{
	static const char *const faults[] = {
		"{\"method\":\"GET\",\"truncate\":3}",
		"{\"method\":\"GET\",\"reset\":true}",
		"{\"method\":\"GET\",\"hang\":true}",
	};
	struct transport *t;
	struct snap_err err = SNAP_ERR_INIT;
	time_t begin = time(NULL);
	struct bytes b;

	(void)state;
	env_set("s3.stall-timeout", "1");
	t = open_behind(URL);
	assert_int_equal(
	    transport_put(t, "broken", span_str("0123456789"), NULL, &err),
	    SNAP_OK);
	bytes_init(&b, 100);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		tell_proxy("/__fault", faults[i]);
		assert_int_equal(
		    transport_get(t, "broken", 0, SIZE_MAX, &b, &err),
		    SNAP_TRANSIENT);
		assert_int_equal(b.len, 0);
	}
	assert_true(time(NULL) - begin < 60);
	assert_holds(t, "broken", "0123456789");
	bytes_fini(&b);
	transport_close(t);
	env_set("s3.endpoint", "http://127.0.0.1:1");
	assert_int_equal(try_open(URL, &t, &err), SNAP_TRANSIENT);
	assert_says(&err, "cannot connect to 127.0.0.1", "");
}

static void
a_date_that_lags_does_not_make_a_put_look_early(void **state)
{
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat put, seen_st;
	int64_t now;

	(void)state;
	tell_proxy("/__fault",
	    "{\"method\":\"PUT\",\"date\":\"Sat, 01 Feb 2020 00:00:00 GMT\"}");
	assert_int_equal(
	    transport_put(t, "late", span_str("x"), &put, &err), SNAP_OK);
	assert_int_equal(transport_stat(t, "late", &seen_st, &err), SNAP_OK);
	assert_true(put.time_ns >= seen_st.time_ns);
	tell_proxy("/__fault",
	    "{\"method\":\"HEAD\",\"date\":\"Sat, 01 Feb 2020 00:00:00 GMT\"}");
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_true(now >= put.time_ns);
	transport_close(t);
}

static void
the_user_need_not_wait_for_a_silent_service(void **state)
{
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	(void)state;
	env_cancel();
	tell_proxy("/__clear", "");
	tell_proxy("/__fault", "{\"hang\":true}");
	assert_int_equal(transport_stat(t, "x", &st, &err), SNAP_CANCELLED);
	transport_close(t);
}

static int
tests(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest all[] = {
		T(wrong_keys_are_told_apart),
		T(a_missing_bucket_is_not_made_unasked),
		T(an_untrusted_certificate_is_refused),
		T(clear_text_stays_on_this_machine),
		T(a_storage_class_is_for_large_objects),
		T(object_lock_keeps_what_was_put),
		T(without_if_none_match_nothing_is_replaced_either),
		T(the_first_put_finds_out_about_if_none_match),
		T(a_busy_service_is_asked_again_later),
		T(a_put_whose_answer_was_lost_succeeds_again),
		T(what_breaks_on_the_way_is_transient),
		T(a_date_that_lags_does_not_make_a_put_look_early),
		T(the_user_need_not_wait_for_a_silent_service),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return hands_run(argc, argv, tests);
}
