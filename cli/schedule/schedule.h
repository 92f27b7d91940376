/* SPDX-License-Identifier: PostgreSQL */
/*
 * schedule.h - what runs when, as units of systemd or lines of crontab(5).
 *
 * What is written begins with SCHEDULE_MARK; what does not is somebody else's
 * and never touched.
 */
#ifndef SNAP_SCHEDULE_H
#define SNAP_SCHEDULE_H

#include <stdbool.h>

#include "bytes.h"
#include "cmd.h"
#include "err.h"

#define SCHEDULE_MARK                                                          \
	"# Written by \"" SNAP_PROGRAM_NAME                                    \
	" schedule install\"; \"" SNAP_PROGRAM_NAME                            \
	" schedule remove\" takes it away.\n"
#define SCHEDULE_JOBS 4
#define SCHEDULE_TEXT_MAX ((size_t)64 << 10)

enum schedule_every {
	EVERY_NEVER,
	EVERY_HOURS,
	EVERY_DAY,
	EVERY_WEEK,
	EVERY_MONTH
};

struct schedule_job {
	const char *command;
	const char *args; /* behind the command; "" = none */
	enum schedule_every every;
	unsigned hours;        /* of EVERY_HOURS: divides 24 */
	unsigned hour, minute; /* of the others, local time */
};

struct schedule {
	struct schedule_job jobs[SCHEDULE_JOBS];
	const char *profile; /* "" = none, or all of them */
	bool all_profiles;
	char *program, *config;   /* absolute; config: NULL = the usual ones */
	const char *user;         /* whom it runs as; NULL = whoever we are */
	const char *passphrase;   /* a file for LoadCredential, or NULL */
	struct bytes write_paths; /* repositories on disk, "\n" behind each */
};

/* ---- words.c: "snap-shop", and "snap-shop-backup" */
void schedule_base(const struct schedule *s, struct bytes *out);
void schedule_name(
    const struct schedule *s, const struct schedule_job *j, struct bytes *out);
/* The words of a job, each behind a blank, quoted for `cron` (a shell) or for
 * systemd. */
void schedule_words(const struct schedule *s, const struct schedule_job *j,
    bool cron, struct bytes *out);

/* ---- units.c */
void unit_service(
    const struct schedule *s, const struct schedule_job *j, struct bytes *out);
void unit_timer(
    const struct schedule *s, const struct schedule_job *j, struct bytes *out);

/* ---- cron.c */
/* For a file of cron.d, whose lines name a user, or for a user's own. */
void cron_lines(const struct schedule *s, bool with_user, struct bytes *out);
/* Put them, or nothing, into our own crontab, in place of those that are
 * there under this name; `*n_changed` counts. */
SNAP_MUST_CHECK enum snap_code cron_own(struct cli *c, const struct schedule *s,
    const char *name, bool install, size_t *n_changed, struct snap_err *err);

#endif
