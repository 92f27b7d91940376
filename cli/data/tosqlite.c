/* SPDX-License-Identifier: PostgreSQL */
/* tosqlite.c - a snapshot of a database of SQLite becomes one again. */
#include "files.h"
#include "props.h"
#include "raw.h"
#include "sqlitefile.h"

enum snap_code
tosqlite(struct cli *c, struct place *s, const struct repo_snapshot *snapshot,
    const struct repo_manifest *m, struct snap_err *err)
{
	struct sqlite_target *t = NULL;
	struct raw_sink out;
	enum snap_code rc;

	if (repo_snapshot_prop(snapshot, PROP_SQLITE) == NULL || m->n != 1 ||
	    m->v[0].kind != STREAM_RAW)
		return snap_fail(err, SNAP_USAGE,
		    "the snapshot is not of a database of SQLite");
	rc = sqlite_target_open(
	    c->o.sqlite_to, c->o.overwrite, &c->report, &t, err);
	if (rc != SNAP_OK)
		return rc;
	raw_sink_init(&out, sqlite_target_fd(t), false, &c->report);
	out.path = c->o.sqlite_to;
	rc = repo_read(s->repo, m, NULL, NULL, &out.sink, err);
	if (rc == SNAP_OK)
		rc = sqlite_target_finish(t, err);
	raw_sink_fini(&out);
	sqlite_target_close(t);
	return rc;
}
