/* SPDX-License-Identifier: PostgreSQL */
/*
 * record.c - what a run leaves behind in the repository, for "history": how it
 * ended, where no snapshot says so.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "props.h"
#include "repo_runs.h"
#include "retry.h"
#include "tell_internal.h"
#include "ui.h"

#define MESSAGE_MAX 500 /* bytes; docs/format.md */

/* What it was to be of; "" = nothing that is a mere name.  A conninfo string
 * may hold a password. */
static const char *
source_of(const struct opts *o)
{
	const char *name = o->name != NULL     ? o->name
			   : o->dbname != NULL ? o->dbname
			   : o->n_args == 1    ? o->args[0]
					       : "";

	return o->all || strchr(name, '=') != NULL ||
		       strstr(name, "://") != NULL
		   ? ""
		   : name;
}

static enum snap_code
add_facts(struct props *p, const json_t *facts, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)facts, key, value)
	{
		if (rc == SNAP_OK && json_is_string(value))
			rc = props_add(p, key, json_string_value(value), err);
		else if (rc == SNAP_OK)
			rc = props_add_u64(
			    p, key, (uint64_t)json_integer_value(value), err);
	}
	return rc;
}

static enum snap_code
collect(struct props *p, const struct cli *c, enum outcome outcome,
    const char *message, struct snap_err *err)
{
	const struct tell *t = c->tell;
	const char *source = c->bit == CMD_BACKUP ? source_of(&c->o) : "";
	char text[MESSAGE_MAX + 1];
	enum snap_code rc;

	(void)snprintf(text, sizeof text, "%.*s", MESSAGE_MAX, message);
	if ((rc = props_add(p, REPO_RUN_ID, t->id, err)) != SNAP_OK ||
	    (rc = props_add(p, REPO_RUN_COMMAND, t->command, err)) != SNAP_OK ||
	    (rc = props_add(p, REPO_RUN_OUTCOME, outcome_name(outcome), err)) !=
		SNAP_OK ||
	    (rc = props_add_time(p, REPO_RUN_BEGAN,
		 (time_t)(t->started_ns / 1000000000), err)) != SNAP_OK ||
	    (rc = props_add_u64(
		 p, REPO_RUN_DURATION, tell_elapsed_ms(t), err)) != SNAP_OK ||
	    (rc = props_add(p, REPO_RUN_HOST, t->host, err)) != SNAP_OK)
		return rc;
	if (t->profile[0] != '\0')
		rc = props_add(p, REPO_RUN_PROFILE, t->profile, err);
	if (rc == SNAP_OK && text[0] != '\0')
		rc = props_add(p, REPO_RUN_MESSAGE, text, err);
	if (rc == SNAP_OK)
		rc = add_facts(p, t->facts, err);
	if (rc == SNAP_OK && source[0] != '\0')
		rc = props_add(p, REPO_RUN_SOURCE, source, err);
	return rc;
}

static int
by_key(const void *a, const void *b)
{
	const struct repo_property *x = a, *y = b;

	return strcmp(x->key, y->key);
}

void
tell_record(struct cli *c, struct place *s, enum snap_code rc,
    const struct snap_err *how)
{
	enum outcome outcome = rc != SNAP_OK       ? OUTCOME_FAILURE
			       : c->n_warnings > 0 ? OUTCOME_WARNING
						   : OUTCOME_SUCCESS;
	struct snap_err err = SNAP_ERR_INIT;
	struct props p = { .n = 0 };
	atomic_int *cancel = c->report.cancel;

	/* Who may not do it has not begun. */
	if (c->tell == NULL || s->repo == NULL || rc == SNAP_WRONG_KEY ||
	    (c->bit == CMD_BACKUP && outcome == OUTCOME_SUCCESS))
		return;
	/* Also of what was cancelled.  It is tried once: nobody waits for a
	 * store that is away to hear how it went. */
	if (rc == SNAP_CANCELLED)
		c->report.cancel = NULL;
	transport_retry_end(s->transport);
	rc = collect(&p, c, outcome, rc != SNAP_OK ? how->msg : "", &err);
	if (rc == SNAP_OK) {
		qsort(p.v, p.n, sizeof p.v[0], by_key);
		rc = repo_say_run(s->repo, p.v, p.n, &err);
	}
	c->report.cancel = cancel;
	props_clear(&p);
	/* Credentials that may only read are a way to set up checks. */
	if (rc == SNAP_DENIED)
		ui_info("the history will not show this run: %s", err.msg);
	else if (rc != SNAP_OK)
		ui_warning("the history will not show this run: %s", err.msg);
}
