/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_confine.c - what a confined process cannot do any more, and what it
 * goes on doing.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/ptrace.h>
#include <sys/syscall.h>
#endif

#include <cmocka.h>

#include "confine.h"

#ifdef __linux__

enum answer { ALL_AS_IT_SHOULD = 7 };

static pthread_barrier_t step;
static long seen_by_thread;

/* It was there before. */
static void *
look(void *arg)
{
	(void)arg;
	(void)pthread_barrier_wait(&step);
	(void)pthread_barrier_wait(&step);
	seen_by_thread = syscall(SYS_unshare, 0) == 0 ? 0 : errno;
	return NULL;
}

static void *
nothing(void *arg)
{
	return arg;
}

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x)) {                                                    \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x);        \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static void
run(const char *program)
{
	char *argv[] = { strdup(program), NULL }, *env[] = { NULL };

	(void)execve(program, argv, env);
}

/* In a process of its own, since it is for good. */
static void
confined(bool alone)
{
	pthread_t before, after;
	int fd;

	MUST(pthread_barrier_init(&step, NULL, 2) == 0);
	MUST(pthread_create(&before, NULL, look, NULL) == 0);
	(void)pthread_barrier_wait(&step);
	confine(alone);
	(void)pthread_barrier_wait(&step);
	MUST(pthread_join(before, NULL) == 0);
	MUST(seen_by_thread == EPERM);
	MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 && errno == EPERM);
	MUST(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) ==
		 -1 &&
	     errno == EPERM);
	MUST(syscall(SYS_keyctl, 0, -1, 0) != -1 || alone || errno != EPERM);
	/* What is needed goes on. */
	MUST((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0);
	MUST(write(fd, "x", 1) == 1 && close(fd) == 0);
	MUST(pthread_create(&after, NULL, nothing, NULL) == 0);
	MUST(pthread_join(after, NULL) == 0);
	/* Now it is another program, which says so; or not. */
	if (!alone)
		run("/bin/true");
	else
		MUST(access("/bin/true", X_OK) == 0);
	run("/bin/true");
	MUST(errno == EPERM);
	_exit(ALL_AS_IT_SHOULD);
}

static int
status_of(bool alone)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0)
		confined(alone);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool
kernel_can(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	bool can = false;
	char line[200];

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		can |= strncmp(line, "Seccomp:", 8) == 0;
	if (f != NULL)
		(void)fclose(f);
	return can;
}

static void
a_confined_process_starts_what_it_has_to_and_touches_no_other(void **state)
{
	(void)state;
	if (!kernel_can())
		skip();
	assert_int_equal(status_of(false), 0);
}

static void
one_that_is_alone_starts_nothing(void **state)
{
	(void)state;
	if (!kernel_can())
		skip();
	assert_int_equal(status_of(true), ALL_AS_IT_SHOULD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_confined_process_starts_what_it_has_to_and_touches_no_other),
		cmocka_unit_test(one_that_is_alone_starts_nothing),
	};

#if !defined(__x86_64__) && !defined(__aarch64__)
	return 0;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int
main(void)
{
	return 0;
}

#endif
