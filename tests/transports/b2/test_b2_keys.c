/* SPDX-License-Identifier: PostgreSQL */
/* test_b2_keys.c - which application key opens what, and what is said. */
#include <stdlib.h>
#include <string.h>

#include "b2_harness.h"

#define ALL "'listBuckets','listFiles','readFiles','writeFiles','deleteFiles'"

static int
setup(void **state)
{
	*state = b2_store_new("p/q");
	return 0;
}

static int
teardown(void **state)
{
	b2_store_free(*state);
	return 0;
}

/* Opening fails so, and neither key nor header is told to anybody. */
static void
must_fail(struct b2_store *s, enum snap_code want, const char *word,
    struct snap_err *err)
{
	struct transport *t = NULL;
	enum snap_code rc = b2_store_open(s, &t, err);

	if (rc != want || t != NULL || strstr(err->msg, word) == NULL)
		fail_msg("%d: %s (%s) %s", (int)rc, err->msg, err->detail,
		    err->hint);
	if (s->key != NULL && s->key[0] != '\0') {
		assert_null(strstr(err->msg, s->key));
		assert_null(strstr(err->detail, s->key));
		assert_null(strstr(err->hint, s->key));
	}
}

static void
a_key_in_the_environment_opens_as_well(void **state)
{
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;

	s->key_in_environment = true;
	transport_close(b2_store_must_open(s));
	/* But one beside another id is not taken for ours. */
	s->key_in_environment = false;
	s->key = NULL;
	must_fail(s, SNAP_USAGE, "is not given", &err);
	s->key_id = NULL;
	s->key_in_environment = true;
	must_fail(s, SNAP_USAGE, "no application key", &err);
	assert_non_null(strstr(err.hint, "B2_APPLICATION_KEY_ID"));
}

static void
a_wrong_key_is_denied_without_a_word_of_it(void **state)
{
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;

	s->key = "K005wrongwrongwrong";
	must_fail(s, SNAP_DENIED, "does not accept the application key", &err);
	assert_non_null(strstr(err.msg, s->key_id));
	s->key = "";
	must_fail(s, SNAP_USAGE, "empty", &err);
}

