/* SPDX-License-Identifier: PostgreSQL */
/* harness.c - see harness.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "names.h"
#include "run.h"

#define CHUNKS 40
#define CHUNK 500

static const struct slot_cost cheap = SLOT_COST_TESTS;

static void
count_warning(void *arg, enum report_level level, const char *line)
{
	struct world *w = arg;

	if (level != REPORT_WARNING)
		return;
	w->warnings++;
	(void)snprintf(w->last, sizeof w->last, "%s", line);
}

void
world_init(struct world *w, uint32_t pack_size)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct config c;

	memset(&c, 0, sizeof c);
	c.pack_size = pack_size;
	c.grace_s = GRACE_HOURS * 3600;
	assert_int_equal(store_init(w->t, &c, &cheap, span_str("secret"),
			     w->code, w->repo_id, &err),
	    SNAP_OK);
}

void
world_open(struct world *w, uint32_t pack_size)
{
	struct snap_err err = SNAP_ERR_INIT;

	memset(w, 0, sizeof *w);
	w->report.log = count_warning;
	w->report.arg = w;
	assert_int_equal(mem_store_new(&w->mem, &err), SNAP_OK);
	assert_int_equal(transport_open_mem(w->mem, &w->t, &err), SNAP_OK);
	if (pack_size != 0)
		world_init(w, pack_size);
}

void
world_close(struct world *w)
{
	transport_close(w->t);
	mem_store_free(w->mem);
}

struct store *
open_on(struct world *w, struct transport *t, const char *passphrase,
    const char *cache)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store_opts o;
	struct store *s = NULL;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str(passphrase);
	o.cache_dir = cache;
	o.n_threads = 2;
	o.report = &w->report;
	if (store_open(t, &o, &s, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	return s;
}

struct store *
open_store(struct world *w, const char *cache)
{
	return open_on(w, w->t, "secret", cache);
}

enum snap_code
try_open(struct world *w, const char *pass, bool code, struct snap_err *err)
{
	struct store_opts o;
	struct store *s = NULL;
	enum snap_code rc;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str(pass);
	o.is_recovery_code = code;
	o.report = &w->report;
	rc = store_open(w->t, &o, &s, err);
	if (rc == SNAP_OK)
		store_close(s);
	return rc;
}

struct store *
world_filled(struct world *w, uint32_t pack_size, unsigned n)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s;

	world_open(w, pack_size);
	s = open_store(w, NULL);
	if (backup(s, 0, n, id, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	return s;
}

struct store *
look_again(struct world *w, struct store *s)
{
	struct snap_err err = SNAP_ERR_INIT;

	store_close(s);
	s = open_store(w, NULL);
	if (store_look(s, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	return s;
}

struct transport *
faulty(struct world *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *inner, *t = NULL;

	assert_int_equal(transport_open_mem(w->mem, &inner, &err), SNAP_OK);
	assert_int_equal(transport_open_fault(inner, &t, &err), SNAP_OK);
	return t;
}

static void
content(unsigned n, uint8_t *p, size_t len)
{
	uint64_t x = (uint64_t)n * 2654435761u + 12345;

	/* Half noise, half zeros: compresses, and not to nothing. */
	for (size_t i = 0; i < len; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		p[i] = i % 2 == 0 ? (uint8_t)(x >> 56) : 0;
	}
}

void
make_block(struct store *s, unsigned n, struct made *out)
{
	uint8_t hashes[CHUNKS][ID_LEN], data[CHUNKS * CHUNK];
	uint32_t lens[CHUNKS];
	struct directory d = { CHUNKS, hashes };
	struct bytes dir;

	memset(out, 0, sizeof *out);
	content(n, data, sizeof data);
	for (size_t i = 0; i < CHUNKS; i++) {
		lens[i] = CHUNK;
		keys_chunk_hash(
		    s->keys, span_of(data + i * CHUNK, CHUNK), hashes[i]);
	}
	bytes_init(&out->plain, 1u << 20);
	block_encode(lens, CHUNKS, span_of(data, sizeof data), &out->plain);
	bytes_init(&dir, 1u << 20);
	directory_encode(&d, &dir);
	keys_block_id(s->keys, bytes_span(&dir), out->f.id);
	bytes_fini(&dir);
	out->f.class = CLASS_DATA;
	out->f.plain = bytes_span(&out->plain);
	out->f.n_chunks = CHUNKS;
	out->f.n_hooks = 2;
	out->f.hooks[0] = n;
	out->f.hooks[1] = le64_get(hashes[1]);
}

