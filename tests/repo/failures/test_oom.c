/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_oom.c - memory runs out at any point: a failure that says so, and
 * nothing else.
 *
 * Each operation is repeated with its first, second ... allocation failing
 * until it gets through.  It must leak nothing (the sanitizers look) and never
 * leave a snapshot that cannot be read.  Long operations are sampled: threads
 * make their order another one in each run.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "oom.h"
#include "pruned.h"
#include "samples.h"
#include "world.h"
#include "repo_care.h"

static uint64_t
after(uint64_t n)
{
	return n + 1 + n / 8;
}

/* Nothing else went wrong, and that is what it says. */
static void
expect_nomem(enum snap_code rc, uint64_t n, const struct snap_err *err)
{
	if (rc != SNAP_NOMEM)
		fail_msg("allocation %u: %s: %s", (unsigned)n,
		    snap_code_name(rc), err->msg);
}

static void
codecs_fail_cleanly(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes in, out;
	enum snap_code rc;
	bool struck;

	(void)state;
	for (int i = 0; i < SAMPLE_COUNT; i++) {
		bytes_init(&in, 1 << 20);
		sample_make((enum sample)i, &in);
		assert_false(in.bad);
		struck = true;
		for (uint64_t n = 1; struck; n++) {
			bytes_init(&out, 1 << 20);
			oom_arm(n);
			rc = sample_again(
			    (enum sample)i, bytes_span(&in), &out, &err);
			struck = oom_disarm();
			if (struck)
				assert_true(rc == SNAP_NOMEM || out.bad);
			else
				assert_int_equal(rc, SNAP_OK);
			bytes_fini(&out);
			/* And to encode it in the first place. */
			oom_arm(n);
			sample_make((enum sample)i, &out);
			if (oom_disarm())
				assert_true(out.bad || i == SAMPLE_SEGMENT);
			bytes_fini(&out);
		}
		bytes_fini(&in);
	}
}

static void
init_fails_cleanly_and_can_be_told_from_a_whole_one(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	for (uint64_t n = 1; struck; n++) {
		world_teardown(state);
		world_setup(state);
		w = *state;
		oom_arm(n);
		rc = world_init(w, &err);
		struck = oom_disarm();
		if (rc == SNAP_OK) {
			ok(repo_open(w->t, &world_opts, &r, &err), &err);
			repo_close(r);
		} else {
			assert_true(struck);
			assert_int_equal(rc, SNAP_NOMEM);
			assert_int_not_equal(
			    repo_open(w->t, &world_opts, &r, &err), SNAP_OK);
		}
	}
}

static void
opening_fails_cleanly(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	ok(world_init(w, &err), &err);
	for (uint64_t n = 1; struck; n++) {
		oom_arm(n);
		rc = repo_open(w->t, &world_opts, &r, &err);
		struck = oom_disarm();
		if (rc == SNAP_OK)
			repo_close(r);
		else
			expect_nomem(rc, n, &err);
	}
}

static enum snap_code
open_inside(struct world *w, struct store **s, struct snap_err *err)
{
	struct store_opts o;

	memset(&o, 0, sizeof o);
	o.passphrase = w->by_code.passphrase;
	o.is_recovery_code = true;
	o.n_threads = 1;
	return store_open(w->t, &o, s, err);
}

/* A list that condemns one pack, as prune would put it. */
static void
condemn(struct store *s, const uint8_t pack[ID_LEN])
{
	static const uint8_t id[ID_LEN] = { 77 };
	struct snap_err err = SNAP_ERR_INIT;
	struct condemned_body c;
	struct bytes body;

	memset(&c, 0, sizeof c);
	c.l0 = s->l0;
	c.n_packs = 1;
	c.packs = pack;
	bytes_init(&body, 4096);
	condemned_encode(&c, &body);
	ok(store_put_body(
	       s, OBJ_CONDEMNED, id, bytes_span(&body), true, NULL, &err),
	    &err);
	bytes_fini(&body);
}

/* Nothing that was said about keys and packs is taken for unsaid. */
static void
what_an_open_repository_knows_is_all_or_it_is_not_open(void **state)
{
	static uint8_t blocks[64][ID_LEN];
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;
	struct copy copy;
	struct bytes file;
	enum snap_code rc;
	bool struck = true;

	world_filled(w);
	ok(open_inside(w, &s, &err), &err);
	ok(store_look(s, &err), &err);
	assert_true(pruned_blocks(s, blocks, 64) > 0);
	assert_int_equal(store_copies(s, CLASS_DATA, blocks[0], &copy, 1), 1);
	pruned_key_file(s, KEYFILE_HOST, &file);
	bytes_fini(&file);
	pruned_rotate(s, world_opts.passphrase, 2);
	condemn(s, copy.pack);
	store_close(s);
	for (uint64_t n = 1; struck; n++) {
		oom_arm(n);
		rc = open_inside(w, &s, &err);
		if (rc == SNAP_OK) {
			rc = store_look(s, &err);
			struck = oom_disarm();
			assert_int_equal(s->keys->epoch, 2);
			if (rc == SNAP_OK) {
				assert_int_equal(store_copies(s, CLASS_DATA,
						     blocks[0], &copy, 1),
				    1);
				assert_true(copy.condemned);
			}
			store_close(s);
		} else {
			struck = oom_disarm();
		}
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
	}
}