static void
a_key_for_a_prefix_opens_what_lies_there(void **state)
{
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	struct bytes b;
	char *id, *key;

	b2_sim_key(&id, &key,
	    "{'capabilities': [" ALL "], 'bucket': '%s', 'prefix': 'p/'}",
	    s->bucket);
	s->key_id = id;
	s->key = key;
	t = b2_store_must_open(s);
	bytes_init(&b, 10);
	assert_int_equal(
	    transport_put(t, "d/a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_get(t, "d/a", 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_int_equal(transport_delete(t, "d/a", &err), SNAP_OK);
	bytes_fini(&b);
	transport_close(t);
	s->path = "other";
	must_fail(s, SNAP_DENIED, "begin with \"p/\" only", &err);
	s->path = "";
	must_fail(s, SNAP_DENIED, "begin with \"p/\" only", &err);
	free(id);
	free(key);
}

static void
a_key_for_another_bucket_is_told_so(void **state)
{
	struct b2_store *s = *state, *other = b2_store_new("");
	struct snap_err err = SNAP_ERR_INIT;
	char *id, *key;

	b2_sim_key(&id, &key, "{'capabilities': [" ALL "], 'bucket': '%s'}",
	    other->bucket);
	s->key_id = id;
	s->key = key;
	must_fail(s, SNAP_DENIED, other->bucket, &err);
	assert_non_null(strstr(err.hint, s->bucket));
	b2_store_free(other);
	free(id);
	free(key);
}

static void
a_missing_capability_is_named(void **state)
{
	struct b2_store *s = *state;
	const char *good_id = s->key_id, *good = s->key;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	struct bytes b;
	char *id, *key;
	int64_t now;

	t = b2_store_must_open(s);
	assert_int_equal(
	    transport_put(t, "a", span_str("x"), NULL, &err), SNAP_OK);
	transport_close(t);

	/* Nothing goes without a listing. */
	b2_sim_key(&id, &key, "{'capabilities': ['readFiles'], 'bucket': '%s'}",
	    s->bucket);
	s->key_id = id;
	s->key = key;
	must_fail(s, SNAP_DENIED, "capability listFiles", &err);
	free(id);
	free(key);

	/* Who may only read restores. */
	b2_sim_key(&id, &key,
	    "{'capabilities': ['listFiles','readFiles'], 'bucket': '%s'}",
	    s->bucket);
	s->key_id = id;
	s->key = key;
	s->create = false;
	t = b2_store_must_open(s);
	bytes_init(&b, 10);
	assert_int_equal(transport_get(t, "a", 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_true(now > 0);
	assert_int_equal(
	    transport_put(t, "b", span_str("x"), NULL, &err), SNAP_DENIED);
	assert_non_null(strstr(err.msg, "capability writeFiles"));
	assert_int_equal(transport_delete(t, "a", &err), SNAP_DENIED);
	assert_non_null(strstr(err.msg, "capability deleteFiles"));
	assert_non_null(strstr(err.hint, "deleteFiles"));
	transport_close(t);
	free(id);
	free(key);

	/* Who may write and not delete backs up; who comes too late leaves
	 * a version behind, which changes nothing. */
	b2_sim_key(&id, &key,
	    "{'capabilities': ['listFiles','writeFiles'], 'bucket': '%s'}",
	    s->bucket);
	s->key_id = id;
	s->key = key;
	t = b2_store_must_open(s);
	assert_int_equal(
	    transport_put(t, "b", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "b", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "b", span_str("y"), NULL, &err), SNAP_EXISTS);
	assert_int_equal(b2_sim_versions(s, "b"), 3);
	assert_int_equal(transport_stat(t, "b", &st, &err), SNAP_OK);
	assert_int_equal(
	    transport_get(t, "b", 0, SIZE_MAX, &b, &err), SNAP_DENIED);
	assert_non_null(strstr(err.msg, "capability readFiles"));
	transport_close(t);
	free(id);
	free(key);

	s->key_id = good_id;
	s->key = good;
	t = b2_store_must_open(s);
	bytes_clear(&b);
	assert_int_equal(transport_get(t, "b", 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str("x")));
	assert_int_equal(transport_delete(t, "b", &err), SNAP_OK);
	assert_int_equal(b2_sim_versions(s, "b"), 0);
	bytes_fini(&b);
	transport_close(t);
}

static void
a_bucket_that_is_not_there_is_no_repository(void **state)
{
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;
	char bucket[B2_BUCKET_LEN];

	memcpy(bucket, s->bucket, sizeof bucket);
	s->bucket[0] = 'x';
	must_fail(s, SNAP_NOREPO, s->bucket, &err);
	assert_non_null(strstr(err.hint, "b2 bucket create"));
	memcpy(s->bucket, bucket, sizeof bucket);
}

static void
a_bucket_that_deletes_by_itself_gets_no_repository(void **state)
{
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;

	s->bucket[0] = 'r';
	(void)b2_sim(NULL, "bucket",
	    "{'name': '%s', 'lifecycle': [{'fileNamePrefix': 'p',"
	    " 'daysFromHidingToDeleting': 1,"
	    " 'daysFromUploadingToHiding': null}]}",
	    s->bucket);
	must_fail(s, SNAP_UNSUPPORTED, "lifecycle rule", &err);
	/* It does not keep anybody from a restore, nor other paths. */
	s->create = false;
	transport_close(b2_store_must_open(s));
	s->create = true;
	s->path = "elsewhere";
	transport_close(b2_store_must_open(s));
}

static void
an_unknown_authority_is_not_trusted(void **state)
{
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;

	if (s->ca_file == NULL)
		skip(); /* this run is without TLS */
	transport_close(b2_store_must_open(s));
	s->ca_file = NULL;
	must_fail(s, SNAP_DENIED, "is not trusted", &err);
	assert_non_null(strstr(err.hint, "b2.ca-file"));
}

static void
only_sound_urls_are_taken(void **state)
{
	static const char *const bad[] = { "b2://", "b2:///p",
		"b2://me@bucket-1", "b2://me:secret@bucket-1",
		"b2://bucket-1:443/p", "b2://bucket.1", "b2://bucket_1",
		"b2://bucket-1/a//b", "b2://bucket-1/a%5cb",
		"b2://bucket-1/%c3", "b2://bucket-1/a%00b" };
	struct b2_store *s = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	transport_close(b2_store_must_open(s)); /* fills in s->opts */
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (transport_open(bad[i], &s->opts, &t, &err) != SNAP_USAGE)
			fail_msg("%s: %s", bad[i], err.msg);
		assert_null(strstr(err.msg, "secret"));
	}
	/* 192.0.2.0/24 is nobody's. */
	s->realm = "http://192.0.2.1";
	must_fail(s, SNAP_USAGE, "without encryption", &err);
	assert_non_null(strstr(err.hint, "b2.insecure"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_key_in_the_environment_opens_as_well),
		T(a_wrong_key_is_denied_without_a_word_of_it),
		T(a_key_for_a_prefix_opens_what_lies_there),
		T(a_key_for_another_bucket_is_told_so),
		T(a_missing_capability_is_named),
		T(a_bucket_that_is_not_there_is_no_repository),
		T(a_bucket_that_deletes_by_itself_gets_no_repository),
		T(an_unknown_authority_is_not_trusted),
		T(only_sound_urls_are_taken),
	};
#undef T
	return cmocka_run_group_tests_name("b2 keys", tests, NULL, NULL);
}
