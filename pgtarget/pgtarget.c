/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgtarget.c - the order of a restore, and how far it came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "pgtarget_internal.h"

/*
 * Against what a database or role sets, and for speed: commits wait for no
 * disk, until the last one, which waits for all of them.
 */
#define CHILD_SETTINGS                                                         \
	"-c synchronous_commit=off -c default_transaction_read_only=off "      \
	"-c DateStyle=ISO -c IntervalStyle=postgres -c lock_timeout=0 "        \
	"-c idle_in_transaction_session_timeout=0"

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
target_phase(struct pgtarget *t, enum pgtarget_phase phase)
{
	uint64_t now = now_ms();

	t->progress.ms[t->progress.phase] += now - t->since_ms;
	t->since_ms = now;
	t->progress.phase = phase;
}

void
target_touch(struct pgtarget *t)
{
	pthread_mutex_lock(&t->lock);
	t->progress.untouched = false;
	pthread_mutex_unlock(&t->lock);
}

const char *
pgtarget_phase_name(enum pgtarget_phase phase)
{
	static const char *const names[PGTARGET_PHASES] = {
		"looking at the target", "making the database",
		"making tables, types and functions", "loading rows",
		"setting sequences", "making indexes and constraints",
		"setting privileges", "done"
	};

	return names[phase];
}

enum snap_code
target_pin(struct pgtarget *t, PGconn *c, struct snap_err *err)
{
	enum snap_code rc = conn_exec(&t->pg, c,
	    "SET default_transaction_read_only = off;"
	    "SET synchronous_commit = off; SET xmloption = content;"
	    "SET check_function_bodies = false",
	    NULL, err);

	if (rc == SNAP_OK && t->o.encoding != NULL &&
	    PQsetClientEncoding(c, t->o.encoding) != 0)
		rc = conn_fail(&t->pg, c, NULL, "set client_encoding", err);
	return rc;
}

/* What a person can do about what a restore meets in practice. */
static void
hint_for(void *arg, const char *state, struct snap_err *err)
{
	(void)arg;
	if (strcmp(state, "53100") == 0)
		snap_hint(err, "the disk of the server is full");
	else if (strcmp(state, "55006") == 0)
		snap_hint(err, "end the other sessions of that database first");
	else if (strcmp(state, "2BP01") == 0)
		snap_hint(err, "something that is not restored depends on it: "
			       "drop that first, or restore with --create "
			       "--clean");
}

/* ---- the definitions, as they come */

static enum snap_code
def_begin(struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct pgtarget *t =
	    (struct pgtarget *)(void *)((char *)base -
					offsetof(struct pgtarget, definitions));

	switch (m->kind) {
	case STREAM_ARCHIVE:
		t->kind = m->kind;
		return t->archive >= 0
			   ? snap_fail(err, SNAP_CORRUPT, "two archives")
			   : child_tmpfile(&t->pg, &t->archive, err);
	case STREAM_PROPERTIES:
	case STREAM_SEQUENCES:
		t->kind = m->kind;
		return SNAP_OK;
	default:
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "a stream of kind %u is no definition", m->kind);
	}
}

static enum snap_code
def_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct pgtarget *t =
	    (struct pgtarget *)(void *)((char *)base -
					offsetof(struct pgtarget, definitions));
	struct bytes *b =
	    t->kind == STREAM_SEQUENCES ? &t->sequences : &t->properties;

	if (t->kind == STREAM_ARCHIVE) {
		if (fd_write_all(t->archive, d.p, d.len) != 0)
			return snap_fail_errno(err, SNAP_IO,
			    "write the archive to a temporary file");
		if (!t->o.leave_out)
			return SNAP_OK;
		b = &t->text;
	}
	bytes_put_span(b, d);
	return bytes_check(b, err);
}

static enum snap_code
def_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	(void)base;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

static const struct sink_ops def_ops = { def_begin, def_data, def_end };

struct sink *
pgtarget_definitions(struct pgtarget *t)
{
	return &t->definitions;
}

/* ---- open and close */

