/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_golden.c - fixed keys give fixed bytes, for ever.
 *
 * A change that breaks one of these breaks every repository that exists.  The
 * table is golden.h; what has random bytes inside was sealed once and must
 * still open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "keyfile.h"
#include "samples.h"
#include "seal.h"
#include "slots.h"

#define LIMIT 65536

static uint8_t header[64];
static struct keys *k;
static unsigned bad;

static const char *
golden(const char *name)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].hex;
	return "";
}

/* All of them are printed, so that one run shows the whole difference. */
static void
check(const char *name, const void *p, size_t len)
{
	char *hex = malloc(2 * len + 1);

	assert_non_null(hex);
	hex_encode(p, len, hex);
	if (strcmp(hex, golden(name)) != 0) {
		print_error("golden %s %s\n", name, hex);
		bad++;
	}
	free(hex);
}

static void
fetch(const char *name, struct bytes *out)
{
	const char *hex = golden(name);
	uint8_t *p;

	bytes_init(out, LIMIT);
	p = bytes_room(out, strlen(hex) / 2);
	assert_non_null(p);
	assert_true(hex_decode(hex, p, strlen(hex) / 2));
}

static int
setup(void **state)
{
	static const struct header h = { OBJ_NOTE, 0, { 0xaa, 1 }, { 0xbb, 2 },
		3 };
	uint8_t rs[KEY_BYTES], repo[ID_BYTES];
	struct snap_err err;

	(void)state;
	for (size_t i = 0; i < KEY_BYTES; i++)
		rs[i] = (uint8_t)i;
	memset(repo, 0xbb, sizeof repo);
	header_encode(&h, header);
	if (keys_library_init(&err) != SNAP_OK)
		return -1;
	return keys_from_secret(rs, repo, 3, &k, &err) == SNAP_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	keys_free(k);
	return 0;
}

static void
keys_from_a_fixed_secret_are_fixed(void **state)
{
	(void)state;
	bad = 0;
	check("key-chunk", k->chunk, KEY_BYTES);
	check("key-cutter", k->cutter, KEY_BYTES);
	check("key-meta", k->meta, KEY_BYTES);
	check("key-meta-id", k->meta_id, KEY_BYTES);
	check("key-config-mac", k->config_mac, KEY_BYTES);
	check("key-data-pk", k->data_pk, 32);
	check("key-maint-pk", k->maint_pk, 32);
	assert_int_equal(bad, 0);
}

static void
hashes_and_signatures_are_fixed(void **state)
{
	struct span text = span_str("a chunk of some bytes");
	char code[RECOVERY_CODE_MAX];
	uint8_t out[64];

	(void)state;
	bad = 0;
	keys_chunk_hash(k, text, out);
	check("hash-chunk", out, ID_BYTES);
	keys_block_id(k, text, out);
	check("hash-block-id", out, ID_BYTES);
	keys_meta_id(k, CLASS_RECIPE, text, out);
	check("hash-meta-id", out, ID_BYTES);
	keys_digest(k, text, out);
	check("hash-digest", out, ID_BYTES);
	keys_config_mac(k, text, out);
	check("hash-config-mac", out, 32);
	keys_fingerprint(text, out);
	check("hash-fingerprint", out, 32);
	seal_bitmap_hash(text, out);
	check("hash-bitmap", out, ID_BYTES);
	keys_sign(k, text, out);
	check("signature", out, SIG_BYTES);
	recovery_code_format(k->chunk, code);
	check("recovery-code", code, strlen(code));
	assert_int_equal(bad, 0);
}

static void
every_object_encodes_to_fixed_bytes(void **state)
{
	struct bytes b;

	(void)state;
	bad = 0;
	bytes_init(&b, LIMIT);
	for (int i = 0; i < SAMPLE_COUNT; i++) {
		bytes_clear(&b);
		sample_make((enum sample)i, &b);
		check(sample_name((enum sample)i), b.p, b.len);
	}
	bytes_clear(&b);
	bytes_put(&b, header, sizeof header);
	bytes_put_str(&b, "payload");
	object_finish(&b, HEADER_LEN);
	check("object", b.p, b.len);
	bytes_fini(&b);
	assert_int_equal(bad, 0);
}

static void
what_was_sealed_once_still_opens(void **state)
{
	struct frame_context c = { { 0xbb }, 3, CLASS_DIR, { 0xcc }, 9, { 0 } };
	struct snap_err err = SNAP_ERR_INIT;
	struct span h = span_of(header, 64);
	uint8_t rs[KEY_BYTES];
	struct session s;
	struct bytes in, out;

	(void)state;
	bytes_init(&out, LIMIT);
	fetch("sealed-frame", &in);
	assert_int_equal(
	    open_frame(k->meta, &c, bytes_span(&in), &out, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&out), span_str("plaintext")));
	bytes_fini(&in);
	bytes_clear(&out);
	fetch("sealed-body", &in);
	assert_int_equal(open_body(k, h, bytes_span(&in), &out, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&out), span_str("plaintext")));
	bytes_fini(&in);
	bytes_fini(&out);
	fetch("sealed-session", &in);
	memset(&s, 0, sizeof s);
	s.epoch = 3;
	assert_int_equal(in.len, SEALED_KEY_BYTES);
	memcpy(s.sealed, in.p, in.len);
	assert_int_equal(session_open(k, &s, &err), SNAP_OK);
	bytes_fini(&in);
	fetch("slot-passphrase", &in);
	assert_int_equal(
	    slot_unwrap(bytes_span(&in), h, span_str("passphrase"), rs, &err),
	    SNAP_OK);
	assert_int_equal(rs[31], 31);
	bytes_fini(&in);
	fetch("slot-recovery", &in);
	assert_int_equal(slot_unwrap(bytes_span(&in), h,
			     span_of(k->chunk, KEY_BYTES), rs, &err),
	    SNAP_OK);
	assert_int_equal(rs[30], 30);
	bytes_fini(&in);
}

/* Random inside, so made once; what it opens to is fixed. */
static void
a_key_file_of_old_still_opens_to_the_same_keys(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t pin[32], repo[ID_BYTES];
	struct keys *h = NULL;
	struct bytes in;

	(void)state;
	bad = 0;
	memset(repo, 0xbb, sizeof repo);
	fetch("key-file", &in);
	assert_int_equal(
	    keyfile_open(bytes_span(&in), repo, &h, pin, &err), SNAP_OK);
	assert_false(h->owner);
	assert_int_equal(h->epoch, 3);
	check("key-chunk", h->chunk, KEY_BYTES);
	check("key-cutter", h->cutter, KEY_BYTES);
	check("key-meta", h->meta, KEY_BYTES);
	check("key-meta-id", h->meta_id, KEY_BYTES);
	check("key-data-pk", h->data_pk, 32);
	check("key-maint-pk", h->maint_pk, 32);
	check("key-file-host-id", h->host_id, ID_BYTES);
	check("key-file-host-pk", h->host_pk, 32);
	check("key-file-pin", pin, sizeof pin);
	keys_free(h);
	bytes_fini(&in);
	assert_int_equal(bad, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_from_a_fixed_secret_are_fixed),
		cmocka_unit_test(hashes_and_signatures_are_fixed),
		cmocka_unit_test(every_object_encodes_to_fixed_bytes),
		cmocka_unit_test(what_was_sealed_once_still_opens),
		cmocka_unit_test(
		    a_key_file_of_old_still_opens_to_the_same_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
