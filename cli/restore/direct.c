/* SPDX-License-Identifier: PostgreSQL */
/*
 * direct.c - a snapshot straight into a server.
 *
 * It is no one transaction: whatever stops it, what is said last is how far it
 * came, what the target lacks and how to go on.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "before.h"
#include "direct.h"
#include "json.h"
#include "load.h"
#include "server.h"
#include "ui.h"

#define JOBS_MAX 64
#define SHOWN 20 /* names of tables that are missing */

struct direct {
	struct cli *c;
	struct place *s;
	const struct repo_snapshot *snapshot;
	const struct direct_place *to; /* NULL = as the options say */
	struct pgtarget *target;
	struct selection *selection; /* NULL = all, as it was */
	struct selection *part;      /* that, if it is less than all */
	struct load load;
};

/* Does it make no table? */
static bool
is_filling(const struct opts *o)
{
	for (size_t i = 0; i < o->sections.n; i++)
		if (strcmp(o->sections.v[i], "pre-data") == 0)
			return false;
	return o->data_only || o->sections.n > 0;
}

enum snap_code
direct_check(const struct opts *o, struct snap_err *err)
{
	if (o->dbname == NULL) {
		if (o->host != NULL || o->port != NULL || o->user != NULL ||
		    o->no_password || o->password || o->jobs != NULL ||
		    o->create || o->clean || o->if_exists || o->backup_first ||
		    o->json)
			return snap_fail(err, SNAP_USAGE,
			    "only a restore into a server has these options: "
			    "--dbname says which");
		return SNAP_OK;
	}
	if (is_filling(o) && (o->create || o->clean))
		return snap_fail(err, SNAP_USAGE,
		    "rows alone go into tables that are there: neither "
		    "--create nor --clean goes with them");
	if (o->globals || o->properties || o->partial || o->no_transaction ||
	    o->no_restrict || o->sqlite_to != NULL || o->output != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--globals, --properties, --partial, --no-transaction, "
		    "--no-restrict, --sqlite-to and --output do not go with --dbname");
	if (o->if_exists && !o->clean)
		return snap_fail(
		    err, SNAP_USAGE, "--if-exists goes with --clean");
	if (o->backup_first && !o->clean && !select_part(o))
		return snap_fail(err, SNAP_USAGE,
		    "--backup-first goes with --clean, or with a part of the "
		    "snapshot");
	return SNAP_OK;
}

/* "15.20" as 150000: any minor version reads what another has written. */
static int
major_of(const char *version)
{
	unsigned long major = version != NULL ? strtoul(version, NULL, 10) : 0;

	return major > 0 && major < 1000 ? (int)major * 10000 : 0;
}

enum snap_code
direct_check_kinds(const struct repo_manifest *m, struct snap_err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		uint8_t kind = m->v[i].kind;

		if (kind <= STREAM_DIGESTS || (kind == STREAM_RAW && m->n == 1))
			continue;
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "the snapshot holds a stream of kind %u, as only a newer "
		    "version can restore it",
		    (unsigned)kind);
		return snap_hint(err, "Use a newer version of this program.");
	}
	return SNAP_OK;
}

void
direct_target_opts(const struct repo_snapshot *snapshot, const struct opts *o,
    struct pgtarget_opts *out)
{
	const char *locks = repo_snapshot_prop(snapshot, "restore-locks");

	*out = (struct pgtarget_opts){ .no_owner = o->no_owner,
		.no_privileges = o->no_privileges,
		.no_tablespaces = o->no_tablespaces,
		.pg_restore = o->pg_restore,
		.encoding = repo_snapshot_prop(snapshot, "encoding"),
		.dump_num =
		    major_of(repo_snapshot_prop(snapshot, "pg-dump-version")),
		.locks = locks != NULL ? strtoull(locks, NULL, 10) : 0 };
}

static struct pgtarget_renames
renames_of(const struct schemamap *m)
{
	struct pgtarget_renames r = { bytes_span(&m->before),
		bytes_span(&m->again), bytes_span(&m->after) };

	return r;
}

