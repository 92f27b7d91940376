/* SPDX-License-Identifier: PostgreSQL */
/*
 * idmap.c - open addressing with linear probes, at most three quarters full.
 *
 * Nothing is ever removed: what is gone from the store is told by its pack.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "idmap.h"
#include "keys.h"

#define FIRST_CAP 64

void
idmap_init(struct idmap *m, idmap_id_fn id_of, const void *arg)
{
	memset(m, 0, sizeof *m);
	keys_random(&m->seed, sizeof m->seed);
	m->id_of = id_of;
	m->arg = arg;
}

void
idmap_fini(struct idmap *m)
{
	free(m->slots);
	m->slots = NULL;
	m->cap = m->n = 0;
}

static size_t
home(const struct idmap *m, uint8_t class, const uint8_t *id)
{
	uint64_t h = le64_get(id) ^ m->seed;

	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	h ^= le64_get(id + 8) + class;
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (size_t)(h >> 32) & (m->cap - 1);
}

static bool
is_at(const struct idmap *m, size_t slot, uint8_t class, const uint8_t *id)
{
	uint8_t its = class;
	const uint8_t *p = m->id_of(m->arg, m->slots[slot] - 1, &its);

	return its == class && memcmp(p, id, 16) == 0;
}

/* The slot of (class, id), or the free one where it would go. */
static size_t
probe(const struct idmap *m, uint8_t class, const uint8_t *id)
{
	size_t i = home(m, class, id);

	while (m->slots[i] != 0 && !is_at(m, i, class, id))
		i = (i + 1) & (m->cap - 1);
	return i;
}

uint32_t
idmap_find(const struct idmap *m, uint8_t class, const uint8_t *id)
{
	if (m->cap == 0)
		return IDMAP_NONE;
	return m->slots[probe(m, class, id)] - 1;
}

static enum snap_code
grow(struct idmap *m, struct snap_err *err)
{
	struct idmap more = *m;

	more.cap = m->cap == 0 ? FIRST_CAP : m->cap * 2;
	more.slots = calloc(more.cap, sizeof *more.slots);
	if (more.slots == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for an index");
	for (size_t i = 0; i < m->cap; i++) {
		uint8_t class = 0;
		const uint8_t *id;
		size_t to;

		if (m->slots[i] == 0)
			continue;
		id = m->id_of(m->arg, m->slots[i] - 1, &class);
		to = home(&more, class, id);
		while (more.slots[to] != 0)
			to = (to + 1) & (more.cap - 1);
		more.slots[to] = m->slots[i];
	}
	free(m->slots);
	*m = more;
	return SNAP_OK;
}

enum snap_code
idmap_set(struct idmap *m, uint8_t class, const uint8_t *id, uint32_t value,
    struct snap_err *err)
{
	enum snap_code rc;
	size_t i;

	if (m->n >= m->cap / 4 * 3) {
		rc = grow(m, err);
		if (rc != SNAP_OK)
			return rc;
	}
	i = probe(m, class, id);
	if (m->slots[i] == 0)
		m->n++;
	m->slots[i] = value + 1;
	return SNAP_OK;
}

static const uint8_t *
id_of_member(const void *arg, uint32_t value, uint8_t *class)
{
	const struct idset *s = arg;

	*class = s->ids[value][0];
	return s->ids[value] + 1;
}

void
idset_init(struct idset *s)
{
	memset(s, 0, sizeof *s);
	idmap_init(&s->map, id_of_member, s);
}

void
idset_fini(struct idset *s)
{
	idmap_fini(&s->map);
	free(s->ids);
	s->ids = NULL;
	s->n = s->cap = 0;
}

void
idset_swap(struct idset *a, struct idset *b)
{
	struct idset was = *a;

	*a = *b;
	*b = was;
	a->map.arg = a; /* the ids are found through it */
	b->map.arg = b;
}

bool
idset_has(const struct idset *s, uint8_t class, const uint8_t *id)
{
	return idmap_find(&s->map, class, id) != IDMAP_NONE;
}

enum snap_code
idset_add(
    struct idset *s, uint8_t class, const uint8_t *id, struct snap_err *err)
{
	void *p = s->ids;
	enum snap_code rc;

	if (idset_has(s, class, id))
		return SNAP_OK;
	rc = vec_room(&p, &s->cap, s->n, sizeof *s->ids, err);
	s->ids = p;
	if (rc != SNAP_OK)
		return rc;
	s->ids[s->n][0] = class;
	memcpy(s->ids[s->n] + 1, id, 16);
	rc = idmap_set(&s->map, class, id, (uint32_t)s->n, err);
	if (rc == SNAP_OK)
		s->n++;
	return rc;
}
