/* SPDX-License-Identifier: PostgreSQL */
/*
 * regex_internal.h - a pattern as a program, for its parser and its runner.
 */
#ifndef SNAP_REGEX_INTERNAL_H
#define SNAP_REGEX_INTERNAL_H

#include <stdint.h>

#include "regex.h"

#define CLASS_FIRST 0x200000u /* classes lie behind all characters */
#define BAD_BYTE 0x110000u    /* what is no UTF-8, likewise */

enum op {
	OP_CHAR,
	OP_ANY,
	OP_SET,
	OP_SPLIT,
	OP_JUMP,
	OP_BEGIN,
	OP_END,
	OP_HIT
};

struct step {
	enum op op;
	uint32_t x, y; /* a character; a range of sets; steps to go to */
	bool negated;
};

/* A range of characters, or a class from CLASS_FIRST on. */
struct range {
	uint32_t from, to;
	bool negated; /* of a class: all but its characters */
};

struct regex {
	struct step *v;
	size_t n, cap;
	struct range *sets;
	size_t n_sets, sets_cap;
	bool utf8;
	/* of a match: states now and next, and which of them are there */
	uint32_t *list[2], *stack;
	size_t *seen;
};

/* regex.c */
bool regex_is_word(uint32_t c);
bool regex_class(struct span name, uint32_t *out); /* by its name */
uint32_t regex_char(const struct regex *r, struct cursor *c);

/* regexparse.c: the steps of what is left of `in`, to be put behind r's. */
enum snap_code regex_parse(
    struct regex *r, struct span text, struct snap_err *err);

#endif
