/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_local.c - the directory store keeps the contract, full or read-only
 * or killed.
 *
 * The store is a new directory in the working one, which ctest sets to the
 * build directory: a real file system, where a RAM disk may lack features.
 */
#define _XOPEN_SOURCE 700 /* nftw() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "transport_contract.h"
#include "transport_impl.h"

#define NOBODY 65534 /* a user without rights, when the tests run as root */
#define N_KILLS 15

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static struct transport *
again(void *state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	assert_int_equal(transport_open(state, NULL, &t, &err), SNAP_OK);
	return t;
}

static struct transport *
open_new(void **state)
{
	char *dir = strdup("test-local-XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return again(dir);
}

static struct transport *
again_no_links(void *state)
{
	struct transport *t = again(state);

	transport_local_no_links(t);
	return t;
}

static struct transport *
open_no_links(void **state)
{
	struct transport *t = open_new(state);

	transport_local_no_links(t);
	return t;
}

static void
destroy(void *state)
{
	(void)nftw(state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(state);
}

static size_t n_files;

static int
count_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)path;
	(void)sb;
	(void)ftw;
	n_files += type == FTW_F || type == FTW_SL;
	return 0;
}

/* Files of any name below `dir`. */
static size_t
files_below(const char *dir)
{
	n_files = 0;
	assert_int_equal(nftw(dir, count_one, 16, FTW_PHYS), 0);
	return n_files;
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static enum snap_code
count_cb(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)name;
	(void)st;
	(void)err;
	++*(size_t *)arg;
	return SNAP_OK;
}

static size_t
listed(struct transport *t)
{
	struct snap_err err = SNAP_ERR_INIT;
	size_t n = 0;

	assert_int_equal(transport_list(t, "", count_cb, &n, &err), SNAP_OK);
	return n;
}

static void
put_leaves_one_private_file(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	char path[256];
	struct stat sb;
	void *dir;

	(void)state;
	t = open_new(&dir);
	assert_int_equal(
	    transport_put(t, "data/ab/x", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "data/ab/x", span_str("y"), NULL, &err),
	    SNAP_EXISTS);
	assert_int_equal(files_below(dir), 1);
	(void)snprintf(path, sizeof path, "%s/data/ab/x", (char *)dir);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	assert_int_equal(sb.st_nlink, 1);
	(void)snprintf(path, sizeof path, "%s/data/ab", (char *)dir);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0700);
	transport_close(t);
	destroy(dir);
}

static void
put_that_cannot_write_leaves_no_file(void **state)
{
	struct rlimit full = { 100, RLIM_INFINITY }, old;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	uint8_t data[200] = { 0 };
	void *dir;

	(void)state;
	t = open_new(&dir);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_int_equal(
	    transport_put(t, "a", span_of(data, sizeof data), NULL, &err),
	    SNAP_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(err.msg, "put a: write: "));
	assert_string_not_equal(err.detail, "");
	assert_int_equal(files_below(dir), 0);
	assert_int_equal(transport_stat(t, "a", &st, &err), SNAP_NOTFOUND);
	transport_close(t);
	destroy(dir);
}

