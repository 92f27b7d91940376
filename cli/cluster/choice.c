/* SPDX-License-Identifier: PostgreSQL */
/* choice.c - which databases of a run are meant, and which of them it lacks. */
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "pattern.h"
#include "place.h"
#include "regex.h"
#include "ui.h"

#define NAME_MAX_BYTES ((size_t)1 << 16)

static enum snap_code
add_pattern(struct choice *c, const char *pattern, struct snap_err *err)
{
	struct bytes schema, name;
	enum snap_code rc;

	bytes_init(&schema, NAME_MAX_BYTES);
	bytes_init(&name, NAME_MAX_BYTES);
	if (pattern_regex(pattern, &schema, &name) > 0) {
		rc = snap_fail(err, SNAP_USAGE,
		    "pattern %s: the name of a database has no dot", pattern);
		(void)snap_hint(err, "Put the name into double quotes.");
	} else if ((rc = bytes_check(&name, err)) == SNAP_OK) {
		rc = regex_new(span_of(name.p, name.len - 1), true,
		    &c->excluded[c->n_excluded], err);
	}
	c->n_excluded += rc == SNAP_OK;
	bytes_fini(&schema);
	bytes_fini(&name);
	return rc == SNAP_OK ? rc : snap_wrap(err, "exclude-database");
}

static bool
is_named(const struct opts *o, struct span name)
{
	for (size_t i = 0; i < o->databases.n; i++)
		if (span_eq(name, span_str(o->databases.v[i])))
			return true;
	return false;
}

static bool
is_meant(const struct choice *c, struct span name)
{
	if (c->o->databases.n > 0 && !is_named(c->o, name))
		return false;
	for (size_t i = 0; i < c->n_excluded; i++)
		if (regex_match(c->excluded[i], name))
			return false;
	return true;
}

static void
tell_missing(void *arg, const char *line)
{
	struct choice *c = arg;
	struct bytes name;

	bytes_init(&name, NAME_MAX_BYTES);
	run_list_name(line, &name);
	if (is_meant(c, bytes_span(&name))) {
		ui_warning("database \"%s\" has no snapshot in this run", line);
		c->n_missing++;
	}
	bytes_fini(&name);
}

/* A name that is given has to be there. */
static enum snap_code
check_names(const struct choice *c, const struct run *run, struct snap_err *err)
{
	for (size_t i = 0; i < c->o->databases.n; i++) {
		const char *name = c->o->databases.v[i];
		bool found = false;

		for (size_t j = 0; j < run->n; j++)
			found |= strcmp(place_source(run->v[j]), name) == 0;
		if (!found)
			return snap_fail(err, SNAP_NOTFOUND,
			    "run %.8s has no snapshot of database \"%s\"",
			    run->id, name);
	}
	return SNAP_OK;
}

enum snap_code
choice_make(struct choice *c, const struct opts *o, const struct run *run,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	*c = (struct choice){ .o = o };
	c->excluded = calloc(o->exclude_databases.n + 1, sizeof(*c->excluded));
	c->v = calloc(run->n + 1, sizeof(*c->v));
	if (c->excluded == NULL || c->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; rc == SNAP_OK && i < o->exclude_databases.n; i++)
		rc = add_pattern(c, o->exclude_databases.v[i], err);
	if (rc == SNAP_OK)
		rc = check_names(c, run, err);
	if (rc != SNAP_OK)
		return rc;
	for (size_t i = 0; i < run->n; i++)
		if (is_meant(c, span_str(place_source(run->v[i]))))
			c->v[c->n++] = run->v[i];
	if (!run_is_complete(run) && o->databases.n == 0 &&
	    !run_missing(run, tell_missing, c)) {
		ui_warning("run %.8s is incomplete: it has %zu databases",
		    run->id, run->n);
		c->n_missing++;
	}
	return c->n > 0 ? SNAP_OK
			: snap_fail(err, SNAP_USAGE,
			      "no database is left to be restored");
}

void
choice_fini(struct choice *c)
{
	for (size_t i = 0; i < c->n_excluded; i++)
		regex_free(c->excluded[i]);
	free((void *)c->excluded);
	free((void *)c->v);
	*c = (struct choice){ .n = 0 };
}
