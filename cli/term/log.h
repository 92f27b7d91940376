/* SPDX-License-Identifier: PostgreSQL */
/*
 * log.h - a message as bytes for stderr, and what of them is remembered.
 *
 * As text in PostgreSQL's form; as a line of JSON; or, where stderr is the
 * journal of systemd, as text with its priorities (sd-daemon(3)).
 */
#ifndef SNAP_LOG_H
#define SNAP_LOG_H

#include "bytes.h"

enum log_format { LOG_TEXT, LOG_JOURNAL, LOG_JSON };
enum log_level { LOG_ERROR, LOG_WARNING, LOG_HINT, LOG_INFO };

struct log_message {
	enum log_level level;
	const char *text;
	const char *detail, *hint; /* of errors; "" = none */
};

/* Text on a terminal may have colours. */
void log_put(struct bytes *out, enum log_format format, bool colour,
    const struct log_message *m);
/* What every line of JSON says of its run; borrowed.  NULL = nothing. */
void log_set_run(const char *run, const char *command, const char *profile);
/* Does stderr go to the journal? */
bool log_to_journal(void);
/* The last messages, whole lines of text, some KiB of them. */
struct span log_tail(void);

#endif
