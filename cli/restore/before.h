/* SPDX-License-Identifier: PostgreSQL */
/* before.h - a snapshot of the target before it is touched. */
#ifndef SNAP_BEFORE_H
#define SNAP_BEFORE_H

#include "pgtarget.h"
#include "place.h"

/* Where there is something to lose: make it, and say how it comes back.  The
 * place was opened for a backup. */
SNAP_MUST_CHECK enum snap_code before_backup(
    struct cli *c, struct place *s, struct pgtarget *t, struct snap_err *err);
/* Append a word for the shell, after a space. */
void before_word(struct bytes *b, const char *word);
/* The program, and the options that said which repository is meant. */
void before_program(struct bytes *b, const struct opts *o);
/* -h, -p, -U and -d as they were given; `dbname` NULL = the one given. */
void before_server(struct bytes *b, const struct opts *o, const char *dbname);

#endif
