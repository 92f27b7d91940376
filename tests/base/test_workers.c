/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_workers.c - order, bounds, and that the first failure ends everything.
 *
 * Nothing here sleeps or has a time limit: a lost wake-up hangs the test.
 */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers.h"

#define ITEMS 2000

static const struct snap_err broken = { SNAP_CORRUPT, "broken", "d", "h", 0 };

struct side {
	struct queue *q;
	char *items;
	size_t n;
	enum snap_code rc;
	struct snap_err err;
};

static void *
push_all(void *arg)
{
	struct side *s = arg;

	for (size_t i = 0; i < s->n && s->rc == SNAP_OK; i++)
		s->rc = queue_push(s->q, s->items + i, &s->err);
	return NULL;
}

static void *
pop_all(void *arg)
{
	struct side *s = arg;
	void *item = s;

	while (item != NULL && s->rc == SNAP_OK) {
		s->rc = queue_pop(s->q, &item, &s->err);
		s->n += s->rc == SNAP_OK && item != NULL;
	}
	return NULL;
}

static void
a_queue_gives_items_in_order_across_threads(void **state)
{
	static char items[ITEMS];
	struct side s = { .items = items, .n = ITEMS };
	struct snap_err err;
	pthread_t t;
	void *item;

	(void)state;
	assert_int_equal(queue_new(3, &s.q, &err), SNAP_OK);
	assert_int_equal(pthread_create(&t, NULL, push_all, &s), 0);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(queue_pop(s.q, &item, &err), SNAP_OK);
		assert_ptr_equal(item, items + i);
	}
	pthread_join(t, NULL);
	assert_int_equal(s.rc, SNAP_OK);
	queue_free(s.q, NULL);
}

static void
a_closed_queue_drains_and_then_gives_null(void **state)
{
	struct snap_err err;
	struct queue *q;
	char a, b;
	void *item;

	(void)state;
	assert_int_equal(queue_new(2, &q, &err), SNAP_OK);
	assert_int_equal(queue_push(q, &a, &err), SNAP_OK);
	assert_int_equal(queue_push(q, &b, &err), SNAP_OK);
	queue_close(q);
	assert_int_equal(queue_push(q, &a, &err), SNAP_USAGE);
	assert_int_equal(queue_pop(q, &item, &err), SNAP_OK);
	assert_ptr_equal(item, &a);
	assert_int_equal(queue_pop(q, &item, &err), SNAP_OK);
	assert_ptr_equal(item, &b);
	assert_int_equal(queue_pop(q, &item, &err), SNAP_OK);
	assert_null(item);
	queue_free(q, NULL);
}

static void
closing_wakes_all_who_wait_for_items(void **state)
{
	struct side s[3];
	struct snap_err err;
	struct queue *q;
	pthread_t t[3];

	(void)state;
	memset(s, 0, sizeof s);
	assert_int_equal(queue_new(2, &q, &err), SNAP_OK);
	for (int i = 0; i < 3; i++) {
		s[i].q = q;
		assert_int_equal(
		    pthread_create(&t[i], NULL, pop_all, &s[i]), 0);
	}
	assert_int_equal(queue_push(q, &err, &err), SNAP_OK);
	queue_close(q);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(s[i].rc, SNAP_OK);
	}
	assert_int_equal(s[0].n + s[1].n + s[2].n, 1);
	queue_free(q, NULL);
}

