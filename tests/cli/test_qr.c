/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_qr.c - what is drawn is the code, module by module, dark on paper and
 * light on terminals, with its border.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <qrencode.h>

#include "qr.h"

#define BORDER 4

/* A half block as two bits: 1 upper, 2 lower; *at moves behind it. */
static int
half_block(const struct bytes *b, size_t *at)
{
	static const uint8_t upper[] = { 0xe2, 0x96, 0x80 },
			     lower[] = { 0xe2, 0x96, 0x84 },
			     full[] = { 0xe2, 0x96, 0x88 };
	const uint8_t *p = b->p + *at;

	if (*p == ' ') {
		*at += 1;
		return 0;
	}
	assert_true(*at + 3 <= b->len);
	*at += 3;
	if (memcmp(p, upper, 3) == 0)
		return 1;
	if (memcmp(p, lower, 3) == 0)
		return 2;
	assert_memory_equal(p, full, 3);
	return 3;
}

static void
assert_drawn(const char *text, bool light)
{
	QRcode *q = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;
	size_t at = 0;

	assert_non_null(q);
	bytes_init(&b, (size_t)1 << 20);
	assert_int_equal(qr_draw(text, light, &b, &err), SNAP_OK);
	for (int y = -BORDER; y < q->width + BORDER; y += 2) {
		for (int x = -BORDER; x < q->width + BORDER; x++) {
			int got = half_block(&b, &at);

			for (int half = 0; half < 2; half++) {
				int row = y + half;
				bool dark = x >= 0 && x < q->width &&
					    row >= 0 && row < q->width &&
					    (q->data[row * q->width + x] & 1);

				assert_int_equal(
				    (got >> half & 1) != 0, dark != light);
			}
		}
		assert_int_equal(b.p[at++], '\n');
	}
	assert_int_equal(at, b.len);
	bytes_fini(&b);
	QRcode_free(q);
}

static void
every_module_is_drawn_where_it_belongs(void **state)
{
	(void)state;
	assert_drawn("A", false);
	assert_drawn("01:04B00KM9V7Q74KCQ59ZVF54MBJFCXKG3YZ5M", false);
	assert_drawn("W90T-KRH4-5WHZ-FQ88-H0ND-G3HY-C54Q-7B33", true);
}

static void
what_is_too_much_for_a_code_is_an_error(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char *text = malloc(8001);
	struct bytes b;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 8000);
	text[8000] = '\0';
	bytes_init(&b, 1024);
	assert_int_equal(qr_draw(text, false, &b, &err), SNAP_USAGE);
	assert_int_equal(b.len, 0);
	free(text);
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_module_is_drawn_where_it_belongs),
		cmocka_unit_test(what_is_too_much_for_a_code_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
