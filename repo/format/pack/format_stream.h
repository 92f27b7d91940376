/* SPDX-License-Identifier: PostgreSQL */
/* format_stream.h - blocks, directories, recipes, manifests. */
#ifndef SNAP_FORMAT_STREAM_H
#define SNAP_FORMAT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "format_object.h"
#include "sink.h"

/* ---- frames: classes, blocks, directories */
enum frame_class {
	CLASS_DATA = 1,
	CLASS_DIR = 2,
	CLASS_RECIPE = 3,
	CLASS_MANIFEST = 4
};
enum frame_codec { CODEC_RAW = 0, CODEC_ZSTD = 1 };

#define BLOCK_PLAIN_MAX (20u << 20) /* a block, or any meta object */
#define BLOCK_CHUNKS_MAX 65536

/* Directory: the chunk hashes of a block, nothing else (a hash implies its
 * length).  Its plaintext names the block. */
struct directory {
	uint32_t n;
	uint8_t (*hashes)[ID_LEN]; /* malloc'd, n */
};
void directory_encode(const struct directory *d, struct bytes *out);
SNAP_MUST_CHECK enum snap_code directory_decode(
    struct span in, struct directory *out, struct snap_err *err);
void directory_fini(struct directory *d);

/* Block plaintext: count, lengths, bytes.  Sparse: bitmap of (n+7)/8 bytes
 * after the count, all lengths, only live chunks' bytes. */
struct block {
	uint32_t n;
	uint32_t *lens,
	    *offs;          /* malloc'd; offs into data; absent: UINT32_MAX */
	struct span bitmap; /* borrowed; len 0 = full */
	struct span data;   /* borrowed */
};
void block_encode(
    const uint32_t *lens, uint32_t n, struct span data, struct bytes *out);
/* `live`: the bytes of the chunks whose bit is set, nothing else. */
void block_encode_sparse(const uint32_t *lens, uint32_t n, struct span bitmap,
    struct span live, struct bytes *out);
SNAP_MUST_CHECK enum snap_code block_decode(
    struct span in, bool sparse, struct block *out, struct snap_err *err);
void block_fini(struct block *b);

/* ---- recipe: one segment of a stream */
struct extent {
	uint32_t block; /* index into recipe.blocks */
	uint32_t first, count;
};
struct recipe_span {
	uint64_t bytes;
	uint32_t first_extent, n_extents;
	uint8_t digest[ID_LEN]; /* keys_digest over its chunk hashes */
};
struct recipe {
	uint32_t n_blocks, n_spans, n_extents;
	uint8_t (*blocks)[ID_LEN];
	struct recipe_span *spans;
	struct extent *extents;
};
void recipe_encode(const struct recipe *r, struct bytes *out);
SNAP_MUST_CHECK enum snap_code recipe_decode(
    struct span in, struct recipe *out, struct snap_err *err);
void recipe_fini(struct recipe *r);

/* ---- manifest: root (list of parts) and parts (stream rows) */
struct stream_row {
	uint8_t kind, cutter; /* sink.h */
	uint32_t part;
	struct span name, attr;
	uint64_t bytes, rows;
	uint8_t digest[ID_LEN];    /* keys_digest over its span digests */
	struct span inline_recipe; /* an encoded recipe of <= 512 B, or len 0 */
	uint32_t n_segments;       /* ids, when not inline */
	const uint8_t *segments;   /* n_segments * ID_LEN, borrowed */
};
#define MANIFEST_INLINE_MAX 512
/* A part ends after a row whose name hash says so, or after this many. */
#define MANIFEST_PART_ROWS_MAX 512
void stream_row_encode(const struct stream_row *r, struct bytes *out);
/* Reads one row; the cursor goes bad (then SNAP_CORRUPT). */
SNAP_MUST_CHECK enum snap_code stream_row_decode(
    struct cursor *c, struct stream_row *out, struct snap_err *err);
struct manifest_root {
	uint32_t n_parts;
	const uint8_t *parts; /* n_parts * ID_LEN, borrowed */
	uint32_t n_new;       /* streams that stored new bytes in this run */
	struct span news; /* n_new x (varint stream ordinal, varint bytes) */
};
void manifest_root_encode(const struct manifest_root *m, struct bytes *out);
SNAP_MUST_CHECK enum snap_code manifest_root_decode(
    struct span in, struct manifest_root *out, struct snap_err *err);

#endif
