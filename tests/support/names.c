/* SPDX-License-Identifier: PostgreSQL */
/* names.c - see names.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

struct listing {
	struct name *v;
	size_t n;
};

static enum snap_code
add(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct listing *l = arg;
	struct name *v = realloc(l->v, (l->n + 1) * sizeof *v);

	(void)err;
	if (v == NULL || strlen(name) > TRANSPORT_NAME_MAX)
		abort();
	l->v = v;
	memset(&v[l->n], 0, sizeof *v);
	memcpy(v[l->n].s, name, strlen(name));
	v[l->n++].st = *st;
	return SNAP_OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

size_t
names_below(struct transport *t, const char *prefix, struct name **out)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct listing l = { NULL, 0 };

	if (transport_list(t, prefix, add, &l, &err) != SNAP_OK) {
		(void)fprintf(stderr, "list %s: %s\n", prefix, err.msg);
		abort();
	}
	if (l.n > 0)
		qsort(l.v, l.n, sizeof *l.v, by_name);
	*out = l.v;
	return l.n;
}
