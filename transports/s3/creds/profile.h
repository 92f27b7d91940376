/* SPDX-License-Identifier: PostgreSQL */
/*
 * profile.h - one profile of the files ~/.aws/credentials and ~/.aws/config.
 *
 * Read here and not by inih, which cuts a line at 200 bytes in silence: a
 * session token has a thousand.
 */
#ifndef SNAP_PROFILE_H
#define SNAP_PROFILE_H

#include <stdbool.h>

#include "bytes.h"
#include "err.h"

#define PROFILE_FILE_MAX (1u << 20) /* bytes */
#define PROFILE_VALUE_MAX 8192u     /* bytes */

struct profile {
	bool found; /* in any file */
	char *key_id, *secret, *token;
	char *region, *endpoint;
	char *role_arn, *web_token_file, *session_name;
	char *elsewhere; /* a key that says: ask another program; its name */
};

/*
 * Add what `text` says of the profile `name`; what is set stays, so that the
 * credentials file, read first, has the word.  In a config file sections are
 * called "profile NAME" but for "default".  SNAP_CORRUPT: a line that is none,
 * or too long a value.
 */
SNAP_MUST_CHECK enum snap_code profile_read(struct profile *p, const char *name,
    bool is_config, struct span text, struct snap_err *err);
void profile_fini(struct profile *p); /* wipes */

/* Overwrite and free; NULL is fine. */
void profile_wipe(char *secret);

#endif
