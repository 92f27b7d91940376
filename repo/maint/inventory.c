/* SPDX-License-Identifier: PostgreSQL */
/*
 * inventory.c - one listing of the whole store, in memory.
 *
 * 48 bytes per object; what repository grows by is packs, so 1 TiB is 64 Ki
 * of them.
 */
#include <stdlib.h>
#include <string.h>

#include "inventory.h"

static enum snap_code
add_object(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct inventory *inv = arg;
	struct inventory_object o;

	memset(&o, 0, sizeof o);
	if (!store_name_parse(name, &o.kind, o.id)) {
		report_log(inv->report, REPORT_INFO,
		    "%s is no object of this repository", name);
		inv->n_foreign++;
		inv->foreign_bytes += st->size;
		return SNAP_OK;
	}
	o.size = st->size;
	o.time_ns = st->time_ns;
	if (inv->n == inv->cap) {
		size_t cap = inv->cap == 0 ? 256 : inv->cap * 2;
		struct inventory_object *v = NULL;

		if (cap <= SIZE_MAX / sizeof *v)
			v = realloc(inv->v, cap * sizeof *v);
		if (v == NULL)
			return snap_fail(err, SNAP_NOMEM,
			    "not enough memory to list the repository");
		inv->v = v;
		inv->cap = cap;
	}
	inv->v[inv->n++] = o;
	return report_check(inv->report, err);
}

static int
by_kind(const void *a, const void *b)
{
	const struct inventory_object *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->id, y->id, ID_LEN);
}

enum snap_code
inventory_list(struct transport *t, struct report *report,
    struct inventory *out, struct snap_err *err)
{
	struct inventory inv;
	enum snap_code rc;
	size_t n = 0;

	memset(&inv, 0, sizeof inv);
	inv.report = report;
	rc = transport_list(t, "", add_object, &inv, err);
	if (rc != SNAP_OK) {
		inventory_fini(&inv);
		return rc;
	}
	if (inv.n != 0)
		qsort(inv.v, inv.n, sizeof *inv.v, by_kind);
	/* A paged listing may show a name twice. */
	for (size_t i = 0; i < inv.n; i++)
		if (n == 0 || by_kind(&inv.v[n - 1], &inv.v[i]) != 0)
			inv.v[n++] = inv.v[i];
	inv.n = n;
	*out = inv;
	return SNAP_OK;
}

enum snap_code
inventory_load(struct store *s, struct inventory *out, struct snap_err *err)
{
	return inventory_list(s->t, s->report, out, err);
}

void
inventory_fini(struct inventory *inv)
{
	free(inv->v);
	memset(inv, 0, sizeof *inv);
}

size_t
inventory_of(const struct inventory *inv, uint8_t kind,
    const struct inventory_object **first)
{
	size_t n = 0;

	*first = NULL;
	for (size_t i = 0; i < inv->n; i++) {
		if (inv->v[i].kind != kind)
			continue;
		if (n++ == 0)
			*first = &inv->v[i];
	}
	return n;
}

const struct inventory_object *
inventory_find(
    const struct inventory *inv, uint8_t kind, const uint8_t id[ID_LEN])
{
	struct inventory_object key;

	if (inv->n == 0)
		return NULL;
	memset(&key, 0, sizeof key);
	key.kind = kind;
	memcpy(key.id, id, ID_LEN);
	return bsearch(&key, inv->v, inv->n, sizeof *inv->v, by_kind);
}

bool
inventory_is_void(
    const struct store *s, const struct inventory_object *o, int64_t l0)
{
	return o->time_ns < 0 || store_is_void(s, l0, o->time_ns);
}
