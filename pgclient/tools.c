/* SPDX-License-Identifier: PostgreSQL */
/*
 * tools.c - find a program of PostgreSQL's that fits.
 *
 * An older pg_dump refuses the server or, within a major version, writes what
 * is not there; a newer major may write settings that the server's own
 * version does not know.  So: the lowest version that is not older.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsession.h"

static const char *const places[] = {
	"/usr/lib/postgresql/*/bin/", /* Debian */
	"/usr/pgsql-*/bin/",          /* PGDG on Red Hat, Fedora */
	"/usr/lib/postgresql*/bin/",  /* SUSE, Gentoo */
	"/usr/libexec/postgresql*/",  /* Alpine */
	"/usr/local/pgsql/bin/",      /* from source */
	"/usr/local/opt/postgresql@*/bin/",
	"/opt/homebrew/opt/postgresql@*/bin/",
	"/Applications/Postgres.app/Contents/Versions/*/bin/",
};

/* What was found so far. */
struct search {
	struct pgclient *s;
	const struct pgtool_want *want;
	char *path; /* of the best, or NULL */
	int num;    /* its version */
	int newest; /* of all seen, -1 = none */
	struct snap_err why;
};

int
tools_version(const char *text)
{
	const char *p = strchr(text, ')');
	unsigned long major, minor = 0;
	char *end;

	if (p == NULL)
		return -1;
	major = strtoul(p + 1, &end, 10);
	if (end == p + 1 || major < 10 || major > 999)
		return -1; /* the three-part versions before 10 as well */
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	if (minor > 9999)
		return -1;
	return (int)(major * 10000 + minor);
}

static int
ask_version(struct pgclient *s, const char *path, struct snap_err *err)
{
	char program[SNAP_ERR_MSG_MAX], option[] = "--version";
	char *argv[] = { program, option, NULL };
	struct bytes out;
	int v = -1;

	if (strlen(path) >= sizeof program)
		return -1;
	(void)snprintf(program, sizeof program, "%s", path);
	bytes_init(&out, 4096);
	if (child_output(s, argv, -1, -1, false, &out, err) == SNAP_OK) {
		bytes_u8(&out, 0);
		if (!out.bad)
			v = tools_version((const char *)out.p);
		if (v < 0)
			(void)snap_fail(err, SNAP_IO,
			    "%s --version told no version: is the directory "
			    "of temporary files full?",
			    path);
	}
	bytes_fini(&out);
	return v;
}

/* Take `path` when it fits better than what was found so far. */
static void
consider(struct search *f, const char *path)
{
	struct snap_err err = SNAP_ERR_INIT;
	int v = ask_version(f->s, path, &err);
	char *copy;

	/* What was not asked for by name need not be there. */
	if (v < 0 && (err.code == SNAP_IO || f->want->path != NULL))
		f->why = err;
	if (v > f->newest)
		f->newest = v;
	if (v < f->want->at_least || (f->path != NULL && v >= f->num))
		return;
	copy = conn_strdup(path);
	if (copy == NULL)
		return;
	free(f->path);
	f->path = copy;
	f->num = v;
}

static void
look_around(struct search *f)
{
	char pattern[SNAP_ERR_MSG_MAX];
	size_t i, j;
	glob_t g;

	consider(f, f->want->program);
	for (i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (f->path != NULL && f->num == f->want->at_least)
			break;
		(void)snprintf(pattern, sizeof pattern, "%s%s", places[i],
		    f->want->program);
		if (glob(pattern, 0, NULL, &g) != 0)
			continue;
		for (j = 0; j < g.gl_pathc; j++)
			consider(f, g.gl_pathv[j]);
		globfree(&g);
	}
}

static enum snap_code
not_found(const struct search *f, struct snap_err *err)
{
	const struct pgtool_want *w = f->want;

	if (f->newest < 0 && f->why.code == SNAP_IO) {
		*err = f->why;
		return f->why.code;
	}
	if (f->newest < 0)
		snap_fail(err, SNAP_SOURCE, "found no %s", w->program);
	else
		snap_fail(err, SNAP_SOURCE,
		    "the newest %s found is %d.%d, but %s %d.%d", w->program,
		    f->newest / 10000, f->newest % 10000, w->because,
		    w->at_least / 10000, w->at_least % 10000);
	if (f->newest < 0)
		(void)snap_detail(err, "%s", f->why.msg);
	return snap_hint(err,
	    "install postgresql-client-%d, of at least version %d.%d",
	    w->at_least / 10000, w->at_least / 10000, w->at_least % 10000);
}

enum snap_code
tools_find(struct pgclient *s, const struct pgtool_want *want,
    struct pgtool *out, struct snap_err *err)
{
	struct search f = { .s = s, .want = want, .newest = -1 };
	char *slash, *dir;

	if (want->path != NULL)
		consider(&f, want->path);
	else
		look_around(&f);
	if (f.path == NULL)
		return not_found(&f, err);
	dir = conn_strdup(f.path);
	if (dir == NULL) {
		free(f.path);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[1] = '\0';
	else
		dir[0] = '\0';
	*out = (struct pgtool){ .path = f.path, .dir = dir, .num = f.num };
	return SNAP_OK;
}

void
tools_free(struct pgtool *t)
{
	free(t->path);
	free(t->dir);
	*t = (struct pgtool){ .path = NULL };
}
