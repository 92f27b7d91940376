/* SPDX-License-Identifier: PostgreSQL */
/* tell_internal.h - one run, and what the ways to tell of it share. */
#ifndef SNAP_TELL_INTERNAL_H
#define SNAP_TELL_INTERNAL_H

#include <time.h>

#include "bytes.h"
#include "json.h"
#include "tell.h"
#include "transport.h"

#define TELL_WORD_MAX 64
#define TELL_URL_MAX ((size_t)4096)
#define TELL_TEXT_MAX ((size_t)12 << 10) /* a pipe takes it at once */

enum outcome { OUTCOME_SUCCESS, OUTCOME_WARNING, OUTCOME_FAILURE };

struct tell {
	const char *command, *profile; /* profile: "" = none */
	char host[256], id[2 * REPO_ID_LEN + 1];
	struct timespec start;
	int64_t started_ns;
	json_t *facts;
	struct transport_opts settings; /* of http.h */
	/* Read before the run, which takes the secrets away. */
	struct bytes ping_url, webhook_url, mail_password;
	bool always; /* webhook and mail not only of what failed */
	bool begun;  /* the command itself was to run */
	/* At its end. */
	int status;
	enum outcome outcome;
	const char *message, *detail, *hint; /* "" = none */
	uint64_t duration_ms;
};

uint64_t tell_elapsed_ms(const struct tell *t);

/* What the configuration says of NAME for this command; NULL = nothing. */
const char *tell_word(const struct tell *t, const char *name);
/* Appends a secret, which may be there or not; a failure was told. */
void tell_secret(const struct tell *t, const char *name, bool may_be_plain,
    struct bytes *out);
/* The word, or `other`, of a list of them that NULL ends; else SNAP_USAGE. */
SNAP_MUST_CHECK enum snap_code tell_choice(const struct tell *t,
    const char *name, const char *const *words, size_t *out,
    struct snap_err *err);

/* ---- message.c */
const char *outcome_name(enum outcome o);
/* "backup of shop on db1 failed" */
void message_subject(const struct tell *t, struct bytes *out);
/* Paragraphs for people, with the end of the log. */
void message_text(const struct tell *t, struct bytes *out);
/* All there is to say, for programs. */
json_t *message_json(const struct tell *t);

/* ---- hook.c: the command that the configuration names `name`, if any */
SNAP_MUST_CHECK enum snap_code hook_run(const struct tell *t, const char *name,
    const struct report *r, struct snap_err *err);

/* ---- web.c: failures were told */
void ping(const struct tell *t, const char *suffix, bool with_log);
SNAP_MUST_CHECK enum snap_code webhook_check(
    const struct tell *t, struct snap_err *err);
void webhook_send(const struct tell *t);

/* ---- mail.c */
bool mail_is_wanted(const struct tell *t);
SNAP_MUST_CHECK enum snap_code mail_check(
    const struct tell *t, struct snap_err *err);
void mail_send(const struct tell *t);

#endif
