/* SPDX-License-Identifier: PostgreSQL */
/* format_object.h - header, trailer, sealed body, config. */
#ifndef SNAP_FORMAT_OBJECT_H
#define SNAP_FORMAT_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

#define ID_LEN 16
#define HEADER_LEN 64
#define TRAILER_LEN 48
#define FORMAT_VERSION 1

enum object_kind {
	OBJ_CONFIG = 'C',
	OBJ_SLOT = 'K',
	OBJ_HOST = 'H',
	OBJ_EPOCH = 'E',
	OBJ_DATA = 'D',
	OBJ_META = 'M',
	OBJ_INDEX = 'I',
	OBJ_SNAPSHOT = 'S',
	OBJ_OK = 'O',
	OBJ_CONDEMNED = 'X',
	OBJ_CONDEMNED_OK = 'Y',
	OBJ_NOTE = 'N',
	OBJ_RUN = 'R',
	OBJ_KEYFILE = 'F'
};

/* Header: 64 clear bytes, associated data of what is sealed in the object. */
struct header {
	uint8_t kind; /* enum object_kind */
	uint32_t incompat;
	uint8_t id[ID_LEN], repo_id[ID_LEN];
	uint32_t epoch;
};
void header_encode(const struct header *h, uint8_t out[HEADER_LEN]);
/* Does it begin as objects do, and nothing else? */
bool object_begins(struct span in);
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
void body_wrap(struct span body, const uint8_t *signer_id, const uint8_t *sig,
    struct bytes *out);
struct body {
	struct span body;
	bool is_signed;
	const uint8_t *signer_id, *sig; /* borrowed, NULL when not signed */
};
SNAP_MUST_CHECK enum snap_code body_unwrap(
    struct span plain, struct body *out, struct snap_err *err);
void signed_message(
    struct span header_bytes, struct span body, struct bytes *out);

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

#endif
