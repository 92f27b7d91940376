/* SPDX-License-Identifier: PostgreSQL */
/*
 * status.c - how the backups are.
 *
 * For a plugin of a monitoring every end is an answer: what keeps it from
 * looking is said in its one line, with its status, too.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "status.h"
#include "ui.h"

#define WHY_MAX ((size_t)64 << 10)

static enum snap_code
opts_of(struct status *s, struct snap_err *err)
{
	const struct opts *o = &s->cli->o;

	s->monitor =
	    o->monitor || o->max_age != NULL || o->max_verify_age != NULL;
	if ((o->max_age != NULL && opts_seconds(o->max_age, "max-age",
				       &s->max_age_s, err) != SNAP_OK) ||
	    (o->max_verify_age != NULL &&
		opts_seconds(o->max_verify_age, "max-verify-age",
		    &s->max_verify_s, err) != SNAP_OK))
		return err->code;
	if (o->print_head + (o->expect_head != NULL) + s->monitor > 1 ||
	    ((o->print_head || o->expect_head != NULL) &&
		(o->json || o->prometheus != NULL)))
		return snap_fail(err, SNAP_USAGE,
		    "--print-head, --expect-head and the other forms exclude "
		    "each other");
	return SNAP_OK;
}

static enum snap_code
look(struct status *s, struct snap_err *err)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	enum snap_code rc;

	s->place.for_listing = true;
	if ((rc = place_open(&s->place, s->cli, err)) != SNAP_OK ||
	    (rc = repo_snapshots(s->place.repo, &s->place.all, err)) !=
		SNAP_OK ||
	    (rc = repo_notes(s->place.repo, &s->said, err)) != SNAP_OK)
		return rc;
	s->reachable = true;
	s->has_space =
	    transport_space(s->place.backend, &s->space, &ignored) == SNAP_OK;
	s->now_s = (int64_t)time(NULL);
	if (s->cli->o.print_head || s->cli->o.expect_head != NULL)
		return SNAP_OK;
	if ((rc = groups_find(s, err)) == SNAP_OK)
		rc = memory_findings(
		    s->cli, &s->place, s->cli->o.accept, &s->found, err);
	return rc;
}

static enum snap_code
show(struct status *s, struct snap_err *err)
{
	const struct opts *o = &s->cli->o;

	if (o->print_head)
		return head_print(s, err);
	if (o->expect_head != NULL)
		return head_expect(s, o->expect_head, err);
	if (o->json)
		return show_json(s, err);
	return s->monitor ? monitor_line(s, err) : show_table(s, err);
}

/* What a plugin says of what it could not look at: a wrong key or option is
 * nobody's fault on call. */
static enum health
health_of(enum snap_code rc)
{
	switch (rc) {
	case SNAP_NOREPO:
	case SNAP_IO:
	case SNAP_TRANSIENT:
	case SNAP_DENIED:
	case SNAP_CORRUPT:
		return HEALTH_CRITICAL;
	default:
		return HEALTH_UNKNOWN;
	}
}

static enum snap_code
answer(struct status *s, enum snap_code rc, struct snap_err *err)
{
	struct snap_err lost = SNAP_ERR_INIT;

	if (rc == SNAP_OK) {
		monitor_judge(s);
	} else {
		s->health = health_of(rc);
		bytes_put_str(&s->why, err->msg);
		ui_error(err);
	}
	/* Also that of a store that is not there. */
	if (s->cli->o.prometheus != NULL &&
	    prometheus_write(s, s->cli->o.prometheus, &lost) != SNAP_OK) {
		ui_error(&lost);
		s->health = HEALTH_UNKNOWN;
	}
	s->cli->has_status = true;
	s->cli->status = (int)s->health;
	return show(s, err);
}

enum snap_code
cmd_status(struct cli *c, struct snap_err *err)
{
	struct status s = { .cli = c, .place = PLACE_INIT };
	struct snap_err lost = SNAP_ERR_INIT;
	enum snap_code rc;

	bytes_init(&s.why, WHY_MAX);
	rc = opts_of(&s, err);
	if (rc == SNAP_OK)
		rc = look(&s, err);
	if (s.monitor && rc != SNAP_CANCELLED) {
		rc = answer(&s, rc, err);
		goto out;
	}
	if (c->o.prometheus != NULL && rc != SNAP_USAGE &&
	    prometheus_write(&s, c->o.prometheus, &lost) != SNAP_OK &&
	    rc == SNAP_OK) {
		*err = lost;
		rc = lost.code;
	}
	if (rc == SNAP_OK)
		rc = show(&s, err);
out:
	bytes_fini(&s.why);
	repo_recall_free(&s.found);
	groups_free(&s);
	repo_notes_free(s.said);
	place_close(&s.place);
	return rc;
}
