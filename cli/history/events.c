/* SPDX-License-Identifier: PostgreSQL */
/* events.c - snapshots and records as one list of runs; see history.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "keep.h"
#include "run.h"
#include "ui.h"

#define SECOND_NS INT64_C(1000000000)
/* Of what a record says, in bytes. */
#define NAME_SHOWN ((size_t)128)
#define MESSAGE_SHOWN ((size_t)500)

struct span
history_cut(struct span text, size_t max)
{
	size_t n = text.len;

	if (n > max)
		for (n = max; n > 0 && (text.p[n] & 0xc0) == 0x80;)
			n--;
	return span_of(text.p, n);
}

static struct span
cut(const char *text, size_t max)
{
	return history_cut(span_str(text != NULL ? text : ""), max);
}

bool
history_wants(const struct opts *only, struct span source)
{
	for (size_t i = 0; i < only->n_args; i++)
		if (span_eq(source, span_str(only->args[i])))
			return true;
	return only->n_args == 0;
}

uint64_t
history_number(const struct repo_run *record, const char *key)
{
	const char *text = record != NULL ? repo_run_prop(record, key) : NULL;

	return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void
of_record(struct event *e, const struct repo_run *r)
{
	const char *outcome = repo_run_prop(r, REPO_RUN_OUTCOME);

	*e = (struct event){ .record = r, .time_ns = r->time_ns };
	e->has_duration = repo_run_prop(r, REPO_RUN_DURATION) != NULL;
	e->duration_ms = history_number(r, REPO_RUN_DURATION);
	e->end = outcome == NULL                   ? EVENT_FAILED
		 : strcmp(outcome, "success") == 0 ? EVENT_OK
		 : strcmp(outcome, "warning") == 0 ? EVENT_WARNING
						   : EVENT_FAILED;
	e->job = cut(repo_run_prop(r, REPO_RUN_COMMAND), NAME_SHOWN);
	e->source = cut(repo_run_prop(r, REPO_RUN_SOURCE), NAME_SHOWN);
	e->message = cut(repo_run_prop(r, REPO_RUN_MESSAGE), MESSAGE_SHOWN);
	e->run = cut(repo_run_prop(r, REPO_RUN_ID), NAME_SHOWN);
	e->host = cut(repo_run_prop(r, REPO_RUN_HOST), NAME_SHOWN);
}

static void
of_snapshot(struct event *e, const struct repo_snapshot *s)
{
	const char *ms = repo_snapshot_prop(s, "duration-ms");

	*e = (struct event){ .snapshot = s,
		.time_ns = plan_time(s) * SECOND_NS };
	e->has_duration = ms != NULL;
	e->duration_ms = ms != NULL ? strtoull(ms, NULL, 10) : 0;
	e->job = span_str("backup");
	e->source = span_str(place_source(s));
	e->run = cut(repo_snapshot_prop(s, RUN_PROP_ID), NAME_SHOWN);
	e->host = cut(repo_snapshot_prop(s, REPO_PROP_HOST), NAME_SHOWN);
	e->message = span_str("");
}

/* A backup that ended with a warning is told by its snapshots, which stand; not
 * where another says so, who could know the id of the run.
 * One that failed may have made some of several: both are told. */
static bool
is_said(struct event *snapshots, size_t n, const struct event *e)
{
	bool found = false;

	if (e->end != EVENT_WARNING || e->run.len == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (span_eq(snapshots[i].run, e->run) &&
		    strcmp(snapshots[i].snapshot->signer, e->record->signer) ==
			0) {
			snapshots[i].end = EVENT_WARNING;
			snapshots[i].record = e->record;
			found = true;
		}
	return found;
}

static int
oldest_first(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->snapshot != y->snapshot)
		return x->snapshot < y->snapshot ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

enum snap_code
history_load(struct history *h, struct place *s, const struct opts *only,
    size_t max, struct snap_err *err)
{
	const struct repo_snapshots *all = &s->all;
	enum snap_code rc = repo_runs(s->repo, max, &h->runs, err);
	size_t n_snapshots;

	if (rc != SNAP_OK)
		return rc;
	h->v = calloc(all->n + h->runs.n + 1, sizeof *h->v);
	if (h->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < all->n; i++) {
		of_snapshot(&h->v[h->n], &all->v[i]);
		h->n += history_wants(only, h->v[h->n].source);
	}
	n_snapshots = h->n;
	for (size_t i = 0; i < h->runs.n; i++) {
		struct event *e = &h->v[h->n];

		of_record(e, &h->runs.v[i]);
		if (!is_said(h->v, n_snapshots, e))
			h->n += history_wants(only, e->source);
	}
	if (h->n != 0)
		qsort(h->v, h->n, sizeof *h->v, oldest_first);
	return SNAP_OK;
}

void
history_free(struct history *h)
{
	repo_runs_free(&h->runs);
	free(h->v);
}

void
history_status(const struct event *e, struct bytes *out)
{
	uint64_t freed = history_number(e->record, "freed-bytes");
	char size[UI_SIZE_MAX];

	bytes_put_str(out, e->end == EVENT_OK        ? "ok"
			   : e->end == EVENT_WARNING ? "warnings"
						     : "FAILED");
	/* Before what is the host's own text: no length of it hides this. */
	if (e->record != NULL && !e->record->by_owner)
		bytes_printf(out, ", says %s", e->record->signer);
	if (e->message.len > 0) {
		bytes_put_str(out, ": ");
		bytes_put_span(out, e->message);
	} else if (freed > 0) {
		bytes_printf(out, ", freed %s", ui_size(freed, size));
	}
}

const char *
history_duration(uint64_t ms, char out[HISTORY_DURATION_MAX])
{
	const size_t max = HISTORY_DURATION_MAX;
	uint64_t s = ms / 1000;

	if (s < 10)
		(void)snprintf(
		    out, max, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
	else if (s < 60)
		(void)snprintf(out, max, "%" PRIu64 " s", s);
	else if (s < 3600)
		(void)snprintf(
		    out, max, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		(void)snprintf(out, max, "%" PRIu64 " h %" PRIu64 " min",
		    s / 3600, s % 3600 / 60);
	return out;
}
