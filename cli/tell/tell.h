/* SPDX-License-Identifier: PostgreSQL */
/*
 * tell.h - who hears of a run: hooks, a heartbeat, a webhook, mail.
 *
 * For those commands that a schedule runs (CMD_JOBS).  What is to be told to
 * whom comes from the configuration or the environment (docs/messages.md); a
 * key may hold for one command alone, as prune.ping-url.  A message that cannot
 * be sent is a warning and changes nothing else.
 */
#ifndef SNAP_TELL_H
#define SNAP_TELL_H

#include "cmd.h"
#include "err.h"

struct place;
struct repo_snapshot;
struct tell;

/*
 * Draw the id of the run, run the hook `before`, say that it starts.  An error
 * (the hook failed, a word of the configuration is none) is one of the run,
 * which must not begin; tell_end() is due all the same.
 */
SNAP_MUST_CHECK enum snap_code tell_begin(
    struct cli *c, const struct cmd *cmd, struct snap_err *err);
/* Tell how it ended and free c->tell; returns the status to exit with. */
int tell_end(struct cli *c, int status, const struct snap_err *err);

/* What was made, for the messages; does nothing where nobody hears of it. */
void tell_snapshot(struct cli *c, const struct repo_snapshot *s);
void tell_number(struct cli *c, const char *key, uint64_t value);
/* How the snapshots of its source stand: how many, since when, when one was
 * verified last, by which policy they stay.  Asks the repository, and only when
 * a message that says so will be sent. */
void tell_standing(
    struct cli *c, struct place *p, const struct repo_snapshot *s);

/*
 * Leave a record of how it ended in the repository, unless its snapshots say
 * all there is.  The last thing that is done there; a failure is a warning that
 * changes nothing else.
 */
void tell_record(struct cli *c, struct place *s, enum snap_code rc,
    const struct snap_err *how);

/* May a program be started at the end of the run: a hook, or sendmail? */
bool tell_runs(const struct cli *c);

#endif
