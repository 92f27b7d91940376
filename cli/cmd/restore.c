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

#include "cluster.h"
#include "cmd.h"
#include "direct.h"
#include "files.h"
#include "json.h"
#include "memory.h"
#include "place.h"
#include "raw.h"
#include "repo_care.h"
#include "roles.h"
#include "selection.h"
#include "sqlscript.h"
#include "ui.h"

#define TITLE_MAX 1024
#define ALONE_MAX ((size_t)2 << 30)

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

/* What a restore delivers that is not all. */
struct intact {
	const struct repo_manifest *m;
	struct selection *part; /* NULL = no part was chosen */
	bool *lost;             /* by stream; NULL = none can be */
	bool any;               /* of them is */
};

static bool
is_chosen(void *arg, const struct repo_stream *s)
{
	const struct intact *in = arg;

	return in->part != NULL ? select_stream(in->part, s)
				: is_script(NULL, s);
}

static bool
is_intact_script(void *arg, const struct repo_stream *s)
{
	const struct intact *in = arg;

	return is_chosen(arg, s) &&
	       (in->lost == NULL || !in->lost[s - in->m->v]);
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

static enum snap_code
restore_raw(struct cli *c, struct place *s, const struct repo_manifest *m,
    struct snap_err *err)
{
	uint8_t kind = STREAM_RAW;
	struct raw_sink out;
	enum snap_code rc;

	if (isatty(STDOUT_FILENO) == 1) {
		/* Also such as steer a terminal. */
		(void)snap_fail(err, SNAP_USAGE,
		    "standard output is a terminal, and this snapshot holds "
		    "arbitrary bytes");
		return snap_hint(err,
		    "Redirect them to a file, or look at them with \"| "
		    "less\".");
	}
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
failing_script(const struct cli *c, const struct repo_snapshot *snapshot,
    const struct snap_err *why)
{
	struct sqlscript_opts so = {
		.fd = STDOUT_FILENO, .no_transaction = true, .no_restrict = true
	};
	struct sqlscript *script = NULL;
	struct snap_err ignored;

	if (c->o.dbname != NULL)
		return;
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
	struct rolemap *roles = NULL;
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, ALONE_MAX);
	rc = has_kind(m, (uint8_t)kind) ? roles_open(c, s, m, &roles, err)
					: snap_fail(err, SNAP_NOTFOUND,
					      "this snapshot has no such part");
	if (rc == SNAP_OK)
		rc = roles_read(c, s, m, kind, roles, &text, err);
	if (rc != SNAP_OK)
		failing_script(c, snapshot, err);
	else
		rc = put_alone(c, kind, bytes_span(&text), err);
	rolemap_free(roles);
	bytes_fini_wipe(&text);
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

/* `part`: what of it, or NULL.  `title` has to stay. */
static enum snap_code
open_script(struct cli *c, const struct repo_snapshot *snapshot,
    struct bytes *title, const struct selection *part, bool partial,
    struct sqlscript **out, struct snap_err *err)
{
	const char *locks = repo_snapshot_prop(snapshot, "restore-locks");
	struct sqlscript_opts so = { .fd = STDOUT_FILENO,
		.no_transaction = c->o.no_transaction,
		.no_restrict = c->o.no_restrict,
		.partial = partial,
		.encoding = repo_snapshot_prop(snapshot, "encoding") };

	title_of(snapshot, title);
	so.title = title->bad ? NULL : (const char *)title->p;
	if (locks != NULL)
		so.restore_locks = strtoull(locks, NULL, 10);
	if (part != NULL) {
		uint64_t some = pgarchive_locks(select_choice(part));

		if (some < so.restore_locks)
			so.restore_locks = some;
		so.before = bytes_span(&select_map(part)->before);
		so.after = bytes_span(&select_map(part)->after);
	}
	return sqlscript_open(&so, out, err);
}

/* Its last line, or one that must fail; closes it. */
static enum snap_code
end_script(struct cli *c, struct sqlscript *script, enum snap_code rc,
    struct snap_err *err)
{
	if (rc == SNAP_OK)
		rc = report_check(&c->report, err);
	if (rc == SNAP_OK)
		rc = sqlscript_finish(script, err);
	if (rc != SNAP_OK) {
		ui_out_lost(sqlscript_errno(script));
		sqlscript_poison(script, err->msg);
	}
	sqlscript_close(script);
	return rc;
}

static enum snap_code
restore_script(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    struct intact *intact, struct snap_err *err)
{
	struct sqlscript *script = NULL;
	struct bytes title;
	enum snap_code rc;

	bytes_init(&title, TITLE_MAX);
	rc = open_script(c, snapshot, &title, NULL,
	    intact != NULL && intact->any, &script, err);
	if (rc == SNAP_OK)
		rc = end_script(c, script,
		    repo_read(s->repo, m,
			intact != NULL ? is_intact_script : is_script, intact,
			sqlscript_sink(script), err),
		    err);
	bytes_fini(&title);
	return rc;
}

/* All that pg_restore has to make is made before the first byte is written. */
static enum snap_code
restore_part(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, struct intact *in,
    struct snap_err *err)
{
	struct sqlscript *script = NULL;
	struct select_filter f;
	struct sink *to;
	struct bytes title;
	enum snap_code rc;

	bytes_init(&title, TITLE_MAX);
	if ((rc = select_make_sql(in->part, err)) != SNAP_OK ||
	    (rc = open_script(c, snapshot, &title, in->part, in->any, &script,
		 err)) != SNAP_OK) {
		failing_script(c, snapshot, err);
		goto out;
	}
	to = sqlscript_sink(script);
	select_filter_init(&f, in->part, to);
	rc = select_push(in->part, PGARCHIVE_PRE_DATA, to, err);
	if (rc == SNAP_OK)
		rc = repo_read(
		    s->repo, in->m, is_intact_script, in, &f.base, err);
	select_filter_fini(&f);
	if (rc == SNAP_OK)
		rc = select_push(in->part, PGARCHIVE_POST_DATA, to, err);
	if (rc == SNAP_OK)
		rc = select_push(in->part, PGARCHIVE_LAST, to, err);
	rc = end_script(c, script, rc, err);
out:
	bytes_fini(&title);
	return rc;
}

static enum snap_code
open_part(struct cli *c, struct place *s, const struct repo_snapshot *snapshot,
    struct intact *in, struct snap_err *err)
{
	uint64_t times = c->o.partial ? 2 : 1;
	enum snap_code rc = select_open(c, s, snapshot, in->m, &in->part, err);

	if (rc != SNAP_OK)
		return rc;
	select_tell(in->part);
	atomic_store(&c->report.bytes_total, times * select_bytes(in->part));
	return SNAP_OK;
}

/* What a stream is called in a warning. */
static void
tell_lost(const struct repo_stream *s)
{
	struct bytes name;

	bytes_init(&name, TITLE_MAX * 4);
	ui_escape(&name, s->name);
	bytes_u8(&name, 0);
	ui_warning("%s \"%s\" is lost and left out",
	    s->kind == STREAM_TABLE ? "table" : json_kind(s->kind),
	    name.bad ? "?" : (const char *)name.p);
	bytes_fini(&name);
}

/* A salvaged snapshot lacks what it says, even if all it has is whole. */
static bool
tell_salvaged(const struct repo_snapshot *snapshot)
{
	const char *lost = repo_snapshot_prop(snapshot, REPO_PROP_LOST);
	struct bytes name;
	size_t n;

	if (!snapshot->salvaged)
		return false;
	for (; lost != NULL && *lost != '\0'; lost += n + (lost[n] != '\0')) {
		n = strcspn(lost, "\n");
		bytes_init(&name, TITLE_MAX * 4);
		ui_escape(&name, span_of(lost, n));
		bytes_u8(&name, 0);
		ui_warning("\"%s\" was lost before the snapshot was salvaged",
		    name.bad ? "?" : (const char *)name.p);
		bytes_fini(&name);
	}
	return true;
}

/* Which streams can be had is known before the first byte is written: all of
 * them are read twice. */
static enum snap_code
restore_partial(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, struct snap_err *err)
{
	struct intact in = { .any = tell_salvaged(snapshot) };
	struct repo_manifest *m = NULL;
	size_t n_parts = 0, n_left = 0;
	enum snap_code rc;

	rc = repo_manifest_rest(s->repo, snapshot, &m, &n_parts, err);
	if (rc == SNAP_OK)
		rc = direct_check_kinds(m, err);
	if (rc != SNAP_OK)
		goto out;
	in.m = m;
	if (select_asked(&c->o) &&
	    (rc = open_part(c, s, snapshot, &in, err)) != SNAP_OK)
		goto out;
	if (has_kind(m, STREAM_RAW)) { /* one stream: all of it or nothing */
		rc = restore_raw(c, s, m, err);
		repo_manifest_free(m);
		return rc;
	}
	in.lost = calloc(m->n + 1, sizeof *in.lost);
	rc = in.lost == NULL
		 ? snap_fail(err, SNAP_NOMEM, "out of memory")
		 : repo_survey(s->repo, m, is_chosen, &in, in.lost, err);
	if (rc != SNAP_OK)
		goto out;
	if (n_parts > 0)
		ui_warning("a part of the list of streams is lost: tables may "
			   "be missing that nobody can name");
	in.any |= n_parts > 0;
	for (size_t i = 0; i < m->n; i++) {
		n_left += is_intact_script(&in, &m->v[i]);
		in.any |= in.lost[i];
		/* A table's slices one behind the other. */
		if (in.lost[i] && (i == 0 || !in.lost[i - 1] ||
				      !span_eq(m->v[i - 1].name, m->v[i].name)))
			tell_lost(&m->v[i]);
	}
	if (n_left == 0 && in.part == NULL)
		rc = snap_fail(
		    err, SNAP_CORRUPT, "nothing of this snapshot is intact");
out:
	if (rc != SNAP_OK)
		failing_script(c, snapshot, err);
	else if (in.part != NULL)
		rc = restore_part(c, s, snapshot, &in, err);
	else
		rc = restore_script(c, s, snapshot, m, &in, err);
	c->partial = rc == SNAP_OK && in.any;
	select_close(in.part);
	free(in.lost);
	repo_manifest_free(m);
	return rc;
}

static enum snap_code
restore_whole(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, struct snap_err *err)
{
	struct repo_manifest *m = NULL;
	struct intact in = { .part = NULL };
	enum snap_code rc;

	rc = repo_manifest(s->repo, snapshot, &m, err);
	in.m = m;
	if (rc != SNAP_OK)
		failing_script(c, snapshot, err);
	else if (c->o.globals)
		rc = restore_alone(c, s, snapshot, m, STREAM_GLOBALS, err);
	else if (c->o.properties)
		rc = restore_alone(c, s, snapshot, m, STREAM_PROPERTIES, err);
	else if ((rc = direct_check_kinds(m, err)) != SNAP_OK)
		failing_script(c, snapshot, err);
	else if (c->o.dbname != NULL)
		rc = has_kind(m, STREAM_RAW)
			 ? snap_fail(err, SNAP_USAGE,
			       "the snapshot is no database: --dbname does not "
			       "go with it")
			 : direct_restore(c, s, snapshot, m, NULL, err);
	else if (select_asked(&c->o) &&
		 (rc = open_part(c, s, snapshot, &in, err)) != SNAP_OK)
		failing_script(c, snapshot, err);
	else if (in.part != NULL)
		rc = restore_part(c, s, snapshot, &in, err);
	else if (has_kind(m, STREAM_RAW))
		rc = restore_raw(c, s, m, err);
	else
		rc = restore_script(c, s, snapshot, m, NULL, err);
	select_close(in.part);
	repo_manifest_free(m);
	return rc;
}

/* Nobody takes it for all there was. */
static enum snap_code
refuse_salvaged(struct snap_err *err)
{
	(void)snap_fail(err, SNAP_CORRUPT,
	    "the snapshot was salvaged from a damaged one and lacks data");
	return snap_hint(err, "--partial restores what there is.");
}

enum snap_code
restore_check(const struct repo_snapshot *s, const struct repo_manifest *m,
    struct snap_err *err)
{
	return s->salvaged ? refuse_salvaged(err) : direct_check_kinds(m, err);
}

enum snap_code
cmd_restore(struct cli *c, struct snap_err *err)
{
	bool alone = c->o.globals || c->o.properties;
	struct place s = PLACE_INIT;
	const struct repo_snapshot *snapshot = NULL;
	enum snap_code rc;

	if ((rc = cluster_check_restore(&c->o, err)) != SNAP_OK ||
	    (rc = select_check(&c->o, err)) != SNAP_OK ||
	    (rc = direct_check(&c->o, err)) != SNAP_OK)
		return rc;
	if (c->o.all)
		return cluster_restore(c, err);
	if (files_wanted(&c->o))
		return files_restore(c, err);
	if (c->o.globals && c->o.properties)
		return snap_fail(err, SNAP_USAGE,
		    "--globals and --properties exclude each other");
	if (c->o.partial && alone)
		return snap_fail(err, SNAP_USAGE,
		    "--globals and --properties are one piece: --partial does "
		    "not go with them");
	s.for_backup = c->o.backup_first;
	s.needs = REPO_MAY_READ;
	if ((rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = place_find(&s, c->o.args[0], &snapshot, err)) != SNAP_OK ||
	    (snapshot->salvaged && !c->o.partial && !alone &&
		(rc = refuse_salvaged(err)) != SNAP_OK)) {
		failing_script(c, snapshot, err);
		goto out;
	}
	(void)memory_tell(c, &s); /* 0 means: everything was written */
	atomic_store(&c->report.bytes_total,
	    c->o.partial ? 2 * snapshot->bytes : snapshot->bytes);
	if (c->o.dbname == NULL)
		ui_progress_begin_data("restoring", &c->report);
	rc = c->o.partial ? restore_partial(c, &s, snapshot, err)
			  : restore_whole(c, &s, snapshot, err);
	ui_progress_end();
out:
	place_close(&s);
	return rc;
}
