/* SPDX-License-Identifier: PostgreSQL */
/*
 * err.h - what a call that failed tells its caller.
 *
 * Codes drive behaviour (retry, exit status); the text is for people and comes
 * in three parts as PostgreSQL's messages do: message, detail, hint.  A struct
 * snap_err is the caller's, has a fixed size and never allocates, so it works
 * when memory is gone.  A function that can fail returns SNAP_OK or the code
 * that is also in *err; its outputs are then untouched.
 */
#ifndef SNAP_ERR_H
#define SNAP_ERR_H

#include <stdint.h>

#if defined(__GNUC__)
#define SNAP_MUST_CHECK __attribute__((warn_unused_result))
#define SNAP_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define SNAP_MUST_CHECK
#define SNAP_PRINTF(f, a)
#endif

enum snap_code {
	SNAP_OK = 0,
	SNAP_NOMEM,       /* an allocation or a configured bound was hit */
	SNAP_IO,          /* the system refused; not worth a retry */
	SNAP_TRANSIENT,   /* may work when tried again */
	SNAP_NOTFOUND,    /* the named thing is not there */
	SNAP_EXISTS,      /* something else has that name already */
	SNAP_CORRUPT,     /* bytes that do not verify or decode */
	SNAP_DENIED,      /* missing right */
	SNAP_BUSY,        /* somebody else is at it */
	SNAP_CANCELLED,   /* the user or an earlier failure stopped it */
	SNAP_UNSUPPORTED, /* newer format, missing feature */
	SNAP_USAGE,       /* the request makes no sense */
	SNAP_NOREPO,      /* there is no repository at that place */
	SNAP_SOURCE,      /* PostgreSQL or a producing command failed */
	SNAP_WRONG_KEY    /* wrong passphrase or recovery code */
};

#define SNAP_ERR_MSG_MAX 1024

struct snap_err {
	enum snap_code code;
	char msg[SNAP_ERR_MSG_MAX];    /* what and where, no final full stop */
	char detail[SNAP_ERR_MSG_MAX]; /* why; may be empty */
	char hint[SNAP_ERR_MSG_MAX];   /* what to type; may be empty */
	unsigned
	    retry_after_s; /* of SNAP_TRANSIENT: wait so long; 0 = no word */
};

#define SNAP_ERR_INIT                                                          \
	{                                                                      \
		SNAP_OK, "", "", "", 0                                         \
	}

/* Fill *err (clearing detail and hint) and return `code`. Truncates. */
enum snap_code snap_fail(struct snap_err *err, enum snap_code code,
    const char *fmt, ...) SNAP_PRINTF(3, 4);

/* As snap_fail(), with ": " and the text of errno behind the message. */
enum snap_code snap_fail_errno(struct snap_err *err, enum snap_code code,
    const char *fmt, ...) SNAP_PRINTF(3, 4);

/* Put context and ": " in front of the message; returns err->code. */
enum snap_code snap_wrap(struct snap_err *err, const char *fmt, ...)
    SNAP_PRINTF(2, 3);

/* Set the detail or the hint of a failure; both return err->code. */
enum snap_code snap_detail(struct snap_err *err, const char *fmt, ...)
    SNAP_PRINTF(2, 3);
enum snap_code snap_hint(struct snap_err *err, const char *fmt, ...)
    SNAP_PRINTF(2, 3);

/* For messages: "72 hours", "90 minutes", "1 second": exact, in the largest of
 * these units of which it has a whole number.  Returns `out`. */
#define DURATION_MAX 32
const char *duration_text(uint64_t seconds, char out[DURATION_MAX]);

/* A short lower-case name of a code, for logs and JSON. */
const char *snap_code_name(enum snap_code code);

#endif
