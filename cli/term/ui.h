/* SPDX-License-Identifier: PostgreSQL */
/*
 * ui.h - the only writer to the terminal.
 *
 * Messages have PostgreSQL's form and go to stderr; data goes to stdout.
 * Control characters in either never reach a terminal raw: names come from
 * databases that others may have filled.
 */
#ifndef SNAP_UI_H
#define SNAP_UI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "report.h"

#define UI_SIZE_MAX 32
#define UI_TIME_MAX 40

void ui_init(void);
void ui_set(bool quiet, bool verbose);
/* "text", "json" or "journal" (log.h); without it what suits stderr. */
SNAP_MUST_CHECK enum snap_code ui_set_format(
    const char *name, struct snap_err *err);

/* "snap: error: ..." with detail and hint. */
void ui_error(const struct snap_err *err);
void ui_warning(const char *fmt, ...) SNAP_PRINTF(1, 2);
void ui_hint(const char *fmt, ...) SNAP_PRINTF(1, 2);
/* "snap: ...", silent with -q. */
void ui_info(const char *fmt, ...) SNAP_PRINTF(1, 2);
/* For struct report. */
void ui_log(void *arg, enum report_level level, const char *line);

/* A line of progress on a terminal until ui_progress_end(); `verb` is
 * borrowed.  Does nothing elsewhere, with -q, or when no thread starts. */
void ui_progress_begin(const char *verb, struct report *r);
/* The same for who writes data to stdout: not while that is a terminal, too. */
void ui_progress_begin_data(const char *verb, struct report *r);
void ui_progress_end(void);
/* Before the process dies of a signal; may be called in its handler. */
void ui_progress_wipe(void);

/* Data on stdout; failures are remembered for ui_out_end(). */
void ui_out(const char *fmt, ...) SNAP_PRINTF(1, 2);
void ui_out_raw(const char *text);
/* Some of it could not be written, also by others; the first reason stands. */
void ui_out_lost(int errnum);
SNAP_MUST_CHECK enum snap_code ui_out_end(struct snap_err *err);
/* True when a write failed because nobody reads stdout any more (`| head`). */
bool ui_out_gone(void);

/* A table on stdout: cells are copied; columns of `right` are aligned so. */
struct ui_table;
struct ui_table *ui_table_new(
    size_t n_columns, const char *const *heads, unsigned right);
void ui_table_cell(struct ui_table *t, struct span text);
void ui_table_print(struct ui_table *t); /* frees it too; NULL = no memory */
void ui_table_free(struct ui_table *t);

/* As pg_size_pretty() writes it. */
const char *ui_size(uint64_t bytes, char out[UI_SIZE_MAX]);
/* ISO 8601 in local time with its offset. */
const char *ui_time(int64_t time_ns, char out[UI_TIME_MAX]);
/* "3 days ago". */
const char *ui_ago(int64_t seconds, char out[UI_TIME_MAX]);
/* Back from a text: a time (ns since 1970), or a span ("7d", "36h"); the other is 0.
 * SNAP_USAGE, which names the option. */
SNAP_MUST_CHECK enum snap_code ui_when(const char *option, const char *text,
    int64_t *at_ns, int64_t *ago_ns, struct snap_err *err);
/* Appends `s`, bytes that are no printable UTF-8 as \xNN. */
void ui_escape(struct bytes *out, struct span s);

/* Ask on the terminal without echo; false when there is none, at its end, or
 * when *cancel became non-zero. */
bool ui_ask_secret(
    const char *prompt, struct bytes *out, const struct report *r);
/* The same with echo, for what is no secret. */
bool ui_ask_line(const char *prompt, struct bytes *out, const struct report *r);

#endif
