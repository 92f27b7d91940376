/* SPDX-License-Identifier: PostgreSQL */
/*
 * restoreall.c - a whole run into a server: roles, tablespaces, databases.
 *
 * What exists already is seen before anything is changed.  Then a part that
 * fails does not stop the others: whoever has lost a server wants as much of
 * it as there is, and a list of the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "cluster.h"
#include "direct.h"
#include "files.h"
#include "memory.h"
#include "pgglobals.h"
#include "run.h"
#include "selection.h"
#include "server.h"
#include "ui.h"

#define GLOBALS_MAX ((size_t)2 << 30)
#define TEXT_MAX ((size_t)1 << 20)

struct whole {
	struct cli *c;
	struct place place;
	struct runs runs;
	const struct run *run;
	struct choice choice;
	const char *server; /* the database to connect to first, or NULL */
	enum pgglobals_roles roles;
	struct pgglobals *globals;
	struct bytes text; /* roles and tablespaces, as stored */
	size_t n_failed;
	struct bytes names; /* of databases that failed */
	json_t *results;    /* of each that was begun */
};

static enum snap_code
roles_of(const char *word, enum pgglobals_roles *out, struct snap_err *err)
{
	static const char *const words[] = { [ROLES_MISSING] = "missing",
		[ROLES_ALL] = "all",
		[ROLES_NONE] = "none" };

	*out = ROLES_MISSING;
	for (size_t i = 0; word != NULL && i < 3; i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum pgglobals_roles)i;
			return SNAP_OK;
		}
	if (word == NULL)
		return SNAP_OK;
	return snap_fail(
	    err, SNAP_USAGE, "roles: \"%s\" is not missing, all or none", word);
}

enum snap_code
cluster_check_restore(const struct opts *o, struct snap_err *err)
{
	enum pgglobals_roles roles;

	if (!o->all && (o->roles != NULL || o->tablespace_map.n > 0 ||
			   o->databases.n > 0 || o->exclude_databases.n > 0))
		return snap_fail(err, SNAP_USAGE,
		    "--roles, --tablespace-map, --database and "
		    "--exclude-database go with --all");
	if (!o->all)
		return SNAP_OK;
	if (o->dbname == NULL) {
		(void)snap_fail(err, SNAP_USAGE,
		    "--all restores into a server: which one?");
		return snap_hint(err, "Say so with --dbname=URI.");
	}
	if (o->create || o->backup_first || files_wanted(o))
		return snap_fail(err, SNAP_USAGE,
		    "--create, --backup-first and files do not go with --all");
	if (select_part(o))
		return snap_fail(err, SNAP_USAGE,
		    "--all is all of a run: no part of it can be chosen");
	if (o->at != NULL && strcmp(o->args[0], "latest") != 0)
		return snap_fail(err, SNAP_USAGE,
		    "--at goes with 'latest', not with a run's id");
	return roles_of(o->roles, &roles, err);
}

/* ---- what there is */

static void
tell_which(const struct run *run)
{
	char when[UI_TIME_MAX];

	ui_info("run %.8s, %s", run->id, ui_time(run_time(run), when));
}

static enum snap_code
pick_run(struct whole *w, struct snap_err *err)
{
	const char *spec = w->c->o.args[0];
	struct repo_snapshots then;
	enum snap_code rc;

	rc = repo_snapshots(w->place.repo, &w->place.all, err);
	if (rc != SNAP_OK)
		return rc;
	then = place_as_of(&w->place);
	if ((rc = runs_find(&then, &w->runs, err)) != SNAP_OK ||
	    (rc = runs_pick(&w->runs, spec, &w->run, err)) != SNAP_OK)
		return rc;
	for (size_t i = 0; i < w->runs.n; i++) {
		const struct run *r = &w->runs.v[i];

		if (strcmp(spec, "latest") == 0 &&
		    run_time(r) > run_time(w->run))
			ui_warning("the newer run %.8s is passed over: it is "
				   "incomplete",
			    r->id);
	}
	if (w->place.until_ns != 0)
		tell_which(w->run);
	return choice_make(&w->choice, &w->c->o, w->run, err);
}

struct text_sink {
	struct sink base;
	struct bytes *to;
};

static enum snap_code
text_begin(
    struct sink *base, const struct stream_meta *meta, struct snap_err *err)
{
	(void)base;
	(void)meta;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
text_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct bytes *to = ((struct text_sink *)base)->to;

	bytes_put_span(to, d);
	return bytes_check(to, err);
}

static enum snap_code
text_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	(void)base;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

static bool
is_globals(void *arg, const struct repo_stream *s)
{
	(void)arg;
	return s->kind == STREAM_GLOBALS;
}

