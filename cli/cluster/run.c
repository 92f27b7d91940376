/* SPDX-License-Identifier: PostgreSQL */
/* run.c - snapshots by the run that made them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "run.h"

#define PREFIX_MIN 4
#define LINE_MAX_BYTES ((size_t)4096)

static const char *
id_of(const struct repo_snapshot *s)
{
	/* Any backup has an id; those of many databases say how many. */
	return repo_snapshot_prop(s, RUN_PROP_DATABASES) != NULL
		   ? repo_snapshot_prop(s, RUN_PROP_ID)
		   : NULL;
}

static int
by_run(const void *a, const void *b)
{
	const struct repo_snapshot *x = *(const struct repo_snapshot *const *)a;
	const struct repo_snapshot *y = *(const struct repo_snapshot *const *)b;
	int c = strcmp(id_of(x), id_of(y));

	/* In one run by time, which is their order in the vector as well. */
	return c != 0 ? c : (x > y) - (x < y);
}

static void
add_member(struct runs *r, const struct repo_snapshot *const *at)
{
	const char *wanted = repo_snapshot_prop(*at, RUN_PROP_DATABASES);
	const char *list = repo_snapshot_prop(*at, RUN_PROP_LIST);
	struct run *run = r->n > 0 ? &r->v[r->n - 1] : NULL;

	if (run == NULL || strcmp(run->id, id_of(*at)) != 0) {
		run = &r->v[r->n++];
		*run = (struct run){ .id = id_of(*at), .v = at };
	}
	run->n++;
	if (wanted != NULL)
		run->n_wanted = strtoull(wanted, NULL, 10);
	if (list != NULL)
		run->list = list;
}

enum snap_code
runs_find(
    const struct repo_snapshots *all, struct runs *out, struct snap_err *err)
{
	struct runs r = { .n = 0 };
	size_t i, n = 0;

	r.members = calloc(all->n + 1, sizeof(*r.members));
	r.v = calloc(all->n + 1, sizeof *r.v);
	if (r.members == NULL || r.v == NULL) {
		runs_free(&r);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	for (i = 0; i < all->n; i++)
		if (id_of(&all->v[i]) != NULL)
			r.members[n++] = &all->v[i];
	if (n > 0)
		qsort(r.members, n, sizeof(*r.members), by_run);
	for (i = 0; i < n; i++)
		add_member(&r, &r.members[i]);
	*out = r;
	return SNAP_OK;
}

void
runs_free(struct runs *r)
{
	free((void *)r->members);
	free(r->v);
	*r = (struct runs){ .n = 0 };
}

static int
by_id(const void *key, const void *item)
{
	return strcmp(key, ((const struct run *)item)->id);
}

const struct run *
runs_of(const struct runs *r, const struct repo_snapshot *s)
{
	const char *id = id_of(s);

	if (id == NULL || r->n == 0)
		return NULL;
	return bsearch(id, r->v, r->n, sizeof *r->v, by_id);
}

int64_t
run_time(const struct run *r)
{
	return r->v[r->n - 1]->time_ns;
}

bool
run_is_complete(const struct run *r)
{
	return r->n_wanted > 0 && r->n >= r->n_wanted;
}

static const struct run *
latest(const struct runs *r)
{
	const struct run *best = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct run *x = &r->v[i];

		if (best == NULL || (run_is_complete(x) != run_is_complete(best)
					    ? run_is_complete(x)
					    : run_time(x) > run_time(best)))
			best = x;
	}
	return best;
}

enum snap_code
runs_pick(const struct runs *r, const char *spec, const struct run **out,
    struct snap_err *err)
{
	const struct run *found = NULL;
	size_t len = strlen(spec), n = 0;

