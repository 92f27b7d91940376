/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_badstore.c - the store fails at any request: a failure that says so,
 * and nothing else.
 *
 * Each operation is repeated with its first, second ... request failing, its
 * answer lost, cut short or changed, until it has no such request.
 */
#include "fault.h"
#include "world.h"

/* False when no request was the nth. */
typedef bool failing(struct world *w, const struct fault_rule *rule);

static void
at_each_request(
    struct world *w, const struct fault_rule *rules, size_t n, failing *fn)
{
	for (size_t k = 0; k < n; k++) {
		struct fault_rule rule = rules[k];

		for (rule.nth = 1; fn(w, &rule); rule.nth++)
			;
		assert_true(rule.nth > 5);
	}
}

/* Back up into a copy of the store whose nth request fails; what stands there
 * afterwards must be readable. */
static bool
back_up_failing(struct world *w, const struct fault_rule *rule)
{
	struct world copy = *w;
	struct transport *t, *inner;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	size_t n_seen = 0;
	bool struck;

	ok(mem_store_clone(w->mem, &copy.mem, &err), &err);
	ok(transport_open_mem(copy.mem, &inner, &err), &err);
	ok(transport_open_mem(copy.mem, &copy.t, &err), &err);
	ok(transport_open_fault(inner, &t, &err), &err);
	ok(fault_add(t, rule, &err), &err);
	rc = repo_open(t, &w->by_code, &r, &err);
	if (rc == SNAP_OK)
		rc = world_back_up(&copy, r, &err);
	repo_close(r);
	struck = fault_calls(t, rule->op) >= rule->nth;
	transport_close(t);
	if (rc != SNAP_OK)
		assert_int_equal(rc, rule->code);
	ok(repo_open(copy.t, &w->by_code, &r, &err), &err);
	ok(world_read_all(&copy, r, &n_seen, &err), &err);
	repo_close(r);
	/* The first, and the second where it was said to stand. */
	assert_in_range(n_seen, rc == SNAP_OK ? 2 : 1, 2);
	world_next_run(&copy, n_seen);
	transport_close(copy.t);
	mem_store_free(copy.mem);
	return struck;
}

static void
no_failing_request_leaves_a_broken_snapshot(void **state)
{
	static const struct fault_rule rules[] = {
		{ FAULT_ANY, FAULT_BEFORE, SNAP_IO, NULL, 0, 1, 0 },
		{ FAULT_ANY, FAULT_BEFORE, SNAP_IO, NULL, 0, FAULT_FOREVER, 0 },
		{ FAULT_PUT, FAULT_AFTER, SNAP_TRANSIENT, NULL, 0, 1, 0 },
	};
	struct world *w = *state;

	world_filled(w);
	/* The second backup has something to store, and to look up. */
	bytes_printf(&w->more, "one more row\n");
	w->is_changed = true;
	at_each_request(
	    w, rules, sizeof rules / sizeof rules[0], back_up_failing);
}

/* Open and restore everything over requests of which one goes wrong. */
static bool
restore_failing(struct world *w, const struct fault_rule *rule)
{
	struct transport *t, *inner;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	size_t n_seen = 0;
	bool struck;

	ok(transport_open_mem(w->mem, &inner, &err), &err);
	ok(transport_open_fault(inner, &t, &err), &err);
	ok(fault_add(t, rule, &err), &err);
	rc = repo_open(t, &w->by_code, &r, &err);
	if (rc == SNAP_OK)
		rc = world_read_all(w, r, &n_seen, &err);
	repo_close(r);
	struck = fault_calls(t, rule->op) >= rule->nth;
	transport_close(t);
	if (rc != SNAP_OK) {
		assert_true(struck);
		assert_string_not_equal(err.msg, "");
	}
	/* Without a segment of the index the rest is there, and what only it
	 * knew of is not. */
	if (rc != SNAP_OK && rule->kind == FAULT_BEFORE)
		assert_true(rc == rule->code || rc == SNAP_CORRUPT);
	return struck;
}

static void
a_restore_over_bad_answers_is_right_or_fails(void **state)
{
	static const struct fault_rule rules[] = {
		{ FAULT_ANY, FAULT_BEFORE, SNAP_IO, NULL, 0, 1, 0 },
		{ FAULT_GET, FAULT_TRUNCATE, SNAP_OK, NULL, 0, 1, 0 },
		{ FAULT_GET, FAULT_TRUNCATE, SNAP_OK, NULL, 0, 1, 70 },
		{ FAULT_GET, FAULT_FLIP, SNAP_OK, NULL, 0, 1, 100 },
		{ FAULT_GET, FAULT_FLIP, SNAP_OK, NULL, 0, 1, 12345 },
	};
	struct world *w = *state;

	world_filled(w);
	at_each_request(
	    w, rules, sizeof rules / sizeof rules[0], restore_failing);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_failing_request_leaves_a_broken_snapshot),
		TEST(a_restore_over_bad_answers_is_right_or_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
