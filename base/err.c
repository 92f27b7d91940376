/* SPDX-License-Identifier: PostgreSQL */
/*
 * err.c - fill in a struct snap_err.
 *
 * Texts are formatted into a local buffer first, because an argument may well
 * be a field of the very error that is being rewritten.  A NULL error is
 * tolerated so that a clean-up path can pass one and lose nothing but text.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

static void
copy_text(char *dst, const char *src)
{
	size_t n = strlen(src);

	if (n > SNAP_ERR_MSG_MAX - 1)
		n = SNAP_ERR_MSG_MAX - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
}

static void
append_text(char *dst, const char *src)
{
	size_t used = strlen(dst);
	size_t n = strlen(src);

	if (n > SNAP_ERR_MSG_MAX - 1 - used)
		n = SNAP_ERR_MSG_MAX - 1 - used;
	memcpy(dst + used, src, n);
	dst[used + n] = '\0';
}

static void
format_text(char *buf, const char *fmt, va_list ap)
{
	if (vsnprintf(buf, SNAP_ERR_MSG_MAX, fmt, ap) < 0)
		copy_text(buf, fmt);
}

static void
fill(struct snap_err *err, enum snap_code code, const char *msg)
{
	err->code = code;
	copy_text(err->msg, msg);
	err->detail[0] = '\0';
	err->hint[0] = '\0';
	err->retry_after_s = 0;
}

enum snap_code
snap_fail(struct snap_err *err, enum snap_code code, const char *fmt, ...)
{
	char buf[SNAP_ERR_MSG_MAX];
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	format_text(buf, fmt, ap);
	va_end(ap);
	fill(err, code, buf);
	return code;
}

enum snap_code
snap_fail_errno(struct snap_err *err, enum snap_code code, const char *fmt, ...)
{
	int saved = errno; /* before vsnprintf() may change it */
	char buf[SNAP_ERR_MSG_MAX], why[128];
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	format_text(buf, fmt, ap);
	va_end(ap);
	if (strerror_r(saved, why, sizeof why) != 0)
		(void)snprintf(why, sizeof why, "error %d", saved);
	fill(err, code, buf);
	append_text(err->msg, ": ");
	append_text(err->msg, why);
	errno = saved;
	return code;
}

enum snap_code
snap_wrap(struct snap_err *err, const char *fmt, ...)
{
	char buf[SNAP_ERR_MSG_MAX], old[SNAP_ERR_MSG_MAX];
	va_list ap;

	if (err == NULL)
		return SNAP_IO;
	va_start(ap, fmt);
	format_text(buf, fmt, ap);
	va_end(ap);
	copy_text(old, err->msg);
	copy_text(err->msg, buf);
	append_text(err->msg, ": ");
	append_text(err->msg, old);
	return err->code;
}

enum snap_code
snap_detail(struct snap_err *err, const char *fmt, ...)
{
	char buf[SNAP_ERR_MSG_MAX];
	va_list ap;

	if (err == NULL)
		return SNAP_IO;
	va_start(ap, fmt);
	format_text(buf, fmt, ap);
	va_end(ap);
	copy_text(err->detail, buf);
	return err->code;
}

enum snap_code
snap_hint(struct snap_err *err, const char *fmt, ...)
{
	char buf[SNAP_ERR_MSG_MAX];
	va_list ap;

	if (err == NULL)
		return SNAP_IO;
	va_start(ap, fmt);
	format_text(buf, fmt, ap);
	va_end(ap);
	copy_text(err->hint, buf);
	return err->code;
}

const char *
snap_code_name(enum snap_code code)
{
	switch (code) {
	case SNAP_OK:
		return "ok";
	case SNAP_NOMEM:
		return "nomem";
	case SNAP_IO:
		return "io";
	case SNAP_TRANSIENT:
		return "transient";
	case SNAP_NOTFOUND:
		return "notfound";
	case SNAP_EXISTS:
		return "exists";
	case SNAP_CORRUPT:
		return "corrupt";
	case SNAP_DENIED:
		return "denied";
	case SNAP_BUSY:
		return "busy";
	case SNAP_CANCELLED:
		return "cancelled";
	case SNAP_UNSUPPORTED:
		return "unsupported";
	case SNAP_USAGE:
		return "usage";
	case SNAP_NOREPO:
		return "norepo";
	case SNAP_SOURCE:
		return "source";
	case SNAP_WRONG_KEY:
		return "wrongkey";
	}
	return "unknown";
}

const char *
duration_text(uint64_t seconds, char out[DURATION_MAX])
{
	const char *unit = "second";
	uint64_t n = seconds;

	if (n != 0 && n % 3600 == 0) {
		n /= 3600;
		unit = "hour";
	} else if (n != 0 && n % 60 == 0) {
		n /= 60;
		unit = "minute";
	}
	(void)snprintf(
	    out, DURATION_MAX, "%" PRIu64 " %s%s", n, unit, n == 1 ? "" : "s");
	return out;
}
