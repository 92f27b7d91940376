/* SPDX-License-Identifier: PostgreSQL */
/*
 * backup.c - a database, stdin or a command's output becomes a snapshot.
 *
 * Whatever fails before repo_backup_commit() returned SNAP_OK ends in
 * repo_backup_abort(): there is a snapshot of everything, or none.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "cluster.h"
#include "job.h"
#include "memory.h"
#include "raw.h"
#include "sqlite.h"
#include "tell.h"
#include "ui.h"

static bool
is_raw(const struct opts *o)
{
	return o->is_stdin || o->has_command || o->sqlite != NULL;
}

/* What a stream that is no database of PostgreSQL is filed under. */
static const char *
raw_name(const struct opts *o)
{
	const char *slash;

	if (o->name != NULL || o->sqlite == NULL)
		return o->name;
	slash = strrchr(o->sqlite, '/');
	return slash != NULL ? slash + 1 : o->sqlite;
}

static enum snap_code
check_usage(const struct opts *o, struct snap_err *err)
{
	bool raw = is_raw(o);

	if (o->all)
		return cluster_check_backup(o, err);
	if (o->exclude_databases.n > 0)
		return snap_fail(
		    err, SNAP_USAGE, "--exclude-database goes with --all");
	if (o->is_stdin + o->has_command + (o->sqlite != NULL) > 1)
		return snap_fail(err, SNAP_USAGE,
		    "--stdin, --sqlite and a command exclude each other");
	if (o->has_command && o->command[0] == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "there is no command behind --");
	if (raw && (raw_name(o) == NULL || raw_name(o)[0] == '\0')) {
		(void)snap_fail(err, SNAP_USAGE, "a name is missing");
		return snap_hint(
		    err, "Say with --name=NAME what this stream is.");
	}
	if (raw && strlen(raw_name(o)) > STREAM_NAME_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "the name has more than %d bytes", STREAM_NAME_MAX);
	if (raw && (o->n_args > 0 || o->dbname != NULL))
		return snap_fail(err, SNAP_USAGE,
		    "a database and another source exclude each other");
	if (!raw && o->name != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--name goes with --stdin, --sqlite or a command");
	if (o->n_args > 0 && o->dbname != NULL)
		return snap_fail(
		    err, SNAP_USAGE, "the database is named twice");
	if (o->is_stdin && isatty(STDIN_FILENO) == 1)
		return snap_fail(
		    err, SNAP_USAGE, "standard input is a terminal");
	return SNAP_OK;
}

static enum snap_code
backup_raw(struct job *j, struct snap_err *err)
{
	const struct opts *o = &j->cli->o;
	struct repo_backup_opts bo = { .n_lanes = 1, .name = raw_name(o) };
	struct child child = CHILD_INIT;
	enum snap_code rc;
	int fd = STDIN_FILENO;

	if ((rc = props_add(&j->props, REPO_PROP_NAME, bo.name, err)) !=
		SNAP_OK ||
	    (o->sqlite != NULL &&
		(rc = sqlite_source(j->cli, &j->props, &fd, err)) != SNAP_OK) ||
	    (rc = repo_backup_begin(j->place.repo, &bo, &j->backup, err)) !=
		SNAP_OK)
		goto out;
	if (o->has_command) {
		if ((rc = child_start(&child, o->command, err)) != SNAP_OK) {
			j->cli->before_work = true;
			goto out;
		}
		fd = child.fd;
	}
	ui_progress_begin("backing up", &j->cli->report);
	rc = raw_push(fd, bo.name, !o->is_stdin, repo_backup_lane(j->backup, 0),
	    &j->cli->report, err);
	if (rc == SNAP_OK && o->has_command) {
		rc = child_wait(&child, &j->cli->report, err);
		if (rc != SNAP_OK)
			(void)snap_detail(err,
			    "Its output may be incomplete: no snapshot was "
			    "made.");
	}
	child_kill(&child);
	if (rc == SNAP_OK)
		rc = job_commit(j, err);
	ui_progress_end();
out:
	if (o->sqlite != NULL && fd > STDIN_FILENO)
		(void)close(fd);
	return rc;
}

enum snap_code
cmd_backup(struct cli *c, struct snap_err *err)
{
	struct job j = { .cli = c, .place = PLACE_INIT };
	char hex[2 * REPO_ID_LEN + 1];
	enum snap_code rc;

	j.place.for_backup = true;
	if ((rc = check_usage(&c->o, err)) != SNAP_OK ||
	    (rc = job_start(&j, err)) != SNAP_OK ||
	    (rc = place_open(&j.place, c, err)) != SNAP_OK)
		goto out;
	if (c->o.all) {
		rc = cluster_backup(&j, err);
		c->n_warnings += memory_tell(c, &j.place);
		goto out;
	}
	rc = is_raw(&c->o) ? backup_raw(&j, err) : backup_database(&j, err);
	if (rc == SNAP_OK)
		c->n_warnings += memory_tell(c, &j.place);
	if (rc == SNAP_OK && (rc = job_show(&j, err)) != SNAP_OK) {
		hex_encode(j.snapshot.id, REPO_ID_LEN, hex);
		(void)snap_detail(err, "Snapshot %s was made.", hex);
	}
	if (rc == SNAP_OK)
		tell_standing(c, &j.place, &j.snapshot);
out:
	job_end(&j);
	tell_record(c, &j.place, rc, err);
	place_close(&j.place);
	return rc;
}
