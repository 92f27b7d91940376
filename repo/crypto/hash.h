/* SPDX-License-Identifier: PostgreSQL */
/*
 * hash.h - keyed BLAKE2b in as many separate domains as it has uses.
 *
 * One key may serve several purposes only because each has a personalisation
 * of its own, which is part of BLAKE2b's parameter block: outputs of two
 * domains are unrelated.  Private to repo/crypto.
 */
#ifndef SNAP_HASH_H
#define SNAP_HASH_H

#include <sodium.h>

#include "keys.h"

#define DOMAIN_DIRECTORY "snap-directory"
#define DOMAIN_META_ID "snap-meta-id"
#define DOMAIN_DIGEST "snap-digest"
#define DOMAIN_CONFIG "snap-config"
#define DOMAIN_BITMAP "snap-bitmap"
#define DOMAIN_FRAME "snap-frame"
#define DOMAIN_BODY "snap-body"
#define DOMAIN_SALT "snap-salt"
#define DOMAIN_SLOT "snap-slot-sum"
#define DOMAIN_COMMIT "snap-slot-commit"
#define DOMAIN_RECOVERY "snap-recovery"
#define DOMAIN_CODE "snap-code-sum"

/* BLAKE2b of the `n` parts in a row; key NULL = unkeyed. */
void hash_parts(const char *domain, const uint8_t *key,
    const struct span *parts, size_t n, uint8_t *out, size_t out_len);

#endif
