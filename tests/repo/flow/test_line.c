/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_line.c - over a line what does not depend on each other is asked for at
 * once, what the protocol wants in order comes in order, and a backup takes
 * one request for each pack and 20 more.
 *
 * The line is a wrapper that writes down when each request began and ended.
 * Some of them wait for another one to begin; who asks one after the other
 * has them wait until they give up, and the test sees that.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mem.h"
#include "repo.h"
#include "transport_impl.h"

#define EVENTS_MAX 4096
#define GIVE_UP_S 20
#define PACK (64u << 10)

struct event {
	char what[160]; /* "list index/" */
	unsigned begin, end;
};
struct line {
	struct transport base;
	struct transport *inner;
	pthread_mutex_t lock;
	pthread_cond_t begun;
	struct event v[EVENTS_MAX];
	size_t n;
	unsigned clock;
	bool meeting, missed; /* see meets[]; one came alone */
	bool pairing;         /* what is got of snapshots/ waits for another */
};
/* Who waits for whom while `meeting`. */
static const struct {
	const char *what, *other;
} meets[] = {
	{ "list keys/", "get config" },
	{ "list condemned/", "list snapshots/" },
	{ "list index/", "list condemned/" },
	{ "list data/", "list meta/" },
};

/* Lock held. */
static struct event *
find(struct line *l, const char *what)
{
	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->v[i].what, what, strlen(what)) == 0)
			return &l->v[i];
	return NULL;
}

static size_t
count(struct line *l, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += strncmp(l->v[i].what, what, strlen(what)) == 0;
	return n;
}

static size_t
begin(struct line *l, const char *op, const char *name)
{
	struct timespec until;
	struct event *e;
	size_t at;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GIVE_UP_S;
	(void)pthread_mutex_lock(&l->lock);
	assert_true(l->n < EVENTS_MAX);
	at = l->n++;
	e = &l->v[at];
	e->begin = ++l->clock;
	(void)snprintf(e->what, sizeof e->what, "%s %s", op, name);
	(void)pthread_cond_broadcast(&l->begun);
	for (size_t i = 0; l->meeting && i < sizeof meets / sizeof *meets; i++)
		while (strcmp(e->what, meets[i].what) == 0 && !l->missed &&
		       find(l, meets[i].other) == NULL)
			l->missed = pthread_cond_timedwait(
					&l->begun, &l->lock, &until) != 0;
	while (l->pairing && strncmp(e->what, "get snapshots/", 14) == 0 &&
	       !l->missed && count(l, "get snapshots/") < 2)
		l->missed =
		    pthread_cond_timedwait(&l->begun, &l->lock, &until) != 0;
	(void)pthread_mutex_unlock(&l->lock);
	return at;
}

static enum snap_code
end(struct line *l, size_t at, enum snap_code rc)
{
	(void)pthread_mutex_lock(&l->lock);
	l->v[at].end = ++l->clock;
	(void)pthread_mutex_unlock(&l->lock);
	return rc;
}

static enum snap_code
line_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct line *l = (struct line *)t;
	size_t at = begin(l, "put", name);

	return end(l, at, inner_put(l->inner, name, data, st, err));
}

static enum snap_code
line_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct line *l = (struct line *)t;
	size_t at = begin(l, "get", name);

	return end(l, at, inner_get(l->inner, name, off, len, out, err));
}

static enum snap_code
line_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct line *l = (struct line *)t;
	size_t at = begin(l, "stat", name);

	return end(l, at, inner_stat(l->inner, name, st, err));
}

static enum snap_code
line_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct line *l = (struct line *)t;
	size_t at = begin(l, "list", prefix);

	return end(l, at, inner_list(l->inner, prefix, fn, arg, err));
}

static enum snap_code
line_del(struct transport *t, const char *name, struct snap_err *err)
{
	return inner_del(((struct line *)t)->inner, name, err);
}

static enum snap_code
line_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct line *l = (struct line *)t;
	size_t at = begin(l, "now", "");

	return end(l, at, inner_now(l->inner, time_ns, err));
}