static enum snap_code
find_restore(struct pgtarget *t, struct snap_err *err)
{
	struct pgtool_want want = { .program = "pg_restore",
		.path = t->o.pg_restore,
		.at_least = t->o.dump_num,
		.because = "the snapshot was made by pg_dump" };
	enum snap_code rc = tools_find(&t->pg, &want, &t->tool, err);

	/* It begins with a setting that older ones do not have. */
	if (rc != SNAP_OK || t->tool.num < 170000 || t->pg.server_num >= 170000)
		return rc;
	(void)snap_fail(err, SNAP_UNSUPPORTED,
	    "pg_restore %d cannot restore into a server of version %d",
	    t->tool.num / 10000, t->pg.server_num / 10000);
	return snap_hint(err, "Restore by the pipe to psql, without --dbname.");
}

enum snap_code
pgtarget_open(const struct pgtarget_opts *opts, struct pgtarget **out,
    struct snap_err *err)
{
	struct pgtarget *t;
	enum snap_code rc;

	if (opts->jobs < 1 || opts->jobs > LANES_MAX)
		return snap_fail(
		    err, SNAP_USAGE, "jobs: from 1 to %d", LANES_MAX);
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	t->o = *opts;
	t->archive = -1;
	t->definitions.ops = &def_ops;
	t->since_ms = now_ms();
	t->progress.untouched = true;
	bytes_init(&t->text, DDL_MAX);
	bytes_init(&t->properties, DDL_MAX);
	bytes_init(&t->sequences, DDL_MAX);
	bytes_init(&t->later, DDL_MAX);
	pthread_mutex_init(&t->lock, NULL);
	t->pg = (struct pgclient){ .o = opts->server,
		.arg = t,
		.hint = hint_for,
		.child_settings = CHILD_SETTINGS };
	rc = conn_open(&t->pg, err);
	if (rc != SNAP_OK && strstr(err->msg, "does not exist") != NULL)
		snap_hint(err, "make the database first, or let --create make "
			       "that of the snapshot");
	if (rc == SNAP_OK && t->pg.standby)
		rc = snap_fail(err, SNAP_SOURCE,
		    "the server is a standby: nothing can be written there");
	if (rc == SNAP_OK)
		rc = target_pin(t, t->pg.conn, err);
	if (rc == SNAP_OK)
		rc = find_restore(t, err);
	if (rc != SNAP_OK)
		pgtarget_close(t);
	else
		*out = t;
	return rc;
}

void
pgtarget_close(struct pgtarget *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < LANES_MAX; i++)
		lane_fini(&t->lanes[i]);
	conn_close(&t->pg);
	tools_free(&t->tool);
	free(t->name);
	extensions_forget(t);
	free(t->out);
	if (t->archive >= 0)
		close(t->archive);
	bytes_fini(&t->properties);
	bytes_fini(&t->sequences);
	bytes_fini(&t->later);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

const char *
pgtarget_database(const struct pgtarget *t)
{
	return PQdb(t->pg.conn);
}

void
pgtarget_stop(struct pgtarget *t)
{
	atomic_store(&t->pg.stop, 1);
}

void
pgtarget_progress(const struct pgtarget *t, struct pgtarget_progress *out)
{
	*out = t->progress;
	out->ms[t->progress.phase] += now_ms() - t->since_ms;
}

/* ---- the order */

enum snap_code
pgtarget_occupied(
    struct pgtarget *t, const char **database, struct snap_err *err)
{
	bool is_there = false;
	enum snap_code rc;

	if (t->o.create) {
		rc = database_find(t, &is_there, err);
		if (rc == SNAP_OK)
			*database = is_there ? t->name : NULL;
		return rc;
	}
	rc = extensions_read(t, err);
	if (rc == SNAP_OK)
		rc = emptiness_check(t, err);
	if (rc == SNAP_OK || rc == SNAP_EXISTS)
		*database = rc == SNAP_OK ? NULL : PQdb(t->pg.conn);
	return rc == SNAP_EXISTS ? SNAP_OK : rc;
}

enum snap_code
pgtarget_look(struct pgtarget *t, struct snap_err *err)
{
	enum snap_code rc;

	if (t->archive < 0)
		return snap_fail(err, SNAP_CORRUPT,
		    "the snapshot has no archive of definitions");
	if (t->looked)
		return SNAP_OK;
	rc = extensions_read(t, err);
	if (rc != SNAP_OK || t->o.create)
		return rc;
	if (t->o.part != NULL)
		rc = presence_check(t, err);
	else if (!t->o.clean)
		rc = emptiness_check(t, err);
	t->looked = rc == SNAP_OK;
	return rc;
}

