/* SPDX-License-Identifier: PostgreSQL */
/* format_commit.h - snapshots, condemned lists, notes, hosts, epochs. */
#ifndef SNAP_FORMAT_COMMIT_H
#define SNAP_FORMAT_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "format_object.h"

/* ---- snapshot (kind S, signed) and its confirmation (kind O, signed) */
struct property {
	struct span key, value;
};
#define PROPERTIES_MAX 256
enum { SNAPSHOT_NORMAL = 0, SNAPSHOT_SALVAGE = 1 };
struct snapshot_body {
	uint8_t type;
	uint8_t run_id[ID_LEN], parent[ID_LEN],
	    root[ID_LEN]; /* manifest root */
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
	int64_t l0; /* store time of the look that it rests on */
	uint32_t n_props;
	struct property props[PROPERTIES_MAX];
};
void note_encode(const struct note_body *n, struct bytes *out);
SNAP_MUST_CHECK enum snap_code note_decode(
    struct span in, struct note_body *out, struct snap_err *err);
struct host_body {
	uint8_t host_id[ID_LEN], pk[32];
	uint32_t epoch;
	struct span name;
};
void host_encode(const struct host_body *h, struct bytes *out);
SNAP_MUST_CHECK enum snap_code host_decode(
    struct span in, struct host_body *out, struct snap_err *err);

/* ---- begin of a key epoch (kind E, signed by its own maintenance key) */
struct epoch_body {
	uint32_t epoch;
	uint8_t data_pk[32], maint_pk[32];
	int64_t began; /* UTC seconds */
};
void epoch_encode(const struct epoch_body *e, struct bytes *out);
SNAP_MUST_CHECK enum snap_code epoch_decode(
    struct span in, struct epoch_body *out, struct snap_err *err);

#endif
