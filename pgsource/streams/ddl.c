/* SPDX-License-Identifier: PostgreSQL */
/*
 * ddl.c - definitions: one archive of pg_dump without rows, and the SQL that
 * pg_restore makes of it.
 *
 * Privileges go after the data, or an owner who revoked his own INSERT could
 * not load; REFRESH MATERIALIZED VIEW and event triggers go after the
 * privileges, as in pg_restore itself: a refresh runs as the view's owner,
 * who may need them.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pgsource_internal.h"

static const char *const system_schemas[] = { "pg_*", "information_schema",
	NULL };
static const char *const system_tables[] = { "pg_*.*", "information_schema.*",
	NULL };

/*
 * Its LOCK TABLE queues behind an ALTER TABLE that waits for our own locks:
 * a deadlock that the server cannot see, as it does not know that we wait for
 * pg_dump.  So it gives up soon, and locks_take() starts again.
 */
enum snap_code
ddl_archive(struct pgsource *s, struct snap_err *err)
{
	struct args a = { NULL, 0, 0, false };
	PGresult *sequences = NULL;
	char wait[16];
	struct bytes conninfo;
	enum snap_code rc;
	int i;

	bytes_clear(&s->archive);
	bytes_init(&conninfo, QUERY_MAX);
	rc = conn_string(&s->pg, &conninfo, err);
	if (rc == SNAP_OK)
		rc = sequences_patterns(s, &sequences, err);
	if (rc != SNAP_OK)
		goto out;
	args_add(&a, s->tool.path, "");
	args_add(&a, "--format=custom", "");
	args_add(&a, "--compress=0", "");
	args_add(&a, "--section=pre-data", "");
	args_add(&a, "--section=post-data", "");
	args_add(&a, "--no-password", "");
	(void)snprintf(wait, sizeof wait, "%u", s->dump_wait_ms);
	args_add(&a, "--lock-wait-timeout=", wait);
	args_add(&a, "--snapshot=", s->snapshot);
	args_add(&a, "--encoding=", s->pg.encoding);
	args_list(&a, "--schema=", s->o.schemas);
	args_list(&a, "--exclude-schema=", s->o.exclude_schemas);
	args_list(&a, "--table=", s->o.tables);
	args_list(&a, "--exclude-table=", s->o.exclude_tables);
	/* Neither "*" nor "pg_*" shall mean the catalogs: see patterns.c. */
	if (s->sel.schemas != NULL)
		args_list(&a, "--exclude-schema=", system_schemas);
	if (s->sel.tables != NULL)
		args_list(&a, "--exclude-table=", system_tables);
	for (i = 0; i < PQntuples(sequences); i++)
		args_add(
		    &a, "--exclude-table-data=", PQgetvalue(sequences, i, 0));
	args_add(&a, "--dbname=", (const char *)conninfo.p);
	if (a.bad)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	else
		rc = child_output(&s->pg, a.v, -1, -1, true, &s->archive, err);
	if (rc == SNAP_OK)
		rc = ddl_patch_time(&s->archive, err);
	if (rc == SNAP_OK)
		rc = largeobj_describe(s, err);
out:
	PQclear(sequences);
	args_free(&a);
	bytes_fini(&conninfo);
	return rc;
}

/*
 * Header of pg_dump's custom format 1.14 and before: "PGDMP", three bytes of
 * version, sizes of int and offset, format, compression (an int before 1.15,
 * a byte since), then the time as seven ints.  An int is a sign byte and
 * `size` bytes, least significant first.
 */
enum snap_code
ddl_patch_time(struct bytes *b, struct snap_err *err)
{
	/* 1 January 2000, 00:00:00, as struct tm counts; no summer time. */
	static const uint8_t when[7] = { 0, 0, 0, 1, 0, 100, 0 };
	size_t intsize, at, i;

	if (b->len < 11 || memcmp(b->p, "PGDMP", 5) != 0 || b->p[5] != 1)
		return snap_fail(
		    err, SNAP_SOURCE, "pg_dump wrote an unknown format");
	intsize = b->p[8];
	at = 11 + (b->p[6] >= 15 ? 1 : 1 + intsize);
	if (intsize < 2 || intsize > 8 || b->len < at + 7 * (1 + intsize))
		return snap_fail(
		    err, SNAP_SOURCE, "pg_dump wrote an unknown format");
	for (i = 0; i < 7; i++) {
		memset(b->p + at, 0, 1 + intsize);
		b->p[at + 1] = when[i];
		at += 1 + intsize;
	}
	return SNAP_OK;
}

