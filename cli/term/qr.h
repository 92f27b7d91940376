/* SPDX-License-Identifier: PostgreSQL */
/* qr.h - QR codes as text. */
#ifndef SNAP_QR_H
#define SNAP_QR_H

#include <stdbool.h>

#include "bytes.h"
#include "err.h"

/* Appends a QR code of `text` in half blocks; `light`: what is written is
 * light, as on most terminals, and dark on paper. */
SNAP_MUST_CHECK enum snap_code qr_draw(
    const char *text, bool light, struct bytes *out, struct snap_err *err);

#endif
