/* SPDX-License-Identifier: PostgreSQL */
/*
 * recovery.c - 256 random bits as something a person can copy from paper.
 *
 * 32 bytes and 3 of checksum are 280 bits: 56 digits of Crockford's base32 in
 * groups of four.
 */
#include <string.h>

#include "base32.h"
#include "hash.h"
#include "slots.h"

#define SUM_LEN 3
#define CODE_DIGITS 56
#define GROUP 4

static void
code_sum(const uint8_t *code, uint8_t sum[16])
{
	struct span part = span_of(code, KEY_BYTES);

	hash_parts(DOMAIN_CODE, NULL, &part, 1, sum, 16);
}

void
recovery_code_format(const uint8_t code[32], char out[RECOVERY_CODE_MAX])
{
	uint8_t raw[KEY_BYTES + SUM_LEN], sum[16];
	unsigned acc = 0, bits = 0;
	size_t n = 0, digits = 0;

	memcpy(raw, code, KEY_BYTES);
	code_sum(code, sum);
	memcpy(raw + KEY_BYTES, sum, SUM_LEN);
	for (size_t i = 0; i < sizeof raw; i++) {
		acc = (acc << 8 | raw[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5) {
			if (digits != 0 && digits % GROUP == 0)
				out[n++] = '-';
			out[n++] = base32_digit(acc >> (bits - 5));
			digits++;
		}
	}
	out[n] = '\0';
	keys_wipe(raw, sizeof raw);
}

/* Digits to 35 bytes; how many digits there were, -1 at a foreign one. */
static int
read_digits(const char *text, uint8_t raw[KEY_BYTES + SUM_LEN])
{
	unsigned acc = 0, bits = 0;
	size_t n = 0;
	int digits = 0;

	for (; *text != '\0'; text++) {
		int v;

		if (*text == '-' || *text == ' ' || *text == '\t' ||
		    *text == '\r' || *text == '\n')
			continue;
		v = base32_value(*text);
		if (v < 0)
			return -1;
		if (++digits > CODE_DIGITS)
			return digits;
		acc = (acc << 5 | (unsigned)v) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			raw[n++] = (uint8_t)(acc >> bits);
		}
	}
	return digits;
}

enum snap_code
recovery_code_parse(const char *text, uint8_t code[32], struct snap_err *err)
{
	uint8_t raw[KEY_BYTES + SUM_LEN] = { 0 }, sum[16];
	enum snap_code rc = SNAP_OK;
	int n = read_digits(text, raw);

	if (n != CODE_DIGITS) {
		rc = snap_fail(err, SNAP_USAGE, "this is no recovery code");
		(void)snap_detail(err,
		    "A recovery code has %d letters and digits.", CODE_DIGITS);
		goto out;
	}
	code_sum(raw, sum);
	if (sodium_memcmp(sum, raw + KEY_BYTES, SUM_LEN) != 0) {
		rc = snap_fail(
		    err, SNAP_USAGE, "the recovery code has a typing error");
		goto out;
	}
	memcpy(code, raw, KEY_BYTES);
out:
	keys_wipe(raw, sizeof raw);
	return rc;
}
