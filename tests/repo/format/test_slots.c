/* SPDX-License-Identifier: PostgreSQL */
/* test_slots.c - passphrases, recovery codes, and who gets what told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "slots.h"

#define HEADER 64

static uint8_t header[HEADER] = { 0x89, 'S', 'N', 'P' };
static uint8_t rs[KEY_BYTES] = { 1, 2, 3, 4 };

static void
wrap(enum slot_type type, struct span secret, struct bytes *body)
{
	struct slot_cost cost = SLOT_COST_TESTS;
	struct snap_err err;

	bytes_init(body, SLOT_BODY_MAX);
	assert_int_equal(slot_wrap(type, secret, &cost, span_of(header, HEADER),
			     rs, body, &err),
	    SNAP_OK);
	assert_int_equal(slot_type(bytes_span(body)), type);
}

static enum snap_code
unwrap(const struct bytes *body, struct span secret, uint8_t *out)
{
	struct snap_err err;

	return slot_unwrap(
	    bytes_span(body), span_of(header, HEADER), secret, out, &err);
}

static void
the_right_passphrase_opens_and_a_wrong_one_is_denied(void **state)
{
	uint8_t got[KEY_BYTES] = { 0 };
	struct bytes b;

	(void)state;
	wrap(SLOT_PASSPHRASE, span_str("correct horse"), &b);
	assert_int_equal(unwrap(&b, span_str("correct horse"), got), SNAP_OK);
	assert_memory_equal(got, rs, KEY_BYTES);
	memset(got, 0, sizeof got);
	assert_int_equal(
	    unwrap(&b, span_str("correct hors"), got), SNAP_WRONG_KEY);
	assert_int_equal(unwrap(&b, span_str(""), got), SNAP_WRONG_KEY);
	for (size_t i = 0; i < KEY_BYTES; i++)
		assert_int_equal(got[i], 0);
	bytes_fini(&b);
}

static void
a_recovery_code_opens_its_slot(void **state)
{
	uint8_t code[32] = { 42 }, other[32] = { 43 }, got[KEY_BYTES];
	struct bytes b;

	(void)state;
	wrap(SLOT_RECOVERY, span_of(code, 32), &b);
	assert_int_equal(unwrap(&b, span_of(code, 32), got), SNAP_OK);
	assert_memory_equal(got, rs, KEY_BYTES);
	assert_int_equal(unwrap(&b, span_of(other, 32), got), SNAP_WRONG_KEY);
	assert_int_equal(unwrap(&b, span_str("short"), got), SNAP_WRONG_KEY);
	bytes_fini(&b);
}

/* A person must not look for a typing error when the disk is at fault. */
static void
a_damaged_slot_is_corrupt_and_not_a_wrong_passphrase(void **state)
{
	uint8_t code[32] = { 42 }, got[KEY_BYTES];
	struct bytes b;

	(void)state;
	wrap(SLOT_RECOVERY, span_of(code, 32), &b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(
		    unwrap(&b, span_of(code, 32), got), SNAP_CORRUPT);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = b.len; len-- > 0;) {
		b.len = len;
		assert_int_equal(
		    unwrap(&b, span_of(code, 32), got), SNAP_CORRUPT);
	}
	bytes_fini(&b);
}

static void
a_slot_under_another_header_is_refused(void **state)
{
	uint8_t code[32] = { 42 }, got[KEY_BYTES];
	struct bytes b;

	(void)state;
	wrap(SLOT_RECOVERY, span_of(code, 32), &b);
	header[20] ^= 1;
	assert_int_equal(unwrap(&b, span_of(code, 32), got), SNAP_CORRUPT);
	header[20] ^= 1;
	assert_int_equal(unwrap(&b, span_of(code, 32), got), SNAP_OK);
	bytes_fini(&b);
}

static void
argon2_costs_out_of_bounds_are_refused(void **state)
{
	static const struct slot_cost bad[] = { { 0, 8u << 10 },
		{ 65, 8u << 10 }, { 1, (8u << 10) - 1 }, { 1, (4u << 20) + 1 },
		{ UINT32_MAX, UINT32_MAX } };
	struct snap_err err;
	struct bytes b;

	(void)state;
	bytes_init(&b, SLOT_BODY_MAX);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(
		    slot_wrap(SLOT_PASSPHRASE, span_str("x"), &bad[i],
			span_of(header, HEADER), rs, &b, &err),
		    SNAP_USAGE);
	assert_int_equal(b.len, 0);
	bytes_fini(&b);
}

static void
a_recovery_code_survives_paper(void **state)
{
	char text[RECOVERY_CODE_MAX], loose[2 * RECOVERY_CODE_MAX];
	uint8_t code[32], got[32];
	struct snap_err err;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		code[i] = (uint8_t)(i * 37 + 5);
	recovery_code_format(code, text);
	assert_int_equal(strlen(text), 56 + 13);
	assert_int_equal(recovery_code_parse(text, got, &err), SNAP_OK);
	assert_memory_equal(got, code, 32);
	for (size_t i = 0; text[i] != '\0'; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		loose[n++] = c == '0' ? 'o' : c == '1' ? 'l' : c;
		if (i % 9 == 0)
			loose[n++] = ' ';
	}
	loose[n] = '\0';
	memset(got, 0, sizeof got);
	assert_int_equal(recovery_code_parse(loose, got, &err), SNAP_OK);
	assert_memory_equal(got, code, 32);
}

static void
a_typing_error_in_a_recovery_code_is_noticed(void **state)
{
	char text[RECOVERY_CODE_MAX];
	uint8_t code[32] = { 7 }, got[32];
	struct snap_err err;

	(void)state;
	recovery_code_format(code, text);
	for (size_t i = 0; text[i] != '\0'; i++) {
		char old = text[i];

		if (old == '-')
			continue;
		text[i] = old == 'A' ? 'B' : 'A';
		assert_int_equal(
		    recovery_code_parse(text, got, &err), SNAP_USAGE);
		text[i] = '!';
		assert_int_equal(
		    recovery_code_parse(text, got, &err), SNAP_USAGE);
		text[i] = old;
	}
	text[strlen(text) - 1] = '\0';
	assert_int_equal(recovery_code_parse(text, got, &err), SNAP_USAGE);
	assert_int_equal(recovery_code_parse("", got, &err), SNAP_USAGE);
}

static int
setup(void **state)
{
	struct snap_err err;

	(void)state;
	return keys_library_init(&err) == SNAP_OK ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_right_passphrase_opens_and_a_wrong_one_is_denied),
		cmocka_unit_test(a_recovery_code_opens_its_slot),
		cmocka_unit_test(
		    a_damaged_slot_is_corrupt_and_not_a_wrong_passphrase),
		cmocka_unit_test(a_slot_under_another_header_is_refused),
		cmocka_unit_test(argon2_costs_out_of_bounds_are_refused),
		cmocka_unit_test(a_recovery_code_survives_paper),
		cmocka_unit_test(a_typing_error_in_a_recovery_code_is_noticed),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
