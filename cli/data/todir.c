/* SPDX-License-Identifier: PostgreSQL */
/*
 * todir.c - a snapshot of a database becomes a directory for pg_restore.
 *
 * toc.dat, without which pg_restore takes it for nothing, comes last and by
 * rename: a directory that has one is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"
#include "files.h"
#include "pgdirectory.h"
#include "roles.h"
#include "ui.h"

#define BUFFER ((size_t)256 << 10)
#define NAME_ROOM 32
#define BLOBS_MAX ((size_t)1 << 31)
#define TOC_MAX ((size_t)1 << 31)

struct dir {
	struct sink sink; /* first, so that a struct sink * casts back */
	const char *path;
	int fd;
	const struct repo_manifest *m;
	struct cli *c;
	struct place *s;
	struct rolemap *roles; /* NULL = they stay */
	struct report *report;
	int32_t next_file;    /* number of the next table's */
	struct span table;    /* whose file is open */
	int file;             /* -1 = none */
	char name[NAME_ROOM]; /* of it */
	struct bytes buf;     /* to be written to it */
	struct bytes blobs;
};

static enum snap_code
fail(const struct dir *d, const char *what, const char *name,
    struct snap_err *err)
{
	return snap_fail_errno(err, SNAP_IO, "%s %s/%s", what, d->path, name);
}

/* ---- files */

static enum snap_code
flush(struct dir *d, struct snap_err *err)
{
	enum snap_code rc = report_check(d->report, err);

	if (rc == SNAP_OK)
		rc = bytes_check(&d->buf, err);
	if (rc == SNAP_OK && fd_write_all(d->file, d->buf.p, d->buf.len) != 0)
		rc = fail(d, "write", d->name, err);
	bytes_clear(&d->buf);
	return rc;
}

static enum snap_code
open_file(struct dir *d, const char *name, struct snap_err *err)
{
	(void)snprintf(d->name, sizeof d->name, "%s", name);
	d->file =
	    openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return d->file < 0 ? fail(d, "make", name, err) : SNAP_OK;
}

static enum snap_code
put(struct dir *d, struct span s, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (s.len > BUFFER - d->buf.len)
		rc = flush(d, err);
	if (rc != SNAP_OK)
		return rc;
	if (s.len < BUFFER)
		bytes_put_span(&d->buf, s);
	else if (fd_write_all(d->file, s.p, s.len) != 0)
		rc = fail(d, "write", d->name, err);
	return rc;
}

/* What has a name is on the disk. */
static enum snap_code
close_file(struct dir *d, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (d->file < 0)
		return SNAP_OK;
	if (d->table.len > 0)
		rc = put(d, span_str(PGDIRECTORY_END), err);
	if (rc == SNAP_OK)
		rc = flush(d, err);
	if (rc == SNAP_OK && fsync(d->file) != 0)
		rc = fail(d, "sync", d->name, err);
	(void)close(d->file);
	d->file = -1;
	d->table.len = 0;
	return rc;
}

static enum snap_code
put_file(struct dir *d, const char *name, struct span s, struct snap_err *err)
{
	enum snap_code rc = open_file(d, name, err);

	if (rc == SNAP_OK)
		rc = put(d, s, err);
	return rc == SNAP_OK ? close_file(d, err) : rc;
}

/* ---- rows and large objects */

static enum snap_code
dir_begin(struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct dir *d = (struct dir *)base;
	char name[NAME_ROOM];
	enum snap_code rc;
	unsigned long loid;

	/* The next slice goes behind the one before. */
	if (m->kind == STREAM_TABLE && d->file >= 0 &&
	    span_eq(d->table, m->name))
		return SNAP_OK;
	if ((rc = close_file(d, err)) != SNAP_OK)
		return rc;
	if (m->kind == STREAM_TABLE) {
		(void)snprintf(
		    name, sizeof name, "%" PRId32 ".dat", d->next_file++);
	} else {
		(void)snprintf(name, sizeof name, "%.*s", (int)m->name.len,
		    (const char *)m->name.p);
		loid = strtoul(name, NULL, 10);
		(void)snprintf(name, sizeof name, "blob_%lu.dat", loid);
		bytes_printf(&d->blobs, "%lu %s\n", loid, name);
	}
	rc = open_file(d, name, err);
	if (m->kind == STREAM_TABLE)
		d->table = m->name;
	return rc;
}

