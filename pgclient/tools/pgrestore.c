/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgrestore.c - what pg_restore makes of an archive, as SQL that is the same in
 * every run.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgrestore.h"
#include "pgsession.h"

struct pgrestore {
	struct pgclient pg; /* without a connection */
	struct pgtool tool;
	int archive; /* a file without a name, or -1 */
};

/* Is it the line `command` with exactly this token? */
static bool
is_token(const uint8_t *p, size_t n, const char *command, const char *token)
{
	size_t c = strlen(command), k = strlen(token);

	if (n > 0 && p[n - 1] == '\n')
		n--;
	return k > 0 && n == c + k && memcmp(p, command, c) == 0 &&
	       memcmp(p + c, token, k) == 0;
}

void
child_clean_sql(struct bytes *b)
{
	static const char on[] = "\\restrict ", off[] = "\\unrestrict ";
	size_t in, out = 0, n, k;
	char token[256] = "";
	bool head = true, settings = true;
	struct span line;
	uint8_t *p;

	for (in = 0; in < b->len; in += n) {
		p = b->p + in;
		line = span_line(span_of(p, b->len - in));
		n = line.len;
		k = n - (p[n - 1] == '\n');
		if (head && token[0] == '\0' &&
		    span_starts(span_of(p, k), on) &&
		    k - (sizeof on - 1) < sizeof token) {
			k -= sizeof on - 1;
			memcpy(token, p + sizeof on - 1, k);
			token[k] = '\0';
		}
		if (is_token(p, n, on, token) || is_token(p, n, off, token))
			continue;
		if (!span_starts(line, "--") && k > 0) {
			head = false;
			settings &= span_starts(line, "SET ");
		}
		if (settings && span_starts(line, PG17_SETTING))
			continue;
		if (head && (span_starts(line, "-- Dumped ") ||
				span_starts(line, "-- Started on ")))
			continue;
		memmove(b->p + out, p, n);
		out += n;
	}
	b->len = out;
}

enum snap_code
child_pg_restore(struct pgclient *s, const char *dir, int archive,
    const char *const *options, const struct bytes *list, struct bytes *out,
    struct snap_err *err)
{
	struct args a = { NULL, 0, 0, false };
	enum snap_code rc = SNAP_OK;
	int fd = -1;

	args_add(&a, dir, "pg_restore");
	for (; *options != NULL; options++)
		args_add(&a, *options, "");
	if (list != NULL) {
		rc = child_tmpfile(s, &fd, err);
		if (rc == SNAP_OK)
			rc = child_write(s, fd, bytes_span(list), err);
		if (rc != SNAP_OK)
			goto out;
		args_add(&a, "--use-list=", CHILD_LIST);
	}
	if (a.bad)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	if (rc == SNAP_OK)
		rc = child_output(s, a.v, archive, fd, false, out, err);
	if (rc == SNAP_OK)
		child_clean_sql(out);
out:
	if (fd >= 0)
		close(fd);
	args_free(&a);
	return rc;
}

enum snap_code
pgrestore_open(const struct pgclient_opts *o, const char *path, int major,
    struct span archive, struct pgrestore **out, struct snap_err *err)
{
	struct pgtool_want want = { .program = "pg_restore",
		.path = path,
		.at_least = major * 10000, /* any minor version reads it */
		.because = "the definitions were written by pg_dump" };
	struct pgrestore *r = calloc(1, sizeof *r);
	enum snap_code rc;

	if (r == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	r->pg.o = *o;
	r->archive = -1;
	rc = tools_find(&r->pg, &want, &r->tool, err);
	if (rc == SNAP_OK)
		rc = child_tmpfile(&r->pg, &r->archive, err);
	if (rc == SNAP_OK)
		rc = child_write(&r->pg, r->archive, archive, err);
	if (rc != SNAP_OK)
		pgrestore_close(r);
	else
		*out = r;
	return rc;
}

void
pgrestore_close(struct pgrestore *r)
{
	if (r == NULL)
		return;
	if (r->archive >= 0)
		close(r->archive);
	tools_free(&r->tool);
	free(r);
}

enum snap_code
pgrestore_sql(struct pgrestore *r, const char *const *options,
    const struct bytes *list, struct bytes *out, struct snap_err *err)
{
	return child_pg_restore(
	    &r->pg, r->tool.dir, r->archive, options, list, out, err);
}
