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

#define N_PLACES 65536u /* some 300 bytes each when taken */

struct b2_known {
	char *name;
	struct b2_found found;
	bool in_doubt; /* and nothing is known of its versions */
};

/* Where the name would be; NULL: no memory.  It is a convenience: without
 * memory nothing is remembered. */
static struct b2_known **
place(struct b2 *b, const char *name)
{
	uint64_t h = 14695981039346656037u;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	if (b->known == NULL)
		b->known = calloc(N_PLACES, sizeof *b->known);
	return b->known == NULL ? NULL : &b->known[(h ^ h >> 32) % N_PLACES];
}

/* What is there under the name, or NULL. */
static struct b2_known *
look(struct b2 *b, const char *name)
{
	struct b2_known **k = place(b, name);

	return k != NULL && *k != NULL && strcmp((*k)->name, name) == 0 ? *k
									: NULL;
}

static void
drop(struct b2_known *k)
{
	if (k == NULL)
		return;
	free(k->name);
	b2_found_fini(&k->found);
	free(k);
}

/* Something new in the place of the name. */
static void
enter(struct b2 *b, const char *name, const struct b2_found *f)
{
	struct b2_known *k = calloc(1, sizeof *k), **at;

	if (k == NULL)
		return;
	k->name = strdup(name);
	k->in_doubt = f == NULL;
	if (f != NULL) {
		k->found = *f;
		k->found.id = strdup(f->id);
	}
	if (k->name != NULL && (f == NULL || k->found.id != NULL)) {
		pthread_mutex_lock(&b->lock);
		at = place(b, name);
		if (at != NULL) {
			struct b2_known *old = *at;

			*at = k;
			k = old;
		}
		pthread_mutex_unlock(&b->lock);
	}
	drop(k);
}

bool
b2_recall(struct b2 *b, const char *name, struct b2_found *out)
{
	struct b2_known *k;
	bool found = false;

	pthread_mutex_lock(&b->lock);
	k = look(b, name);
	if (k != NULL && !k->in_doubt) {
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
	enter(b, name, f);
}

void
b2_note_doubt(struct b2 *b, const char *name)
{
	enter(b, name, NULL);
}

void
b2_forget(struct b2 *b, const char *name)
{
	struct b2_known *k;

	pthread_mutex_lock(&b->lock);
	k = look(b, name);
	if (k != NULL)
		*place(b, name) = NULL;
	pthread_mutex_unlock(&b->lock);
	drop(k);
}

bool
b2_in_doubt(struct b2 *b, const char *name)
{
	struct b2_known *k;
	bool doubt;

	pthread_mutex_lock(&b->lock);
	k = look(b, name);
	doubt = k != NULL && k->in_doubt;
	pthread_mutex_unlock(&b->lock);
	return doubt;
}

void
b2_known_free(struct b2_known **table)
{
	for (size_t i = 0; table != NULL && i < N_PLACES; i++)
		drop(table[i]);
	free(table);
}