static enum snap_code
dir_data(struct sink *base, struct span s, struct snap_err *err)
{
	return put((struct dir *)base, s, err);
}

static enum snap_code
dir_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct dir *d = (struct dir *)base;

	(void)rows;
	/* Of a table there may be more. */
	return d->table.len > 0 ? SNAP_OK : close_file(d, err);
}

static const struct sink_ops dir_ops = { dir_begin, dir_data, dir_end };

static bool
is_data(void *arg, const struct repo_stream *s)
{
	(void)arg;
	return s->kind == STREAM_TABLE || s->kind == STREAM_LARGE_OBJECT;
}

/* ---- the directory */

static enum snap_code
open_dir(struct dir *d, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	const struct dirent *e;
	DIR *list;

	if (mkdir(d->path, 0700) == 0) {
		if (fd_sync_parent(d->path) != 0)
			return snap_fail_errno(
			    err, SNAP_IO, "sync the directory of %s", d->path);
	} else if (errno != EEXIST) {
		return snap_fail_errno(
		    err, SNAP_IO, "make directory %s", d->path);
	}
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0)
		return snap_fail_errno(
		    err, SNAP_IO, "open directory %s", d->path);
	if ((list = opendir(d->path)) == NULL)
		return snap_fail_errno(
		    err, SNAP_IO, "read directory %s", d->path);
	while ((e = readdir(list)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0) {
			rc = snap_fail(err, SNAP_EXISTS,
			    "directory %s is not empty", d->path);
			break;
		}
	(void)closedir(list);
	return rc;
}

static enum snap_code
put_readme(struct dir *d, const struct repo_snapshot *s, struct snap_err *err)
{
	const char *version = repo_snapshot_prop(s, "pg-dump-version");
	const char *when = repo_snapshot_prop(s, REPO_PROP_TIME);
	char hex[2 * REPO_ID_LEN + 1];
	struct bytes b;
	enum snap_code rc;

	hex_encode(s->id, REPO_ID_LEN, hex);
	bytes_init(&b, BUFFER);
	bytes_printf(&b, "Snapshot %s of database ", hex);
	ui_escape(&b, span_str(place_source(s)));
	bytes_printf(&b,
	    ", begun %s,\nwritten by %s %s as an archive of pg_dump -Fd for "
	    "pg_restore %s or newer.\n\nIt is whole if there is a file "
	    "toc.dat.\n\n",
	    when != NULL ? when : "?", SNAP_PROGRAM_NAME, SNAP_VERSION,
	    version != NULL ? version : "?");
	bytes_put_str(&b,
	    "In this directory, with a superuser of the new server:\n\n"
	    "1. Roles and tablespaces; that a role is there already is an "
	    "error that may be\n   passed over:\n\n"
	    "       psql -X -d postgres -f globals.sql\n\n"
	    "2. The database with its encoding, locale, owner and settings; "
	    "or createdb:\n\n"
	    "       psql -X -v ON_ERROR_STOP=1 -d postgres -f "
	    "properties.sql\n\n"
	    "3. All that is in it, over 4 connections; or in one "
	    "transaction:\n\n"
	    "       pg_restore -j 4 -d NAME .\n"
	    "       pg_restore --single-transaction -d NAME .\n\n"
	    "pg_restore -l lists what there is, -t TABLE takes a part, and "
	    "-f FILE writes SQL.\n");
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc = put_file(d, "README.txt", bytes_span(&b), err);
	bytes_fini(&b);
	return rc;
}