static void
line_close(struct transport *t)
{
	struct line *l = (struct line *)t;

	transport_close(l->inner);
	(void)pthread_cond_destroy(&l->begun);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

static const struct transport_ops line_ops = {
	.put = line_put,
	.get = line_get,
	.stat = line_stat,
	.list = line_list,
	.del = line_del,
	.now = line_now,
	.close = line_close,
};

struct world {
	struct mem_store *mem;
	struct line *line;
	char cache[32];
	struct report report;
	struct repo_opts opts;
};

static void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static int
setup(void **state)
{
	struct repo_params p = {
		.kdf_mem_kib = 8192, .block_size = PACK, .pack_size = PACK
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = calloc(1, sizeof *w);
	struct line *l = calloc(1, sizeof *l);
	uint8_t id[REPO_ID_LEN];
	char code[128];

	assert_true(w != NULL && l != NULL);
	w->opts.passphrase = span_str("secret");
	w->opts.n_threads = 2;
	(void)snprintf(w->cache, sizeof w->cache, "test-line-XXXXXX");
	assert_non_null(mkdtemp(w->cache));
	w->opts.cache_dir = w->cache;
	w->opts.report = &w->report;
	ok(mem_store_new(&w->mem, &err), &err);
	ok(transport_open_mem(w->mem, &l->inner, &err), &err);
	ok(transport_base_init(&l->base, &line_ops, "test://line", &err), &err);
	assert_int_equal(pthread_mutex_init(&l->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&l->begun, NULL), 0);
	w->line = l;
	ok(repo_init(&l->base, &p, &w->opts, code, id, &err), &err);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char cmd[64];

	transport_close(&w->line->base);
	mem_store_free(w->mem);
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", w->cache);
	free(w);
	return system(cmd);
}

/* Open, back up and close, as one command does; its events are in w->line. */
static void
backup(struct world *w, size_t n_bytes, uint64_t seed)
{
	struct repo_backup_opts o = { .n_lanes = 1, .name = "f" };
	struct repo_property props[] = { { "name", "f" } };
	struct stream_meta m = { .kind = STREAM_RAW,
		.cutter = CUTTER_BYTES,
		.name = span_str("f") };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t *bytes = malloc(n_bytes);
	struct repo_snapshot snap;
	struct repo_backup *b;
	struct repo *r;

	assert_non_null(bytes);
	for (size_t i = 0; i < n_bytes; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		bytes[i] = (uint8_t)(seed >> 32);
	}
	w->line->n = 0;
	ok(repo_open(&w->line->base, &w->opts, &r, &err), &err);
	ok(repo_backup_begin(r, &o, &b, &err), &err);
	ok(sink_begin(repo_backup_lane(b, 0), &m, &err), &err);
	ok(sink_data(repo_backup_lane(b, 0), span_of(bytes, n_bytes), &err),
	    &err);
	ok(sink_end(repo_backup_lane(b, 0), 0, &err), &err);
	ok(repo_backup_commit(b, props, 1, &snap, &err), &err);
	repo_snapshot_fini(&snap);
	repo_close(r);
	free(bytes);
}

static void
a_backup_takes_one_request_for_a_pack_and_20_more(void **state)
{
	struct world *w = *state;
	struct line *l = w->line;
	size_t packs;

	backup(w, 60 * PACK, 1);
	packs = count(l, "put data/") + count(l, "put meta/");
	assert_in_range(packs, 50, 80);
	assert_in_range(l->n, packs, packs + 20);
	backup(w, PACK, 2);
	packs = count(l, "put data/") + count(l, "put meta/");
	assert_in_range(packs, 1, 4);
	assert_in_range(l->n, packs, packs + 20);
}

static void
what_does_not_depend_on_each_other_is_asked_at_once(void **state)
{
	struct world *w = *state;

	w->line->meeting = true;
	backup(w, PACK, 1);
	assert_false(w->line->missed);
}

static void
both_halves_of_a_snapshot_are_asked_for_at_once(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct repo *r;

	backup(w, PACK, 1);
	w->opts.cache_dir = NULL;
	w->line->n = 0;
	w->line->pairing = true;
	ok(repo_open(&w->line->base, &w->opts, &r, &err), &err);
	ok(repo_snapshots(r, &all, &err), &err);
	assert_int_equal(all.n, 1);
	assert_int_equal(count(w->line, "get snapshots/"), 2);
	assert_false(w->line->missed);
	repo_snapshots_free(&all);
	repo_close(r);
}

static void
is_before(struct line *l, const char *first, const char *second)
{
	unsigned last_end = 0, begin = UINT32_MAX;

	for (size_t i = 0; i < l->n; i++) {
		const struct event *e = &l->v[i];

		if (strncmp(e->what, first, strlen(first)) == 0 &&
		    e->end > last_end)
			last_end = e->end;
		if (strncmp(e->what, second, strlen(second)) == 0 &&
		    e->begin < begin)
			begin = e->begin;
	}
	if (last_end == 0 || begin == UINT32_MAX || last_end > begin)
		fail_msg("%s is not before %s", first, second);
}

/* Where in the order of things the last of them began. */
static unsigned
last(struct line *l, const char *what)
{
	unsigned at = 0;

	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->v[i].what, what, strlen(what)) == 0)
			at = l->v[i].begin;
	assert_int_not_equal(at, 0);
	return at;
}

static void
what_the_protocol_wants_in_order_comes_in_order(void **state)
{
	struct world *w = *state;
	struct line *l = w->line;
	struct event *s;

	for (uint64_t i = 1; i < 4; i++) {
		backup(w, PACK, i);
		is_before(l, "now", "list index/");
		is_before(l, "list index/", "list data/");
		is_before(l, "list index/", "list meta/");
		is_before(l, "list data/", "put data/");
		is_before(l, "put data/", "put index/");
		is_before(l, "put meta/", "put index/");
		is_before(l, "put index/", "put snapshots/");
		/* The last look is behind the segment. */
		assert_true(last(l, "list condemned/") > l->v[0].begin);
		assert_true(last(l, "list condemned/") > last(l, "put index/"));
		assert_int_equal(count(l, "list condemned/"), 2);
		assert_int_equal(count(l, "put snapshots/"), 2);
		s = find(l, "put snapshots/");
		assert_null(strstr(s->what, ".ok"));
		assert_true(last(l, "list condemned/") < s->begin);
		assert_true(s->end < last(l, "put snapshots/"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_backup_takes_one_request_for_a_pack_and_20_more, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    what_does_not_depend_on_each_other_is_asked_at_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    both_halves_of_a_snapshot_are_asked_for_at_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    what_the_protocol_wants_in_order_comes_in_order, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
