/* SPDX-License-Identifier: PostgreSQL */
/*
 * restore.c - one snapshot to standard output.
 *
 * A database becomes a script that psql commits only when its last line has
 * arrived; on any failure the script is poisoned, so that psql fails too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "place.h"
#include "raw.h"
#include "sqlscript.h"
#include "ui.h"

#define TITLE_MAX 1024

static bool
is_script(void *arg, const struct repo_stream *s)
{
	(void)arg;
	switch (s->kind) {
	case STREAM_PRE_DATA:
	case STREAM_TABLE:
	case STREAM_SEQUENCES:
	case STREAM_LARGE_OBJECT:
	case STREAM_POST_DATA:
	case STREAM_ACL:
		return true;
	default:
		return false;
	}
}

static bool
is_kind(void *arg, const struct repo_stream *s)
{
	return s->kind == *(const uint8_t *)arg;
}

static bool
has_kind(const struct repo_manifest *m, uint8_t kind)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->v[i].kind == kind)
			return true;
	return false;
}

/* What a newer version stored must not be left out without a word. */
static enum snap_code
check_kinds(const struct repo_manifest *m, struct snap_err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		uint8_t kind = m->v[i].kind;

		if (kind <= STREAM_ACL || (kind == STREAM_RAW && m->n == 1))
			continue;
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "the snapshot holds a stream of kind %u, as only a newer "
		    "version can restore it",
		    (unsigned)kind);
		return snap_hint(err, "Use a newer version of this program.");
	}
	return SNAP_OK;
}

static enum snap_code
restore_raw(struct cli *c, struct place *s, const struct repo_manifest *m,
    struct snap_err *err)
{
	uint8_t kind = STREAM_RAW;
	struct raw_sink out;
	enum snap_code rc;

	raw_sink_init(&out, STDOUT_FILENO, false, &c->report);
	rc = repo_read(s->repo, m, is_kind, &kind, &out.sink, err);
	raw_sink_fini(&out);
	return rc;
}

static enum snap_code
put_alone(struct cli *c, enum stream_kind kind, struct span text,
    struct snap_err *err)
{
	struct sqlscript_opts so = { .fd = STDOUT_FILENO,
		.no_restrict = c->o.no_restrict,
		.only = kind };
	struct stream_meta meta = { .kind = (uint8_t)kind };
	struct sqlscript *script = NULL;
	struct sink *to;
	enum snap_code rc;

	if ((rc = sqlscript_open(&so, &script, err)) != SNAP_OK)
		return rc;
	to = sqlscript_sink(script);
	if ((rc = sink_begin(to, &meta, err)) == SNAP_OK &&
	    (rc = sink_data(to, text, err)) == SNAP_OK &&
	    (rc = sink_end(to, 0, err)) == SNAP_OK)
		rc = sqlscript_finish(script, err);
	if (rc != SNAP_OK)
		ui_out_lost(sqlscript_errno(script));
	sqlscript_close(script);
	return rc;
}

static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/*
 * A script that does nothing but fail: psql would take an empty one for
 * success.  Where the snapshot is not known to be a database's, whoever reads
 * our pipe is most likely psql all the same, and any other reader fails at
 * this as it ought to.
 */
static void
failing_script(const struct repo_snapshot *snapshot, const struct snap_err *why)
{
	struct sqlscript_opts so = {
		.fd = STDOUT_FILENO, .no_transaction = true, .no_restrict = true
	};
	struct sqlscript *script = NULL;
	struct snap_err ignored;

	if (snapshot == NULL
		? !is_pipe(STDOUT_FILENO)
		: repo_snapshot_prop(snapshot, REPO_PROP_DATABASE) == NULL)
		return;
	if (sqlscript_open(&so, &script, &ignored) == SNAP_OK)
		sqlscript_poison(script, why->msg);
	sqlscript_close(script);
}

