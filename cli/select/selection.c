/* SPDX-License-Identifier: PostgreSQL */
/*
 * selection.c - a part of a snapshot: what is chosen, and the streams of it.
 */
#include <stdlib.h>
#include <string.h>

#include "pgrestore.h"
#include "raw.h"
#include "roles.h"
#include "schemamap.h"
#include "selection.h"
#include "server.h"
#include "ui.h"

#define NOTE_MAX 8192
#define SQL_MAX ((size_t)2 << 30) /* bytes of one text */
#define N_PARTS 3
#define VERSION_MAX 1000 /* above all that PostgreSQL may have */

struct selection {
	struct cli *c;
	const struct repo_manifest *m;
	struct rolemap *roles; /* NULL = they stay */
	struct bytes archive;
	struct span *names; /* of the table streams */
	size_t n_names;
	size_t *rank; /* of a stream among these, by m->v */
	struct pgarchive *a;
	const char *dump_version; /* of the archive */
	struct bytes sql[N_PARTS];
	struct schemamap map;
};

bool
select_part(const struct opts *o)
{
	return o->schemas.n > 0 || o->exclude_schemas.n > 0 ||
	       o->tables.n > 0 || o->exclude_tables.n > 0 ||
	       o->exclude_table_data.n > 0 || o->sections.n > 0 ||
	       o->data_only || o->schema_only || o->no_dependencies;
}

bool
select_less(const struct opts *o)
{
	return select_part(o) || o->no_owner || o->no_privileges ||
	       o->no_tablespaces || o->schema_map.n > 0;
}

bool
select_asked(const struct opts *o)
{
	return select_less(o) || o->role_maps.n > 0;
}

static const struct {
	const char *name;
	unsigned bit;
} sections[] = { { "pre-data", PGARCHIVE_SECTION_PRE_DATA },
	{ "data", PGARCHIVE_SECTION_DATA },
	{ "post-data", PGARCHIVE_SECTION_POST_DATA } };

static enum snap_code
read_sections(const struct opts *o, unsigned *out, struct snap_err *err)
{
	size_t i, k;

	*out = 0;
	for (i = 0; i < o->sections.n; i++) {
		for (k = 0; k < 3; k++)
			if (strcmp(o->sections.v[i], sections[k].name) == 0)
				break;
		if (k == 3) {
			(void)snap_fail(err, SNAP_USAGE,
			    "there is no section \"%s\"", o->sections.v[i]);
			return snap_hint(
			    err, "It is pre-data, data or post-data.");
		}
		*out |= sections[k].bit;
	}
	return SNAP_OK;
}

enum snap_code
select_check(const struct opts *o, struct snap_err *err)
{
	struct schemamap map = { .n = 0 };
	enum snap_code rc = schemamap_open(o, &map, err);
	unsigned ignored;

	schemamap_close(&map);
	if (rc != SNAP_OK)
		return rc;
	if (o->data_only && o->schema_only)
		return snap_fail(err, SNAP_USAGE,
		    "--data-only and --schema-only exclude each other");
	if (o->sections.n > 0 && (o->data_only || o->schema_only))
		return snap_fail(err, SNAP_USAGE,
		    "--section goes with neither --data-only nor "
		    "--schema-only");
	if (select_less(o) && (o->globals || o->properties))
		return snap_fail(err, SNAP_USAGE,
		    "--globals and --properties are one piece: no part of "
		    "them can be chosen");
	if (o->role_maps.n > 0 &&
	    (o->globals || o->all || o->sqlite_to != NULL))
		return snap_fail(err, SNAP_USAGE,
		    "--role-map is for single databases: not with --all, "
		    "--globals or --sqlite-to");
	return read_sections(o, &ignored, err);
}

static enum snap_code
read_archive(struct selection *s, struct place *p, struct snap_err *err)
{
	const struct repo_manifest *m = s->m;
	size_t n = 0, i;

	for (i = 0; i < m->n; i++)
		n += m->v[i].kind == STREAM_ARCHIVE;
	if (n == 0)
		return snap_fail(err, SNAP_USAGE,
		    "only of a database's snapshot a part can be chosen");
	s->names = calloc(m->n + 1, sizeof *s->names);
	s->rank = calloc(m->n + 1, sizeof *s->rank);
	if (s->names == NULL || s->rank == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < m->n; i++) {
		s->rank[i] = s->n_names;
		if (m->v[i].kind == STREAM_TABLE)
			s->names[s->n_names++] = m->v[i].name;
	}
	if (roles_open(s->c, p, m, &s->roles, err) != SNAP_OK)
		return err->code;
	return roles_read(
	    s->c, p, m, STREAM_ARCHIVE, s->roles, &s->archive, err);
}

