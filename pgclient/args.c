/* SPDX-License-Identifier: PostgreSQL */
/* args.c - the arguments of a child. */
#include <stdlib.h>
#include <string.h>

#include "pgsession.h"

#define MAX_ARGS 16

void
args_add(struct args *a, const char *prefix, const char *text)
{
	size_t len = strlen(prefix) + strlen(text) + 1, cap;
	char **v;

	if (a->n + 2 > a->cap) {
		cap = a->cap == 0 ? MAX_ARGS : a->cap * 2;
		v = realloc(a->v, cap * sizeof *v);
		if (v == NULL) {
			a->bad = true;
			return;
		}
		a->v = v;
		a->cap = cap;
	}
	a->v[a->n] = malloc(len);
	if (a->v[a->n] == NULL) {
		a->bad = true;
		return;
	}
	memcpy(a->v[a->n], prefix, strlen(prefix));
	memcpy(a->v[a->n] + strlen(prefix), text, strlen(text) + 1);
	a->v[++a->n] = NULL;
}

void
args_free(struct args *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
}

void
args_list(struct args *a, const char *option, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		args_add(a, option, *list);
}
