/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_keyfile.c - what a write-only host and a pruner may hold, and key
 * epochs: what is of the old one stays readable for owners.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keyfile.h"
#include "seal.h"

#define LIMIT 65536

static const uint8_t repo[ID_BYTES] = { 7 };
static struct keys *owner;
static uint8_t pin[32];

static int
setup(void **state)
{
	uint8_t rs[KEY_BYTES] = { 1, 2, 3 };
	struct snap_err err;

	(void)state;
	memset(pin, 0x3c, sizeof pin);
	if (keys_library_init(&err) != SNAP_OK)
		return -1;
	return keys_from_secret(rs, repo, 2, &owner, &err) == SNAP_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	keys_free(owner);
	return 0;
}

static struct keys *
make(enum keyfile_type type, struct bytes *file)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct keys *k = NULL;

	bytes_init(file, KEYFILE_PAYLOAD_MAX);
	assert_int_equal(
	    keyfile_make(owner, type, pin, span_str("db1"), &k, file, &err),
	    SNAP_OK);
	return k;
}

static void
a_host_key_holds_no_secret_that_opens_rows(void **state)
{
	struct keys *k;
	struct snap_err err;
	struct session s;
	struct bytes file;

	(void)state;
	k = make(KEYFILE_HOST, &file);
	assert_false(k->owner);
	assert_false(k->maintenance);
	assert_int_equal(k->epoch, 2);
	assert_memory_equal(k->meta, owner->meta, KEY_BYTES);
	assert_int_equal(session_new(k, &s, &err), SNAP_OK);
	assert_memory_equal(s.host_id, k->host_id, ID_BYTES);
	memset(s.key, 0, sizeof s.key);
	assert_int_equal(session_open(k, &s, &err), SNAP_DENIED);
	assert_int_equal(session_open(owner, &s, &err), SNAP_OK);
	for (uint32_t e = 0; e < 2; e++)
		for (size_t i = 0; i + 32 <= file.len; i++) {
			assert_memory_not_equal(
			    file.p + i, owner->epochs[e].data_sk, 32);
			assert_memory_not_equal(
			    file.p + i, owner->epochs[e].maint_sk, 32);
			assert_memory_not_equal(
			    file.p + i, owner->config_mac, 32);
		}
	keys_free(k);
	bytes_fini(&file);
}

static void
a_maintenance_key_signs_as_the_owner_and_opens_no_row(void **state)
{
	struct span text = span_str("condemned");
	uint8_t sig[SIG_BYTES];
	struct snap_err err;
	struct session s;
	struct bytes file;
	struct keys *k;

	(void)state;
	k = make(KEYFILE_MAINTENANCE, &file);
	keys_sign(k, text, sig);
	assert_true(keys_verify(owner->maint_pk, text, sig));
	assert_int_equal(session_new(owner, &s, &err), SNAP_OK);
	assert_int_equal(session_open(k, &s, &err), SNAP_DENIED);
	for (size_t i = 0; i + 32 <= file.len; i++)
		assert_memory_not_equal(
		    file.p + i, owner->epochs[1].data_sk, 32);
	keys_free(k);
	bytes_fini(&file);
}

static void
only_an_owner_makes_key_files(void **state)
{
	struct keys *k, *other = NULL;
	struct snap_err err;
	struct bytes file, more;

	(void)state;
	k = make(KEYFILE_MAINTENANCE, &file);
	bytes_init(&more, LIMIT);
	assert_int_equal(keyfile_make(k, KEYFILE_HOST, pin, span_str("x"),
			     &other, &more, &err),
	    SNAP_DENIED);
	assert_null(other);
	keys_free(k);
	bytes_fini(&file);
	bytes_fini(&more);
}

static void
a_key_file_cut_or_longer_is_corrupt(void **state)
{
	uint8_t found[32];
	struct keys *k, *again = NULL;
	struct snap_err err;
	struct bytes file;

	(void)state;
	k = make(KEYFILE_HOST, &file);
	for (size_t len = 0; len < file.len; len++) {
		uint8_t *p = malloc(len + 1);

		assert_non_null(p);
		memcpy(p, file.p, len);
		assert_int_equal(
		    keyfile_open(span_of(p, len), repo, &again, found, &err),
		    SNAP_CORRUPT);
		free(p);
	}
	assert_int_equal(
	    keyfile_open(bytes_span(&file), repo, &again, found, &err),
	    SNAP_OK);
	assert_memory_equal(found, pin, sizeof pin);
	keys_free(again);
	bytes_u8(&file, 0);
	assert_int_equal(
	    keyfile_open(bytes_span(&file), repo, &again, found, &err),
	    SNAP_CORRUPT);
	file.p[1] = 2;
	assert_int_equal(
	    keyfile_open(bytes_span(&file), repo, &again, found, &err),
	    SNAP_UNSUPPORTED);
	keys_free(k);
	bytes_fini(&file);
}

static void
a_new_epoch_changes_the_keys_but_no_name(void **state)
{
	uint8_t rs[KEY_BYTES] = { 1, 2, 3 }, a[ID_BYTES], b[ID_BYTES];
	struct span text = span_str("some rows");
	struct keys *first = NULL;
	struct snap_err err;
	struct session s;

	(void)state;
	assert_int_equal(keys_from_secret(rs, repo, 1, &first, &err), SNAP_OK);
	assert_memory_not_equal(first->meta, owner->meta, KEY_BYTES);
	assert_memory_not_equal(first->data_pk, owner->data_pk, 32);
	assert_memory_not_equal(first->maint_pk, owner->maint_pk, 32);
	keys_chunk_hash(first, text, a);
	keys_chunk_hash(owner, text, b);
	assert_memory_equal(a, b, ID_BYTES);
	keys_meta_id(first, 3, text, a);
	keys_meta_id(owner, 3, text, b);
	assert_memory_equal(a, b, ID_BYTES);
	assert_int_equal(session_new(first, &s, &err), SNAP_OK);
	assert_int_equal(session_open(owner, &s, &err), SNAP_OK);
	assert_int_equal(session_new(owner, &s, &err), SNAP_OK);
	assert_int_equal(session_open(first, &s, &err), SNAP_CORRUPT);
	assert_null(keys_of_epoch(first, 2));
	assert_null(keys_of_epoch(first, 0));
	assert_null(keys_of_epoch(first, UINT32_MAX));
	keys_free(first);
}

static void
an_epoch_beyond_all_is_refused(void **state)
{
	uint8_t rs[KEY_BYTES] = { 1 };
	struct keys *k = NULL;
	struct snap_err err;

	(void)state;
	assert_int_equal(
	    keys_from_secret(rs, repo, 0, &k, &err), SNAP_UNSUPPORTED);
	assert_int_equal(
	    keys_from_secret(rs, repo, UINT32_MAX, &k, &err), SNAP_UNSUPPORTED);
	assert_null(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_key_holds_no_secret_that_opens_rows),
		cmocka_unit_test(
		    a_maintenance_key_signs_as_the_owner_and_opens_no_row),
		cmocka_unit_test(only_an_owner_makes_key_files),
		cmocka_unit_test(a_key_file_cut_or_longer_is_corrupt),
		cmocka_unit_test(a_new_epoch_changes_the_keys_but_no_name),
		cmocka_unit_test(an_epoch_beyond_all_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
