/* SPDX-License-Identifier: PostgreSQL */
/* test_b2_faults.c - what goes wrong at B2, and what is told of it. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "b2_harness.h"

static enum snap_code
get(struct transport *t, const char *name, struct bytes *out,
    struct snap_err *err)
{
	bytes_clear(out);
	return transport_get(t, name, 0, SIZE_MAX, out, err);
}

static void
must_hold(struct transport *t, const char *name, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, 1000);
	if (get(t, name, &b, &err) != SNAP_OK)
		fail_msg("%s (%s)", err.msg, err.detail);
	assert_true(span_eq(bytes_span(&b), span_str(text)));
	bytes_fini(&b);
}

static void
a_revoked_upload_url_is_replaced_at_once(void **state)
{
	struct b2_fixture *f = *state;
	long n;

	b2_must_put(f->t, "a", "1");
	n = b2_sim_calls("b2_get_upload_url");
	b2_must_put(f->t, "b", "1"); /* with the same URL */
	assert_int_equal(b2_sim_calls("b2_get_upload_url"), n);
	(void)b2_sim(NULL, "kill_upload_urls", "{}");
	b2_must_put(f->t, "c", "1");
	assert_int_equal(b2_sim_calls("b2_get_upload_url"), n + 1);
	must_hold(f->t, "c", "1");
}

static void
an_upload_that_is_sent_elsewhere_goes_there(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	static const char busy[] =
	    "{'op': 'b2_upload_file', 'status': 503, 'kill_url': true,"
	    " 'code': 'service_unavailable', 'count': %d, 'retry_after': 7}";

	(void)b2_sim(NULL, "fault", busy, 1);
	b2_must_put(f->t, "a", "1");
	/* Twice in a row is for whoever waits and tries again. */
	(void)b2_sim(NULL, "fault", busy, 2);
	assert_int_equal(transport_put(f->t, "b", span_str("1"), NULL, &err),
	    SNAP_TRANSIENT);
	assert_int_equal(err.retry_after_s, 7);
	b2_must_put(f->t, "b", "1");
	must_hold(f->t, "b", "1");
	assert_int_equal(b2_sim_versions(f->s, "b"), 1);
}

static enum snap_code
count_one(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)name;
	(void)st;
	(void)err;
	(*(size_t *)arg)++;
	return SNAP_OK;
}

/* Each operation in turn; its code. */
static enum snap_code
try(struct transport *t, unsigned which, struct snap_err *err)
{
	struct transport_stat st;
	enum snap_code rc;
	struct bytes b;
	int64_t now;
	size_t n = 0;

	switch (which) {
	case 0:
		bytes_init(&b, 1000);
		rc = get(t, "there", &b, err);
		assert_int_equal(b.len, rc == SNAP_OK ? 5 : 0);
		bytes_fini(&b);
		return rc;
	case 1:
		return transport_stat(t, "there", &st, err);
	case 2:
		return transport_list(t, "", count_one, &n, err);
	case 3:
		return transport_put(t, "new", span_str("n"), NULL, err);
	case 4:
		return transport_now(t, &now, err);
	default:
		return transport_delete(t, "new", err);
	}
}
#define N_OPS 6

static void
an_expired_token_is_renewed_inside_the_call(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	long n;

	b2_must_put(f->t, "there", "bytes");
	for (unsigned i = 0; i < N_OPS; i++) {
		n = b2_sim_calls("b2_authorize_account");
		(void)b2_sim(NULL, "expire", "{}");
		if (try(f->t, i, &err) != SNAP_OK)
			fail_msg("%u: %s (%s)", i, err.msg, err.detail);
		assert_int_equal(b2_sim_calls("b2_authorize_account"), n + 1);
	}
}

static void
a_token_that_is_refused_anew_is_transient(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "there", "bytes");
	(void)b2_sim(NULL, "fault",
	    "{'op': 'b2_list_file_versions', 'status': 401, 'count': 2,"
	    " 'code': 'expired_auth_token'}");
	assert_int_equal(try(f->t, 1, &err), SNAP_TRANSIENT);
	assert_int_equal(try(f->t, 1, &err), SNAP_OK);
}