enum snap_code
pgtarget_begin(struct pgtarget *t, struct snap_err *err)
{
	enum snap_code rc = pgtarget_look(t, err);

	if (rc == SNAP_OK && t->o.create)
		rc = database_make(t, err);
	/* A template may have something of what comes along. */
	if (rc == SNAP_OK && t->o.create && t->o.part != NULL)
		rc = presence_check(t, err);
	if (rc == SNAP_OK && t->o.properties && !t->o.create)
		rc = database_set(t, err);
	if (rc != SNAP_OK)
		return rc;
	target_phase(t, PGTARGET_PRE_DATA);
	rc = extensions_try(t, err);
	if (rc == SNAP_OK && t->o.clean && !t->o.create)
		rc = definitions_drop(t, err);
	if (rc == SNAP_OK)
		rc = extensions_ready(t, err);
	if (rc == SNAP_OK)
		rc = t->o.renames.before.len > 0 ? renamed_pre(t, err)
						 : definitions_pre(t, err);
	extensions_forget(t);
	if (rc == SNAP_OK)
		target_phase(t, PGTARGET_ROWS);
	return rc;
}

/* The sequence of an extension that was left out is not there. */
static bool
is_left_out(struct pgtarget *t, const struct snap_err *err)
{
	const char *state = conn_sqlstate(err);

	if (t->n_out == 0 ||
	    (strcmp(state, "42P01") != 0 && strcmp(state, "3F000") != 0))
		return false;
	report_log(t->pg.o.report, REPORT_WARNING,
	    "the value of a sequence is left out: %s", err->msg);
	t->progress.n_left_out++;
	return true;
}

/* Each statement locks its sequence: some hundred at a time. */
static enum snap_code
set_sequences(struct pgtarget *t, struct snap_err *err)
{
	size_t at_once = t->n_out > 0 ? 1 : 100;
	struct span left = bytes_span(&t->sequences), s;
	enum snap_code rc = SNAP_OK;
	struct bytes sql;
	size_t n = 0;

	bytes_init(&sql, QUERY_MAX);
	do {
		s = sql_statement(&left);
		bytes_put_span(&sql, s);
		n++;
		if (sql.len == 0 || (s.len > 0 && n % at_once != 0))
			continue;
		bytes_u8(&sql, 0);
		rc = bytes_check(&sql, err);
		target_touch(t);
		if (rc == SNAP_OK)
			rc = conn_exec(
			    &t->pg, t->pg.conn, (const char *)sql.p, NULL, err);
		if (rc == SNAP_SOURCE && is_left_out(t, err))
			rc = SNAP_OK;
		bytes_clear(&sql);
	} while (rc == SNAP_OK && s.len > 0);
	bytes_fini(&sql);
	return rc;
}

/* A commit that waits for the disk, and so for all before it. */
static enum snap_code
make_durable(struct pgtarget *t, struct snap_err *err)
{
	return conn_exec(&t->pg, t->pg.conn,
	    "SET synchronous_commit = on;"
	    "SELECT pg_catalog.txid_current()",
	    NULL, err);
}

enum snap_code
pgtarget_finish(struct pgtarget *t, struct snap_err *err)
{
	struct snap_err late = SNAP_ERR_INIT;
	enum snap_code rc, rc2;

	if (t->o.renames.before.len > 0) {
		target_phase(t, PGTARGET_POST_DATA);
		if ((rc = renamed_post(t, err)) == SNAP_OK)
			rc = make_durable(t, err);
		if (rc == SNAP_OK)
			target_phase(t, PGTARGET_DONE);
		return rc;
	}
	target_phase(t, PGTARGET_SEQUENCES);
	rc = set_sequences(t, err);
	if (rc != SNAP_OK)
		return rc;
	target_phase(t, PGTARGET_POST_DATA);
	rc = definitions_post(t, err);
	if (rc == SNAP_CANCELLED || PQstatus(t->pg.conn) != CONNECTION_OK)
		return rc;
	/* An index that failed is no reason to go without privileges. */
	if (rc == SNAP_OK)
		target_phase(t, PGTARGET_ACL);
	rc2 = definitions_late(t, &late);
	if (rc2 == SNAP_OK)
		rc2 = database_finish(t, &late);
	if (rc2 == SNAP_OK)
		rc2 = make_durable(t, &late);
	if (rc == SNAP_OK && rc2 != SNAP_OK) {
		*err = late;
		rc = rc2;
	}
	if (rc == SNAP_OK)
		target_phase(t, PGTARGET_DONE);
	return rc;
}
