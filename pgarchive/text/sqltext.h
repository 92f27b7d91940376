/* SPDX-License-Identifier: PostgreSQL */
/*
 * sqltext.h - where tokens and statements of pg_restore's text end.
 *
 * Names and strings of the database are hostile text; all that matters is to
 * leave each where the server's own scanner leaves it, with
 * standard_conforming_strings on, as the text itself says.  Any bytes will do;
 * what is quoted and does not end, ends with the text.
 */
#ifndef SNAP_SQLTEXT_H
#define SNAP_SQLTEXT_H

#include <stdbool.h>

#include "bytes.h"

struct sql_token {
	enum sql_kind {
		SQL_END,
		SQL_WORD,   /* a keyword or a name without quotes */
		SQL_NAME,   /* "a name in quotes" */
		SQL_STRING, /* of any sort */
		SQL_COMMENT,
		SQL_SEMICOLON,
		SQL_OTHER
	} kind;
	struct span text;
};
/* The next token of what is left, white space skipped. */
struct sql_token sql_next(struct span *left);
/* The next statement with its semicolon, comments before it left out; empty
 * at the end. */
struct span sql_statement(struct span *left);
/* Is it this keyword, given in lower case? */
bool sql_is(const struct sql_token *token, const char *word);
/* A name as the server knows it: without quotes, folded. */
void sql_fold(const struct sql_token *token, struct bytes *out);
/* And back, always in quotes. */
void sql_quote(struct span name, struct bytes *out);
/* Is it this name? */
bool sql_names(const struct sql_token *token, const char *name);

#endif