/* They are the same in each: any that can be read will do. */
static enum snap_code
read_globals(struct whole *w, struct snap_err *err)
{
	static const struct sink_ops ops = { text_begin, text_data, text_end };
	struct text_sink to = { .base = { &ops }, .to = &w->text };
	struct repo_manifest *m = NULL;
	enum snap_code rc = SNAP_NOTFOUND;

	for (size_t i = 0; rc != SNAP_OK && i < w->run->n; i++) {
		bytes_clear(&w->text);
		rc = repo_manifest(w->place.repo, w->run->v[i], &m, err);
		if (rc == SNAP_OK)
			rc = repo_read(
			    w->place.repo, m, is_globals, NULL, &to.base, err);
		repo_manifest_free(m);
		m = NULL;
		if (rc == SNAP_CANCELLED)
			break;
	}
	return rc != SNAP_OK ? snap_wrap(err, "roles and tablespaces") : rc;
}

/* ---- the target */

/* These a server has from its birth. */
static bool
is_born(const char *database)
{
	return strcmp(database, "postgres") == 0 ||
	       strcmp(database, "template1") == 0;
}

static enum snap_code
open_target(struct whole *w, struct snap_err *err)
{
	const struct opts *o = &w->c->o;
	struct pgglobals_opts go = { .roles = w->roles,
		.no_tablespaces = o->no_tablespaces,
		.tablespace_map =
		    o->tablespace_map.n > 0 ? o->tablespace_map.v : NULL };

	server_opts(w->c, o->dbname, &go.server);
	if (!pgclient_names_database(o->dbname))
		w->server = "postgres";
	go.server.database = w->server;
	return pgglobals_open(&go, &w->globals, err);
}

static struct direct_place
place_of(const struct whole *w, const struct repo_snapshot *s)
{
	const char *name = place_source(s);

	return (struct direct_place){ .database = is_born(name) ? name : NULL,
		.server = w->server };
}

/* Is it there?  One that is born counts if it is not empty. */
static enum snap_code
is_occupied(struct whole *w, const struct repo_snapshot *s, bool *out,
    struct snap_err *err)
{
	struct direct_place to = place_of(w, s);
	struct repo_manifest *m = NULL;
	enum snap_code rc;

	if (to.database == NULL)
		return pgglobals_has_database(
		    w->globals, place_source(s), out, err);
	rc = repo_manifest(w->place.repo, s, &m, err);
	if (rc == SNAP_OK)
		rc = direct_occupied(w->c, &w->place, s, m, &to, out, err);
	repo_manifest_free(m);
	return rc;
}

/* All that exist, before anything is done. */
static enum snap_code
refuse_existing(struct whole *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes names;
	size_t n = 0;

	if (w->c->o.clean)
		return SNAP_OK;
	bytes_init(&names, TEXT_MAX);
	for (size_t i = 0; rc == SNAP_OK && i < w->choice.n; i++) {
		const char *name = place_source(w->choice.v[i]);
		bool there = false;

		rc = is_occupied(w, w->choice.v[i], &there, err);
		if (rc == SNAP_OK && there)
			bytes_printf(&names, "%s%s%s", n++ == 0 ? "" : ", ",
			    name, is_born(name) ? " (not empty)" : "");
	}
	bytes_u8(&names, 0);
	if (rc == SNAP_OK && n > 0) {
		rc = snap_fail(err, SNAP_EXISTS,
		    "%zu of the databases exist already: %s", n,
		    names.bad ? "?" : (const char *)names.p);
		(void)snap_hint(err,
		    "With --clean they are dropped first, and of postgres and "
		    "template1 what the snapshot has too; --exclude-database "
		    "leaves one out.");
	}
	bytes_fini(&names);
	return rc;
}

static enum snap_code
restore_one(
    struct whole *w, const struct repo_snapshot *s, struct snap_err *err)
{
	struct direct_place to = place_of(w, s);
	struct repo_manifest *m = NULL;
	enum snap_code rc = repo_manifest(w->place.repo, s, &m, err);

	to.result = json_object();
	json_put_text(to.result, "database", span_str(place_source(s)));
	(void)json_array_append_new(w->results, to.result);
	if (rc == SNAP_OK)
		rc = direct_check_kinds(m, err);
	if (rc == SNAP_OK)
		rc = direct_restore(w->c, &w->place, s, m, &to, err);
	repo_manifest_free(m);
	if (rc != SNAP_OK) {
		(void)json_object_set_new(to.result, "complete", json_false());
		json_put_text(to.result, "message", span_str(err->msg));
	}
	return rc;
}

