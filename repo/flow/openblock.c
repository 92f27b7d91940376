/* SPDX-License-Identifier: PostgreSQL */
/* openblock.c - flat arrays of fixed capacity and a table of chunk numbers. */
#include <stdlib.h>
#include <string.h>

#include "openblock.h"

#define TABLE_SLOTS (OPENBLOCK_CHUNKS_MAX * 2)
#define CHUNK_MAX (128u << 10) /* of any mean: 16 KiB * 8 */

struct openblock {
	uint32_t block_size;
	struct bytes data;
	struct directory dir;
	uint32_t *lens;  /* of the chunks in dir */
	uint32_t *table; /* chunk number + 1 */
};

enum snap_code
openblock_new(uint32_t block_size, struct openblock **out, struct snap_err *err)
{
	struct openblock *b = calloc(1, sizeof *b);

	if (b == NULL)
		goto fail;
	b->block_size = block_size;
	bytes_init(&b->data, (size_t)block_size + CHUNK_MAX);
	b->lens = malloc(OPENBLOCK_CHUNKS_MAX * sizeof *b->lens);
	b->dir.hashes = malloc(OPENBLOCK_CHUNKS_MAX * sizeof *b->dir.hashes);
	b->table = calloc(TABLE_SLOTS, sizeof *b->table);
	if (b->lens == NULL || b->dir.hashes == NULL || b->table == NULL)
		goto fail;
	*out = b;
	return SNAP_OK;
fail:
	openblock_free(b);
	return snap_fail(err, SNAP_NOMEM, "no memory for a block");
}

void
openblock_free(struct openblock *b)
{
	if (b == NULL)
		return;
	bytes_fini(&b->data);
	directory_fini(&b->dir);
	free(b->lens);
	free(b->table);
	free(b);
}

/* Where the hash stands, or the empty slot where it would. */
static uint32_t
find_slot(const struct openblock *b, const uint8_t hash[ID_LEN])
{
	uint32_t i = le32_get(hash) % TABLE_SLOTS;

	while (b->table[i] != 0) {
		if (memcmp(b->dir.hashes[b->table[i] - 1], hash, ID_LEN) == 0)
			break;
		i = (i + 1) % TABLE_SLOTS;
	}
	return i;
}

uint32_t
openblock_find(const struct openblock *b, const uint8_t hash[ID_LEN])
{
	/* 0 - 1 is UINT32_MAX: not there. */
	return b->table[find_slot(b, hash)] - 1;
}

enum snap_code
openblock_add(struct openblock *b, struct span data, const uint8_t hash[ID_LEN],
    uint32_t *chunk, struct snap_err *err)
{
	uint32_t n = b->dir.n;
	enum snap_code rc;

	bytes_put_span(&b->data, data);
	if ((rc = bytes_check(&b->data, err)) != SNAP_OK)
		return rc;
	b->table[find_slot(b, hash)] = n + 1;
	b->lens[n] = (uint32_t)data.len;
	memcpy(b->dir.hashes[n], hash, ID_LEN);
	b->dir.n++;
	*chunk = n;
	return SNAP_OK;
}

bool
openblock_full(const struct openblock *b)
{
	return b->data.len >= b->block_size || b->dir.n == OPENBLOCK_CHUNKS_MAX;
}

bool
openblock_empty(const struct openblock *b)
{
	return b->dir.n == 0;
}

const struct directory *
openblock_directory(const struct openblock *b)
{
	return &b->dir;
}

const uint32_t *
openblock_lens(const struct openblock *b)
{
	return b->lens;
}

struct span
openblock_data(const struct openblock *b)
{
	return bytes_span(&b->data);
}

void
openblock_reset(struct openblock *b)
{
	bytes_clear(&b->data);
	b->dir.n = 0;
	memset(b->table, 0, TABLE_SLOTS * sizeof *b->table);
}
