/* SPDX-License-Identifier: PostgreSQL */
/* gen.h - streams to cut: the same bytes on every machine. */
#ifndef SNAP_TEST_GEN_H
#define SNAP_TEST_GEN_H

#include <stddef.h>
#include <stdint.h>

struct gen {
	uint64_t state;
};

uint64_t gen_u64(struct gen *g);
/* 0 to n - 1. */
size_t gen_below(struct gen *g, size_t n);
void gen_bytes(struct gen *g, uint8_t *p, size_t len);
/* Printable letters without a newline. */
void gen_text(struct gen *g, uint8_t *p, size_t len);
/*
 * Rows of lo to hi bytes, line end included, that fill p[0..len) to the last
 * byte; the last row may be shorter and may lack its line end.
 */
void gen_rows(struct gen *g, uint8_t *p, size_t len, size_t lo, size_t hi);

#endif