static enum snap_code
open_target(struct direct *d, struct snap_err *err)
{
	const struct opts *o = &d->c->o;
	struct pgtarget_opts to;
	unsigned long jobs = 1;
	uint64_t locks;

	direct_target_opts(d->snapshot, o, &to);
	if (d->part != NULL) {
		to.part = select_choice(d->part);
		locks = pgarchive_locks(to.part) + 1;
		to.locks = to.locks > 0 && to.locks < locks ? to.locks : locks;
		to.renames = renames_of(select_map(d->part));
	}
	to.create = o->create;
	to.clean = o->clean;
	to.leave_out = d->part == NULL;
	if (o->jobs != NULL &&
	    opts_number(o->jobs, "jobs", 1, JOBS_MAX, &jobs, err) != SNAP_OK)
		return err->code;
	to.jobs = jobs;
	server_opts(d->c, o->dbname, &to.server);
	if (d->to != NULL) {
		to.create = d->to->database == NULL;
		to.properties = !to.create;
		to.server.database =
		    to.create ? d->to->server : d->to->database;
	}
	d->load.n_threads = jobs;
	return pgtarget_open(&to, &d->target, err);
}

static bool
is_definition(void *arg, const struct repo_stream *s)
{
	(void)arg;
	return s->kind == STREAM_ARCHIVE || s->kind == STREAM_PROPERTIES ||
	       s->kind == STREAM_SEQUENCES;
}

static enum snap_code
choose(struct direct *d, struct snap_err *err)
{
	const struct opts *o = &d->c->o;
	enum snap_code rc = SNAP_OK;

	if (select_part(o) || o->role_maps.n > 0)
		rc = select_open(
		    d->c, d->s, d->snapshot, d->load.m, &d->selection, err);
	if (select_part(o))
		d->load.part = d->part = d->selection;
	return rc;
}

static enum snap_code
read_definitions(struct direct *d, struct snap_err *err)
{
	struct sink *to = pgtarget_definitions(d->target);

	return d->selection != NULL
		   ? select_definitions(d->selection, d->s, to, err)
		   : repo_read(
			 d->s->repo, d->load.m, is_definition, NULL, to, err);
}

/* Connected, and the definitions read. */
static enum snap_code
reach(struct direct *d, struct snap_err *err)
{
	enum snap_code rc = open_target(d, err);

	if (rc == SNAP_OK)
		rc = read_definitions(d, err);
	return rc;
}

enum snap_code
direct_occupied(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    const struct direct_place *to, bool *out, struct snap_err *err)
{
	struct direct d = { .c = c,
		.s = s,
		.to = to,
		.snapshot = snapshot,
		.load = { .repo = s->repo, .m = m } };
	const char *database = NULL;
	enum snap_code rc = reach(&d, err);

	if (rc == SNAP_OK)
		rc = pgtarget_occupied(d.target, &database, err);
	*out = rc == SNAP_OK && database != NULL;
	pgtarget_close(d.target);
	return rc;
}

static enum snap_code
run(struct direct *d, struct snap_err *err)
{
	enum snap_code rc;

	rc = choose(d, err);
	if (rc == SNAP_OK)
		rc = load_plan(&d->load, err);
	if (rc == SNAP_OK)
		rc = reach(d, err);
	d->load.target = d->target;
	if (rc == SNAP_OK)
		rc = pgtarget_look(d->target, err);
	if (rc == SNAP_OK && d->part != NULL)
		select_tell(d->part);
	if (rc == SNAP_OK && d->c->o.backup_first)
		rc = before_backup(d->c, d->s, d->target, err);
	if (rc == SNAP_OK)
		rc = pgtarget_begin(d->target, err);
	if (rc != SNAP_OK)
		return rc;
	atomic_store(&d->c->report.bytes_done, 0);
	atomic_store(&d->c->report.bytes_total, d->load.bytes);
	ui_progress_begin("restoring", &d->c->report);
	rc = load_run(&d->load, err);
	ui_progress_end();
	if (rc == SNAP_OK)
		rc = pgtarget_finish(d->target, err);
	return rc;
}

/* ---- what is said of it */

/* By table: are all its slices there? */
struct tally {
	size_t n, n_missing;
	struct bytes names; /* of some that are not, with commas */
	json_t *list;       /* of all of them; NULL = nobody asked */
};

static void
tally_tables(const struct load *l, struct tally *t)
{
	const struct repo_manifest *m = l->m;
	size_t i, j;
	bool missing;

	for (i = 0; l->done != NULL && i < m->n; i = j) {
		missing = false;
		for (j = i; j < m->n && m->v[j].kind == m->v[i].kind &&
			    span_eq(m->v[j].name, m->v[i].name);
		     j++)
			missing |= !l->done[j];
		if (m->v[i].kind != STREAM_TABLE || l->job_of[i] == LOAD_NONE)
			continue;
		t->n++;
		t->n_missing += missing;
		if (!missing)
			continue;
		if (t->n_missing <= SHOWN) {
			bytes_put_str(&t->names, t->n_missing == 1 ? "" : ", ");
			ui_escape(&t->names, m->v[i].name);
		}
		if (t->list != NULL) {
			struct bytes name;

			bytes_init(&name, SIZE_MAX);
			ui_escape(&name, m->v[i].name);
			(void)json_array_append_new(
			    t->list, json_stringn((const char *)name.p,
					 name.bad ? 0 : name.len));
			bytes_fini(&name);
		}
	}
	if (t->n_missing > SHOWN)
		bytes_printf(&t->names, " and %zu more", t->n_missing - SHOWN);
	bytes_u8(&t->names, 0);
}

