/* SPDX-License-Identifier: PostgreSQL */
/*
 * format.h - every stored object as bytes and back: docs/format.md in code.
 *
 * Pure codecs: no I/O, no keys, no clock.  Decoders take hostile bytes, check
 * every bound, borrow from their input (spans) and return SNAP_CORRUPT with
 * what was wrong and where, or SNAP_UNSUPPORTED for a newer format.
 * Encoders append to *out, which fails (bytes_check) only for memory.
 */
#ifndef SNAP_FORMAT_H
#define SNAP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "sink.h"

#define ID_LEN 16
#define HEADER_LEN 64
#define TRAILER_LEN 48
#define FORMAT_VERSION 1

enum object_kind {
	OBJ_CONFIG = 'C', OBJ_SLOT = 'K', OBJ_HOST = 'H', OBJ_DATA = 'D',
	OBJ_META = 'M', OBJ_INDEX = 'I', OBJ_SNAPSHOT = 'S', OBJ_OK = 'O',
	OBJ_CONDEMNED = 'X', OBJ_CONDEMNED_OK = 'Y', OBJ_NOTE = 'N'
};

/* Header: 64 clear bytes, associated data of what is sealed in the object. */
struct header {
	uint8_t kind; /* enum object_kind */
	uint32_t incompat;
	uint8_t id[ID_LEN], repo_id[ID_LEN];
	uint32_t epoch;
};
void header_encode(const struct header *h, uint8_t out[HEADER_LEN]);
SNAP_MUST_CHECK enum snap_code header_decode(
    struct span in, struct header *out, struct snap_err *err);

/*
 * A whole object: header | payload | trailer.  For packs the payload ends with
 * the sealed contents, whose place the trailer tells; for the others the
 * contents are the whole payload.  object_finish appends the trailer to *obj
 * that holds header and payload; object_parse checks length, end magic and
 * XXH3-128 and finds header and contents.
 */
void object_finish(struct bytes *obj, uint64_t contents_off);
struct object {
	struct header header;
	struct span header_bytes, payload, contents;
};
SNAP_MUST_CHECK enum snap_code object_parse(
    struct span in, struct object *out, struct snap_err *err);
/* From the last TRAILER_LEN bytes alone: where the contents lie.  `total` is
 * the listed size. */
SNAP_MUST_CHECK enum snap_code trailer_decode(struct span in, uint64_t total,
    uint64_t *contents_off, uint32_t *contents_len, struct snap_err *err);
/* Padmé: the size that `len` is padded up to. */
uint64_t padme(uint64_t len);

/* A sealed body's plaintext: length, body, zero padding to Padmé; when
 * `signer` is not NULL then 16 bytes signer id and 64 bytes signature, made
 * by the caller over signed_message(). */
void body_wrap(struct span body, const uint8_t *signer_id,
    const uint8_t *sig, struct bytes *out);
struct body {
	struct span body;
	bool is_signed;
	const uint8_t *signer_id, *sig; /* borrowed, NULL when not signed */
};
SNAP_MUST_CHECK enum snap_code body_unwrap(
    struct span plain, struct body *out, struct snap_err *err);
void signed_message(struct span header_bytes, struct span body,
    struct bytes *out);

/* ---- config (clear payload, MAC by the caller over header and payload) */
struct config {
	uint32_t chunk_mean, block_size, pack_size; /* bytes */
	uint32_t grace_s, slice_blocks;
	uint64_t created; /* UTC seconds */
	uint8_t mac[32];
};
void config_encode(const struct config *c, struct bytes *out);
SNAP_MUST_CHECK enum snap_code config_decode(
    struct span in, struct config *out, struct snap_err *err);
#define CONFIG_MAC_LEN 32 /* the last bytes of the payload */

/* ---- frames: classes, blocks, directories */
enum frame_class {
	CLASS_DATA = 1, CLASS_DIR = 2, CLASS_RECIPE = 3, CLASS_MANIFEST = 4
};
enum frame_codec { CODEC_RAW = 0, CODEC_ZSTD = 1 };

#define BLOCK_PLAIN_MAX (20u << 20) /* a block, or any meta object */
#define BLOCK_CHUNKS_MAX 65536

/* Directory: count, lengths, hashes.  Its plaintext names the block. */
struct directory {
	uint32_t n;
	uint32_t *lens;        /* malloc'd, n */
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
	uint32_t *lens, *offs; /* malloc'd; offs into data; absent: UINT32_MAX */
	struct span bitmap;    /* borrowed; len 0 = full */
	struct span data;      /* borrowed */
};
void block_encode(const uint32_t *lens, uint32_t n, struct span data,
    struct bytes *out);
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
	uint8_t digest[ID_LEN];   /* keys_digest over its span digests */
	struct span inline_recipe;/* an encoded recipe of <= 512 B, or len 0 */
	uint32_t n_segments;      /* ids, when not inline */
	const uint8_t *segments;  /* n_segments * ID_LEN, borrowed */
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
	struct span news;     /* n_new x (varint stream ordinal, varint bytes) */
};
void manifest_root_encode(const struct manifest_root *m, struct bytes *out);
SNAP_MUST_CHECK enum snap_code manifest_root_decode(
    struct span in, struct manifest_root *out, struct snap_err *err);

