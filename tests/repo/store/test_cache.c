/* SPDX-License-Identifier: PostgreSQL */
/* test_cache.c - the files of the cache: kept, found, and bounded. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "store_internal.h"

#define SIZE 10000u
#define LIMIT ((uint64_t)100000)

struct fixture {
	char dir[32];
	struct cache *c;
};

static void
make_id(uint8_t id[ID_LEN], unsigned n)
{
	memset(id, 0, ID_LEN);
	id[0] = 0x5a;
	id[ID_LEN - 1] = (uint8_t)n;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct snap_err err = SNAP_ERR_INIT;

	assert_non_null(f);
	memcpy(f->dir, "test-cache-XXXXXX", sizeof "test-cache-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(cache_new(f->dir, LIMIT, &f->c, &err), SNAP_OK);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[64];

	cache_free(f->c);
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", f->dir);
	assert_int_equal(system(cmd), 0);
	free(f);
	return 0;
}

static void
put(struct fixture *f, enum cache_kind kind, unsigned n)
{
	static uint8_t content[SIZE];
	uint8_t id[ID_LEN];

	make_id(id, n);
	memset(content, (int)n, sizeof content);
	cache_put(f->c, kind, id, span_of(content, sizeof content));
}

/* As if it was used so many hours ago. */
static void
age(struct fixture *f, const char *kind, unsigned n, int hours)
{
	char path[128], hex[2 * ID_LEN + 1];
	struct timespec t[2];
	uint8_t id[ID_LEN];

	make_id(id, n);
	hex_encode(id, ID_LEN, hex);
	(void)snprintf(path, sizeof path, "%s/%s/%s", f->dir, kind, hex);
	t[0].tv_nsec = t[1].tv_nsec = 0;
	t[0].tv_sec = t[1].tv_sec = time(NULL) - hours * 3600;
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static bool
has(struct fixture *f, enum cache_kind kind, unsigned n)
{
	uint8_t id[ID_LEN];
	struct bytes b;
	bool found;

	make_id(id, n);
	bytes_init(&b, SIZE);
	if (kind == CACHE_INDEX)
		found = cache_get(f->c, kind, id, SIZE, &b);
	else
		found = cache_get_range(f->c, id, SIZE, 0, SIZE, &b);
	if (found) {
		assert_int_equal(b.len, SIZE);
		assert_int_equal(b.p[SIZE - 1], (uint8_t)n);
	}
	bytes_fini(&b);
	return found;
}

static void
what_was_put_is_found(void **state)
{
	struct fixture *f = *state;

	put(f, CACHE_META, 1);
	put(f, CACHE_INDEX, 2);
	assert_true(has(f, CACHE_META, 1));
	assert_true(has(f, CACHE_INDEX, 2));
	assert_false(has(f, CACHE_META, 2));
	assert_false(has(f, CACHE_INDEX, 1));
}

static void
it_never_holds_more_than_its_limit(void **state)
{
	struct fixture *f = *state;
	unsigned found = 0;

	for (unsigned n = 0; n < 200; n++)
		put(f, n % 3 == 0 ? CACHE_INDEX : CACHE_META, n);
	for (unsigned n = 0; n < 200; n++)
		found += has(f, n % 3 == 0 ? CACHE_INDEX : CACHE_META, n);
	assert_in_range(found, 5, LIMIT / SIZE);
	assert_true(has(f, CACHE_META, 199));
}

static void
what_was_not_used_for_longest_goes_first(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = 0; n < 10; n++) {
		put(f, CACHE_META, n);
		age(f, "meta", n, 10 + (int)n);
	}
	/* The two oldest; using one of them makes it young. */
	assert_true(has(f, CACHE_META, 9));
	put(f, CACHE_META, 10);
	assert_true(has(f, CACHE_META, 9));
	assert_true(has(f, CACHE_META, 10));
	assert_false(has(f, CACHE_META, 8));
	assert_false(has(f, CACHE_META, 7));
	assert_true(has(f, CACHE_META, 0));
}

static void
files_of_an_earlier_run_count(void **state)
{
	struct fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	for (unsigned n = 0; n < 10; n++) {
		put(f, CACHE_META, n);
		age(f, "meta", n, 20 - (int)n);
	}
	cache_free(f->c);
	assert_int_equal(cache_new(f->dir, LIMIT / 2, &f->c, &err), SNAP_OK);
	put(f, CACHE_META, 100);
	assert_true(has(f, CACHE_META, 100));
	assert_true(has(f, CACHE_META, 9));
	assert_false(has(f, CACHE_META, 0));
	assert_false(has(f, CACHE_META, 5));
}

static void
files_of_others_are_left_alone(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	FILE *other;

	(void)snprintf(path, sizeof path, "%s/meta/README", f->dir);
	assert_non_null(other = fopen(path, "w"));
	for (unsigned n = 0; n < 20; n++)
		assert_true(fprintf(other, "%0*d", (int)SIZE, 0) > 0);
	assert_int_equal(fclose(other), 0);
	for (unsigned n = 0; n < 30; n++)
		put(f, CACHE_META, n);
	assert_int_equal(stat(path, &st), 0);
	assert_true(has(f, CACHE_META, 29));
	assert_true(has(f, CACHE_META, 27));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_put_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    it_never_holds_more_than_its_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_not_used_for_longest_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    files_of_an_earlier_run_count, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    files_of_others_are_left_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
