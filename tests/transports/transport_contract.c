/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport_contract.c - the guarantees of transport.h as tests.
 *
 * Each test gets an empty store and knows nothing of what is behind it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport_contract.h"

#define N_THREADS 8
#define N_ROUNDS 20

static const struct contract_backend *backend;

struct fixture {
	struct transport *t;
	void *state;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->t = backend->open(&f->state);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	transport_close(f->t);
	backend->destroy(f->state);
	free(f);
	return 0;
}

static struct transport *
handle(void **state)
{
	return ((struct fixture *)*state)->t;
}

static enum snap_code
put_str(struct transport *t, const char *name, const char *s)
{
	struct snap_err err = SNAP_ERR_INIT;

	return transport_put(t, name, span_str(s), NULL, &err);
}

static void
assert_holds(struct transport *t, const char *name, struct span want)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, TRANSPORT_SIZE_MAX);
	assert_int_equal(
	    transport_get(t, name, 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), want));
	bytes_fini(&b);
}

static void
put_then_get_gives_the_same_bytes(void **state)
{
	struct transport *t = handle(state);

	assert_int_equal(put_str(t, "config", "one"), SNAP_OK);
	assert_int_equal(put_str(t, "data/ab/cd-1.ok", "two"), SNAP_OK);
	assert_holds(t, "config", span_str("one"));
	assert_holds(t, "data/ab/cd-1.ok", span_str("two"));
}

static void
put_never_replaces_an_object(void **state)
{
	struct transport *t = handle(state);

	assert_int_equal(put_str(t, "a/b", "old"), SNAP_OK);
	assert_int_equal(put_str(t, "a/b", "new"), SNAP_EXISTS);
	assert_int_equal(put_str(t, "a/b", "older"), SNAP_EXISTS);
	assert_int_equal(put_str(t, "a/b", "ol"), SNAP_EXISTS);
	assert_int_equal(put_str(t, "a/b", ""), SNAP_EXISTS);
	assert_holds(t, "a/b", span_str("old"));
}

static void
put_of_the_same_bytes_again_succeeds(void **state)
{
	struct transport_stat first, second, now;
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct span s = span_str("same");

	assert_int_equal(transport_put(t, "x", s, &first, &err), SNAP_OK);
	assert_int_equal(transport_put(t, "x", s, &second, &err), SNAP_OK);
	assert_int_equal(transport_stat(t, "x", &now, &err), SNAP_OK);
	assert_int_equal(second.size, 4);
	/* The time is of the acknowledgement, not of the old object. */
	assert_true(second.time_ns >= first.time_ns);
	assert_true(second.time_ns >= now.time_ns);
	assert_holds(t, "x", s);
}

static void
times_are_not_before_what_they_witness(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat put, seen;
	int64_t before, after;
	char name[32];
	int i;

	for (i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof name, "snapshots/%d", i);
		assert_int_equal(transport_now(t, &before, &err), SNAP_OK);
		assert_int_equal(
		    transport_put(t, name, span_str("s"), &put, &err), SNAP_OK);
		assert_int_equal(transport_stat(t, name, &seen, &err), SNAP_OK);
		assert_int_equal(transport_now(t, &after, &err), SNAP_OK);
		assert_true(before <= put.time_ns);
		assert_true(before <= seen.time_ns);
		assert_true(seen.time_ns <= put.time_ns);
		assert_true(put.time_ns <= after);
	}
}

static void
ranges_are_exact_and_past_the_end_is_corrupt(void **state)
{
	static const struct {
		uint64_t off;
		size_t len;
		enum snap_code rc;
		const char *want;
	} cases[] = {
		{ 0, 10, SNAP_OK, "0123456789" },
		{ 3, 4, SNAP_OK, "3456" },
		{ 9, 1, SNAP_OK, "9" },
		{ 9, SIZE_MAX, SNAP_OK, "9" },
		{ 10, SIZE_MAX, SNAP_OK, "" },
		{ 10, 0, SNAP_OK, "" },
		{ 0, 0, SNAP_OK, "" },
		{ 0, 11, SNAP_CORRUPT, "" },
		{ 9, 2, SNAP_CORRUPT, "" },
		{ 10, 1, SNAP_CORRUPT, "" },
		{ 11, 0, SNAP_CORRUPT, "" },
		{ 11, SIZE_MAX, SNAP_CORRUPT, "" },
		{ UINT64_MAX, 2, SNAP_CORRUPT, "" },
		{ 2, SIZE_MAX - 1, SNAP_CORRUPT, "" },
	};
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;
	size_t i;

	assert_int_equal(put_str(t, "r", "0123456789"), SNAP_OK);
	bytes_init(&b, 1000);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bytes_clear(&b);
		bytes_put_str(&b, "kept");
		assert_int_equal(
		    transport_get(t, "r", cases[i].off, cases[i].len, &b, &err),
		    cases[i].rc);
		assert_int_equal(b.len, 4 + strlen(cases[i].want));
		assert_memory_equal(b.p, "kept", 4);
		assert_memory_equal(
		    b.p + 4, cases[i].want, strlen(cases[i].want));
	}
	bytes_fini(&b);
}

