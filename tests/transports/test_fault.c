/* SPDX-License-Identifier: PostgreSQL */
/* test_fault.c - faults strike where told, and a quiet wrapper is no wrapper.
 */
#include <string.h>

#include "fault.h"
#include "mem_backend.h"

static struct transport *
again(void *state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *inner = NULL, *t = NULL;

	assert_int_equal(transport_open_mem(state, &inner, &err), SNAP_OK);
	assert_int_equal(transport_open_fault(inner, &t, &err), SNAP_OK);
	return t;
}

static struct transport *
open_new(void **state)
{
	return again(mem_backend_new(state));
}

static void
add(struct transport *t, const struct fault_rule *rule)
{
	struct snap_err err = SNAP_ERR_INIT;

	assert_int_equal(fault_add(t, rule, &err), SNAP_OK);
}

static enum snap_code
put(struct transport *t, const char *name)
{
	struct snap_err err = SNAP_ERR_INIT;

	return transport_put(t, name, span_str("0123456789"), NULL, &err);
}

static void
the_nth_put_fails_before_its_effect(void **state)
{
	struct transport *t;
	void *s;

	(void)state;
	t = open_new(&s);
	add(t, &(struct fault_rule){ .op = FAULT_PUT,
		   .code = SNAP_TRANSIENT,
		   .nth = 2,
		   .times = 2 });
	assert_int_equal(put(t, "a"), SNAP_OK);
	assert_int_equal(put(t, "b"), SNAP_TRANSIENT);
	assert_int_equal(put(t, "c"), SNAP_TRANSIENT);
	assert_int_equal(mem_store_count(s), 1);
	assert_int_equal(put(t, "d"), SNAP_OK);
	assert_int_equal(fault_calls(t, FAULT_PUT), 4);
	assert_int_equal(fault_calls(t, FAULT_ANY), 4);
	transport_close(t);
	mem_store_free(s);
}

static void
a_lost_reply_leaves_the_effect(void **state)
{
	struct transport *t;
	void *s;

	(void)state;
	t = open_new(&s);
	add(t, &(struct fault_rule){ .op = FAULT_PUT,
		   .kind = FAULT_AFTER,
		   .code = SNAP_TRANSIENT,
		   .prefix = "b" });
	assert_int_equal(put(t, "a"), SNAP_OK);
	assert_int_equal(put(t, "b"), SNAP_TRANSIENT);
	assert_int_equal(mem_store_count(s), 2);
	assert_int_equal(put(t, "b"), SNAP_OK);
	transport_close(t);
	mem_store_free(s);
}

static void
every_operation_can_fail_for_ever(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	struct bytes b;
	int64_t now;
	void *s;

	(void)state;
	t = open_new(&s);
	bytes_init(&b, 100);
	assert_int_equal(put(t, "a"), SNAP_OK);
	add(t, &(struct fault_rule){ .code = SNAP_IO, .times = FAULT_FOREVER });
	assert_int_equal(put(t, "b"), SNAP_IO);
	assert_int_equal(transport_get(t, "a", 0, 1, &b, &err), SNAP_IO);
	assert_int_equal(transport_stat(t, "a", &st, &err), SNAP_IO);
	assert_int_equal(transport_delete(t, "a", &err), SNAP_IO);
	assert_int_equal(transport_now(t, &now, &err), SNAP_IO);
	assert_int_equal(transport_list(t, "", NULL, NULL, &err), SNAP_IO);
	fault_clear(t);
	assert_int_equal(transport_get(t, "a", 0, 1, &b, &err), SNAP_OK);
	bytes_fini(&b);
	transport_close(t);
	mem_store_free(s);
}

static void
a_short_or_flipped_answer_arrives(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	struct bytes b;
	void *s;

	(void)state;
	t = open_new(&s);
	bytes_init(&b, 100);
	assert_int_equal(put(t, "a"), SNAP_OK);
	add(t,
	    &(struct fault_rule){
		.op = FAULT_GET, .kind = FAULT_TRUNCATE, .at = 4, .times = 2 });
	assert_int_equal(transport_get(t, "a", 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_int_equal(b.len, 4);
	/* Where the length is known, the door notices. */
	assert_int_equal(transport_get(t, "a", 0, 10, &b, &err), SNAP_CORRUPT);
	assert_int_equal(b.len, 4);
	fault_clear(t);
	add(t, &(struct fault_rule){
		   .op = FAULT_GET, .kind = FAULT_FLIP, .at = 11 });
	bytes_clear(&b);
	assert_int_equal(transport_get(t, "a", 0, 10, &b, &err), SNAP_OK);
	assert_memory_equal(b.p, "0023456789", 10);
	bytes_fini(&b);
	transport_close(t);
	mem_store_free(s);
}

static enum snap_code
forbid(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	mem_store_advance(arg, 1000);
	if (op == FAULT_PUT && strcmp(name, "no") == 0)
		return snap_fail(err, SNAP_DENIED, "not that one");
	return SNAP_OK;
}

static void
a_hook_sees_requests_first(void **state)
{
	struct transport *t;
	int64_t start;
	void *s;

	(void)state;
	t = open_new(&s);
	start = mem_store_time(s);
	fault_set_hook(t, forbid, s);
	assert_int_equal(put(t, "no"), SNAP_DENIED);
	assert_int_equal(put(t, "yes"), SNAP_OK);
	assert_true(mem_store_time(s) >= start + 2000);
	assert_int_equal(mem_store_count(s), 1);
	transport_close(t);
	mem_store_free(s);
}

int
main(void)
{
	static const struct contract_backend quiet = { "fault, quiet", 1100,
		open_new, again, mem_backend_destroy };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nth_put_fails_before_its_effect),
		cmocka_unit_test(a_lost_reply_leaves_the_effect),
		cmocka_unit_test(every_operation_can_fail_for_ever),
		cmocka_unit_test(a_short_or_flipped_answer_arrives),
		cmocka_unit_test(a_hook_sees_requests_first),
	};

	return contract_run(&quiet) +
	       cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
