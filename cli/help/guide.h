/* SPDX-License-Identifier: PostgreSQL */
/*
 * guide.h - what help and the manual pages say beyond the tables of commands
 * and options: examples, exit statuses, and pages of prose.
 */
#ifndef SNAP_GUIDE_H
#define SNAP_GUIDE_H

#include "cmd.h"

#define GUIDE_EXAMPLES 5

struct example {
	const char *line; /* of a shell, behind the program's name */
	const char *what;
};

struct guide {
	unsigned bit; /* of the command; 0 ends the table */
	unsigned see; /* bits of those that go with it */
	struct example examples[GUIDE_EXAMPLES]; /* the first is there */
};

extern const struct guide guides[];
const struct guide *guide_of(const struct cmd *c);

/* All that a status can mean is in rows one below the other: the table of
 * docs/exit-codes.md, which a test holds against this one. */
struct exit_status {
	const char *status; /* NULL ends the table */
	unsigned commands;  /* bits; 0 = those that open a repository */
	const char *meaning;
};

extern const struct exit_status exit_statuses[];
bool exit_status_is_of(const struct exit_status *s, const struct cmd *c);

/* A section of a page of prose; paragraphs end with a line feed, and those
 * that begin with a tab are shown as they are. */
struct section {
	const char *head; /* NULL ends the page */
	const char *text;
};

extern const struct section pages_conf[], pages_urls[], pages_exit[];

#endif