static void
the_first_failure_of_a_queue_reaches_everybody(void **state)
{
	static const struct snap_err later = { SNAP_IO, "later", "", "", 0 };
	static char items[ITEMS];
	struct side s = { .items = items, .n = ITEMS };
	struct snap_err err;
	pthread_t t;
	void *item;

	(void)state;
	assert_int_equal(queue_new(2, &s.q, &err), SNAP_OK);
	assert_int_equal(pthread_create(&t, NULL, push_all, &s), 0);
	assert_int_equal(queue_pop(s.q, &item, &err), SNAP_OK);
	queue_fail(s.q, &broken);
	queue_fail(s.q, &later);
	pthread_join(t, NULL);
	assert_int_equal(s.rc, SNAP_CORRUPT);
	assert_string_equal(s.err.msg, "broken");
	assert_string_equal(s.err.hint, "h");
	assert_int_equal(queue_pop(s.q, &item, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "broken");
	queue_free(s.q, NULL);
}

static int n_dropped;

static void
drop_one(void *item)
{
	(void)item;
	n_dropped++;
}

static void
items_left_in_a_queue_are_dropped(void **state)
{
	struct snap_err err;
	struct queue *q;
	char a;

	(void)state;
	n_dropped = 0;
	assert_int_equal(queue_new(5, &q, &err), SNAP_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(queue_push(q, &a, &err), SNAP_OK);
	queue_free(q, drop_one);
	assert_int_equal(n_dropped, 4);
	queue_free(NULL, drop_one);
}

static void
misuse_is_refused(void **state)
{
	struct snap_err err;
	struct queue *q = NULL;
	struct workers *w = NULL;

	(void)state;
	assert_int_equal(queue_new(0, &q, &err), SNAP_USAGE);
	assert_null(q);
	assert_int_equal(
	    workers_new(0, 1, NULL, NULL, NULL, &w, &err), SNAP_USAGE);
	assert_null(w);
	workers_free(NULL);
	assert_int_equal(queue_new(1, &q, &err), SNAP_OK);
	assert_int_equal(queue_push(q, NULL, &err), SNAP_USAGE);
	queue_free(q, NULL);
}

struct job {
	int value;
};

struct tally {
	atomic_int ran, dropped, sum;
};

static struct tally tally;

static void
drop_job(void *job)
{
	atomic_fetch_add(&tally.dropped, 1);
	free(job);
}

/* Negative values fail. */
static enum snap_code
add_job(void *arg, void *p, struct snap_err *err)
{
	struct tally *t = arg;
	struct job *job = p;
	int v = job->value;

	free(job);
	atomic_fetch_add(&t->ran, 1);
	if (v < 0)
		return snap_fail(err, SNAP_CORRUPT, "job %d", v);
	atomic_fetch_add(&t->sum, v);
	return SNAP_OK;
}

static enum snap_code
push_job(struct workers *w, int value, struct snap_err *err)
{
	struct job *job = malloc(sizeof *job);
	enum snap_code rc;

	assert_non_null(job);
	job->value = value;
	rc = workers_push(w, job, err);
	if (rc != SNAP_OK)
		free(job);
	return rc;
}

static struct workers *
new_pool(size_t threads, size_t backlog)
{
	struct workers *w = NULL;
	struct snap_err err;

	tally.ran = tally.dropped = tally.sum = 0;
	assert_int_equal(
	    workers_new(threads, backlog, add_job, drop_job, &tally, &w, &err),
	    SNAP_OK);
	return w;
}

static void
waiting_for_a_pool_sees_all_jobs_run(void **state)
{
	struct workers *w = new_pool(4, 2);
	struct snap_err err;
	int want = 0;

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (int i = 1; i <= 100; i++) {
			assert_int_equal(push_job(w, i, &err), SNAP_OK);
			want += i;
		}
		assert_int_equal(workers_wait(w, &err), SNAP_OK);
		assert_int_equal(tally.sum, want);
	}
	workers_free(w);
	assert_int_equal(tally.ran, 2000);
	assert_int_equal(tally.dropped, 0);
}

static void
a_failed_job_fails_the_pool_and_no_job_is_lost(void **state)
{
	struct workers *w = new_pool(3, 4);
	struct snap_err err;
	int pushed = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		if (push_job(w, i == 50 ? -7 : 1, &err) != SNAP_OK)
			break;
		pushed++;
	}
	assert_int_equal(workers_wait(w, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "job -7");
	assert_int_equal(push_job(w, 1, &err), SNAP_CORRUPT);
	workers_free(w);
	assert_in_range(pushed, 51, 1000);
	assert_int_equal(tally.ran + tally.dropped, pushed);
}

static void
a_pool_failed_from_outside_stops(void **state)
{
	struct workers *w = new_pool(2, 2);
	struct snap_err err;

	(void)state;
	workers_fail(w, &broken);
	assert_int_equal(push_job(w, 1, &err), SNAP_CORRUPT);
	assert_int_equal(workers_wait(w, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "broken");
	workers_free(w);
	assert_int_equal(tally.ran, 0);
}

static void
a_pool_freed_with_jobs_waiting_runs_or_drops_each(void **state)
{
	struct snap_err err;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct workers *w = new_pool(2, 16);

		for (int i = 0; i < 16; i++)
			assert_int_equal(push_job(w, 1, &err), SNAP_OK);
		workers_free(w);
		assert_int_equal(tally.ran + tally.dropped, 16);
	}
}

static enum snap_code
mark(void *arg, void *job, struct snap_err *err)
{
	unsigned *v = job;
	_Atomic unsigned *n = arg;

	if (*v == UINT_MAX) {
		*err = broken;
		return broken.code;
	}
	*v += 1;
	atomic_fetch_add(n, 1);
	return SNAP_OK;
}

static void
each_element_is_worked_on_once(void **state)
{
	static unsigned v[ITEMS];
	_Atomic unsigned n;
	struct snap_err err;

	(void)state;
	for (size_t threads = 0; threads < 6; threads++) {
		atomic_init(&n, 0);
		for (unsigned i = 0; i < ITEMS; i++)
			v[i] = i;
		assert_int_equal(
		    workers_each(threads, mark, &n, v, ITEMS, sizeof *v, &err),
		    SNAP_OK);
		for (unsigned i = 0; i < ITEMS; i++)
			assert_int_equal(v[i], i + 1);
		assert_int_equal(n, ITEMS);
		assert_int_equal(
		    workers_each(threads, mark, &n, v, 0, sizeof *v, &err),
		    SNAP_OK);
		v[ITEMS / 2] = UINT_MAX;
		assert_int_equal(
		    workers_each(threads, mark, &n, v, ITEMS, sizeof *v, &err),
		    SNAP_CORRUPT);
		assert_string_equal(err.msg, "broken");
		assert_true(n < 2 * ITEMS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_gives_items_in_order_across_threads),
		cmocka_unit_test(a_closed_queue_drains_and_then_gives_null),
		cmocka_unit_test(closing_wakes_all_who_wait_for_items),
		cmocka_unit_test(
		    the_first_failure_of_a_queue_reaches_everybody),
		cmocka_unit_test(items_left_in_a_queue_are_dropped),
		cmocka_unit_test(misuse_is_refused),
		cmocka_unit_test(waiting_for_a_pool_sees_all_jobs_run),
		cmocka_unit_test(
		    a_failed_job_fails_the_pool_and_no_job_is_lost),
		cmocka_unit_test(a_pool_failed_from_outside_stops),
		cmocka_unit_test(each_element_is_worked_on_once),
		cmocka_unit_test(
		    a_pool_freed_with_jobs_waiting_runs_or_drops_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
