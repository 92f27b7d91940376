/* SPDX-License-Identifier: PostgreSQL */
/* report.c - how all the backups are, as one page of HTML. */
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "fdio.h"
#include "page.h"
#include "ui.h"

#define PAGE_MAX ((size_t)256 << 20)
#define DAY_S INT64_C(86400)
#define SHOWN_S (366 * DAY_S) /* and in no chart more */
#define SHOWN_MIN_S (7 * DAY_S)

/* Midnight of the day of the oldest that is shown. */
static int64_t
from_of(const struct page *p)
{
	const struct repo_snapshots *all = &p->status.place.all;
	int64_t from = p->status.now_s - SHOWN_MIN_S;
	time_t t;
	struct tm tm;

	for (size_t i = 0; i < all->n; i++)
		if (plan_time(&all->v[i]) < from)
			from = plan_time(&all->v[i]);
	if (from < p->status.now_s - SHOWN_S)
		from = p->status.now_s - SHOWN_S;
	t = (time_t)from;
	if (localtime_r(&t, &tm) == NULL)
		return from;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm);
}

static enum snap_code
load(struct page *p, struct snap_err *err)
{
	struct status *s = &p->status;
	enum snap_code rc;

	if ((rc = place_open(&s->place, s->cli, err)) != SNAP_OK ||
	    (rc = repo_snapshots(s->place.repo, &s->place.all, err)) !=
		SNAP_OK ||
	    (rc = repo_notes(s->place.repo, &s->said, err)) != SNAP_OK ||
	    (rc = groups_find(s, err)) != SNAP_OK ||
	    (rc = history_load(&p->history, &s->place, &s->cli->o, SIZE_MAX,
		 err)) != SNAP_OK ||
	    (rc = plan_make(&p->plan, &s->place, s->cli, s->said, err)) !=
		SNAP_OK ||
	    (rc = repo_stats(s->place.repo, &p->stats, err)) != SNAP_OK)
		return rc;
	s->now_s = (int64_t)time(NULL);
	p->from_s = from_of(p);
	return SNAP_OK;
}

static enum snap_code
put(const struct page *p, const char *path, struct snap_err *err)
{
	if (strcmp(path, "-") != 0)
		return fd_replace(path, bytes_span(&p->out), err);
	ui_out_raw((const char *)p->out.p);
	return ui_out_end(err);
}

enum snap_code
cmd_report(struct cli *c, struct snap_err *err)
{
	struct page p = { .status = { .cli = c, .place = PLACE_INIT } };
	enum snap_code rc;

	bytes_init(&p.out, PAGE_MAX);
	if (c->o.html == NULL) {
		(void)snap_fail(err, SNAP_USAGE, "no form of report was named");
		rc = snap_hint(err, "Use --html=FILE, or - for stdout.");
		goto out;
	}
	if ((rc = load(&p, err)) != SNAP_OK)
		goto out;
	page_head(&p);
	page_charts(&p);
	page_calendars(&p);
	page_verified(&p);
	page_runs(&p);
	if (strcmp(c->o.html, "-") == 0)
		bytes_u8(&p.out, 0);
	rc = bytes_check(&p.out, err);
	if (rc == SNAP_OK)
		rc = put(&p, c->o.html, err);
	c->n_warnings = p.status.place.all.n_damaged + p.history.runs.n_damaged;
out:
	bytes_fini(&p.out);
	plan_fini(&p.plan);
	history_free(&p.history);
	groups_free(&p.status);
	repo_notes_free(p.status.said);
	place_close(&p.status.place);
	return rc;
}