void
make_meta(struct store *s, uint8_t class, unsigned n, struct made *out)
{
	uint8_t data[3000];

	memset(out, 0, sizeof *out);
	content(n + 1000000, data, sizeof data);
	bytes_init(&out->plain, 1u << 20);
	bytes_put(&out->plain, data, sizeof data);
	out->f.class = class;
	out->f.plain = bytes_span(&out->plain);
	keys_meta_id(s->keys, class, out->f.plain, out->f.id);
}

void
made_fini(struct made *m)
{
	bytes_fini(&m->plain);
}

enum snap_code
add_range(struct run *r, struct store *s, unsigned from, unsigned to)
{
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	struct made m;

	for (unsigned i = from; i < to && rc == SNAP_OK; i++) {
		make_block(s, i, &m);
		rc = run_add(r, &m.f, &err);
		made_fini(&m);
		if (rc != SNAP_OK)
			break;
		make_meta(s, CLASS_RECIPE, i, &m);
		rc = run_add(r, &m.f, &err);
		made_fini(&m);
	}
	return rc;
}

size_t
without_directory(struct world *w, unsigned n, size_t *found)
{
	struct store *s = look_again(w, NULL);
	size_t without = 0;
	struct made m;

	*found = 0;
	for (unsigned i = 0; i < n; i++) {
		make_block(s, i, &m);
		if (store_has(s, CLASS_DATA, m.f.id)) {
			(*found)++;
			without += !store_has(s, CLASS_DIR, m.f.id);
		}
		made_fini(&m);
	}
	store_close(s);
	return without;
}

enum snap_code
commit(struct run *r, uint8_t id[ID_LEN], struct snap_err *err)
{
	struct snapshot_body *snap = calloc(1, sizeof *snap);
	int64_t when = 0;
	enum snap_code rc;

	assert_non_null(snap);
	rc = run_commit(r, snap, id, &when, err);
	free(snap);
	return rc;
}

enum snap_code
backup(struct store *s, unsigned from, unsigned to, uint8_t id[ID_LEN],
    struct snap_err *err)
{
	struct run *r = NULL;
	enum snap_code rc;

	rc = run_begin(s, &r, err);
	if (rc != SNAP_OK)
		return rc;
	(void)add_range(r, s, from, to); /* sticks, commit tells */
	rc = commit(r, id, err);
	run_free(r);
	return rc;
}

enum snap_code
read_range(struct store *s, unsigned from, unsigned to, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes got;
	struct made m;

	bytes_init(&got, 1u << 20);
	for (unsigned i = 2 * from; i < 2 * to && rc == SNAP_OK; i++) {
		if (i % 2 == 0)
			make_block(s, i / 2, &m);
		else
			make_meta(s, CLASS_RECIPE, i / 2, &m);
		bytes_clear(&got);
		rc = store_read(s, m.f.class, m.f.id, &got, err);
		if (rc == SNAP_OK)
			assert_true(span_eq(bytes_span(&got), m.f.plain));
		made_fini(&m);
	}
	bytes_fini(&got);
	return rc;
}

void
nth_name(struct transport *t, const char *prefix, size_t n,
    char out[TRANSPORT_NAME_MAX + 1])
{
	struct name *v;

	assert_true(n < names_below(t, prefix, &v));
	memcpy(out, v[n].s, sizeof v[n].s);
	free(v);
}

size_t
count_names(struct transport *t, const char *prefix)
{
	struct name *v;
	size_t n = names_below(t, prefix, &v);

	free(v);
	return n;
}

void
nth_id(struct transport *t, const char *prefix, size_t n,
    char out[TRANSPORT_NAME_MAX + 1], uint8_t id[ID_LEN])
{
	uint8_t kind;

	nth_name(t, prefix, n, out);
	assert_true(store_name_parse(out, &kind, id));
}

void
get_whole(struct transport *t, const char *name, struct bytes *out)
{
	struct snap_err err = SNAP_ERR_INIT;

	bytes_init(out, TRANSPORT_SIZE_MAX);
	assert_int_equal(
	    transport_get(t, name, 0, SIZE_MAX, out, &err), SNAP_OK);
}

void
world_twice(struct world *w, uint32_t pack_size, unsigned n)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s[2];
	struct run *r[2];
	uint8_t id[ID_LEN];

	world_open(w, pack_size);
	for (int i = 0; i < 2; i++) {
		s[i] = open_store(w, NULL);
		assert_int_equal(run_begin(s[i], &r[i], &err), SNAP_OK);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(add_range(r[i], s[i], 0, n), SNAP_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(commit(r[i], id, &err), SNAP_OK);
	for (int i = 0; i < 2; i++) {
		run_free(r[i]);
		store_close(s[i]);
	}
}
