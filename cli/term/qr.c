/* SPDX-License-Identifier: PostgreSQL */
/*
 * qr.c - QR codes as text: two rows of modules in each line, by the half
 * blocks of Unicode.  A border of four light modules belongs to the code.
 */
#include <errno.h>

#include <qrencode.h>

#include "qr.h"

#define BORDER 4

static bool
is_dark(const QRcode *q, int x, int y)
{
	if (x < 0 || y < 0 || x >= q->width || y >= q->width)
		return false;
	return (q->data[y * q->width + x] & 1) != 0;
}

enum snap_code
qr_draw(const char *text, bool light, struct bytes *out, struct snap_err *err)
{
	static const char *const blocks[] = { " ", "\xe2\x96\x80",
		"\xe2\x96\x84", "\xe2\x96\x88" }; /* none, upper, lower, full */
	QRcode *q = QRcode_encodeString(
	    text, 0, QR_ECLEVEL_M, QR_MODE_8, 1 /* case counts */);

	if (q == NULL)
		return snap_fail_errno(err,
		    errno == ENOMEM ? SNAP_NOMEM : SNAP_USAGE,
		    "make a QR code");
	for (int y = -BORDER; y < q->width + BORDER; y += 2) {
		for (int x = -BORDER; x < q->width + BORDER; x++) {
			bool up = is_dark(q, x, y) != light;
			bool low = is_dark(q, x, y + 1) != light;

			bytes_put_str(
			    out, blocks[(up ? 1 : 0) + (low ? 2 : 0)]);
		}
		bytes_u8(out, '\n');
	}
	QRcode_free(q);
	return bytes_check(out, err);
}