static void
put_seconds(struct bytes *b, uint64_t ms)
{
	bytes_printf(b, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms / 100 % 10);
}

static uint64_t
all_ms(const struct pgtarget_progress *p)
{
	uint64_t ms = 0;
	size_t i;

	for (i = 0; i < PGTARGET_PHASES; i++)
		ms += p->ms[i];
	return ms;
}

static void
tell_success(struct direct *d, const struct pgtarget_progress *p)
{
	struct bytes b, db;
	char size[UI_SIZE_MAX];
	struct tally t = { .n = 0 };
	size_t i;

	bytes_init(&t.names, SIZE_MAX);
	tally_tables(&d->load, &t);
	bytes_fini(&t.names);
	bytes_init(&b, SIZE_MAX);
	bytes_init(&db, SIZE_MAX);
	ui_escape(&db, span_str(pgtarget_database(d->target)));
	bytes_u8(&db, 0);
	put_seconds(&b, all_ms(p));
	for (i = PGTARGET_DATABASE; i < PGTARGET_DONE; i++) {
		if (p->ms[i] == 0)
			continue;
		bytes_printf(
		    &b, "; %s ", pgtarget_phase_name((enum pgtarget_phase)i));
		put_seconds(&b, p->ms[i]);
	}
	bytes_u8(&b, 0);
	ui_info("database %s: %zu table%s, %" PRIu64
		" row%s, %zu large object%s, "
		"%s in %s",
	    db.bad ? "?" : (const char *)db.p, t.n, t.n == 1 ? "" : "s",
	    p->rows, p->rows == 1 ? "" : "s", p->n_large_objects,
	    p->n_large_objects == 1 ? "" : "s", ui_size(d->load.bytes, size),
	    b.bad ? "?" : (const char *)b.p);
	bytes_fini(&b);
	bytes_fini(&db);
	if (p->n_left_out > 0)
		ui_warning("%zu thing%s left out, named above", p->n_left_out,
		    p->n_left_out == 1 ? " is" : "s are");
}

static void
put_list(struct bytes *b, const char *option, const struct opt_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		bytes_printf(b, " %s", option);
		before_word(b, l->v[i]);
	}
}

/* What was chosen, as options. */
static void
put_choice(struct bytes *b, const struct opts *o)
{
	put_list(b, "-n", &o->schemas);
	put_list(b, "-N", &o->exclude_schemas);
	put_list(b, "-t", &o->tables);
	put_list(b, "-T", &o->exclude_tables);
	put_list(b, "--exclude-table-data", &o->exclude_table_data);
	put_list(b, "--section", &o->sections);
	put_list(b, "--role-map", &o->role_maps);
	bytes_printf(b, "%s%s", o->schema_only ? " --schema-only" : "",
	    o->no_dependencies ? " --no-dependencies" : "");
}

static void
hint_again(const struct direct *d)
{
	const struct opts *o = &d->c->o;
	char hex[2 * REPO_ID_LEN + 1];
	struct bytes b;

	if (is_filling(o)) {
		ui_hint("What was loaded stays. Empty the tables that lack "
			"rows, of which some may be there, and restore these "
			"alone.");
		return;
	}
	/* With --clean it would drop what has the old names. */
	if (o->schema_map.n > 0) {
		ui_hint("To begin again, drop what there is of the new "
			"schemas first, by DROP SCHEMA ... CASCADE.");
		return;
	}
	/* "latest" may be another one by then. */
	hex_encode(d->snapshot->id, REPO_ID_LEN, hex);
	bytes_init(&b, SIZE_MAX);
	before_program(&b, o);
	bytes_printf(&b, " restore %.8s%s --clean", hex,
	    o->create ? " --create" : "");
	bytes_printf(&b, "%s%s%s", o->no_owner ? " --no-owner" : "",
	    o->no_privileges ? " --no-privileges" : "",
	    o->no_tablespaces ? " --no-tablespaces" : "");
	put_choice(&b, o);
	if (o->pg_restore != NULL) {
		bytes_put_str(&b, " --pg-restore");
		before_word(&b, o->pg_restore);
	}
	if (o->jobs != NULL)
		bytes_printf(&b, " -j %s", o->jobs);
	before_server(&b, o, NULL);
	bytes_u8(&b, 0);
	ui_hint("To begin again, dropping what is there%s: %s",
	    d->part != NULL ? " of what was chosen" : "",
	    b.bad ? "?" : (const char *)b.p);
	bytes_fini(&b);
}

