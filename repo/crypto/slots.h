/* SPDX-License-Identifier: PostgreSQL */
/*
 * slots.h - RS wrapped under a passphrase or a recovery code.
 *
 * The clear body of a keys/<id> object of kind 'K' (docs/format.md, "Slots").
 * A key commitment is checked before the AEAD, so that a wrong passphrase
 * (SNAP_WRONG_KEY) and a damaged slot (SNAP_CORRUPT) are told apart.  Argon2id
 * parameters are bounded when read.
 */
#ifndef SNAP_SLOTS_H
#define SNAP_SLOTS_H

#include "keys.h"

enum slot_type { SLOT_PASSPHRASE = 1, SLOT_RECOVERY = 2 };

#define SLOT_BODY_MAX 512
#define RECOVERY_CODE_MAX 128 /* characters with NUL */

struct slot_cost {
	uint32_t ops;     /* Argon2id passes; 1..64 */
	uint32_t mem_kib; /* 8 MiB .. 4 GiB */
};
#define SLOT_COST_TESTS                                                        \
	{                                                                      \
		1, 8u << 10                                                    \
	}

/*
 * The default writes 512 MiB for each guess.  It needs only 64, RFC 9106's
 * second choice: the key is opened before anything else, and no command should
 * need more memory for that than for its work.
 */
#define SLOT_PASSES_DEFAULT 8
#define SLOT_MEM_KIB_DEFAULT (64u << 10)
#define SLOT_COST_DEFAULT                                                      \
	{                                                                      \
		SLOT_PASSES_DEFAULT, SLOT_MEM_KIB_DEFAULT                      \
	}

/* What a slot is made with; `cost` is of a passphrase. */
struct slot_secret {
	enum slot_type type;
	struct span text; /* a passphrase, or the 32 bytes of a code */
	struct slot_cost cost;
};

/* Wrap RS; `header` is the 64-byte object header (associated data). */
SNAP_MUST_CHECK enum snap_code slot_wrap(enum slot_type type,
    struct span secret, const struct slot_cost *cost, struct span header,
    const uint8_t rs[KEY_BYTES], struct bytes *body, struct snap_err *err);
/* Unwrap into rs (locked memory of the caller).  `secret` is a passphrase's
 * bytes or the 32 bytes of a recovery code.  SNAP_WRONG_KEY, SNAP_CORRUPT,
 * SNAP_NOMEM (Argon2id's memory). */
SNAP_MUST_CHECK enum snap_code slot_unwrap(struct span body, struct span header,
    struct span secret, uint8_t rs[KEY_BYTES], struct snap_err *err);
/* Without a secret: its shape, checksum and bounds; *cost (may be NULL) is what
 * trying it takes.  SNAP_CORRUPT, SNAP_UNSUPPORTED. */
SNAP_MUST_CHECK enum snap_code slot_check(struct span body, struct span header,
    struct slot_cost *cost, struct snap_err *err);
/* The type in a slot's body, 0 when unreadable. */
int slot_type(struct span body);

/* 32 random bytes as groups of base32 with a checksum, and back. */
void recovery_code_format(const uint8_t code[32], char out[RECOVERY_CODE_MAX]);
SNAP_MUST_CHECK enum snap_code recovery_code_parse(
    const char *text, uint8_t code[32], struct snap_err *err);

#endif