/* Tables in the order of the manifest, each once. */
static enum snap_code
plan(struct dir *d, struct bytes *toc, struct snap_err *err)
{
	struct bytes archive, sequences;
	struct pgdirectory_table *v = calloc(d->m->n + 1, sizeof *v);
	struct pgdirectory_opts o = { .tables = v };
	enum snap_code rc;

	bytes_init(&archive, TOC_MAX);
	bytes_init(&sequences, TOC_MAX);
	for (size_t i = 0; i < d->m->n && v != NULL; i++) {
		const struct repo_stream *s = &d->m->v[i];

		o.large_objects |= s->kind == STREAM_LARGE_OBJECT;
		if (s->kind == STREAM_TABLE && s->part == 0)
			v[o.n_tables++] =
			    (struct pgdirectory_table){ s->name, s->attr };
	}
	rc = v == NULL ? snap_fail(err, SNAP_NOMEM, "out of memory")
		       : roles_open(d->c, d->s, d->m, &d->roles, err);
	if (rc == SNAP_OK)
		rc = roles_read(
		    d->c, d->s, d->m, STREAM_ARCHIVE, d->roles, &archive, err);
	if (rc == SNAP_OK)
		rc = roles_read(
		    d->c, d->s, d->m, STREAM_SEQUENCES, NULL, &sequences, err);
	if (rc == SNAP_OK) {
		o.archive = bytes_span(&archive);
		o.sequences = bytes_span(&sequences);
		rc = pgdirectory_toc(&o, toc, &d->next_file, err);
	}
	bytes_fini(&archive);
	bytes_fini(&sequences);
	free(v);
	return rc;
}

static enum snap_code
put_sql(struct dir *d, enum stream_kind kind, struct rolemap *roles,
    const char *name, struct snap_err *err)
{
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, TOC_MAX);
	rc = roles_read(d->c, d->s, d->m, kind, roles, &text, err);
	if (rc == SNAP_OK)
		rc = put_file(d, name, bytes_span(&text), err);
	bytes_fini_wipe(&text);
	return rc;
}

/* What makes the directory an archive. */
static enum snap_code
put_toc(struct dir *d, struct span toc, struct snap_err *err)
{
	static const char tmp[] = "toc.dat.tmp", name[] = "toc.dat";
	enum snap_code rc = put_file(d, tmp, toc, err);

	if (rc != SNAP_OK)
		return rc;
	if (fsync(d->fd) != 0 || renameat(d->fd, tmp, d->fd, name) != 0 ||
	    fsync(d->fd) != 0)
		return fail(d, "name", name, err);
	return SNAP_OK;
}

static enum snap_code
fill(struct dir *d, const struct repo_snapshot *snapshot, struct span toc,
    struct snap_err *err)
{
	enum snap_code rc;

	if ((rc = put_readme(d, snapshot, err)) != SNAP_OK ||
	    (rc = put_sql(d, STREAM_GLOBALS, NULL, "globals.sql", err)) !=
		SNAP_OK ||
	    (rc = put_sql(d, STREAM_PROPERTIES, d->roles, "properties.sql",
		 err)) != SNAP_OK ||
	    (rc = repo_read(d->s->repo, d->m, is_data, NULL, &d->sink, err)) !=
		SNAP_OK ||
	    (rc = close_file(d, err)) != SNAP_OK ||
	    (rc = bytes_check(&d->blobs, err)) != SNAP_OK)
		return rc;
	if (d->blobs.len > 0)
		rc = put_file(d, PGDIRECTORY_BLOBS, bytes_span(&d->blobs), err);
	return rc == SNAP_OK ? put_toc(d, toc, err) : rc;
}

enum snap_code
todir(struct cli *c, struct place *s, const struct repo_snapshot *snapshot,
    const struct repo_manifest *m, struct snap_err *err)
{
	struct dir d = { .sink.ops = &dir_ops,
		.path = c->o.output,
		.fd = -1,
		.file = -1,
		.m = m,
		.c = c,
		.s = s,
		.report = &c->report };
	struct bytes toc;
	enum snap_code rc;

	if (repo_snapshot_prop(snapshot, REPO_PROP_DATABASE) == NULL)
		return snap_fail(err, SNAP_USAGE,
		    "the snapshot is not of a database of PostgreSQL: leave "
		    "--output out");
	bytes_init(&d.buf, BUFFER);
	bytes_init(&d.blobs, BLOBS_MAX);
	bytes_init(&toc, TOC_MAX);
	if ((rc = plan(&d, &toc, err)) == SNAP_OK &&
	    (rc = open_dir(&d, err)) == SNAP_OK) {
		rc = fill(&d, snapshot, bytes_span(&toc), err);
		if (rc != SNAP_OK)
			(void)snap_detail(
			    err, "%s is not whole: it has no toc.dat.", d.path);
	}
	if (d.file >= 0)
		(void)close(d.file);
	if (d.fd >= 0)
		(void)close(d.fd);
	bytes_fini(&d.buf);
	bytes_fini(&d.blobs);
	bytes_fini(&toc);
	rolemap_free(d.roles);
	return rc;
}