static void
tell_failure(struct direct *d, const struct pgtarget_progress *p)
{
	const struct opts *o = &d->c->o;
	struct tally t = { .n = 0 };

	if (p->untouched) {
		ui_info("nothing was changed in the target");
		return;
	}
	bytes_init(&t.names, SIZE_MAX);
	tally_tables(&d->load, &t);
	ui_warning("the target is incomplete: the restore ended while %s",
	    pgtarget_phase_name(p->phase));
	if (p->phase < PGTARGET_ROWS)
		ui_warning("no rows were loaded");
	else if (t.n_missing > 0)
		ui_warning("%zu of %zu tables lack rows: %s", t.n_missing, t.n,
		    t.names.bad ? "?" : (const char *)t.names.p);
	else if (t.n > 0)
		ui_warning("the rows of all %zu tables are loaded", t.n);
	if (p->n_failed > 0)
		ui_warning("%zu of %zu definitions failed", p->n_failed,
		    p->n_definitions);
	if (p->phase <= PGTARGET_POST_DATA && !o->data_only)
		ui_warning("%s not all there",
		    p->phase == PGTARGET_POST_DATA
			? "indexes and constraints are"
			: "indexes, constraints and privileges are");
	if (d->to == NULL)
		hint_again(d);
	bytes_fini(&t.names);
}

static enum snap_code
print_json(struct direct *d, const struct pgtarget_progress *p, bool complete,
    struct snap_err *err)
{
	static const char *const keys[PGTARGET_PHASES] = { "check", "database",
		"pre-data", "rows", "sequences", "post-data", "privileges",
		NULL };
	bool alone = d->to == NULL;
	json_t *root = alone ? place_json(d->s) : d->to->result;
	json_t *ms = json_object();
	struct tally t = { .list = json_array() };
	size_t i;

	bytes_init(&t.names, SIZE_MAX);
	tally_tables(&d->load, &t);
	bytes_fini(&t.names);
	(void)json_object_set_new(root, "snapshot", json_snapshot(d->snapshot));
	json_put_text(root, "database", span_str(pgtarget_database(d->target)));
	(void)json_object_set_new(root, "part", json_boolean(d->part != NULL));
	json_put_u64(root, "kept", p->n_kept);
	(void)json_object_set_new(root, "complete", json_boolean(complete));
	(void)json_object_set_new(
	    root, "untouched", json_boolean(p->untouched));
	if (!complete && p->phase < PGTARGET_DONE)
		json_put_text(root, "phase", span_str(keys[p->phase]));
	json_put_u64(root, "tables", t.n);
	(void)json_object_set_new(root, "missing", t.list);
	json_put_u64(root, "rows", p->rows);
	json_put_u64(root, "large-objects", p->n_large_objects);
	json_put_u64(root, "definitions", p->n_definitions);
	json_put_u64(root, "failed-definitions", p->n_failed);
	json_put_u64(root, "left-out", p->n_left_out);
	for (i = 0; keys[i] != NULL; i++)
		json_put_u64(ms, keys[i], p->ms[i]);
	(void)json_object_set_new(root, "phase-ms", ms);
	json_put_u64(root, "duration-ms", all_ms(p));
	return alone ? json_print(root, err) : SNAP_OK;
}

enum snap_code
direct_restore(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    const struct direct_place *to, struct snap_err *err)
{
	struct direct d = { .c = c,
		.s = s,
		.to = to,
		.snapshot = snapshot,
		.load = { .repo = s->repo, .m = m } };
	struct pgtarget_progress p = { .untouched = true };
	struct snap_err lost = SNAP_ERR_INIT;
	enum snap_code rc = run(&d, err);

	if (d.target != NULL)
		pgtarget_progress(d.target, &p);
	c->before_work = p.untouched && p.phase == PGTARGET_CHECK;
	c->partial |= p.n_left_out > 0;
	if (rc == SNAP_OK)
		tell_success(&d, &p);
	else
		tell_failure(&d, &p);
	if (c->o.json && d.target != NULL &&
	    print_json(&d, &p, rc == SNAP_OK && p.n_left_out == 0, &lost) !=
		SNAP_OK &&
	    rc == SNAP_OK) {
		*err = lost;
		rc = lost.code;
	}
	pgtarget_close(d.target);
	load_fini(&d.load);
	select_close(d.selection);
	return rc;
}
