/* SPDX-License-Identifier: PostgreSQL */
/* format_pack.h - contents of packs and index segments. */
#ifndef SNAP_FORMAT_PACK_H
#define SNAP_FORMAT_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "format_object.h"

/* ---- pack contents, also carried verbatim by index segments */
#define PACK_HOOKS_MAX 8
enum { ROW_SPARSE = 1, ROW_ORIGIN = 2 };
struct pack_row {
	uint8_t class, codec, flags;
	uint16_t session; /* index into sessions; data rows only */
	uint32_t epoch;   /* of the meta key; the other rows only */
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

#endif
