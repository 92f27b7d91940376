/* SPDX-License-Identifier: PostgreSQL */
/* test_fdio.c - whole reads and writes, and files replaced whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdio.h"

static char dir[64];

static const char *
at(const char *name)
{
	static char path[2][512];
	static unsigned turn;

	turn ^= 1;
	(void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
	return path[turn];
}

static int
make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "snap-test-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

/* Also counts what it removes, so that tests see what is left. */
static int
empty_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			n += remove(at(e->d_name)) == 0;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static int
remove_dir(void **state)
{
	(void)state;
	(void)empty_dir();
	return rmdir(dir);
}

static void
assert_content(const char *path, const char *want)
{
	struct snap_err err;
	struct bytes b;

	bytes_init(&b, 1 << 20);
	assert_int_equal(fd_slurp(path, 1 << 20, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str(want)));
	bytes_fini(&b);
}

static void *
write_slowly(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 1000; i++)
		if (fd_write_all(fd, "0123456789", 10) != 0)
			break;
	close(fd);
	return NULL;
}

static void
a_full_read_of_a_pipe_waits_for_all_bytes(void **state)
{
	char got[10000];
	pthread_t t;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&t, NULL, write_slowly, &fds[1]), 0);
	assert_int_equal(fd_read_exact(fds[0], got, 9995), 0);
	assert_int_equal(got[9994], '4');
	assert_int_equal(fd_read_full(fds[0], got, 10), 5);
	assert_int_equal(fd_read_full(fds[0], got, 10), 0);
	assert_int_equal(fd_read_exact(fds[0], got, 1), -1);
	assert_int_equal(errno, EIO);
	pthread_join(t, NULL);
	close(fds[0]);
}

static void
a_read_at_an_offset_is_exact_or_fails(void **state)
{
	struct snap_err err;
	char got[4];
	int fd;

	(void)state;
	assert_int_equal(
	    fd_replace(at("f"), span_str("abcdef"), &err), SNAP_OK);
	fd = open(at("f"), O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fd_pread_exact(fd, got, 4, 2), 0);
	assert_memory_equal(got, "cdef", 4);
	assert_int_equal(fd_pread_exact(fd, got, 4, 3), -1);
	assert_int_equal(errno, EIO);
	close(fd);
}

static void
slurp_appends_a_file_up_to_its_bound(void **state)
{
	struct snap_err err;
	struct bytes b;

	(void)state;
	assert_int_equal(fd_replace(at("f"), span_str("12345"), &err), SNAP_OK);
	bytes_init(&b, 100);
	bytes_put_str(&b, "old");
	assert_int_equal(fd_slurp(at("f"), 5, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str("old12345")));
	assert_int_equal(fd_slurp(at("f"), 4, &b, &err), SNAP_NOMEM);
	assert_non_null(strstr(err.msg, "larger than 4 bytes"));
	assert_int_equal(fd_slurp(at("none"), 4, &b, &err), SNAP_NOTFOUND);
	assert_int_equal(fd_slurp(dir, 4, &b, &err), SNAP_IO);
	assert_true(span_eq(bytes_span(&b), span_str("old12345")));
	bytes_fini(&b);
}

static void
slurp_reads_files_of_many_steps(void **state)
{
	size_t len = 300001;
	struct snap_err err;
	struct bytes b, c;

	(void)state;
	bytes_init(&b, 1 << 20);
	bytes_init(&c, 1 << 20);
	for (size_t i = 0; i < len; i++)
		bytes_u8(&b, (uint8_t)(i * 7));
	assert_int_equal(fd_replace(at("f"), bytes_span(&b), &err), SNAP_OK);
	assert_int_equal(fd_slurp(at("f"), 1 << 20, &c, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), bytes_span(&c)));
	bytes_fini(&b);
	bytes_fini(&c);
}

static void
a_replaced_file_is_new_private_and_alone(void **state)
{
	struct snap_err err;
	struct stat st;

	(void)state;
	(void)empty_dir();
	assert_int_equal(fd_replace(at("f"), span_str("one"), &err), SNAP_OK);
	assert_int_equal(fd_replace(at("f"), span_str("two"), &err), SNAP_OK);
	assert_content(at("f"), "two");
	assert_int_equal(stat(at("f"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(empty_dir(), 1);
}

/* A limit on file sizes is a disk with room for 4 bytes. */
static void
a_replacement_that_fails_leaves_the_old_file_alone(void **state)
{
	struct rlimit full, old;
	struct snap_err err;

	(void)state;
	(void)empty_dir();
	assert_int_equal(fd_replace(at("f"), span_str("old"), &err), SNAP_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = old;
	full.rlim_cur = 4;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_int_equal(
	    fd_replace(at("f"), span_str("12345678"), &err), SNAP_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(err.msg, ": File too large"));
	assert_content(at("f"), "old");
	assert_int_equal(empty_dir(), 1);
}

static void
a_replacement_in_a_missing_directory_is_not_found(void **state)
{
	struct snap_err err;

	(void)state;
	assert_int_equal(
	    fd_replace(at("none/f"), span_str("x"), &err), SNAP_NOTFOUND);
}

static void
directories_are_made_with_their_parents_and_kept(void **state)
{
	struct snap_err err;
	struct stat st;

	(void)state;
	assert_int_equal(fd_mkdirs(at("a//b/c/"), &err), SNAP_OK);
	assert_int_equal(fd_mkdirs(at("a/b/c"), &err), SNAP_OK);
	assert_int_equal(stat(at("a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rmdir(at("a/b/c")), 0);
	assert_int_equal(rmdir(at("a/b")), 0);
	assert_int_equal(fd_replace(at("a/f"), span_str("x"), &err), SNAP_OK);
	assert_int_equal(fd_mkdirs(at("a/f/g"), &err), SNAP_IO);
	assert_int_equal(fd_mkdirs(at("a/f"), &err), SNAP_IO);
	assert_non_null(strstr(err.msg, "Not a directory"));
	assert_int_equal(fd_mkdirs("", &err), SNAP_USAGE);
	assert_int_equal(remove(at("a/f")), 0);
	assert_int_equal(fd_mkdirs("/", &err), SNAP_OK);
}

static void
syncing_a_directory_that_is_not_there_fails(void **state)
{
	(void)state;
	assert_int_equal(fd_sync_dir(dir), 0);
	assert_int_equal(fd_sync_dir(at("none")), -1);
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_read_of_a_pipe_waits_for_all_bytes),
		cmocka_unit_test(a_read_at_an_offset_is_exact_or_fails),
		cmocka_unit_test(slurp_appends_a_file_up_to_its_bound),
		cmocka_unit_test(slurp_reads_files_of_many_steps),
		cmocka_unit_test(a_replaced_file_is_new_private_and_alone),
		cmocka_unit_test(
		    a_replacement_that_fails_leaves_the_old_file_alone),
		cmocka_unit_test(
		    a_replacement_in_a_missing_directory_is_not_found),
		cmocka_unit_test(
		    directories_are_made_with_their_parents_and_kept),
		cmocka_unit_test(syncing_a_directory_that_is_not_there_fails),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