static void
a_backup_fails_and_leaves_nothing_broken(void **state)
{
	struct world *w = *state, copy;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	size_t n_seen;
	enum snap_code rc;
	bool struck = true;

	ok(world_init(w, &err), &err);
	for (uint64_t n = 1; struck; n = after(n)) {
		copy = *w;
		ok(mem_store_clone(w->mem, &copy.mem, &err), &err);
		ok(transport_open_mem(copy.mem, &copy.t, &err), &err);
		ok(repo_open(copy.t, &w->by_code, &r, &err), &err);
		oom_arm(n);
		rc = world_back_up(&copy, r, &err);
		struck = oom_disarm();
		repo_close(r);
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
		/* A confirmation may stand whose backup failed after it; what
		 * stands must be whole. */
		ok(repo_open(copy.t, &w->by_code, &r, &err), &err);
		ok(world_read_all(&copy, r, &n_seen, &err), &err);
		assert_in_range(n_seen, rc == SNAP_OK, 1);
		repo_close(r);
		world_next_run(&copy, n_seen);
		transport_close(copy.t);
		mem_store_free(copy.mem);
	}
}

/* What is done with a repository that is open. */
typedef enum snap_code deed(
    struct world *w, struct repo *r, struct snap_err *err);

static enum snap_code
read_one(struct world *w, struct repo *r, struct snap_err *err)
{
	size_t n_seen;
	enum snap_code rc = world_read_all(w, r, &n_seen, err);

	if (rc == SNAP_OK)
		assert_int_equal(n_seen, 1);
	return rc;
}

static void
does_it_cleanly(struct world *w, deed *fn)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	world_filled(w);
	for (uint64_t n = 1; struck; n = after(n)) {
		ok(repo_open(w->t, &w->by_code, &r, &err), &err);
		oom_arm(n);
		rc = fn(w, r, &err);
		struck = oom_disarm();
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
		repo_close(r);
	}
}

static void
a_restore_fails_or_delivers_everything(void **state)
{
	does_it_cleanly(*state, read_one);
}

static void
remove_tree(const char *path)
{
	char below[512];
	struct dirent *e;
	DIR *d = opendir(path);

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		if (unlink(below) != 0)
			remove_tree(below);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(path);
}

/* Filled and read while memory fails, it is never more than slow. */
static void
a_cache_on_disk_fails_cleanly_too(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	char dir[] = "/tmp/snap-oom-XXXXXX";
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	world_filled(w);
	assert_non_null(mkdtemp(dir));
	w->by_code.cache_dir = dir;
	for (uint64_t n = 1; struck; n = after(n)) {
		oom_arm(n);
		rc = repo_open(w->t, &w->by_code, &r, &err);
		if (rc == SNAP_OK) {
			rc = read_one(w, r, &err);
			repo_close(r);
		}
		struck = oom_disarm();
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
		if (n % 3 == 0)
			remove_tree(dir);
	}
	remove_tree(dir);
}

static enum snap_code
care(struct world *w, struct repo *r, struct snap_err *err)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct repo_check_result res;
	struct repo_stats stats;
	uint64_t n;
	enum snap_code rc = repo_check(r, &o, &res, err);

	(void)w;
	if (rc == SNAP_OK)
		rc = repo_repair_index(r, &n, err);
	if (rc == SNAP_OK)
		rc = repo_stats(r, &stats, err);
	return rc;
}

/* Damage is never invented: out of memory is not "this pack is bad". */
static void
check_repair_and_stats_fail_cleanly(void **state)
{
	does_it_cleanly(*state, care);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codecs_fail_cleanly),
		TEST(init_fails_cleanly_and_can_be_told_from_a_whole_one),
		TEST(opening_fails_cleanly),
		TEST(what_an_open_repository_knows_is_all_or_it_is_not_open),
		TEST(a_backup_fails_and_leaves_nothing_broken),
		TEST(a_restore_fails_or_delivers_everything),
		TEST(a_cache_on_disk_fails_cleanly_too),
		TEST(check_repair_and_stats_fail_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
