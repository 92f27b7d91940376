/* SPDX-License-Identifier: PostgreSQL */
/* cat.c - one stream of a snapshot to standard output, as it is or as CSV. */
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "copycsv.h"
#include "pick.h"
#include "place.h"
#include "raw.h"
#include "ui.h"

static enum snap_code
check_usage(const struct opts *o, bool *csv, struct snap_err *err)
{
	*csv = o->format != NULL && strcmp(o->format, "csv") == 0;
	if (o->format != NULL && !*csv && strcmp(o->format, "text") != 0)
		return snap_fail(err, SNAP_USAGE,
		    "--format is text or csv, not \"%s\"", o->format);
	if (!*csv && (o->header || o->null != NULL))
		return snap_fail(err, SNAP_USAGE,
		    "--header and --null go with --format=csv");
	return SNAP_OK;
}

/* A line of the list of what a salvaged snapshot lacks. */
static bool
is_lost(const struct repo_snapshot *s, struct span name)
{
	const char *lost = repo_snapshot_prop(s, REPO_PROP_LOST);
	size_t n;

	for (; lost != NULL && *lost != '\0'; lost += n + (lost[n] != '\0')) {
		n = strcspn(lost, "\n");
		if (span_eq(span_of(lost, n), name))
			return true;
	}
	return false;
}

static enum snap_code
read_out(struct cli *c, struct place *s, const struct repo_manifest *m,
    struct pick *p, bool csv, struct snap_err *err)
{
	struct raw_sink out;
	struct copycsv conv;
	struct sink *to = &out.sink;
	uint64_t bytes = 0;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < m->n; i++)
		bytes += pick_is(p, &m->v[i]) ? m->v[i].bytes : 0;
	atomic_store(&c->report.bytes_total, bytes);
	raw_sink_init(&out, STDOUT_FILENO, false, &c->report);
	if (csv) {
		rc = copycsv_init(&conv, to, c->o.null != NULL ? c->o.null : "",
		    c->o.header, err);
		if (rc != SNAP_OK)
			return rc;
		to = &conv.sink;
	}
	ui_progress_begin_data("reading", &c->report);
	rc = repo_read(s->repo, m, pick_is, p, to, err);
	ui_progress_end();
	if (csv)
		copycsv_fini(&conv);
	raw_sink_fini(&out);
	return rc;
}

enum snap_code
cmd_cat(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	const struct repo_snapshot *snapshot;
	struct repo_manifest *m = NULL;
	struct pick p;
	enum snap_code rc;
	bool csv;

	s.needs = REPO_MAY_READ;
	if ((rc = check_usage(&c->o, &csv, err)) != SNAP_OK ||
	    (rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = place_find(&s, c->o.args[0], &snapshot, err)) != SNAP_OK ||
	    (rc = repo_manifest(s.repo, snapshot, &m, err)) != SNAP_OK ||
	    (rc = pick_stream(m, c->o.args[1], &p, err)) != SNAP_OK)
		goto out;
	if (csv && p.kind != STREAM_TABLE)
		rc = snap_fail(err, SNAP_USAGE,
		    "only the rows of a table can be written as CSV");
	else if (is_lost(snapshot, p.name))
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the snapshot was salvaged from a damaged one and lacks "
		    "all or a part of \"%s\"",
		    c->o.args[1]);
	else
		rc = read_out(c, &s, m, &p, csv, err);
out:
	repo_manifest_free(m);
	place_close(&s);
	return rc;
}
