/* SPDX-License-Identifier: PostgreSQL */
/*
 * tools.c - find a pg_dump that fits the server.
 *
 * An older pg_dump refuses the server or, within a major version, writes what
 * is not there; a newer major may write settings that the server's own
 * version does not know.  So: the lowest version that is not older.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

static const char *const places[] = {
	"/usr/lib/postgresql/*/bin/pg_dump", /* Debian */
	"/usr/pgsql-*/bin/pg_dump",          /* PGDG on Red Hat, Fedora */
	"/usr/lib/postgresql*/bin/pg_dump",  /* SUSE, Gentoo */
	"/usr/libexec/postgresql*/pg_dump",  /* Alpine */
	"/usr/local/pgsql/bin/pg_dump",      /* from source */
	"/usr/local/opt/postgresql@*/bin/pg_dump",
	"/opt/homebrew/opt/postgresql@*/bin/pg_dump",
	"/Applications/Postgres.app/Contents/Versions/*/bin/pg_dump",
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
ask_version(struct pgsource *s, const char *path, struct snap_err *err)
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
consider(
    struct pgsource *s, const char *path, int *newest, struct snap_err *why)
{
	struct snap_err err = SNAP_ERR_INIT;
	int v = ask_version(s, path, &err);
	char *copy;

	/* What was not asked for by name need not be there. */
	if (v < 0 && (err.code == SNAP_IO || s->o.pg_dump != NULL))
		*why = err;
	if (v > *newest)
		*newest = v;
	if (v < s->server_num || (s->pg_dump != NULL && v >= s->dump_num))
		return;
	copy = src_strdup(path);
	if (copy == NULL)
		return;
	free(s->pg_dump);
	s->pg_dump = copy;
	s->dump_num = v;
}

enum snap_code
tools_find(struct pgsource *s, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	int newest = -1;
	size_t i, j;
	char *slash;
	glob_t g;

	if (s->o.pg_dump != NULL) {
		consider(s, s->o.pg_dump, &newest, &why);
	} else {
		consider(s, "pg_dump", &newest, &why);
		for (i = 0; i < sizeof places / sizeof places[0]; i++) {
			if (s->pg_dump != NULL && s->dump_num == s->server_num)
				break;
			if (glob(places[i], 0, NULL, &g) != 0)
				continue;
			for (j = 0; j < g.gl_pathc; j++)
				consider(s, g.gl_pathv[j], &newest, &why);
			globfree(&g);
		}
	}
	if (s->pg_dump == NULL && newest < 0 && why.code == SNAP_IO) {
		*err = why;
		return why.code;
	}
	if (s->pg_dump == NULL) {
		if (newest < 0)
			snap_fail(err, SNAP_SOURCE, "found no pg_dump");
		else
			snap_fail(err, SNAP_SOURCE,
			    "the newest pg_dump found is %d.%d, but the "
			    "server is %d.%d",
			    newest / 10000, newest % 10000,
			    s->server_num / 10000, s->server_num % 10000);
		if (newest < 0)
			(void)snap_detail(err, "%s", why.msg);
		return snap_hint(err,
		    "install postgresql-client-%d, of at least version %d.%d",
		    s->server_num / 10000, s->server_num / 10000,
		    s->server_num % 10000);
	}
	s->bindir = src_strdup(s->pg_dump);
	if (s->bindir == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	slash = strrchr(s->bindir, '/');
	if (slash != NULL)
		slash[1] = '\0';
	else
		s->bindir[0] = '\0';
	return SNAP_OK;
}