/* Roles and properties are small: deliver them whole or not. */
static enum snap_code
restore_alone(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    enum stream_kind kind, struct snap_err *err)
{
	uint8_t k = (uint8_t)kind;
	struct raw_sink out;
	enum snap_code rc;

	raw_sink_init(&out, STDOUT_FILENO, true, &c->report);
	rc = has_kind(m, k) ? repo_read(s->repo, m, is_kind, &k, &out.sink, err)
			    : snap_fail(err, SNAP_NOTFOUND,
				  "this snapshot has no such part");
	if (rc != SNAP_OK)
		failing_script(snapshot, err);
	else
		rc = put_alone(c, kind, bytes_span(&out.held), err);
	raw_sink_fini(&out);
	return rc;
}

static void
title_of(const struct repo_snapshot *snapshot, struct bytes *out)
{
	const char *t = repo_snapshot_prop(snapshot, REPO_PROP_TIME);
	char hex[2 * REPO_ID_LEN + 1];

	hex_encode(snapshot->id, REPO_ID_LEN, hex);
	bytes_printf(out, "%s %s: snapshot %.8s of database ",
	    SNAP_PROGRAM_NAME, SNAP_VERSION, hex);
	ui_escape(out, span_str(place_source(snapshot)));
	bytes_put_str(out, ", ");
	ui_escape(out, span_str(t != NULL ? t : "?"));
	bytes_u8(out, 0);
}

static enum snap_code
restore_script(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    struct snap_err *err)
{
	const char *locks = repo_snapshot_prop(snapshot, "restore-locks");
	struct sqlscript_opts so = { .fd = STDOUT_FILENO,
		.no_transaction = c->o.no_transaction,
		.no_restrict = c->o.no_restrict,
		.encoding = repo_snapshot_prop(snapshot, "encoding") };
	struct sqlscript *script = NULL;
	struct bytes title;
	enum snap_code rc;

	bytes_init(&title, TITLE_MAX);
	title_of(snapshot, &title);
	so.title = title.bad ? NULL : (const char *)title.p;
	if (locks != NULL)
		so.restore_locks = strtoull(locks, NULL, 10);
	if ((rc = sqlscript_open(&so, &script, err)) != SNAP_OK)
		goto out;
	rc =
	    repo_read(s->repo, m, is_script, NULL, sqlscript_sink(script), err);
	if (rc == SNAP_OK)
		rc = report_check(&c->report, err);
	if (rc == SNAP_OK)
		rc = sqlscript_finish(script, err);
	if (rc != SNAP_OK) {
		ui_out_lost(sqlscript_errno(script));
		sqlscript_poison(script, err->msg);
	}
out:
	sqlscript_close(script);
	bytes_fini(&title);
	return rc;
}

enum snap_code
cmd_restore(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	const struct repo_snapshot *snapshot = NULL;
	struct repo_manifest *m = NULL;
	enum snap_code rc;

	if (c->o.globals && c->o.properties)
		return snap_fail(err, SNAP_USAGE,
		    "--globals and --properties exclude each other");
	if ((rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = place_find(&s, c->o.args[0], &snapshot, err)) != SNAP_OK ||
	    (rc = repo_manifest(s.repo, snapshot, &m, err)) != SNAP_OK) {
		failing_script(snapshot, err);
		goto out;
	}
	atomic_store(&c->report.bytes_total, snapshot->bytes);
	ui_progress_begin("restoring", &c->report);
	if (c->o.globals)
		rc = restore_alone(c, &s, snapshot, m, STREAM_GLOBALS, err);
	else if (c->o.properties)
		rc = restore_alone(c, &s, snapshot, m, STREAM_PROPERTIES, err);
	else if ((rc = check_kinds(m, err)) != SNAP_OK)
		failing_script(snapshot, err);
	else if (has_kind(m, STREAM_RAW))
		rc = restore_raw(c, &s, m, err);
	else
		rc = restore_script(c, &s, snapshot, m, err);
	ui_progress_end();
out:
	repo_manifest_free(m);
	place_close(&s);
	return rc;
}