static void
a_busy_service_is_transient_for_as_long_as_it_says(void **state)
{
	static const char *const first[N_OPS] = { "b2_download_file_by_name",
		"b2_list_file_versions", "b2_list_file_versions",
		"b2_upload_file", "b2_get_upload_url",
		"b2_delete_file_version" };
	static const int status[] = { 408, 429, 500, 502, 503, 504 };
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "there", "bytes");
	for (size_t j = 0; j < sizeof status / sizeof *status; j++) {
		for (unsigned i = 0; i < N_OPS; i++) {
			int n = i == 3 && status[j] == 503 ? 2 : 1;

			if (i == N_OPS - 1)
				b2_must_put(f->t, "new", "n");
			(void)b2_sim(NULL, "fault",
			    "{'op': '%s', 'status': %d, 'count': %d,"
			    " 'retry_after': 3}",
			    first[i], status[j], n);
			assert_int_equal(try(f->t, i, &err), SNAP_TRANSIENT);
			assert_int_equal(err.retry_after_s, 3);
			assert_int_equal(try(f->t, i, &err), SNAP_OK);
		}
	}
}

static void
a_cut_connection_is_transient_and_nothing_is_half(void **state)
{
	static const char *const first[N_OPS] = { "b2_download_file_by_name",
		"b2_list_file_versions", "b2_list_file_versions",
		"b2_upload_file", "b2_get_upload_url",
		"b2_delete_file_version" };
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "there", "bytes");
	for (unsigned i = 0; i < N_OPS; i++) {
		/* libcurl sends once more what met a connection that had
		 * died in the pool. */
		(void)b2_sim(NULL, "fault",
		    "{'op': '%s', 'reset': true, 'count': 2%s}", first[i],
		    i == 3 ? ", 'after_bytes': 0" : "");
		assert_int_equal(try(f->t, i, &err), SNAP_TRANSIENT);
		(void)b2_sim(NULL, "clear", "{}");
		assert_int_equal(try(f->t, i, &err), SNAP_OK);
	}
	assert_int_equal(b2_sim_versions(f->s, "new"), 0);
}

static void
a_lost_reply_leaves_one_object(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;
	long n;

	for (int count = 1; count <= 2; count++) {
		(void)b2_sim(NULL, "fault",
		    "{'op': 'b2_upload_file', 'lose_reply': true,"
		    " 'count': %d}",
		    count);
		rc = transport_put(f->t, "a", span_str("x"), NULL, &err);
		if (rc != SNAP_OK) {
			assert_int_equal(rc, SNAP_TRANSIENT);
			(void)b2_sim(NULL, "clear", "{}");
			n = b2_sim_calls("b2_upload_file");
			/* It looks first, and need not send it again. */
			b2_must_put(f->t, "a", "x");
			assert_int_equal(b2_sim_calls("b2_upload_file"), n);
		}
		must_hold(f->t, "a", "x");
		assert_int_equal(
		    transport_put(f->t, "a", span_str("y"), NULL, &err),
		    SNAP_EXISTS);
		assert_int_equal(transport_delete(f->t, "a", &err), SNAP_OK);
		assert_int_equal(b2_sim_versions(f->s, "a"), 0);
	}
}