static enum snap_code
restore_each(struct whole *w, struct snap_err *err)
{
	for (size_t i = 0; i < w->choice.n; i++) {
		const char *name = place_source(w->choice.v[i]);
		struct snap_err why = SNAP_ERR_INIT;
		enum snap_code rc = report_check(&w->c->report, err);

		if (rc != SNAP_OK)
			return rc;
		rc = restore_one(w, w->choice.v[i], &why);
		if (rc == SNAP_OK)
			continue;
		(void)snap_wrap(&why, "database \"%s\"", name);
		if (rc == SNAP_CANCELLED || report_cancelled(&w->c->report)) {
			*err = why;
			return rc;
		}
		ui_error(&why);
		bytes_printf(
		    &w->names, "%s%s", w->n_failed == 0 ? "" : ", ", name);
		w->n_failed++;
	}
	return SNAP_OK;
}

static enum snap_code
restore_run(struct whole *w, struct snap_err *err)
{
	struct span text = bytes_span(&w->text);
	enum snap_code rc = pgglobals_apply(w->globals, text, err);
	size_t n;

	if (rc != SNAP_OK)
		return rc;
	if ((n = pgglobals_n_without_password(w->globals)) > 0)
		ui_warning(
		    "no role has a password, or the backup could not read "
		    "them: %zu role%s that can log in %s none",
		    n, n == 1 ? "" : "s", n == 1 ? "has" : "have");
	w->c->n_warnings += n > 0;
	rc = restore_each(w, err);
	if (rc == SNAP_OK)
		rc = pgglobals_finish(w->globals, err);
	return rc;
}

/* What is missing where all that could be tried was tried. */
static enum snap_code
conclude(struct whole *w, struct snap_err *err)
{
	size_t lost = pgglobals_n_failed(w->globals);

	ui_info("run %.8s: %zu of %zu databases restored", w->run->id,
	    w->choice.n - w->n_failed, w->choice.n + w->choice.n_missing);
	if (lost > 0)
		ui_warning("%zu thing%s of roles and tablespaces %s not "
			   "restored, named above",
		    lost, lost == 1 ? "" : "s", lost == 1 ? "is" : "are");
	w->c->partial |= lost > 0 || w->choice.n_missing > 0;
	w->c->before_work = false;
	if (w->n_failed == 0)
		return SNAP_OK;
	bytes_u8(&w->names, 0);
	return snap_fail(err, SNAP_SOURCE,
	    "%zu of %zu databases are not restored, or not whole: %s",
	    w->n_failed, w->choice.n,
	    w->names.bad ? "named above" : (const char *)w->names.p);
}

static enum snap_code
print_json(struct whole *w, bool complete, struct snap_err *err)
{
	json_t *root = place_json(&w->place);

	json_put_text(root, "run", span_str(w->run->id));
	(void)json_object_set_new(root, "complete", json_boolean(complete));
	(void)json_object_set(root, "databases", w->results);
	json_put_u64(root, "missing-databases", w->choice.n_missing);
	json_put_u64(root, "failed-globals", pgglobals_n_failed(w->globals));
	return json_print(root, err);
}

enum snap_code
cluster_restore(struct cli *c, struct snap_err *err)
{
	struct whole w = {
		.c = c, .place = PLACE_INIT, .results = json_array()
	};
	struct snap_err lost = SNAP_ERR_INIT;
	enum snap_code rc;

	bytes_init(&w.text, GLOBALS_MAX);
	bytes_init(&w.names, TEXT_MAX);
	w.place.needs = REPO_MAY_READ;
	if ((rc = roles_of(c->o.roles, &w.roles, err)) != SNAP_OK ||
	    (rc = place_open(&w.place, c, err)) != SNAP_OK ||
	    (rc = pick_run(&w, err)) != SNAP_OK ||
	    (rc = read_globals(&w, err)) != SNAP_OK)
		goto out;
	(void)memory_tell(c, &w.place);
	c->before_work = true;
	if ((rc = open_target(&w, err)) != SNAP_OK ||
	    (rc = refuse_existing(&w, err)) != SNAP_OK)
		goto out;
	c->before_work = false;
	if ((rc = restore_run(&w, err)) == SNAP_OK)
		rc = conclude(&w, err);
	if (c->o.json &&
	    print_json(&w, rc == SNAP_OK && !c->partial, &lost) != SNAP_OK &&
	    rc == SNAP_OK) {
		*err = lost;
		rc = lost.code;
	}
out:
	json_decref(w.results);
	choice_fini(&w.choice);
	pgglobals_close(w.globals);
	bytes_fini_wipe(&w.text);
	bytes_fini(&w.names);
	runs_free(&w.runs);
	place_close(&w.place);
	return rc;
}
