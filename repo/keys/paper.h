/* SPDX-License-Identifier: PostgreSQL */
/*
 * paper.h - objects of a repository as lines that a person can retype.
 *
 * Each line has 20 bytes and a checksum of its own, in which its number
 * counts; there is one over all as well (docs/keys.md, "The paper form").
 * Pure codec: the reader takes hostile text.
 */
#ifndef SNAP_PAPER_H
#define SNAP_PAPER_H

#include "format.h"

#define PAPER_OBJECTS_MAX 128
#define PAPER_LINES_MAX 999
#define PAPER_LINE_BYTES 20
#define PAPER_LINE_DIGITS 36 /* of which 4 are the checksum */
#define PAPER_TEXT_MAX ((size_t)1 << 20)

struct paper {
	uint8_t repo_id[ID_LEN];
	size_t n;
	struct paper_object {
		uint8_t kind, id[ID_LEN];
		struct bytes raw; /* the whole object */
	} v[PAPER_OBJECTS_MAX];
};

void paper_init(struct paper *p);
void paper_fini(struct paper *p);
/* Take an object in.  SNAP_UNSUPPORTED: it says what paper has no place for,
 * SNAP_CORRUPT, SNAP_USAGE (too many). */
SNAP_MUST_CHECK enum snap_code paper_add(
    struct paper *p, struct span raw, struct snap_err *err);
/* Appends lines such as "01: XXXX-XXXX-...". */
SNAP_MUST_CHECK enum snap_code paper_write(
    const struct paper *p, struct bytes *out, struct snap_err *err);
/* From any text in which such lines are.  SNAP_USAGE says which line is wrong
 * or missing. */
SNAP_MUST_CHECK enum snap_code paper_read(
    struct span text, struct paper *out, struct snap_err *err);

#endif