static void
a_put_whose_last_look_failed_is_not_sent_twice(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	long n;

	(void)b2_sim(
	    NULL, "fault", "{'op': 'b2_list_file_versions', 'status': 503}");
	assert_int_equal(transport_put(f->t, "a", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	n = b2_sim_calls("b2_upload_file");
	assert_int_equal(
	    transport_put(f->t, "a", span_str("y"), NULL, &err), SNAP_EXISTS);
	assert_int_equal(b2_sim_calls("b2_upload_file"), n);
	b2_must_put(f->t, "a", "x");
	assert_int_equal(b2_sim_versions(f->s, "a"), 1);
}

static void
bytes_that_change_on_their_way_up_are_not_stored(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	(void)b2_sim(
	    NULL, "fault", "{'op': 'b2_upload_file', 'corrupt': true}");
	assert_int_equal(transport_put(f->t, "a", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	assert_int_equal(transport_stat(f->t, "a", &st, &err), SNAP_NOTFOUND);
	b2_must_put(f->t, "a", "x");
	must_hold(f->t, "a", "x");
}

static void
bytes_that_change_on_their_way_down_are_noticed(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, 100);
	b2_must_put(f->t, "a", "text");
	(void)b2_sim(NULL, "fault",
	    "{'op': 'b2_download_file_by_name', 'corrupt': true}");
	assert_int_equal(get(f->t, "a", &b, &err), SNAP_TRANSIENT);
	assert_int_equal(b.len, 0);
	must_hold(f->t, "a", "text");
	/* Twice the same: it is not the line. */
	(void)b2_sim(NULL, "fault",
	    "{'op': 'b2_download_file_by_name', 'corrupt': true,"
	    " 'count': 2}");
	assert_int_equal(get(f->t, "a", &b, &err), SNAP_TRANSIENT);
	assert_int_equal(get(f->t, "a", &b, &err), SNAP_CORRUPT);
	assert_non_null(strstr(err.msg, "SHA-1"));
	bytes_fini(&b);
}

static void
a_download_cut_short_leaves_nothing_behind(void **state)
{
	static char text[5001];
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	memset(text, 'x', sizeof text - 1);
	b2_must_put(f->t, "a", text);
	bytes_init(&b, 10000);
	bytes_put_str(&b, "kept");
	for (int hard = 0; hard < 2; hard++) {
		(void)b2_sim(NULL, "fault",
		    "{'op': 'b2_download_file_by_name', 'after_bytes': 1000,"
		    " 'reset': %s}",
		    hard ? "true" : "false");
		assert_int_equal(
		    transport_get(f->t, "a", 0, SIZE_MAX, &b, &err),
		    SNAP_TRANSIENT);
		assert_int_equal(b.len, 4);
		(void)b2_sim(NULL, "fault",
		    "{'op': 'b2_download_file_by_name', 'after_bytes': 10}");
		assert_int_equal(transport_get(f->t, "a", 100, 50, &b, &err),
		    SNAP_TRANSIENT);
		assert_int_equal(b.len, 4);
	}
	assert_int_equal(
	    transport_get(f->t, "a", 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_int_equal(b.len, 4 + 5000);
	bytes_fini(&b);
}

static void
a_cap_is_permanent_and_says_where_to_raise_it(void **state)
{
	static const struct {
		const char *op, *code, *word;
		unsigned which;
	} caps[] = {
		{ "b2_download_file_by_name", "download_cap_exceeded",
		    "download cap", 0 },
		{ "b2_list_file_versions", "transaction_cap_exceeded",
		    "transaction cap", 1 },
		{ "b2_upload_file", "storage_cap_exceeded", "storage cap", 3 },
	};
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "there", "bytes");
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		(void)b2_sim(NULL, "fault",
		    "{'op': '%s', 'status': 403, 'code': '%s'}", caps[i].op,
		    caps[i].code);
		assert_int_equal(try(f->t, caps[i].which, &err), SNAP_IO);
		assert_non_null(strstr(err.msg, caps[i].word));
		assert_non_null(strstr(err.hint, "user_caps"));
	}
	(void)b2_sim(
	    NULL, "cap", "{'bytes': %ld}", b2_sim("bytes", "stats", "{}") + 10);
	b2_must_put(f->t, "small", "12345");
	assert_int_equal(
	    transport_put(f->t, "large", span_str("123456"), NULL, &err),
	    SNAP_IO);
	assert_non_null(strstr(err.msg, "storage cap"));
}

struct canceller {
	struct b2_store *s;
	long n_before;
};

static void *
cancel_when_asked(void *arg)
{
	struct canceller *c = arg;

	while (b2_sim_calls("b2_get_upload_url") == c->n_before)
		;
	atomic_store(&c->s->cancel, 1);
	return NULL;
}

static void
a_cancelled_wait_ends(void **state)
{
	struct b2_fixture *f = *state;
	struct canceller c = { f->s, b2_sim_calls("b2_get_upload_url") };
	struct snap_err err = SNAP_ERR_INIT;
	pthread_t id;
	int64_t now;

	/* There would be an answer 20 s later. */
	(void)b2_sim(NULL, "fault", "{'op': 'b2_get_upload_url', 'delay': 20}");
	assert_int_equal(pthread_create(&id, NULL, cancel_when_asked, &c), 0);
	assert_int_equal(transport_now(f->t, &now, &err), SNAP_CANCELLED);
	assert_int_equal(pthread_join(id, NULL), 0);
	atomic_store(&f->s->cancel, 0);
}

#define N_THREADS 6

static void *
stat_once(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	return transport_stat(arg, "there", &st, &err) == SNAP_OK ? arg : NULL;
}

static void
threads_share_one_renewal(void **state)
{
	struct b2_fixture *f = *state;
	pthread_t id[N_THREADS];
	void *ok;
	long n;

	b2_must_put(f->t, "there", "bytes");
	for (int round = 0; round < 10; round++) {
		(void)b2_sim(NULL, "expire", "{}");
		n = b2_sim_calls("b2_authorize_account");
		for (size_t i = 0; i < N_THREADS; i++)
			assert_int_equal(
			    pthread_create(&id[i], NULL, stat_once, f->t), 0);
		for (size_t i = 0; i < N_THREADS; i++) {
			assert_int_equal(pthread_join(id[i], &ok), 0);
			assert_non_null(ok);
		}
		assert_int_equal(b2_sim_calls("b2_authorize_account"), n + 1);
	}
}

#define VERSION(name)                                                          \
	"{'fileName': '" name "', 'fileId': 'i', 'action': 'upload',"          \
	" 'uploadTimestamp': 5, 'contentLength': 1, 'contentSha1':"            \
	" 'da39a3ee5e6b4b0d3255bfef95601890afd80709'}"

static void
a_service_gone_wrong_is_noticed(void **state)
{
	static const struct {
		const char *op, *answer, *word;
		unsigned which;
	} cases[] = {
		{ "b2_list_file_versions", "{}", "as documented", 2 },
		{ "b2_list_file_versions", "{'files': [7]}", "as documented",
		    1 },
		{ "b2_list_file_versions",
		    "{'files': [" VERSION("p/b") "," VERSION("p/a") "]}",
		    "out of order", 2 },
		{ "b2_list_file_versions",
		    "{'files': [" VERSION("p/b") "], 'nextFileName': 'p/'}",
		    "in circles", 2 },
		{ "b2_list_file_versions",
		    "{'files': [], 'nextFileName': 'p/c'}", "in circles", 2 },
		{ "b2_get_upload_url", "{'uploadUrl': 'http://127.0.0.1:1'}",
		    "as documented", 4 },
	};
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		(void)b2_sim(NULL, "fault",
		    "{'op': '%s', 'count': 2, 'answer': %s}", cases[i].op,
		    cases[i].answer);
		assert_int_equal(try(f->t, cases[i].which, &err), SNAP_CORRUPT);
		if (strstr(err.msg, cases[i].word) == NULL)
			fail_msg("%zu: %s", i, err.msg);
		(void)b2_sim(NULL, "clear", "{}");
	}
	/* It may not send us where we would speak in clear text. */
	(void)b2_sim(NULL, "fault",
	    "{'op': 'b2_get_upload_url', 'answer': {'uploadUrl':"
	    " 'http://192.0.2.1/x', 'authorizationToken': 'secret-token'}}");
	assert_int_equal(
	    transport_put(f->t, "a", span_str("x"), NULL, &err), SNAP_USAGE);
	assert_non_null(strstr(err.msg, "without encryption"));
	assert_null(strstr(err.msg, "secret-token"));
}

static void
no_token_is_repeated_in_a_message(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	(void)b2_sim(NULL, "fault",
	    "{'op': 'b2_get_upload_url', 'answer': {'uploadUrl':"
	    " '%s/b2api/v2/b2_upload_file/x/y', 'authorizationToken':"
	    " 'secret-thing'}}",
	    f->s->realm);
	(void)b2_sim(NULL, "fault",
	    "{'op': 'b2_upload_file', 'status': 400, 'code': 'bad_request',"
	    " 'message': 'no good: secret-thing'}");
	assert_int_equal(
	    transport_put(f->t, "a", span_str("x"), NULL, &err), SNAP_IO);
	assert_non_null(strstr(err.detail, "bad_request"));
	assert_null(strstr(err.msg, "secret-thing"));
	assert_null(strstr(err.detail, "secret-thing"));
}

static void
what_is_billed_is_counted_by_class(void **state)
{
	struct b2_fixture *f = *state;
	struct transport_counts c, d;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	struct bytes b;

	/* Log in, find the bucket. */
	transport_counts(f->t, &c);
	assert_int_equal(c.class_a, 0);
	assert_int_equal(c.class_b, 0);
	assert_int_equal(c.class_c, 2);
	/* An upload URL and an upload; a look whether it is the oldest. */
	b2_must_put(f->t, "d/a", "123");
	b2_must_put(f->t, "d/b", "123");
	transport_counts(f->t, &c);
	assert_int_equal(c.class_a, 3);
	assert_int_equal(c.class_b, 0);
	assert_int_equal(c.class_c, 4);
	/* Of what it has put it knows all. */
	must_hold(f->t, "d/a", "123");
	transport_counts(f->t, &c);
	assert_int_equal(c.class_b, 1);
	assert_int_equal(c.class_c, 4);
	/* Another handle looks once, at all that is near. */
	f->s->create = false;
	t = b2_store_must_open(f->s);
	bytes_init(&b, 10);
	assert_int_equal(transport_get(t, "d/b", 0, 2, &b, &err), SNAP_OK);
	assert_int_equal(transport_get(t, "d/a", 1, 2, &b, &err), SNAP_OK);
	assert_int_equal(transport_get(t, "d/a", 2, 1, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str("12233")));
	transport_counts(t, &d);
	assert_int_equal(d.class_a, 0);
	assert_int_equal(d.class_b, 3);
	assert_int_equal(d.class_c, 3);
	assert_int_equal(transport_stat(t, "d/b", &st, &err), SNAP_OK);
	assert_int_equal(transport_delete(t, "d/b", &err), SNAP_OK);
	transport_counts(t, &d);
	assert_int_equal(d.class_a, 1);
	assert_int_equal(d.class_b, 3);
	assert_int_equal(d.class_c, 5);
	bytes_fini(&b);
	transport_close(t);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, b2_setup, b2_teardown)
	const struct CMUnitTest tests[] = {
		T(a_revoked_upload_url_is_replaced_at_once),
		T(an_upload_that_is_sent_elsewhere_goes_there),
		T(an_expired_token_is_renewed_inside_the_call),
		T(a_token_that_is_refused_anew_is_transient),
		T(threads_share_one_renewal),
		T(a_busy_service_is_transient_for_as_long_as_it_says),
		T(a_cut_connection_is_transient_and_nothing_is_half),
		T(a_lost_reply_leaves_one_object),
		T(a_put_whose_last_look_failed_is_not_sent_twice),
		T(bytes_that_change_on_their_way_up_are_not_stored),
		T(bytes_that_change_on_their_way_down_are_noticed),
		T(a_download_cut_short_leaves_nothing_behind),
		T(a_cap_is_permanent_and_says_where_to_raise_it),
		T(a_cancelled_wait_ends),
		T(a_service_gone_wrong_is_noticed),
		T(no_token_is_repeated_in_a_message),
		T(what_is_billed_is_counted_by_class),
	};
#undef T
	return cmocka_run_group_tests_name("b2 faults", tests, NULL, NULL);
}
