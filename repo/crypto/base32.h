/* SPDX-License-Identifier: PostgreSQL */
/*
 * base32.h - bytes as digits that a person can copy from paper.
 *
 * Crockford's alphabet, most significant bit first.  It has no I, L, O and U;
 * read back, case does not count, and the letters that look like a digit are
 * that digit.
 */
#ifndef SNAP_BASE32_H
#define SNAP_BASE32_H

#include <stddef.h>
#include <stdint.h>

/* The digit of the lowest five bits of `v`. */
char base32_digit(unsigned v);
/* Back, 0 to 31; -1: that is none. */
int base32_value(char c);

#endif