	if (strcmp(spec, "latest") == 0) {
		found = latest(r);
		n = found != NULL;
	} else if (len < PREFIX_MIN) {
		return snap_fail(err, SNAP_USAGE,
		    "\"%s\": a run is 'latest' or at least %d digits of its id",
		    spec, PREFIX_MIN);
	}
	for (size_t i = 0; found == NULL && i < r->n; i++)
		n += strncmp(r->v[i].id, spec, len) == 0;
	for (size_t i = 0; n == 1 && found == NULL && i < r->n; i++)
		if (strncmp(r->v[i].id, spec, len) == 0)
			found = &r->v[i];
	if (n > 1)
		return snap_fail(
		    err, SNAP_USAGE, "%zu runs begin with \"%s\"", n, spec);
	if (found == NULL) {
		(void)snap_fail(
		    err, SNAP_NOTFOUND, "there is no run \"%s\"", spec);
		return snap_hint(
		    err, "backup --all makes one; snapshots shows them.");
	}
	*out = found;
	return SNAP_OK;
}

const char *
run_cell(const struct run *r, char out[RUN_CELL_MAX])
{
	if (run_is_complete(r))
		(void)snprintf(out, RUN_CELL_MAX, "%.8s", r->id);
	else
		(void)snprintf(out, RUN_CELL_MAX, "%.8s %zu/%" PRIu64, r->id,
		    r->n, r->n_wanted);
	return out;
}

void
run_list_add(struct bytes *list, const char *name)
{
	if (list->len > 0)
		bytes_u8(list, '\n');
	for (; *name != '\0'; name++) {
		if (*name == '\\' || *name == '\n')
			bytes_u8(list, '\\');
		bytes_u8(list, *name == '\n' ? 'n' : (uint8_t)*name);
	}
}

void
run_list_name(const char *line, struct bytes *name)
{
	for (; *line != '\0'; line++) {
		bool quoted = *line == '\\' && line[1] != '\0';

		line += quoted;
		bytes_u8(name, quoted && *line == 'n' ? '\n' : (uint8_t)*line);
	}
}

static bool
has(const struct run *r, const char *line)
{
	struct bytes name;
	bool found = false;

	bytes_init(&name, LINE_MAX_BYTES);
	for (size_t i = 0; i < r->n && !found; i++) {
		bytes_clear(&name);
		run_list_add(&name, place_source(r->v[i]));
		found = span_eq(bytes_span(&name), span_str(line));
	}
	bytes_fini(&name);
	return found;
}

bool
run_missing(
    const struct run *r, void (*each)(void *arg, const char *line), void *arg)
{
	const char *p = r->list;
	struct bytes line;
	size_t len;

	if (p == NULL)
		return run_is_complete(r);
	bytes_init(&line, LINE_MAX_BYTES);
	for (; *p != '\0' && !run_is_complete(r); p += len + (p[len] == '\n')) {
		len = strcspn(p, "\n");
		bytes_clear(&line);
		bytes_put(&line, p, len);
		bytes_u8(&line, 0);
		if (!line.bad && !has(r, (const char *)line.p))
			each(arg, (const char *)line.p);
	}
	bytes_fini(&line);
	return true;
}

static void
add_missing(void *arg, const char *line)
{
	json_t *o = json_object();

	json_put_text(o, "database", span_str(line));
	(void)json_array_append_new(arg, o);
}

json_t *
run_json(const struct run *r)
{
	json_t *o = json_object(), *list = json_array();
	char hex[2 * REPO_ID_LEN + 1];

	json_put_text(o, "run", span_str(r->id));
	json_put_time(o, "confirmed", run_time(r));
	json_put_u64(o, "databases", r->n_wanted);
	(void)json_object_set_new(
	    o, "complete", json_boolean(run_is_complete(r)));
	for (size_t i = 0; i < r->n; i++) {
		hex_encode(r->v[i]->id, REPO_ID_LEN, hex);
		(void)json_array_append_new(list, json_string(hex));
	}
	(void)json_object_set_new(o, "snapshots", list);
	list = json_array();
	if (run_missing(r, add_missing, list))
		(void)json_object_set(o, "missing", list);
	json_decref(list);
	return o;
}