static void
get_stops_at_the_bound_of_its_buffer(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	assert_int_equal(put_str(t, "r", "0123456789"), SNAP_OK);
	bytes_init(&b, 9);
	assert_int_equal(
	    transport_get(t, "r", 0, SIZE_MAX, &b, &err), SNAP_NOMEM);
	assert_int_equal(b.len, 0);
	assert_int_equal(transport_get(t, "r", 1, 9, &b, &err), SNAP_OK);
	bytes_fini(&b);
}

static void
what_is_missing_is_not_found(void **state)
{
	static const char *const names[] = { "nothing", "no/such/dir",
		"dir/none", "dir" };
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st = { 77, 78 };
	struct bytes b;
	size_t i;

	assert_int_equal(put_str(t, "dir/some", "x"), SNAP_OK);
	bytes_init(&b, 100);
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_int_equal(
		    transport_get(t, names[i], 0, SIZE_MAX, &b, &err),
		    SNAP_NOTFOUND);
		assert_int_equal(
		    transport_stat(t, names[i], &st, &err), SNAP_NOTFOUND);
		assert_int_equal(
		    transport_delete(t, names[i], &err), SNAP_NOTFOUND);
		assert_non_null(strstr(err.msg, names[i]));
	}
	assert_int_equal(st.size, 77);
	assert_holds(t, "dir/some", span_str("x"));
	bytes_fini(&b);
}

static void
a_deleted_name_is_free_again(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	assert_int_equal(put_str(t, "d/x", "old"), SNAP_OK);
	assert_int_equal(transport_delete(t, "d/x", &err), SNAP_OK);
	assert_int_equal(transport_stat(t, "d/x", &st, &err), SNAP_NOTFOUND);
	assert_int_equal(transport_delete(t, "d/x", &err), SNAP_NOTFOUND);
	assert_int_equal(put_str(t, "d/x", "new"), SNAP_OK);
	assert_holds(t, "d/x", span_str("new"));
}

static void
bad_names_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".",
		"..", "a/..", "../a", "a..b", ".tmp", "a/.tmp", "-a", "a/-b",
		"A", "a b", "a\n", "a_b", "\xc3\xa4", "a\\b", "a:b" };
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 2];
	struct transport_stat st;
	struct bytes b;
	size_t i;

	bytes_init(&b, 100);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(put_str(t, bad[i], "x"), SNAP_USAGE);
		assert_int_equal(
		    transport_get(t, bad[i], 0, 1, &b, &err), SNAP_USAGE);
		assert_int_equal(
		    transport_stat(t, bad[i], &st, &err), SNAP_USAGE);
		assert_int_equal(transport_delete(t, bad[i], &err), SNAP_USAGE);
	}
	bytes_fini(&b);
	memset(name, 'a', sizeof name);
	name[TRANSPORT_NAME_MAX + 1] = '\0';
	assert_int_equal(put_str(t, name, "x"), SNAP_USAGE);
	name[TRANSPORT_NAME_MAX] = '\0';
	assert_int_equal(put_str(t, name, "x"), SNAP_OK);
	assert_holds(t, name, span_str("x"));
}

static void
objects_of_all_sizes_come_back(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 16u << 20,
		TRANSPORT_SIZE_MAX };
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	uint64_t x = 88172645463325252u;
	char name[32];
	uint8_t *p;
	size_t i;

	p = malloc((size_t)TRANSPORT_SIZE_MAX + 1);
	assert_non_null(p);
	for (i = 0; i < (size_t)TRANSPORT_SIZE_MAX + 1; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		(void)snprintf(name, sizeof name, "size/%zu", sizes[i]);
		assert_int_equal(
		    transport_put(t, name, span_of(p, sizes[i]), &st, &err),
		    SNAP_OK);
		assert_int_equal(st.size, sizes[i]);
		assert_int_equal(transport_stat(t, name, &st, &err), SNAP_OK);
		assert_int_equal(st.size, sizes[i]);
		assert_holds(t, name, span_of(p, sizes[i]));
	}
	/* The last byte counts: a late difference is a difference. */
	p[(16u << 20) - 1] ^= 1;
	(void)snprintf(name, sizeof name, "size/%u", 16u << 20);
	assert_int_equal(
	    transport_put(t, name, span_of(p, 16u << 20), NULL, &err),
	    SNAP_EXISTS);
	assert_int_equal(
	    transport_put(t, "size/over",
		span_of(p, (size_t)TRANSPORT_SIZE_MAX + 1), NULL, &err),
	    SNAP_USAGE);
	assert_int_equal(
	    transport_stat(t, "size/over", &st, &err), SNAP_NOTFOUND);
	assert_int_equal(
	    transport_put(t, "size/null", span_of(NULL, 0), NULL, &err),
	    SNAP_OK);
	free(p);
}

