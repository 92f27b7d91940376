/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_wrap.c - trying again and going slowly, on a clock that the test owns.
 *
 * A fault transport over one in memory plays the store that fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "limit.h"
#include "mem_backend.h"
#include "retry.h"

struct world {
	struct mem_store *store;
	struct transport *fault; /* inside of t */
	struct transport *t;
	struct report report;
	atomic_int cancel;
	int64_t now_ms;
	unsigned lines;       /* logged */
	int64_t cancel_at_ms; /* 0 = never */
	unsigned retry_after, fails;
};

static int64_t
world_now(void *arg)
{
	return ((struct world *)arg)->now_ms;
}

static void
world_sleep(void *arg, int64_t ms)
{
	struct world *w = arg;

	assert_true(ms > 0 && ms <= 100);
	w->now_ms += ms;
	if (w->cancel_at_ms > 0 && w->now_ms >= w->cancel_at_ms)
		atomic_store(&w->cancel, 1);
}

static void
world_log(void *arg, enum report_level level, const char *line)
{
	assert_int_equal(level, REPORT_INFO);
	assert_non_null(strstr(line, "trying again in"));
	((struct world *)arg)->lines++;
}

static void
world_open(struct world *w, unsigned give_up_s)
{
	struct retry_opts o = { .give_up_s = give_up_s };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *mem;

	memset(w, 0, sizeof *w);
	w->report.log = world_log;
	w->report.arg = w;
	w->report.cancel = &w->cancel;
	o.report = &w->report;
	o.time = (struct waiting){ world_now, world_sleep, w };
	assert_int_equal(mem_store_new(&w->store, &err), SNAP_OK);
	assert_int_equal(transport_open_mem(w->store, &mem, &err), SNAP_OK);
	assert_int_equal(transport_open_fault(mem, &w->fault, &err), SNAP_OK);
	assert_int_equal(
	    transport_open_retry(w->fault, &o, &w->t, &err), SNAP_OK);
}

static void
world_close(struct world *w)
{
	transport_close(w->t);
	mem_store_free(w->store);
}

static void
strike(struct world *w, enum fault_op op, enum fault_kind kind,
    enum snap_code code, uint64_t times)
{
	struct fault_rule r = { op, kind, code, NULL, 1, times, 0 };
	struct snap_err err = SNAP_ERR_INIT;

	assert_int_equal(fault_add(w->fault, &r, &err), SNAP_OK);
}

static void
what_fails_for_a_moment_is_tried_again(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes out;
	struct world w;

	(void)state;
	world_open(&w, 900);
	strike(&w, FAULT_PUT, FAULT_BEFORE, SNAP_TRANSIENT, 3);
	strike(&w, FAULT_GET, FAULT_BEFORE, SNAP_TRANSIENT, 2);
	assert_int_equal(
	    transport_put(w.t, "data/a", span_str("rows"), NULL, &err),
	    SNAP_OK);
	assert_int_equal(fault_calls(w.fault, FAULT_PUT), 4);
	/* 0.5, 1 and 2 s, of each at least a half. */
	assert_true(w.now_ms >= 1750 && w.now_ms <= 3500);
	bytes_init(&out, 100);
	assert_int_equal(
	    transport_get(w.t, "data/a", 0, SIZE_MAX, &out, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&out), span_str("rows")));
	assert_int_equal(w.lines, 5);
	bytes_fini(&out);
	world_close(&w);
}

static void
what_will_never_work_is_not_tried_again(void **state)
{
	static const enum snap_code codes[] = { SNAP_DENIED, SNAP_IO,
		SNAP_CORRUPT, SNAP_UNSUPPORTED };
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		world_open(&w, 900);
		strike(&w, FAULT_PUT, FAULT_BEFORE, codes[i], FAULT_FOREVER);
		assert_int_equal(
		    transport_put(w.t, "data/a", span_str("x"), NULL, &err),
		    codes[i]);
		assert_int_equal(fault_calls(w.fault, FAULT_PUT), 1);
		assert_int_equal(w.now_ms, 0);
		world_close(&w);
	}
}

static void
it_gives_up_in_time_and_tells_the_story(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, 300);
	strike(&w, FAULT_STAT, FAULT_BEFORE, SNAP_TRANSIENT, FAULT_FOREVER);
	struct transport_stat st;
	assert_int_equal(
	    transport_stat(w.t, "data/a", &st, &err), SNAP_TRANSIENT);
	assert_true(w.now_ms <= 300000 && w.now_ms >= 200000);
	assert_non_null(strstr(err.msg, "stat data/a: injected fault"));
	assert_non_null(strstr(err.detail, "Gave up after"));
	assert_non_null(strstr(err.detail, "limit 300 s"));
	world_close(&w);
	world_open(&w, 0);
	strike(&w, FAULT_STAT, FAULT_BEFORE, SNAP_TRANSIENT, 1);
	assert_int_equal(
	    transport_stat(w.t, "data/a", &st, &err), SNAP_TRANSIENT);
	assert_int_equal(fault_calls(w.fault, FAULT_STAT), 1);
	world_close(&w);
}

static enum snap_code
slow_down(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct world *w = arg;

	(void)op;
	(void)name;
	if (w->fails == 0)
		return SNAP_OK;
	w->fails--;
	(void)snap_fail(err, SNAP_TRANSIENT, "slow down");
	err->retry_after_s = w->retry_after;
	return err->code;
}

