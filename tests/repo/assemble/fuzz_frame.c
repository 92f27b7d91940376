/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_frame.c - what zstd makes of bytes by somebody who holds the keys.
 *
 * The first three bytes are the length that the frame is said to have.  It
 * comes out with just that length or not at all, and what was there before
 * stays.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "slots.h"
#include "store_internal.h"

#define LIMIT (BLOCK_PLAIN_MAX + (1u << 20))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *
open_one(void)
{
	static const struct slot_cost cost = SLOT_COST_TESTS;
	struct snap_err err = SNAP_ERR_INIT;
	struct store_opts o = { .passphrase = span_str("pw"), .n_threads = 1 };
	struct config c = { .chunk_mean = 0 };
	struct mem_store *mem = NULL;
	struct transport *t = NULL;
	struct store *s = NULL;
	uint8_t id[ID_LEN];
	char code[128];

	if (mem_store_new(&mem, &err) != SNAP_OK ||
	    transport_open_mem(mem, &t, &err) != SNAP_OK ||
	    store_init(t, &c, &cost, o.passphrase, code, id, &err) != SNAP_OK ||
	    store_open(t, &o, &s, &err) != SNAP_OK)
		abort();
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store *s;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes plain;
	enum snap_code rc;
	uint32_t len;

	if (s == NULL)
		s = open_one();
	if (size < 3)
		return 0;
	len = (data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16) %
	      (BLOCK_PLAIN_MAX + 1);
	bytes_init(&plain, LIMIT);
	bytes_put_str(&plain, "before");
	rc =
	    frame_decompress(s, span_of(data + 3, size - 3), len, &plain, &err);
	if (plain.len != 6 + (rc == SNAP_OK ? len : 0) ||
	    memcmp(plain.p, "before", 6) != 0)
		abort();
	bytes_fini(&plain);
	return 0;
}