struct seen {
	size_t n, n_bytes;
	uint8_t *hit; /* by the number at the end of the name */
	size_t n_hit;
	enum snap_code stop;
	struct transport *t; /* delete what is listed */
};

static enum snap_code
note(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct seen *s = arg;
	size_t i;

	s->n++;
	s->n_bytes += (size_t)st->size;
	assert_true(st->time_ns > 0);
	if (s->hit != NULL) {
		i = (size_t)strtoul(strrchr(name, '/') + 1, NULL, 10);
		assert_true(i < s->n_hit);
		s->hit[i]++;
	}
	if (s->t != NULL)
		assert_int_equal(transport_delete(s->t, name, err), SNAP_OK);
	if (s->stop != SNAP_OK)
		return snap_fail(err, s->stop, "enough");
	return SNAP_OK;
}

static size_t
count(struct transport *t, const char *prefix)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct seen s = { 0 };

	assert_int_equal(transport_list(t, prefix, note, &s, &err), SNAP_OK);
	return s.n;
}

static void
list_gives_just_what_has_the_prefix(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct seen s = { 0 };

	assert_int_equal(count(t, ""), 0);
	assert_int_equal(put_str(t, "config", "1"), SNAP_OK);
	assert_int_equal(put_str(t, "data/ab/1", "22"), SNAP_OK);
	assert_int_equal(put_str(t, "data/ab/12", "333"), SNAP_OK);
	assert_int_equal(put_str(t, "data/ac/1", "4444"), SNAP_OK);
	assert_int_equal(put_str(t, "data2/x", "5"), SNAP_OK);
	assert_int_equal(count(t, ""), 5);
	assert_int_equal(count(t, "c"), 1);
	assert_int_equal(count(t, "config"), 1);
	assert_int_equal(count(t, "config/"), 0);
	assert_int_equal(count(t, "data"), 4);
	assert_int_equal(count(t, "data/"), 3);
	assert_int_equal(count(t, "data/a"), 3);
	assert_int_equal(count(t, "data/ab/"), 2);
	assert_int_equal(count(t, "data/ab/12"), 1);
	assert_int_equal(count(t, "data/ab/123"), 0);
	assert_int_equal(count(t, "none/at/all/"), 0);
	assert_int_equal(
	    transport_list(t, "data/ab/", note, &s, &err), SNAP_OK);
	assert_int_equal(s.n_bytes, 5);
	assert_int_equal(transport_list(t, "/", note, &s, &err), SNAP_USAGE);
	assert_int_equal(transport_list(t, "..", note, &s, &err), SNAP_USAGE);
}

static void
a_listing_ends_with_the_first_refusal(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct seen s = { .stop = SNAP_CANCELLED };

	assert_int_equal(put_str(t, "a", "1"), SNAP_OK);
	assert_int_equal(put_str(t, "b", "1"), SNAP_OK);
	assert_int_equal(transport_list(t, "", note, &s, &err), SNAP_CANCELLED);
	assert_string_equal(err.msg, "enough");
	assert_int_equal(s.n, 1);
}

static void
long_listings_are_complete(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct seen s = { 0 };
	size_t i, n = backend->n_many;
	char name[64];

	s.hit = calloc(n, 1);
	assert_non_null(s.hit);
	s.n_hit = n;
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "data/%zu/%zu", i % 3, i);
		assert_int_equal(put_str(t, name, "x"), SNAP_OK);
	}
	assert_int_equal(transport_list(t, "data/", note, &s, &err), SNAP_OK);
	assert_int_equal(s.n, n);
	for (i = 0; i < n; i++)
		assert_int_equal(s.hit[i], 1);
	/* A callback may delete what it is told of. */
	s.t = t;
	assert_int_equal(transport_list(t, "data/", note, &s, &err), SNAP_OK);
	for (i = 0; i < n; i++)
		assert_int_equal(s.hit[i], 2);
	assert_int_equal(count(t, ""), 0);
	free(s.hit);
}

static void
another_handle_sees_a_put_at_once(void **state)
{
	struct fixture *f = *state;
	struct transport *other = backend->again(f->state);

	assert_int_equal(put_str(f->t, "a/b/c", "x"), SNAP_OK);
	assert_holds(other, "a/b/c", span_str("x"));
	assert_int_equal(count(other, "a/"), 1);
	assert_int_equal(put_str(other, "a/b/c", "y"), SNAP_EXISTS);
	transport_close(other);
}