void
select_tell(const struct selection *s)
{
	struct bytes line, safe;

	for (size_t i = 0; i < pgarchive_n_notes(s->a); i++) {
		bytes_init(&line, NOTE_MAX);
		bytes_init(&safe, 4 * NOTE_MAX + 1);
		pgarchive_note(s->a, i, &line);
		ui_escape(&safe, bytes_span(&line));
		bytes_u8(&safe, 0);
		ui_warning(
		    "%s", safe.bad ? "a name is too long" : (char *)safe.p);
		bytes_fini(&line);
		bytes_fini(&safe);
	}
	schemamap_tell(&s->map, s->a);
}

static enum snap_code
choose(struct selection *s, const struct repo_snapshot *snapshot,
    struct snap_err *err)
{
	const struct opts *o = &s->c->o;
	const char *encoding = repo_snapshot_prop(snapshot, "encoding");
	struct pgarchive_opts po = { .archive = bytes_span(&s->archive),
		.streams = s->names,
		.n_streams = s->n_names,
		.schemas = o->schemas.v,
		.exclude_schemas = o->exclude_schemas.v,
		.tables = o->tables.v,
		.exclude_tables = o->exclude_tables.v,
		.exclude_table_data = o->exclude_table_data.v,
		.database = repo_snapshot_prop(snapshot, REPO_PROP_DATABASE),
		.utf8 = encoding != NULL && strcmp(encoding, "UTF8") == 0,
		.data_only = o->data_only,
		.schema_only = o->schema_only,
		.no_privileges = o->no_privileges,
		.no_dependencies = o->no_dependencies,
		/* No copy beside the live tables refers to these. */
		.live =
		    o->dbname != NULL && !o->create && o->schema_map.n == 0 };
	enum snap_code rc = read_sections(o, &po.sections, err);

	if (rc == SNAP_OK)
		rc = schemamap_open(o, &s->map, err);
	po.made_schemas = (const char *const *)s->map.old;
	if (rc == SNAP_OK)
		rc = pgarchive_open(&po, &s->a, err);
	return rc == SNAP_OK ? schemamap_plan(&s->map, s->a, o, err) : rc;
}

enum snap_code
select_open(struct cli *c, struct place *p,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    struct selection **out, struct snap_err *err)
{
	struct selection *s = calloc(1, sizeof *s);
	enum snap_code rc;

	if (s == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	s->c = c;
	s->m = m;
	s->dump_version = repo_snapshot_prop(snapshot, "pg-dump-version");
	for (int i = 0; i < N_PARTS; i++)
		bytes_init(&s->sql[i], SQL_MAX);
	bytes_init(&s->archive, SQL_MAX);
	if ((rc = read_archive(s, p, err)) == SNAP_OK)
		rc = choose(s, snapshot, err);
	if (rc != SNAP_OK) {
		select_close(s);
		return rc;
	}
	*out = s;
	return SNAP_OK;
}

void
select_close(struct selection *s)
{
	if (s == NULL)
		return;
	pgarchive_close(s->a);
	rolemap_free(s->roles);
	bytes_fini(&s->archive);
	schemamap_close(&s->map);
	free(s->names);
	free(s->rank);
	for (int i = 0; i < N_PARTS; i++)
		bytes_fini(&s->sql[i]);
	free(s);
}

struct pgarchive *
select_choice(const struct selection *s)
{
	return s->a;
}

const struct schemamap *
select_map(const struct selection *s)
{
	return &s->map;
}

/* ---- streams */
bool
select_stream(void *arg, const struct repo_stream *stream)
{
	const struct selection *s = arg;

	switch (stream->kind) {
	case STREAM_TABLE:
		return pgarchive_rows(s->a, s->rank[stream - s->m->v]);
	case STREAM_SEQUENCES:
		return pgarchive_data(s->a);
	case STREAM_LARGE_OBJECT:
		return pgarchive_large_objects(s->a);
	default:
		return false;
	}
}

uint64_t
select_bytes(const struct selection *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->m->n; i++)
		if (select_stream((void *)(uintptr_t)s, &s->m->v[i]))
			n += s->m->v[i].bytes;
	return n;
}

/* ---- the filter */
static enum snap_code
filter_begin(
    struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct select_filter *f = (struct select_filter *)base;
	struct stream_meta meta = *m;
	enum snap_code rc;

	bytes_clear(&f->text);
	f->kind = m->kind;
	if (m->kind == STREAM_TABLE) {
		rc = pgarchive_copy(f->s->a, m->name, m->attr, &f->text, err);
		if (rc == SNAP_OK && f->renamed)
			rc = schemamap_copy(&f->s->map, &f->text, err);
		if (rc != SNAP_OK)
			return rc;
		meta.attr = bytes_span(&f->text);
	}
	return sink_begin(f->to, &meta, err);
}

