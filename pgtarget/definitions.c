/* SPDX-License-Identifier: PostgreSQL */
/*
 * definitions.c - pg_restore, section by section, out of the stored archive.
 *
 * It gets a list of what it is to make, and says of each entry that it does;
 * both are counted, and an error is told with the entry that it is about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgtarget_internal.h"

#define PREFIX "pg_restore: "
#define QUERY_ERROR "could not execute query: "
#define COMMAND "Command was: "
#define COMMAND_SHOWN 200 /* characters */

/* One run of pg_restore. */
struct stage {
	const char *section; /* option, or NULL: whatever the list has */
	enum toc_class first, last;
	enum pgarchive_part part; /* where not all of the archive is wanted */
	bool parallel;
	bool all_or_nothing; /* one transaction, where locks suffice */
	bool stops;          /* at the first error */
	bool may_lack;       /* what the user may not make: left out */
};

/*
 * What it said.  With several jobs its processes write into one another's
 * lines, but what is behind the program's name, a message with all its lines,
 * comes in one piece.
 */
struct said {
	struct pgtarget *t;
	size_t n_begun, n_errors;
	struct bytes error, command; /* of the error that is being told */
	bool in_command;
	struct snap_err first;
};

static const char *
text_of(struct bytes *b)
{
	bytes_u8(b, 0);
	return b->bad ? "" : (const char *)b->p;
}

/* The error is whole: tell it, with the statement, which has the names. */
static void
tell_error(struct said *s)
{
	bool named = s->command.len > 0;
	const char *error, *command;

	s->in_command = false;
	if (s->error.len == 0)
		return;
	s->n_errors++;
	error = text_of(&s->error);
	if (named && s->command.p[s->command.len - 1] == ';')
		s->command.len--;
	command = text_of(&s->command);
	report_log(s->t->pg.o.report, REPORT_WARNING, "%s%s%s", command,
	    named ? ": " : "", error);
	if (s->first.code == SNAP_OK)
		snap_fail(&s->first, SNAP_SOURCE, "%s%s%s", command,
		    named ? ": " : "", error);
	bytes_clear(&s->error);
	bytes_clear(&s->command);
}

/* Of a statement as much as names what it makes, in one line. */
static void
add_command(struct said *s, const char *line)
{
	line += strspn(line, " \t");
	s->in_command = *line != '\0' && s->command.len < COMMAND_SHOWN;
	if (s->in_command)
		bytes_printf(&s->command, "%s%.*s",
		    s->command.len > 0 ? " " : "", COMMAND_SHOWN, line);
}

/* Lines that only an error has behind its first. */
static void
on_more(struct said *s, const char *line)
{
	if (s->in_command)
		add_command(s, line);
	else if (s->error.len == 0)
		return;
	else if (strncmp(line, "DETAIL:  ", 9) == 0)
		bytes_printf(&s->error, ": %s", line + 9);
	else if (strncmp(line, "HINT:  ", 7) == 0)
		snap_hint(&s->first, "%s", line + 7);
	else if (strncmp(line, COMMAND, strlen(COMMAND)) == 0)
		add_command(s, line + strlen(COMMAND));
}

static void
on_line(void *arg, const char *line)
{
	struct said *s = arg;
	const char *p = line, *error;

	report_log(s->t->pg.o.report, REPORT_DEBUG, "%s", line);
	while (strncmp(p, PREFIX, strlen(PREFIX)) == 0)
		p += strlen(PREFIX);
	error = strstr(p, QUERY_ERROR);
	if (error != NULL)
		p = error + strlen(QUERY_ERROR);
	else if (p != line && strncmp(p, "error: ", 7) == 0)
		error = p += 7;
	if (p != line || error != NULL)
		tell_error(s);
	if (error != NULL) {
		bytes_put_str(
		    &s->error, p + (strncmp(p, "ERROR:  ", 8) == 0 ? 8 : 0));
	} else if (strncmp(p, "creating ", 9) == 0 ||
		   strncmp(p, "executing ", 10) == 0) {
		tell_error(s);
		s->n_begun++;
	} else if (p == line) {
		on_more(s, line);
	}
}

/* Options of all runs. */
static void
put_options(struct pgtarget *t, const struct stage *g, struct args *a)
{
	args_add(a, t->tool.dir, "pg_restore");
	if (g->section != NULL && t->o.part == NULL)
		args_add(a, g->section, "");
	if (g->first == TOC_MAIN || t->o.no_privileges)
		args_add(a, "--no-privileges", "");
	if (t->o.no_owner)
		args_add(a, "--no-owner", "");
	if (t->o.no_tablespaces)
		args_add(a, "--no-tablespaces", "");
}

