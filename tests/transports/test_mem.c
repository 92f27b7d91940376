/* SPDX-License-Identifier: PostgreSQL */
/* test_mem.c - the store in memory keeps the contract and obeys its clock. */
#include "mem_backend.h"

static struct transport *
again(void *state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	assert_int_equal(transport_open_mem(state, &t, &err), SNAP_OK);
	return t;
}

static struct transport *
open_new(void **state)
{
	return again(mem_backend_new(state));
}

static void
the_clock_moves_only_as_told(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	void *s;

	(void)state;
	t = open_new(&s);
	mem_store_set_step(s, 0);
	mem_store_set_time(s, 500);
	assert_int_equal(
	    transport_put(t, "a", span_str("x"), &st, &err), SNAP_OK);
	assert_int_equal(st.time_ns, 500);
	mem_store_advance(s, 7);
	assert_int_equal(
	    transport_put(t, "a", span_str("x"), &st, &err), SNAP_OK);
	assert_int_equal(st.time_ns, 507);
	assert_int_equal(transport_stat(t, "a", &st, &err), SNAP_OK);
	assert_int_equal(st.time_ns, 500);
	assert_true(mem_store_set_object_time(s, "a", 3));
	assert_int_equal(transport_stat(t, "a", &st, &err), SNAP_OK);
	assert_int_equal(st.time_ns, 3);
	transport_close(t);
	mem_store_free(s);
}

static void
a_hostile_store_can_do_what_no_client_can(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	struct bytes b;
	void *s;

	(void)state;
	t = open_new(&s);
	bytes_init(&b, 100);
	assert_int_equal(
	    transport_put(t, "a", span_str("abc"), NULL, &err), SNAP_OK);
	assert_true(mem_store_flip(s, "a", 1, 1));
	assert_false(mem_store_flip(s, "a", 3, 1));
	assert_int_equal(transport_get(t, "a", 0, 3, &b, &err), SNAP_OK);
	assert_memory_equal(b.p, "acc", 3);
	assert_true(mem_store_truncate(s, "a", 2));
	assert_int_equal(transport_get(t, "a", 0, 3, &b, &err), SNAP_CORRUPT);
	assert_int_equal(
	    mem_store_overwrite(s, "a", span_str("zz"), &err), SNAP_OK);
	bytes_clear(&b);
	assert_int_equal(transport_get(t, "a", 0, 2, &b, &err), SNAP_OK);
	assert_memory_equal(b.p, "zz", 2);
	assert_true(mem_store_remove(s, "a"));
	assert_false(mem_store_remove(s, "a"));
	assert_int_equal(mem_store_count(s), 0);
	bytes_fini(&b);
	transport_close(t);
	mem_store_free(s);
}

static void
a_clone_goes_its_own_way(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct mem_store *copy = NULL;
	struct transport *t, *u;
	struct transport_stat st;
	void *s;

	(void)state;
	t = open_new(&s);
	assert_int_equal(
	    transport_put(t, "a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(mem_store_clone(s, &copy, &err), SNAP_OK);
	u = again(copy);
	assert_int_equal(transport_delete(t, "a", &err), SNAP_OK);
	assert_int_equal(transport_stat(u, "a", &st, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(u, "b", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(mem_store_count(s), 0);
	assert_int_equal(mem_store_count(copy), 2);
	transport_close(t);
	transport_close(u);
	mem_store_free(s);
	mem_store_free(copy);
}

int
main(void)
{
	static const struct contract_backend mem = { "mem", 12000, open_new,
		again, mem_backend_destroy };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_moves_only_as_told),
		cmocka_unit_test(a_hostile_store_can_do_what_no_client_can),
		cmocka_unit_test(a_clone_goes_its_own_way),
	};

	return contract_run(&mem) +
	       cmocka_run_group_tests_name("mem only", tests, NULL, NULL);
}
