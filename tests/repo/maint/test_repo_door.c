/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_repo_door.c - what the door lets in: parameters, passphrases.
 */
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "mem.h"
#include "repo.h"

struct place {
	struct mem_store *mem;
	struct transport *t;
};

static int
setup(void **state)
{
	static struct place p;
	struct snap_err err = SNAP_ERR_INIT;

	assert_int_equal(mem_store_new(&p.mem, &err), SNAP_OK);
	assert_int_equal(transport_open_mem(p.mem, &p.t, &err), SNAP_OK);
	*state = &p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	transport_close(p->t);
	mem_store_free(p->mem);
	return 0;
}

static enum snap_code
init(struct place *p, const struct repo_params *params, const char *pass,
    char code[128])
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[REPO_ID_LEN];
	struct repo_opts o;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str(pass);
	return repo_init(p->t, params, &o, code, id, &err);
}

static enum snap_code
open_with(struct place *p, const char *pass, bool code, struct repo **r)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_opts o;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str(pass);
	o.is_recovery_code = code;
	return repo_open(p->t, &o, r, &err);
}

static void
parameters_have_defaults(void **state)
{
	struct repo_params p = { 0, 0, 0, 0, 0, 8u << 10 };
	struct repo *r;
	char code[128];

	assert_int_equal(init(*state, &p, "pass", code), SNAP_OK);
	assert_int_equal(open_with(*state, "pass", false, &r), SNAP_OK);
	repo_get_params(r, &p);
	assert_int_equal(p.chunk_mean, 512);
	assert_int_equal(p.block_size, 1u << 20);
	assert_int_equal(p.pack_size, 16u << 20);
	assert_int_equal(p.grace_s, 72 * 3600);
	assert_int_equal(p.slice_blocks, 32768);
	repo_close(r);
}

static void
parameters_out_of_bounds_are_refused(void **state)
{
	static const struct repo_params bad[] = {
		{ 128, 0, 0, 0, 0, 0 },
		{ 32768, 0, 0, 0, 0, 0 },
		{ 600, 0, 0, 0, 0, 0 },
		{ 0, 1024, 0, 0, 0, 0 },
		{ 0, 17u << 20, 0, 0, 0, 0 },
		{ 256, 16u << 20, 0, 0, 0, 0 },
		{ 0, 0, 1024, 0, 0, 0 },
		{ 0, 0, 33u << 20, 0, 0, 0 },
		{ 0, 0, 0, 3599, 0, 0 },
		{ 0, 0, 0, 0, 0, 1024 },
	};
	struct place *p = *state;
	char code[128];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(init(p, &bad[i], "pass", code), SNAP_USAGE);
	assert_int_equal(mem_store_count(p->mem), 0);
}

static void
an_empty_passphrase_is_refused(void **state)
{
	char code[128];

	assert_int_equal(init(*state, NULL, "", code), SNAP_USAGE);
}

static void
the_recovery_code_opens_and_a_wrong_passphrase_does_not(void **state)
{
	struct repo_params p = { 0, 0, 0, 0, 0, 8u << 10 };
	struct repo *r = NULL;
	char code[128];

	assert_int_equal(init(*state, &p, "pass", code), SNAP_OK);
	assert_int_equal(open_with(*state, "Pass", false, &r), SNAP_WRONG_KEY);
	assert_null(r);
	assert_int_equal(open_with(*state, code, true, &r), SNAP_OK);
	repo_close(r);
	repo_close(NULL);
}

static void
nowhere_is_no_repository(void **state)
{
	struct repo *r;

	assert_int_equal(open_with(*state, "pass", false, &r), SNAP_NOREPO);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(parameters_have_defaults),
		T(parameters_out_of_bounds_are_refused),
		T(an_empty_passphrase_is_refused),
		T(the_recovery_code_opens_and_a_wrong_passphrase_does_not),
		T(nowhere_is_no_repository),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