/* The quote that is open at the end of a line, or 0. */
static char
quote_behind(const uint8_t *p, size_t len, char quote)
{
	for (size_t i = 0; i < len; i++) {
		char c = (char)p[i];

		/* Doubled, as in a string, it closes and opens. */
		if (quote != 0)
			quote = c == quote ? 0 : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (c == '-' && i + 1 < len && p[i + 1] == '-')
			return 0;
	}
	return quote;
}

/*
 * Lines of psql's own commands, which the database's SQL does not need, and
 * behind \connect another PG17_SETTING: those of pg_restore, not what a comment
 * on the database has.
 */
void
ddl_drop_connect(struct bytes *b)
{
	size_t in, out = 0, n;
	struct span line;
	char quote = 0;

	for (in = 0; in < b->len; in += n) {
		line = span_line(span_of(b->p + in, b->len - in));
		n = line.len;
		if (quote == 0 &&
		    (span_starts(line, "\\connect ") ||
			span_starts(line, "\\encoding SQL_ASCII\n") ||
			span_starts(line, PG17_SETTING)))
			continue;
		quote = quote_behind(b->p + in, n, quote);
		memmove(b->p + out, b->p + in, n);
		out += n;
	}
	b->len = out;
}

static const char *const opt_toc[] = { "--list", "--create", NULL };
static const char *const opt_pre[] = { "--file=-", "--section=pre-data",
	"--no-privileges", NULL };
static const char *const opt_post[] = { "--file=-", "--section=post-data",
	"--no-privileges", NULL };
static const char *const opt_late[] = { "--file=-", NULL };
static const char *const opt_database[] = { "--file=-", "--create", NULL };

static const struct piece {
	enum stream_kind kind;
	const char *name;
	const char *const *options;
	enum toc_class list;
} pieces[] = {
	{ STREAM_PROPERTIES, "properties", opt_database, TOC_DATABASE },
	{ STREAM_PRE_DATA, "pre-data", opt_pre, TOC_MAIN },
	{ STREAM_POST_DATA, "post-data", opt_post, TOC_MAIN },
	{ STREAM_ACL, "acl", opt_late, TOC_LATE },
};

static enum snap_code
push_piece(struct pgsource *s, int in, const struct bytes *toc,
    const struct piece *p, struct sink *sink, struct snap_err *err)
{
	struct bytes list, text;
	enum snap_code rc;

	bytes_init(&list, DDL_MAX);
	bytes_init(&text, DDL_MAX);
	/* pg_restore refuses to name such a database, as psql cannot. */
	if (p->kind == STREAM_PROPERTIES &&
	    strpbrk(PQdb(s->pg.conn), "\r\n") != NULL)
		src_warn(s, "the database's name has a line end: its own "
			    "properties are left out");
	else
		toc_pick(toc, p->list, &list);
	/* In the order of the table of contents one could stop a REFRESH. */
	if (p->list == TOC_LATE)
		toc_pick(toc, TOC_LAST, &list);
	rc = bytes_check(&list, err);
	/* An empty list would be taken for none given: there is nothing. */
	if (rc == SNAP_OK && list.len > 0)
		rc = child_pg_restore(
		    &s->pg, s->tool.dir, in, p->options, &list, &text, err);
	if (rc == SNAP_OK) {
		if (p->kind == STREAM_PROPERTIES)
			ddl_drop_connect(&text);
		rc =
		    push_stream(sink, p->kind, p->name, bytes_span(&text), err);
	}
	bytes_fini(&list);
	bytes_fini(&text);
	return rc;
}

enum snap_code
ddl_dump(struct pgsource *s, struct sink *sink, struct snap_err *err)
{
	const struct bytes *archive = &s->archive;
	struct bytes toc;
	enum snap_code rc;
	size_t i;
	int fd = -1;

	bytes_init(&toc, DDL_MAX);
	rc = child_tmpfile(&s->pg, &fd, err);
	if (rc == SNAP_OK)
		rc = child_write(&s->pg, fd, bytes_span(archive), err);
	if (rc == SNAP_OK)
		rc = push_stream(
		    sink, STREAM_ARCHIVE, "archive", bytes_span(archive), err);
	if (rc == SNAP_OK)
		rc = child_pg_restore(
		    &s->pg, s->tool.dir, fd, opt_toc, NULL, &toc, err);
	if (rc == SNAP_OK) {
		bytes_u8(&toc, 0); /* classify() reads strings */
		rc = bytes_check(&toc, err);
	}
	for (i = 0; rc == SNAP_OK && i < sizeof pieces / sizeof pieces[0]; i++)
		rc = push_piece(s, fd, &toc, &pieces[i], sink, err);
	if (fd >= 0)
		close(fd);
	bytes_fini(&toc);
	if (rc != SNAP_OK)
		snap_wrap(err, "definitions");
	return rc;
}