/* What pg_restore -l prints, of the stage's section. */
static enum snap_code
read_toc(struct pgtarget *t, const struct stage *g, struct bytes *toc,
    struct snap_err *err)
{
	struct args a = { .n = 0 };
	enum snap_code rc;

	put_options(t, g, &a);
	args_add(&a, "--list", "");
	rc = a.bad ? snap_fail(err, SNAP_NOMEM, "out of memory")
		   : child_output(&t->pg, a.v, t->archive, -1, false, toc, err);
	args_free(&a);
	bytes_u8(toc, 0);
	return rc == SNAP_OK ? bytes_check(toc, err) : rc;
}

static size_t
n_lines(const struct bytes *list)
{
	size_t i, n = 0;

	for (i = 0; i < list->len; i++)
		n += list->p[i] == '\n';
	return n;
}

/* Lines of what is left out go; the text ends in a NUL. */
static void
sift(const struct pgtarget *t, struct bytes *toc)
{
	size_t from = 0, to = 0, len;

	for (; from < toc->len; from += len) {
		const uint8_t *p = toc->p + from;
		const uint8_t *end = memchr(p, '\n', toc->len - from);

		len = end != NULL ? (size_t)(end - p) + 1 : toc->len - from;
		if (extensions_out(t, (const char *)p))
			continue;
		memmove(toc->p + to, p, len);
		to += len;
	}
	toc->len = to;
}

static enum snap_code
add_file(
    struct pgtarget *t, const struct bytes *list, int *fd, struct snap_err *err)
{
	enum snap_code rc = child_tmpfile(&t->pg, fd, err);

	return rc == SNAP_OK ? child_write(&t->pg, *fd, bytes_span(list), err)
			     : rc;
}

enum snap_code
definitions_locks_fit(struct pgtarget *t, bool *fit, struct snap_err *err)
{
	char *v = NULL;
	enum snap_code rc = conn_value(&t->pg, t->pg.conn,
	    "SELECT pg_catalog.current_setting('max_locks_per_transaction')"
	    "::pg_catalog.int8 * (pg_catalog.current_setting("
	    "'max_connections')::pg_catalog.int8 + pg_catalog."
	    "current_setting('max_prepared_transactions')::pg_catalog.int8)",
	    &v, err);

	*fit = rc == SNAP_OK && t->o.locks > 0 &&
	       t->o.locks < strtoull(v, NULL, 10) / 2;
	free(v);
	return rc;
}

/* Whoever dies while it commits cannot say how that ended. */
static bool
was_rolled_back(struct pgtarget *t)
{
	struct snap_err err = SNAP_ERR_INIT;

	if (PQstatus(t->pg.conn) != CONNECTION_OK)
		return false;
	return t->o.part != NULL ? presence_lacks(t)
				 : emptiness_check(t, &err) == SNAP_OK;
}

static enum snap_code
run_list(struct pgtarget *t, const struct stage *g, struct bytes *list,
    struct said *said, struct snap_err *err)
{
	struct child c = { .in = -1,
		.file = { -1, t->archive },
		.out = -1,
		.connects = true,
		.line = on_line,
		.line_arg = said };
	struct args a = { .n = 0 };
	bool fit = false;
	struct bytes conninfo;
	char jobs[16];
	enum snap_code rc;

	bytes_init(&conninfo, QUERY_MAX);
	rc = conn_string(&t->pg, &conninfo, err);
	if (rc == SNAP_OK)
		rc = add_file(t, list, &c.file[0], err);
	if (rc == SNAP_OK)
		rc = child_tmpfile(&t->pg, &c.out, err);
	if (rc == SNAP_OK && g->all_or_nothing)
		rc = definitions_locks_fit(t, &fit, err);
	if (rc != SNAP_OK)
		goto out;
	put_options(t, g, &a);
	args_add(&a, "--verbose", "");
	args_add(&a, "--no-password", "");
	args_add(&a, "--use-list=", CHILD_LIST);
	(void)snprintf(jobs, sizeof jobs, "%zu", t->o.jobs);
	if (g->parallel && t->o.jobs > 1)
		args_add(&a, "--jobs=", jobs);
	if (fit)
		args_add(&a, "--single-transaction", "");
	else if (g->stops)
		args_add(&a, "--exit-on-error", "");
	args_add(&a, "--dbname=", (const char *)conninfo.p);
	args_add(&a, CHILD_ARCHIVE, "");
	c.argv = a.v;
	if (!fit)
		t->progress.untouched = false;
	rc = a.bad ? snap_fail(err, SNAP_NOMEM, "out of memory")
		   : child_run(&t->pg, &c, err);
	tell_error(said);
	if (t->progress.untouched && (rc == SNAP_OK || said->n_begun > 0))
		t->progress.untouched =
		    fit && rc != SNAP_OK && was_rolled_back(t);
out:
	args_free(&a);
	bytes_fini(&conninfo);
	if (c.file[0] >= 0)
		close(c.file[0]);
	if (c.out >= 0)
		close(c.out);
	return rc;
}