static void
requests_and_bytes_are_counted(void **state)
{
	struct transport *t = handle(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_counts c;
	struct transport_stat st;
	int64_t now;

	assert_int_equal(put_str(t, "a", "123"), SNAP_OK);
	assert_int_equal(put_str(t, "a", "456"), SNAP_EXISTS);
	assert_holds(t, "a", span_str("123"));
	assert_int_equal(transport_stat(t, "a", &st, &err), SNAP_OK);
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_int_equal(count(t, ""), 1);
	assert_int_equal(transport_delete(t, "a", &err), SNAP_OK);
	transport_counts(t, &c);
	assert_int_equal(c.put, 2);
	assert_int_equal(c.get, 1);
	assert_int_equal(c.stat, 2);
	assert_int_equal(c.list, 1);
	assert_int_equal(c.del, 1);
	assert_int_equal(c.bytes_up, 3);
	assert_int_equal(c.bytes_down, 3);
}

/* cmocka's asserts are for its own thread: the others count. */
struct racer {
	struct transport *t;
	unsigned id;
	bool same_bytes;
	atomic_uint *n_won, *n_wrong;
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t data[5000];
	enum snap_code rc;
	struct bytes b;
	char name[64];
	unsigned i;

	bytes_init(&b, sizeof data);
	memset(data, r->same_bytes ? 1 : (int)r->id + 1, sizeof data);
	for (i = 0; i < N_ROUNDS; i++) {
		(void)snprintf(name, sizeof name, "race/%u/x", i);
		rc = transport_put(
		    r->t, name, span_of(data, sizeof data), NULL, &err);
		if (rc == SNAP_OK)
			atomic_fetch_add(r->n_won, 1);
		else if (rc != SNAP_EXISTS)
			atomic_fetch_add(r->n_wrong, 1);
		bytes_clear(&b);
		/* Won or lost, the object is there, whole, of one writer. */
		if (transport_get(r->t, name, 0, SIZE_MAX, &b, &err) !=
			SNAP_OK ||
		    b.len != sizeof data ||
		    memcmp(b.p, b.p + 1, sizeof data - 1) != 0)
			atomic_fetch_add(r->n_wrong, 1);
		(void)snprintf(name, sizeof name, "own/%u/%u", r->id, i);
		if (transport_put(r->t, name, span_of(data, 100), NULL, &err) !=
		    SNAP_OK)
			atomic_fetch_add(r->n_wrong, 1);
	}
	bytes_fini(&b);
	return NULL;
}

static void
run_race(struct transport *t, bool same_bytes, unsigned n_won_want)
{
	struct racer r[N_THREADS];
	pthread_t id[N_THREADS];
	atomic_uint n_won, n_wrong;
	unsigned i;

	atomic_init(&n_won, 0);
	atomic_init(&n_wrong, 0);
	for (i = 0; i < N_THREADS; i++) {
		r[i] = (struct racer){ t, i, same_bytes, &n_won, &n_wrong };
		assert_int_equal(pthread_create(&id[i], NULL, race, &r[i]), 0);
	}
	for (i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(id[i], NULL), 0);
	assert_int_equal(atomic_load(&n_wrong), 0);
	assert_int_equal(atomic_load(&n_won), n_won_want);
	assert_int_equal(count(t, "race/"), N_ROUNDS);
	assert_int_equal(count(t, "own/"), N_ROUNDS * N_THREADS);
}

static void
of_racing_puts_just_one_wins(void **state)
{
	run_race(handle(state), false, N_ROUNDS);
}

static void
racing_puts_of_the_same_bytes_all_succeed(void **state)
{
	run_race(handle(state), true, N_ROUNDS * N_THREADS);
}

int
contract_run(const struct contract_backend *b)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(put_then_get_gives_the_same_bytes),
		T(put_never_replaces_an_object),
		T(put_of_the_same_bytes_again_succeeds),
		T(times_are_not_before_what_they_witness),
		T(ranges_are_exact_and_past_the_end_is_corrupt),
		T(get_stops_at_the_bound_of_its_buffer),
		T(what_is_missing_is_not_found),
		T(a_deleted_name_is_free_again),
		T(bad_names_are_refused),
		T(objects_of_all_sizes_come_back),
		T(list_gives_just_what_has_the_prefix),
		T(a_listing_ends_with_the_first_refusal),
		T(long_listings_are_complete),
		T(another_handle_sees_a_put_at_once),
		T(requests_and_bytes_are_counted),
		T(of_racing_puts_just_one_wins),
		T(racing_puts_of_the_same_bytes_all_succeed),
	};
#undef T
	backend = b;
	return cmocka_run_group_tests_name(b->name, tests, NULL, NULL);
}
