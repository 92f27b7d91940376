/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_keys.c - hostile bytes where secrets are unwrapped: slots, key files,
 * recovery codes, sealed bodies and frames.
 *
 * The first byte picks.  A slot's checksum and its cost are mended on request,
 * or no input would ever get behind the checksum, or back from Argon2id.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "keyfile.h"
#include "seal.h"
#include "slots.h"

#define SLOT_LEN 148
#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t header[64] = { 0x89, [48] = 1 };

static void
try_slot(struct span in, bool mend)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct span head = span_of(header, sizeof header), parts[2];
	uint8_t b[SLOT_LEN], rs[KEY_BYTES] = { 0 };

	(void)slot_type(in);
	if (!mend) {
		(void)!slot_unwrap(in, head, span_str("secret"), rs, &err);
		return;
	}
	if (in.len < SLOT_LEN)
		return;
	memcpy(b, in.p, SLOT_LEN);
	/* Of two passphrase slots one does not reach Argon2id. */
	if (b[0] == SLOT_PASSPHRASE && b[4] % 2 == 0) {
		le32_put(b + 4, 1);
		le32_put(b + 8, 8u << 10);
	} else if (b[0] == SLOT_PASSPHRASE) {
		le32_put(b + 8, 1u << 30);
	}
	parts[0] = head;
	parts[1] = span_of(b, SLOT_LEN - 16);
	hash_parts(DOMAIN_SLOT, NULL, parts, 2, b + SLOT_LEN - 16, 16);
	(void)!slot_unwrap(
	    span_of(b, SLOT_LEN), head, span_of(rs, KEY_BYTES), rs, &err);
}

static void
try_code(struct span in)
{
	struct snap_err err = SNAP_ERR_INIT;
	char text[512], again[RECOVERY_CODE_MAX];
	uint8_t code[32], back[32];

	if (in.len >= sizeof text)
		return;
	memcpy(text, in.p, in.len);
	text[in.len] = '\0';
	if (recovery_code_parse(text, code, &err) != SNAP_OK)
		return;
	recovery_code_format(code, again);
	if (recovery_code_parse(again, back, &err) != SNAP_OK ||
	    memcmp(code, back, sizeof code) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t repo[ID_BYTES] = { 1 };
	static struct keys *owner;
	static const uint8_t rs[KEY_BYTES] = { 1 };
	struct frame_context c = { { 1 }, 1, 1, { 2 }, 9, { 0 } };
	struct snap_err err = SNAP_ERR_INIT;
	struct keys *k = NULL;
	struct session s;
	uint8_t pin[32];
	struct bytes out;
	struct span in;

	if (owner == NULL &&
	    (keys_library_init(&err) != SNAP_OK ||
		keys_from_secret(rs, repo, 1, &owner, &err) != SNAP_OK))
		abort();
	if (size == 0)
		return 0;
	in = span_of(data + 1, size - 1);
	bytes_init(&out, LIMIT);
	switch (data[0] % 6) {
	case 0:
	case 1:
		try_slot(in, data[0] % 6 == 1);
		break;
	case 2:
		try_code(in);
		break;
	case 3:
		if (keyfile_open(in, repo, &k, pin, &err) == SNAP_OK &&
		    keys_of_epoch(k, k->epoch) == NULL)
			abort();
		keys_free(k);
		break;
	case 4:
		/* What was not sealed by us never opens. */
		if (open_body(owner, span_of(header, 64), in, &out, &err) ==
			SNAP_OK ||
		    open_frame(owner->meta, &c, in, &out, &err) == SNAP_OK)
			abort();
		break;
	default:
		memset(&s, 0, sizeof s);
		s.epoch = 1;
		if (in.len < SEALED_KEY_BYTES)
			break;
		memcpy(s.sealed, in.p, SEALED_KEY_BYTES);
		if (session_open(owner, &s, &err) == SNAP_OK)
			abort();
	}
	bytes_fini(&out);
	return 0;
}
