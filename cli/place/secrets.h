/* SPDX-License-Identifier: PostgreSQL */
/*
 * secrets.h - the passphrase, recovery code or key file that opens a
 * repository.
 *
 * Taken from the first of: the options, SNAP_KEY_FILE, SNAP_RECOVERY_CODE,
 * SNAP_PASSPHRASE, SNAP_PASSPHRASE_FILE, SNAP_PASSPHRASE_COMMAND, the
 * configuration, the terminal; of several options, or several lines of a
 * configuration, a key file is the first, then a recovery code.  Never an
 * argument, which anybody on the machine can read.  The
 * secrets of a store, as sftp.password, come the same ways:
 * SNAP_SFTP_PASSWORD and so on.
 */
#ifndef SNAP_SECRETS_H
#define SNAP_SECRETS_H

#include <stdbool.h>

#include "bytes.h"
#include "err.h"
#include "opts.h"
#include "report.h"

#define SECRET_MAX 4096 /* bytes */
#define KEY_FILE_MAX (20 << 10)

struct secret {
	struct bytes text;
	bool never_ask; /* set before: not even on a terminal */
	bool is_recovery_code;
	bool is_key_file; /* text is all of it, as it lies there */
};

/* At start: move secrets out of the environment, where children and /proc
 * would show them. */
void secrets_take_environment(void);
/* Wipe what was taken. */
void secrets_forget(void);

/* Whose secret or setting: of the repository, or of the one copied from. */
#define WHO_REPO ""
#define WHO_FROM "from"

/* The variable of a name: SNAP_S3_REGION of s3.region, SNAP_FROM_S3_REGION
 * for WHO_FROM; NULL = not set. */
const char *environment_of(
    const char *who, const char *name, const char *suffix);
/* The same, or else what the configuration says. */
const char *variable_of(const char *who, const char *name, const char *suffix);

struct secret_source {
	const char *who;            /* WHO_REPO or WHO_FROM */
	const char *what;           /* its name, as "passphrase", "b2.key" */
	const char *file, *command; /* of the options; NULL = none */
	const char *prompt;         /* NULL = do not ask on the terminal */
};
/* Append a secret to *out (reserved here, the caller wipes it).
 * SNAP_NOTFOUND: no source has it. */
SNAP_MUST_CHECK enum snap_code secret_named(const struct secret_source *from,
    struct bytes *out, const struct report *r, struct snap_err *err);

/* `is_new`: for init; a terminal is asked twice, what opens a repository that
 * is there is no use.
 * secret_fini() is due in any case. */
SNAP_MUST_CHECK enum snap_code secret_get(struct secret *s,
    const struct repo_words *w, const char *who, bool is_new,
    const struct report *r, struct snap_err *err);
/* A new passphrase of a repository that is there: secret_named() knows it under
 * this name; on the terminal it is asked for twice. */
#define SECRET_NEW "new passphrase"
SNAP_MUST_CHECK enum snap_code secret_ask_new(
    struct bytes *out, const struct report *r, struct snap_err *err);
void secret_fini(struct secret *s);

#endif