/* ---- pack contents, also carried verbatim by index segments */
#define PACK_HOOKS_MAX 8
enum { ROW_SPARSE = 1, ROW_ORIGIN = 2 };
struct pack_row {
	uint8_t class, codec, flags;
	uint16_t session; /* index into sessions; data rows only */
	uint8_t id[ID_LEN];
	uint32_t off, sealed_len, plain_len, n_chunks;
	uint8_t n_hooks;
	uint64_t hooks[PACK_HOOKS_MAX]; /* first 8 bytes of chunk hashes, LE */
	struct span bitmap;             /* ROW_SPARSE: (n_chunks + 7) / 8 */
	uint8_t origin_pack[ID_LEN];    /* ROW_ORIGIN: made by prune from */
	int64_t origin_time;            /* its store time, ns */
};
struct session_row {
	uint8_t id[ID_LEN];
	uint32_t epoch;
	uint8_t host_id[ID_LEN];
	uint8_t sealed_key[80];
};
struct pack_contents {
	uint8_t run_id[ID_LEN];
	uint32_t n_sessions, n_rows;
	struct session_row *sessions; /* malloc'd */
	struct pack_row *rows;        /* malloc'd */
};
void pack_contents_encode(const struct pack_contents *p, struct bytes *out);
SNAP_MUST_CHECK enum snap_code pack_contents_decode(
    struct span in, struct pack_contents *out, struct snap_err *err);
void pack_contents_fini(struct pack_contents *p);

/* ---- index segment (kind I): run id, l0, packs with their contents */
struct index_pack {
	uint8_t id[ID_LEN];
	uint8_t kind; /* OBJ_DATA or OBJ_META */
	uint32_t size;
	struct span contents; /* encoded pack_contents */
};
struct index_segment {
	uint8_t run_id[ID_LEN];
	int64_t l0;       /* store time the writer's last clean look rests on */
	uint32_t n_packs; /* may be 0: a lease */
	struct index_pack *packs; /* malloc'd */
};
void index_segment_encode(const struct index_segment *s, struct bytes *out);
SNAP_MUST_CHECK enum snap_code index_segment_decode(
    struct span in, struct index_segment *out, struct snap_err *err);
void index_segment_fini(struct index_segment *s);

/* ---- snapshot (kind S, signed) and its confirmation (kind O, signed) */
struct property {
	struct span key, value;
};
#define PROPERTIES_MAX 256
enum { SNAPSHOT_NORMAL = 0, SNAPSHOT_SALVAGE = 1 };
struct snapshot_body {
	uint8_t type;
	uint8_t run_id[ID_LEN], parent[ID_LEN], root[ID_LEN]; /* manifest root */
	int64_t l0;
	uint64_t bytes, new_bytes, stored_bytes, rows, n_streams;
	uint32_t n_props;
	struct property props[PROPERTIES_MAX]; /* sorted by key, borrowed */
};
void snapshot_encode(const struct snapshot_body *s, struct bytes *out);
SNAP_MUST_CHECK enum snap_code snapshot_decode(
    struct span in, struct snapshot_body *out, struct snap_err *err);
/* A confirmation names what it confirms and the l0 it rests on. */
struct confirm_body {
	uint8_t id[ID_LEN];
	int64_t l0;
};
void confirm_encode(const struct confirm_body *c, struct bytes *out);
SNAP_MUST_CHECK enum snap_code confirm_decode(
    struct span in, struct confirm_body *out, struct snap_err *err);

/* ---- condemned (kind X, signed by maintenance; confirmed by kind Y) */
struct condemned_body {
	int64_t l0;
	uint32_t n_packs, n_segments, n_snapshots;
	const uint8_t *packs, *segments, *snapshots; /* n * ID_LEN, borrowed */
};
void condemned_encode(const struct condemned_body *c, struct bytes *out);
SNAP_MUST_CHECK enum snap_code condemned_decode(
    struct span in, struct condemned_body *out, struct snap_err *err);

/* ---- note (kind N, signed) and host record (kind H, signed by owner) */
struct note_body {
	uint16_t type; /* docs/format.md, "Notes" */
	uint8_t subject[ID_LEN];
	uint32_t n_props;
	struct property props[PROPERTIES_MAX];
};
void note_encode(const struct note_body *n, struct bytes *out);
SNAP_MUST_CHECK enum snap_code note_decode(
    struct span in, struct note_body *out, struct snap_err *err);
struct host_body {
	uint8_t host_id[ID_LEN], pk[32];
	uint32_t epoch;
	int64_t first_valid, last_valid; /* UTC seconds; last 0 = no end */
	struct span name;
};
void host_encode(const struct host_body *h, struct bytes *out);
SNAP_MUST_CHECK enum snap_code host_decode(
    struct span in, struct host_body *out, struct snap_err *err);

#endif
