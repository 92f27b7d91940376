/* SPDX-License-Identifier: PostgreSQL */
/* files.c - what all restores into files have in common. */
#include "files.h"
#include "selection.h"
#include "ui.h"

bool
files_wanted(const struct opts *o)
{
	return o->output != NULL || o->sqlite_to != NULL || o->overwrite;
}

static enum snap_code
check_usage(const struct opts *o, struct snap_err *err)
{
	if (o->overwrite && o->sqlite_to == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "--overwrite goes with --sqlite-to");
	if (o->sqlite_to != NULL && o->output != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--output and --sqlite-to exclude each other");
	if (o->dbname != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "a database as the target and files exclude each other");
	if (select_less(o)) {
		(void)snap_fail(err, SNAP_USAGE,
		    "--output and --sqlite-to write all of a snapshot");
		return snap_hint(
		    err, "Of what --output wrote pg_restore takes a part.");
	}
	if (o->globals || o->properties || o->partial || o->no_transaction ||
	    o->no_restrict)
		return snap_fail(err, SNAP_USAGE,
		    "--output and --sqlite-to do not go with options for a "
		    "script");
	return SNAP_OK;
}

enum snap_code
files_restore(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	const struct repo_snapshot *snapshot;
	struct repo_manifest *m = NULL;
	enum snap_code rc;

	s.needs = REPO_MAY_READ;
	if ((rc = check_usage(&c->o, err)) != SNAP_OK ||
	    (rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = place_find(&s, c->o.args[0], &snapshot, err)) != SNAP_OK ||
	    (rc = repo_manifest(s.repo, snapshot, &m, err)) != SNAP_OK)
		goto out;
	atomic_store(&c->report.bytes_total, snapshot->bytes);
	ui_progress_begin("restoring", &c->report);
	if ((rc = restore_check(snapshot, m, err)) == SNAP_OK)
		rc = c->o.output != NULL ? todir(c, &s, snapshot, m, err)
					 : tosqlite(c, &s, snapshot, m, err);
	ui_progress_end();
out:
	repo_manifest_free(m);
	place_close(&s);
	return rc;
}