static void
a_read_only_directory_denies_a_put_and_still_reads(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	bool root = geteuid() == 0;
	struct transport *t;
	enum snap_code rc[3];
	struct bytes b;
	size_t n;
	void *dir;

	(void)state;
	t = open_new(&dir);
	assert_int_equal(
	    transport_put(t, "old", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(chmod(dir, root ? 0555 : 0500), 0);
	bytes_init(&b, 10);
	if (root)
		assert_int_equal(seteuid(NOBODY), 0);
	rc[0] = transport_put(t, "new", span_str("x"), NULL, &err);
	rc[1] = transport_put(t, "d/new", span_str("x"), NULL, &err);
	rc[2] = transport_delete(t, "old", &err);
	n = listed(t);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc[0], SNAP_DENIED);
	assert_int_equal(rc[1], SNAP_DENIED);
	assert_int_equal(rc[2], SNAP_DENIED);
	assert_int_equal(n, 1);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(files_below(dir), 1);
	bytes_fini(&b);
	transport_close(t);
	destroy(dir);
}

static void
what_is_not_ours_is_not_listed(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	char path[256];
	struct bytes b;
	void *dir;

	(void)state;
	t = open_new(&dir);
	bytes_init(&b, 100);
	assert_int_equal(
	    transport_put(t, "a/x", span_str("x"), NULL, &err), SNAP_OK);
	write_file(dir, ".tmp-0123456789abcdef", "half");
	write_file(dir, "a/.tmp-0123456789abcdef", "half");
	write_file(dir, "README", "odd");
	write_file(dir, "odd name", "odd");
	(void)snprintf(path, sizeof path, "%s/link", (char *)dir);
	assert_int_equal(symlink("a/x", path), 0);
	(void)snprintf(path, sizeof path, "%s/dirlink", (char *)dir);
	assert_int_equal(symlink("a", path), 0);
	(void)snprintf(path, sizeof path, "%s/pipe", (char *)dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(path, sizeof path, "%s/lost+found", (char *)dir);
	assert_int_equal(mkdir(path, 0), 0);
	assert_int_equal(listed(t), 1);
	assert_int_equal(
	    transport_get(t, "link", 0, SIZE_MAX, &b, &err), SNAP_NOTFOUND);
	assert_int_equal(
	    transport_get(t, "pipe", 0, SIZE_MAX, &b, &err), SNAP_NOTFOUND);
	assert_int_equal(
	    transport_stat(t, "dirlink/x", &st, &err), SNAP_NOTFOUND);
	assert_int_equal(
	    transport_put(t, "link", span_str("x"), NULL, &err), SNAP_EXISTS);
	assert_int_not_equal(
	    transport_put(t, "dirlink/y", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(transport_delete(t, "link", &err), SNAP_NOTFOUND);
	assert_int_equal(chmod(path, 0700), 0);
	bytes_fini(&b);
	transport_close(t);
	destroy(dir);
}

static void
what_killed_puts_left_is_swept_when_it_is_old(void **state)
{
	struct transport_swept swept = { 0, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	int64_t now;
	void *dir;

	(void)state;
	t = open_new(&dir);
	assert_int_equal(
	    transport_put(t, "a/b/x", span_str("x"), NULL, &err), SNAP_OK);
	write_file(dir, ".tmp-0123456789abcdef", "half");
	write_file(dir, "a/b/.tmp-00000000000000ff", "half");
	/* Not ours: too short, other digits, a directory. */
	write_file(dir, "a/.tmp-0123456789abcde", "odd");
	write_file(dir, "a/.tmp-0123456789ABCDEF", "odd");
	write_file(dir, "a/tmp-0123456789abcdef", "odd");
	assert_int_equal(
	    transport_put(t, "c/x", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_int_equal(transport_sweep(t, now - INT64_C(3600000000000), false,
			     &swept, &err),
	    SNAP_OK);
	assert_int_equal(swept.n, 0);
	assert_int_equal(
	    transport_sweep(t, now + 1, true, &swept, &err), SNAP_OK);
	assert_int_equal(swept.n, 2);
	assert_int_equal(files_below(dir), 7);
	/* Also through what is wrapped around it. */
	assert_int_equal(transport_open_fault(t, &t, &err), SNAP_OK);
	assert_int_equal(
	    transport_sweep(t, now + 1, false, &swept, &err), SNAP_OK);
	assert_int_equal(swept.n, 4);
	assert_int_equal(swept.bytes, 16);
	assert_int_equal(files_below(dir), 5);
	transport_close(t);
	destroy(dir);
}

static void
a_missing_directory_is_no_repository(void **state)
{
	struct transport_opts create = { .create = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;
	char path[256];
	void *dir;

	(void)state;
	transport_close(open_new(&dir));
	(void)snprintf(path, sizeof path, "%s/no/such", (char *)dir);
	assert_int_equal(transport_open(path, NULL, &t, &err), SNAP_NOREPO);
	assert_non_null(strstr(err.msg, "no repository at "));
	assert_non_null(strstr(err.msg, "no such directory"));
	assert_null(t);
	assert_int_equal(transport_open(path, &create, &t, &err), SNAP_OK);
	assert_string_equal(transport_url(t), path);
	assert_int_equal(
	    transport_put(t, "x", span_str("x"), NULL, &err), SNAP_OK);
	transport_close(t);
	(void)snprintf(path, sizeof path, "%s/no/such/x", (char *)dir);
	t = NULL;
	assert_int_equal(transport_open(path, NULL, &t, &err), SNAP_NOREPO);
	assert_int_equal(transport_open("", NULL, &t, &err), SNAP_USAGE);
	assert_int_equal(transport_open("://x", NULL, &t, &err), SNAP_USAGE);
	assert_int_equal(
	    transport_open("gopher://u:secret@h/p", NULL, &t, &err),
	    SNAP_USAGE);
	assert_null(strstr(err.msg, "secret"));
	assert_null(t);
	destroy(dir);
}

/* Put until killed, always whole 40 kB of one letter. */
static void
put_for_ever(const char *dir, int round)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;
	static uint8_t data[40000];
	char name[64];
	int i;

	if (transport_open(dir, NULL, &t, &err) != SNAP_OK)
		_exit(1);
	for (i = 0;; i++) {
		memset(data, 'a' + i % 26, sizeof data);
		(void)snprintf(
		    name, sizeof name, "data/%d/%d-%d", i % 7, round, i);
		if (transport_put(t, name, span_of(data, sizeof data), NULL,
			&err) != SNAP_OK)
			_exit(1);
	}
}

static enum snap_code
is_whole(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, 40000);
	rc = transport_get(arg, name, 0, SIZE_MAX, &b, err);
	if (rc == SNAP_OK && (st->size != 40000 || b.len != 40000 ||
				 memcmp(b.p, b.p + 1, 39999) != 0))
		rc = snap_fail(err, SNAP_CORRUPT, "%s is not whole", name);
	bytes_fini(&b);
	return rc;
}

static void
a_killed_writer_leaves_only_whole_objects(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	struct timespec wait = { 0, 0 };
	int round, status;
	void *dir;
	pid_t pid;

	(void)state;
	t = open_new(&dir);
	for (round = 0; round < N_KILLS; round++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			put_for_ever(dir, round);
		/* Any moment will do: this only spreads them. */
		wait.tv_nsec = 3000000L + 1700000L * round;
		(void)nanosleep(&wait, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		if (transport_list(t, "", is_whole, t, &err) != SNAP_OK)
			fail_msg("%s", err.msg);
	}
	/* And the next writer is not in the way of what they left. */
	assert_int_equal(
	    transport_put(t, "data/0/next", span_str("x"), NULL, &err),
	    SNAP_OK);
	transport_close(t);
	destroy(dir);
}

static void
an_object_larger_than_any_is_refused(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	char path[256];
	struct bytes b;
	void *dir;

	(void)state;
	t = open_new(&dir);
	write_file(dir, "huge", "x");
	(void)snprintf(path, sizeof path, "%s/huge", (char *)dir);
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
	bytes_init(&b, SIZE_MAX / 2);
	assert_int_equal(
	    transport_get(t, "huge", 0, SIZE_MAX, &b, &err), SNAP_CORRUPT);
	assert_int_equal(b.cap, 0);
	bytes_fini(&b);
	transport_close(t);
	destroy(dir);
}

int
main(void)
{
	static const struct contract_backend local = { "local", 1100, open_new,
		again, destroy };
	static const struct contract_backend no_links = {
		"local without hard links", 100, open_no_links, again_no_links,
		destroy
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_leaves_one_private_file),
		cmocka_unit_test(put_that_cannot_write_leaves_no_file),
		cmocka_unit_test(
		    a_read_only_directory_denies_a_put_and_still_reads),
		cmocka_unit_test(what_is_not_ours_is_not_listed),
		cmocka_unit_test(what_killed_puts_left_is_swept_when_it_is_old),
		cmocka_unit_test(a_missing_directory_is_no_repository),
		cmocka_unit_test(a_killed_writer_leaves_only_whole_objects),
		cmocka_unit_test(an_object_larger_than_any_is_refused),
	};

	return contract_run(&local) + contract_run(&no_links) +
	       cmocka_run_group_tests_name("local only", tests, NULL, NULL);
}
