/* SPDX-License-Identifier: PostgreSQL */
/*
 * mem.c - a store in memory, for tests.
 *
 * One mutex over a chained hash table: a test store has to be plainly right,
 * also under the thread sanitizer, before it is fast.  Listings are copied
 * out first, because the callback may call back into the store.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "transport_impl.h"

#define BUCKETS 16384u

struct object {
	struct object *next;
	uint8_t *p;
	size_t len;
	int64_t time_ns;
	char name[TRANSPORT_NAME_MAX + 1];
};

struct mem_store {
	pthread_mutex_t lock;
	int64_t now_ns, step_ns;
	size_t n_objects;
	struct object *bucket[BUCKETS];
};

struct mem {
	struct transport base;
	struct mem_store *store; /* borrowed */
};

static enum snap_code
nomem(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOMEM, "out of memory");
}

/* Where the pointer to `name` is, or would be appended. */
static struct object **
slot_of(struct mem_store *s, const char *name)
{
	uint32_t h = 2166136261u;
	struct object **slot;
	const char *c;

	for (c = name; *c != '\0'; c++)
		h = (h ^ (uint8_t)*c) * 16777619u;
	slot = &s->bucket[h % BUCKETS];
	while (*slot != NULL && strcmp((*slot)->name, name) != 0)
		slot = &(*slot)->next;
	return slot;
}

static void
object_free(struct object *o)
{
	if (o == NULL)
		return;
	free(o->p);
	free(o);
}

static enum snap_code
object_new(const char *name, struct span data, struct object **out,
    struct snap_err *err)
{
	struct object *o;
	size_t len = strlen(name);

	if (len > TRANSPORT_NAME_MAX)
		return snap_fail(err, SNAP_USAGE, "name too long");
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return nomem(err);
	/* malloc(0) may be NULL; one byte more never is without reason. */
	o->p = malloc(data.len + 1);
	if (o->p == NULL) {
		free(o);
		return nomem(err);
	}
	if (data.len > 0)
		memcpy(o->p, data.p, data.len);
	o->len = data.len;
	memcpy(o->name, name, len + 1);
	*out = o;
	return SNAP_OK;
}

enum snap_code
mem_store_new(struct mem_store **out, struct snap_err *err)
{
	struct mem_store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return nomem(err);
	if (pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return nomem(err);
	}
	s->now_ns = MEM_TIME_START;
	s->step_ns = 1;
	*out = s;
	return SNAP_OK;
}

