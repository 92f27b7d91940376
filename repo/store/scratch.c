/* SPDX-License-Identifier: PostgreSQL */
/*
 * scratch.c - buffers that are used again.
 *
 * Every block passes through three or four buffers of its size.  malloc gives
 * such sizes back to the system, so each block cost a fresh page and its zeros
 * for every 4 KiB of each buffer: a tenth of the time of a restore.
 */
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

#define KEPT 8
#define KEPT_BYTES (4u << 20) /* larger ones are rare */
/* Blocks differ a little in size.  Rounded up, a buffer that held one holds
 * another; smaller ones would only keep those from being found. */
#define STEP ((size_t)128 << 10)

struct scratch {
	pthread_mutex_t lock;
	struct bytes v[KEPT];
	size_t n;
};

enum snap_code
scratch_new(struct scratch **out, struct snap_err *err)
{
	struct scratch *p = calloc(1, sizeof *p);

	if (p == NULL || pthread_mutex_init(&p->lock, NULL) != 0) {
		free(p);
		return snap_fail(err, SNAP_NOMEM, "no memory for buffers");
	}
	*out = p;
	return SNAP_OK;
}

void
scratch_free(struct scratch *p)
{
	if (p == NULL)
		return;
	while (p->n > 0)
		bytes_fini(&p->v[--p->n]);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void
scratch_take(struct store *s, size_t want, size_t max, struct bytes *out)
{
	struct scratch *p = s->state->scratch;
	struct snap_err ignored;

	bytes_init(out, max);
	if (want >= STEP && want <= max - max % STEP)
		want += (STEP - want % STEP) % STEP;
	(void)pthread_mutex_lock(&p->lock);
	if (p->n > 0 && want >= STEP)
		*out = p->v[--p->n];
	(void)pthread_mutex_unlock(&p->lock);
	bytes_clear(out);
	out->max = max;
	/* To grow would copy what nobody reads. */
	if (out->cap < want)
		bytes_fini(out);
	if (bytes_reserve(out, want, &ignored) != SNAP_OK)
		return; /* who appends will hear of it */
}

void
scratch_give(struct store *s, struct bytes *b)
{
	struct scratch *p = s->state->scratch;

	(void)pthread_mutex_lock(&p->lock);
	if (b->cap >= STEP && b->cap <= KEPT_BYTES && p->n < KEPT) {
		p->v[p->n++] = *b;
		bytes_init(b, b->max);
	}
	(void)pthread_mutex_unlock(&p->lock);
	bytes_fini(b);
}