/* Is it text that can only be changed as a whole? */
static bool
is_held(const struct select_filter *f)
{
	return f->kind == STREAM_SEQUENCES ||
	       (f->kind == STREAM_PROPERTIES && f->s->roles != NULL);
}

static enum snap_code
filter_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct select_filter *f = (struct select_filter *)base;

	if (!is_held(f))
		return sink_data(f->to, d, err);
	bytes_put_span(&f->text, d);
	return bytes_check(&f->text, err);
}

static enum snap_code
filter_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct select_filter *f = (struct select_filter *)base;
	struct span text = bytes_span(&f->text);
	enum snap_code rc = SNAP_OK;
	struct bytes some;

	bytes_init(&some, SQL_MAX);
	if (f->kind == STREAM_SEQUENCES)
		rc = pgarchive_sequences(f->s->a, text, &some, err);
	else if (is_held(f))
		rc = rolemap_sql(f->s->roles, text, &some, err);
	if (rc == SNAP_OK && some.len > 0)
		rc = sink_data(f->to, bytes_span(&some), err);
	bytes_fini(&some);
	return rc == SNAP_OK ? sink_end(f->to, rows, err) : rc;
}

void
select_filter_init(
    struct select_filter *f, const struct selection *s, struct sink *to)
{
	static const struct sink_ops ops = { filter_begin, filter_data,
		filter_end };

	*f = (struct select_filter){ .base = { &ops }, .s = s, .to = to };
	bytes_init(&f->text, SQL_MAX);
}

void
select_filter_fini(struct select_filter *f)
{
	bytes_fini(&f->text);
}

/* ---- definitions */
static enum snap_code
make_part(struct selection *s, struct pgrestore *r, enum pgarchive_part part,
    struct snap_err *err)
{
	const struct opts *o = &s->c->o;
	const char *options[4] = { "--file=-" };
	struct bytes list;
	enum snap_code rc;
	size_t n = 1;

	if (o->no_owner)
		options[n++] = "--no-owner";
	if (o->no_tablespaces)
		options[n++] = "--no-tablespaces";
	bytes_init(&list, SQL_MAX);
	pgarchive_list(s->a, part, &list);
	rc = bytes_check(&list, err);
	if (rc == SNAP_OK && list.len > 0)
		rc = pgrestore_sql(r, options, &list, &s->sql[part], err);
	bytes_fini(&list);
	return rc;
}

enum snap_code
select_make_sql(struct selection *s, struct snap_err *err)
{
	const char *version = s->dump_version;
	long major = version != NULL ? strtol(version, NULL, 10) : 0;
	struct pgrestore *r = NULL;
	struct pgclient_opts po;
	enum snap_code rc;

	server_opts(s->c, NULL, &po);
	rc = pgrestore_open(&po, s->c->o.pg_restore,
	    major > 0 && major < VERSION_MAX ? (int)major : 0,
	    bytes_span(&s->archive), &r, err);
	for (int i = 0; rc == SNAP_OK && i < N_PARTS; i++)
		rc = make_part(s, r, (enum pgarchive_part)i, err);
	pgrestore_close(r);
	return rc == SNAP_OK ? rc : snap_wrap(err, "definitions");
}

static enum snap_code
push(uint8_t kind, const char *name, const struct bytes *text, struct sink *to,
    struct snap_err *err)
{
	struct stream_meta m = { .kind = kind, .name = span_str(name) };
	enum snap_code rc = sink_begin(to, &m, err);

	if (rc == SNAP_OK)
		rc = sink_data(to, bytes_span(text), err);
	return rc == SNAP_OK ? sink_end(to, 0, err) : rc;
}

enum snap_code
select_push(struct selection *s, enum pgarchive_part part, struct sink *to,
    struct snap_err *err)
{
	static const struct {
		uint8_t kind;
		const char *name;
	} streams[N_PARTS] = { { STREAM_PRE_DATA, "pre-data" },
		{ STREAM_POST_DATA, "post-data" }, { STREAM_ACL, "acl" } };
	const struct bytes *sql = &s->sql[part];

	return sql->len == 0
		   ? SNAP_OK
		   : push(streams[part].kind, streams[part].name, sql, to, err);
}

static bool
is_beside(void *arg, const struct repo_stream *stream)
{
	return stream->kind == STREAM_PROPERTIES ||
	       (stream->kind == STREAM_SEQUENCES && select_stream(arg, stream));
}

enum snap_code
select_definitions(
    struct selection *s, struct place *p, struct sink *to, struct snap_err *err)
{
	struct select_filter f;
	enum snap_code rc =
	    push(STREAM_ARCHIVE, "archive", &s->archive, to, err);

	select_filter_init(&f, s, to);
	if (rc == SNAP_OK)
		rc = repo_read(p->repo, s->m, is_beside, s, &f.base, err);
	select_filter_fini(&f);
	return rc;
}