void
mem_store_free(struct mem_store *s)
{
	struct object *o, *next;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < BUCKETS; i++) {
		for (o = s->bucket[i]; o != NULL; o = next) {
			next = o->next;
			object_free(o);
		}
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

enum snap_code
mem_store_clone(
    struct mem_store *s, struct mem_store **out, struct snap_err *err)
{
	struct mem_store *c = NULL;
	struct object *o, *copy;
	enum snap_code rc;
	size_t i;

	rc = mem_store_new(&c, err);
	if (rc != SNAP_OK)
		return rc;
	pthread_mutex_lock(&s->lock);
	c->now_ns = s->now_ns;
	c->step_ns = s->step_ns;
	c->n_objects = s->n_objects;
	for (i = 0; i < BUCKETS && rc == SNAP_OK; i++) {
		for (o = s->bucket[i]; o != NULL; o = o->next) {
			rc = object_new(
			    o->name, span_of(o->p, o->len), &copy, err);
			if (rc != SNAP_OK)
				break;
			copy->time_ns = o->time_ns;
			copy->next = c->bucket[i];
			c->bucket[i] = copy;
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (rc == SNAP_OK)
		*out = c;
	else
		mem_store_free(c);
	return rc;
}

static enum snap_code
mem_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct mem_store *s = ((struct mem *)t)->store;
	struct object *o = NULL, **slot;
	enum snap_code rc;

	rc = object_new(name, data, &o, err);
	if (rc != SNAP_OK)
		return rc;
	pthread_mutex_lock(&s->lock);
	s->now_ns += s->step_ns;
	slot = slot_of(s, name);
	if (*slot == NULL) {
		o->time_ns = s->now_ns;
		*slot = o;
		o = NULL;
		s->n_objects++;
	} else if ((*slot)->len != data.len ||
		   memcmp((*slot)->p, data.p, data.len) != 0) {
		rc =
		    snap_fail(err, SNAP_EXISTS, "another object has that name");
	}
	if (rc == SNAP_OK) {
		st->size = data.len;
		st->time_ns = s->now_ns;
	}
	pthread_mutex_unlock(&s->lock);
	object_free(o);
	return rc;
}

static enum snap_code
mem_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct mem_store *s = ((struct mem *)t)->store;
	enum snap_code rc = SNAP_OK;
	struct object *o;
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	o = *slot_of(s, name);
	if (o == NULL)
		rc = snap_fail(err, SNAP_NOTFOUND, "no such object");
	if (rc == SNAP_OK)
		rc = transport_range(o->len, off, len, &n, err);
	if (rc == SNAP_OK && n > 0) {
		rc = bytes_reserve(out, out->len + n, err);
		if (rc == SNAP_OK)
			bytes_put(out, o->p + off, n);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static enum snap_code
mem_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct mem_store *s = ((struct mem *)t)->store;
	enum snap_code rc = SNAP_OK;
	struct object *o;

	pthread_mutex_lock(&s->lock);
	o = *slot_of(s, name);
	if (o == NULL) {
		rc = snap_fail(err, SNAP_NOTFOUND, "no such object");
	} else {
		st->size = o->len;
		st->time_ns = o->time_ns;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

struct entry {
	struct transport_stat st;
	char name[TRANSPORT_NAME_MAX + 1];
};

static enum snap_code
mem_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct mem_store *s = ((struct mem *)t)->store;
	size_t i, n = 0, prefix_len = strlen(prefix);
	enum snap_code rc = SNAP_OK;
	struct entry *all;
	struct object *o;

	pthread_mutex_lock(&s->lock);
	all = calloc(s->n_objects + 1, sizeof *all);
	for (i = 0; i < BUCKETS && all != NULL; i++) {
		for (o = s->bucket[i]; o != NULL; o = o->next) {
			if (strncmp(o->name, prefix, prefix_len) != 0)
				continue;
			all[n].st.size = o->len;
			all[n].st.time_ns = o->time_ns;
			memcpy(all[n].name, o->name, sizeof o->name);
			n++;
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (all == NULL)
		return nomem(err);
	for (i = 0; i < n && rc == SNAP_OK; i++)
		rc = fn(arg, all[i].name, &all[i].st, err);
	free(all);
	return rc;
}

static enum snap_code
mem_del(struct transport *t, const char *name, struct snap_err *err)
{
	if (!mem_store_remove(((struct mem *)t)->store, name))
		return snap_fail(err, SNAP_NOTFOUND, "no such object");
	return SNAP_OK;
}

static enum snap_code
mem_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct mem_store *s = ((struct mem *)t)->store;

	(void)err;
	pthread_mutex_lock(&s->lock);
	s->now_ns += s->step_ns;
	*time_ns = s->now_ns;
	pthread_mutex_unlock(&s->lock);
	return SNAP_OK;
}

static void
mem_close(struct transport *t)
{
	free(t);
}

static const struct transport_ops mem_ops = {
	.put = mem_put,
	.get = mem_get,
	.stat = mem_stat,
	.list = mem_list,
	.del = mem_del,
	.now = mem_now,
	.close = mem_close,
};

enum snap_code
transport_open_mem(
    struct mem_store *s, struct transport **out, struct snap_err *err)
{
	struct mem *m = calloc(1, sizeof *m);
	enum snap_code rc;

	if (m == NULL)
		return nomem(err);
	rc = transport_base_init(&m->base, &mem_ops, "mem:", err);
	if (rc != SNAP_OK) {
		free(m);
		return rc;
	}
	m->store = s;
	*out = &m->base;
	return SNAP_OK;
}

int64_t
mem_store_time(struct mem_store *s)
{
	int64_t now;

	pthread_mutex_lock(&s->lock);
	now = s->now_ns;
	pthread_mutex_unlock(&s->lock);
	return now;
}

void
mem_store_set_time(struct mem_store *s, int64_t time_ns)
{
	pthread_mutex_lock(&s->lock);
	s->now_ns = time_ns;
	pthread_mutex_unlock(&s->lock);
}

void
mem_store_advance(struct mem_store *s, int64_t by_ns)
{
	pthread_mutex_lock(&s->lock);
	s->now_ns += by_ns;
	pthread_mutex_unlock(&s->lock);
}

void
mem_store_set_step(struct mem_store *s, int64_t step_ns)
{
	pthread_mutex_lock(&s->lock);
	s->step_ns = step_ns;
	pthread_mutex_unlock(&s->lock);
}

size_t
mem_store_count(struct mem_store *s)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = s->n_objects;
	pthread_mutex_unlock(&s->lock);
	return n;
}

enum snap_code
mem_store_overwrite(struct mem_store *s, const char *name, struct span data,
    struct snap_err *err)
{
	struct object *o = NULL, *old, **slot;
	enum snap_code rc;

	rc = object_new(name, data, &o, err);
	if (rc != SNAP_OK)
		return rc;
	pthread_mutex_lock(&s->lock);
	slot = slot_of(s, name);
	old = *slot;
	o->time_ns = s->now_ns;
	if (old != NULL) {
		o->time_ns = old->time_ns;
		o->next = old->next;
	} else {
		s->n_objects++;
	}
	*slot = o;
	pthread_mutex_unlock(&s->lock);
	object_free(old);
	return SNAP_OK;
}

bool
mem_store_flip(
    struct mem_store *s, const char *name, uint64_t off, uint8_t xor_mask)
{
	struct object *o;
	bool done;

	pthread_mutex_lock(&s->lock);
	o = *slot_of(s, name);
	done = o != NULL && off < o->len;
	if (done)
		o->p[off] ^= xor_mask;
	pthread_mutex_unlock(&s->lock);
	return done;
}

bool
mem_store_truncate(struct mem_store *s, const char *name, uint64_t size)
{
	struct object *o;
	bool done;

	pthread_mutex_lock(&s->lock);
	o = *slot_of(s, name);
	done = o != NULL && size <= o->len;
	if (done)
		o->len = (size_t)size;
	pthread_mutex_unlock(&s->lock);
	return done;
}

bool
mem_store_set_object_time(
    struct mem_store *s, const char *name, int64_t time_ns)
{
	struct object *o;

	pthread_mutex_lock(&s->lock);
	o = *slot_of(s, name);
	if (o != NULL)
		o->time_ns = time_ns;
	pthread_mutex_unlock(&s->lock);
	return o != NULL;
}

bool
mem_store_remove(struct mem_store *s, const char *name)
{
	struct object *o, **slot;

	pthread_mutex_lock(&s->lock);
	slot = slot_of(s, name);
	o = *slot;
	if (o != NULL) {
		*slot = o->next;
		s->n_objects--;
	}
	pthread_mutex_unlock(&s->lock);
	object_free(o);
	return o != NULL;
}
