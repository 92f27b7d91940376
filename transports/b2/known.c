/* SPDX-License-Identifier: PostgreSQL */
/*
 * known.c - what is remembered of names, so that not each read has to list.
 *
 * A table with one place for each hash of a name; a newcomer takes the place.
 * Everything in it may be lost at any time: that costs a request.
 */
#include <stdlib.h>
#include <string.h>

#include "b2_internal.h"

#define N_PLACES 16384u

struct b2_known {
	char *name; /* NULL: nobody */
	struct b2_found found;
	bool in_doubt; /* and nothing is known of its versions */
};

static struct b2_known *
place(struct b2 *b, const char *name)
{
	uint64_t h = 14695981039346656037u;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	/* It is a convenience: without memory nothing is remembered. */
	if (b->known == NULL)
		b->known = calloc(N_PLACES, sizeof *b->known);
	return b->known == NULL ? NULL : &b->known[(h ^ h >> 32) % N_PLACES];
}

static void
empty(struct b2_known *k)
{
	free(k->name);
	b2_found_fini(&k->found);
	memset(k, 0, sizeof *k);
}

bool
b2_recall(struct b2 *b, const char *name, struct b2_found *out)
{
	struct b2_known *k;
	bool found = false;

	pthread_mutex_lock(&b->lock);
	k = place(b, name);
	if (k != NULL && k->name != NULL && !k->in_doubt &&
	    strcmp(k->name, name) == 0) {
		*out = k->found;
		out->id = strdup(k->found.id);
		found = out->id != NULL;
	}
	pthread_mutex_unlock(&b->lock);
	return found;
}

void
b2_remember(struct b2 *b, const char *name, const struct b2_found *f)
{
	char *id = strdup(f->id), *copy = strdup(name);
	struct b2_known *k;

	pthread_mutex_lock(&b->lock);
	k = id != NULL && copy != NULL ? place(b, name) : NULL;
	if (k != NULL) {
		empty(k);
		k->name = copy;
		k->found = *f;
		k->found.id = id;
		copy = id = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	free(copy);
	free(id);
}

void
b2_forget(struct b2 *b, const char *name)
{
	struct b2_known *k;

	pthread_mutex_lock(&b->lock);
	k = place(b, name);
	if (k != NULL && k->name != NULL && strcmp(k->name, name) == 0)
		empty(k);
	pthread_mutex_unlock(&b->lock);
}

void
b2_note_doubt(struct b2 *b, const char *name)
{
	char *copy = strdup(name);
	struct b2_known *k;

	pthread_mutex_lock(&b->lock);
	k = copy != NULL ? place(b, name) : NULL;
	if (k != NULL) {
		empty(k);
		k->name = copy;
		k->in_doubt = true;
		copy = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	free(copy);
}

bool
b2_in_doubt(struct b2 *b, const char *name)
{
	struct b2_known *k;
	bool doubt;

	pthread_mutex_lock(&b->lock);
	k = place(b, name);
	doubt = k != NULL && k->name != NULL && k->in_doubt &&
		strcmp(k->name, name) == 0;
	pthread_mutex_unlock(&b->lock);
	return doubt;
}

void
b2_known_free(struct b2_known *table)
{
	for (size_t i = 0; table != NULL && i < N_PLACES; i++)
		empty(&table[i]);
	free(table);
}