static void
it_waits_as_long_as_the_store_asks(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, 900);
	fault_set_hook(w.fault, slow_down, &w);
	w.fails = 2;
	w.retry_after = 40;
	assert_int_equal(
	    transport_put(w.t, "data/a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(w.now_ms, 80000);
	/* Longer than it may take: no need to wait for that. */
	w.fails = 1;
	w.retry_after = 901;
	w.now_ms = 0;
	assert_int_equal(
	    transport_put(w.t, "data/b", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	assert_int_equal(w.now_ms, 0);
	world_close(&w);
}

static void
a_lost_reply_does_no_harm(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, 900);
	strike(&w, FAULT_PUT, FAULT_AFTER, SNAP_TRANSIENT, 1);
	strike(&w, FAULT_DELETE, FAULT_AFTER, SNAP_TRANSIENT, 1);
	assert_int_equal(
	    transport_put(w.t, "data/a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(mem_store_count(w.store), 1);
	assert_int_equal(transport_delete(w.t, "data/a", &err), SNAP_OK);
	assert_int_equal(transport_delete(w.t, "data/a", &err), SNAP_NOTFOUND);
	world_close(&w);
}

static enum snap_code
count_entry(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)name;
	(void)err;
	assert_int_equal(st->size, 1);
	assert_true(st->time_ns >= MEM_TIME_START);
	++*(unsigned *)arg;
	return SNAP_OK;
}

static void
a_listing_that_breaks_off_is_told_once(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	unsigned n = 0;
	struct world w;

	(void)state;
	world_open(&w, 900);
	assert_int_equal(
	    transport_put(w.t, "data/a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(w.t, "data/b", span_str("y"), NULL, &err), SNAP_OK);
	strike(&w, FAULT_LIST, FAULT_AFTER, SNAP_TRANSIENT, 2);
	assert_int_equal(
	    transport_list(w.t, "data/", count_entry, &n, &err), SNAP_OK);
	assert_int_equal(n, 2);
	assert_int_equal(fault_calls(w.fault, FAULT_LIST), 3);
	world_close(&w);
}

static void
a_wait_can_be_cancelled(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;
	int64_t t;

	(void)state;
	world_open(&w, 900);
	strike(&w, FAULT_NOW, FAULT_BEFORE, SNAP_TRANSIENT, FAULT_FOREVER);
	w.cancel_at_ms = 5000;
	assert_int_equal(transport_now(w.t, &t, &err), SNAP_CANCELLED);
	assert_true(w.now_ms <= 5100);
	world_close(&w);
}

static void
every_attempt_is_counted(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_counts c;
	struct world w;

	(void)state;
	world_open(&w, 900);
	strike(&w, FAULT_PUT, FAULT_BEFORE, SNAP_TRANSIENT, 2);
	assert_int_equal(
	    transport_put(w.t, "data/a", span_str("rows"), NULL, &err),
	    SNAP_OK);
	transport_counts(w.fault, &c);
	assert_int_equal(c.put, 3);
	assert_int_equal(c.bytes_up, 4);
	transport_counts(w.t, &c);
	assert_int_equal(c.put, 1);
	world_close(&w);
}

static void
no_more_bytes_a_second_than_allowed(void **state)
{
	struct limit_opts o = { .up = 1000, .down = 500 };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *mem, *t;
	uint8_t data[1000] = { 0 };
	struct world w = { .now_ms = 0 };
	struct bytes out;
	int64_t began;

	(void)state;
	o.time = (struct waiting){ world_now, world_sleep, &w };
	assert_int_equal(mem_store_new(&w.store, &err), SNAP_OK);
	assert_int_equal(transport_open_mem(w.store, &mem, &err), SNAP_OK);
	assert_int_equal(transport_open_limit(mem, &o, &t, &err), SNAP_OK);
	for (char c = 'a'; c < 'f'; c++) {
		char name[] = { 'd', c, '\0' };

		assert_int_equal(
		    transport_put(t, name, span_of(data, 1000), NULL, &err),
		    SNAP_OK);
	}
	/* The fifth had to wait for four. */
	assert_int_equal(w.now_ms, 4000);
	began = w.now_ms;
	bytes_init(&out, 10000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    transport_get(t, "da", 0, SIZE_MAX, &out, &err), SNAP_OK);
	assert_int_equal(w.now_ms - began, 4000);
	bytes_fini(&out);
	transport_close(t);
	mem_store_free(w.store);
}

/* ---- wrapped stores owe what bare ones do */
static struct transport *
again(void *state)
{
	struct retry_opts o = { .give_up_s = 5 };
	struct limit_opts fast = { .up = UINT64_C(1) << 40 };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *mem, *limit, *t;

	assert_int_equal(transport_open_mem(state, &mem, &err), SNAP_OK);
	assert_int_equal(
	    transport_open_limit(mem, &fast, &limit, &err), SNAP_OK);
	assert_int_equal(transport_open_retry(limit, &o, &t, &err), SNAP_OK);
	return t;
}

static struct transport *
open_new(void **state)
{
	return again(mem_backend_new(state));
}

int
main(void)
{
	static const struct contract_backend wrapped = { "wrapped", 12000,
		open_new, again, mem_backend_destroy };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fails_for_a_moment_is_tried_again),
		cmocka_unit_test(what_will_never_work_is_not_tried_again),
		cmocka_unit_test(it_gives_up_in_time_and_tells_the_story),
		cmocka_unit_test(it_waits_as_long_as_the_store_asks),
		cmocka_unit_test(a_lost_reply_does_no_harm),
		cmocka_unit_test(a_listing_that_breaks_off_is_told_once),
		cmocka_unit_test(a_wait_can_be_cancelled),
		cmocka_unit_test(every_attempt_is_counted),
		cmocka_unit_test(no_more_bytes_a_second_than_allowed),
	};

	return contract_run(&wrapped) +
	       cmocka_run_group_tests_name("wrappers", tests, NULL, NULL);
}