/* pg_restore stops a run for other reasons as well; then that is told. */
static enum snap_code
judge(struct pgtarget *t, const struct stage *g, const struct said *said,
    size_t n, enum snap_code rc, struct snap_err *err)
{
	/* Lines of several processes may get lost: their status tells. */
	bool counts = !g->parallel || t->o.jobs == 1;

	t->progress.n_definitions += n;
	if (g->may_lack && rc != SNAP_CANCELLED && said->n_errors > 0 &&
	    said->n_begun == n) {
		t->progress.n_left_out += said->n_errors;
		return SNAP_OK;
	}
	t->progress.n_failed +=
	    said->n_errors > 0 ? said->n_errors : rc != SNAP_OK;
	if (rc == SNAP_CANCELLED)
		return rc;
	if (said->n_errors > 0) {
		*err = said->first;
		return err->code;
	}
	if (rc == SNAP_OK && counts && said->n_begun != n) {
		t->progress.n_failed++;
		return snap_fail(err, SNAP_SOURCE,
		    "pg_restore made %zu of %zu definitions and did not say "
		    "why",
		    said->n_begun, n);
	}
	return rc;
}

static enum snap_code
run_stage(struct pgtarget *t, const struct stage *g, struct snap_err *err)
{
	struct bytes toc, list;
	struct said said = { .t = t };
	enum snap_code rc;

	bytes_init(&toc, DDL_MAX);
	bytes_init(&list, DDL_MAX);
	bytes_init(&said.command, DDL_MAX);
	bytes_init(&said.error, DDL_MAX);
	rc = t->o.part == NULL ? read_toc(t, g, &toc, err) : SNAP_OK;
	if (rc == SNAP_OK && t->o.part != NULL) {
		pgarchive_list(t->o.part, g->part, &list);
		rc = bytes_check(&list, err);
	} else if (rc == SNAP_OK) {
		sift(t, &toc);
		toc_pick(&toc, g->first, &list);
		if (g->last != g->first)
			toc_pick(&toc, g->last, &list);
		rc = bytes_check(&list, err);
	}
	/* An empty list would be taken for none given. */
	if (rc == SNAP_OK && list.len > 0)
		rc = judge(t, g, &said, n_lines(&list),
		    run_list(t, g, &list, &said, err), err);
	bytes_fini(&toc);
	bytes_fini(&list);
	bytes_fini(&said.command);
	bytes_fini(&said.error);
	return rc;
}

enum snap_code
definitions_pre(struct pgtarget *t, struct snap_err *err)
{
	static const struct stage g = { .section = "--section=pre-data",
		.first = TOC_MAIN,
		.last = TOC_MAIN,
		.part = PGARCHIVE_PRE_DATA,
		.all_or_nothing = true,
		.stops = true };

	return run_stage(t, &g, err);
}

enum snap_code
definitions_post(struct pgtarget *t, struct snap_err *err)
{
	static const struct stage g = { .section = "--section=post-data",
		.first = TOC_MAIN,
		.last = TOC_MAIN,
		.part = PGARCHIVE_POST_DATA,
		.parallel = true };

	return run_stage(t, &g, err);
}

/* In the order of the table of contents an event trigger could stop a REFRESH:
 * they are the last.  Only a superuser may make one. */
enum snap_code
definitions_late(struct pgtarget *t, struct snap_err *err)
{
	static const struct stage late = {
		.first = TOC_LATE, .last = TOC_LATE, .part = PGARCHIVE_LAST
	};
	struct stage last = { .first = TOC_LAST, .last = TOC_LAST };
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc = run_stage(t, &late, err), rc2;
	char *super = NULL;

	if (rc == SNAP_CANCELLED || t->o.part != NULL) /* then it was all */
		return rc;
	rc2 = conn_value(&t->pg, t->pg.conn,
	    "SELECT rolsuper FROM pg_catalog.pg_roles"
	    " WHERE rolname = current_user",
	    &super, &why);
	if (rc2 == SNAP_OK) {
		last.may_lack = t->o.leave_out && strcmp(super, "t") != 0;
		rc2 = run_stage(t, &last, &why);
	}
	free(super);
	if (rc == SNAP_OK && rc2 != SNAP_OK) {
		*err = why;
		rc = rc2;
	}
	return rc;
}
