/* SPDX-License-Identifier: PostgreSQL */
/*
 * child.c - start, wait for and stop a command.
 *
 * posix_spawn() and not fork(): threads may run, and a child must not go on
 * with our signal settings.  The child stays in our process group, so that it
 * can ask for its own password on the terminal and gets its Ctrl-C.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"

#define TERM_WAIT_MS 3000
#define POLL_MS 20

extern char **environ;

/* `in` < 0: our own; `out` < 0: our stderr. */
static int
set_up(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int in, int out)
{
	sigset_t none, dfl;
	int e;

	/* What we ignore ourselves; what our caller wants ignored, as nohup
	 * does, stays so. */
	(void)sigemptyset(&none);
	(void)sigemptyset(&dfl);
	(void)sigaddset(&dfl, SIGPIPE);
	(void)sigaddset(&dfl, SIGXFSZ);
	if ((e = posix_spawnattr_setsigmask(at, &none)) != 0 ||
	    (e = posix_spawnattr_setsigdefault(at, &dfl)) != 0 ||
	    (e = posix_spawnattr_setflags(
		 at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) != 0)
		return e;
	if (in >= 0 &&
	    (e = posix_spawn_file_actions_adddup2(fa, in, STDIN_FILENO)) != 0)
		return e;
	return posix_spawn_file_actions_adddup2(
	    fa, out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO);
}

static enum snap_code
spawn(struct child *c, char *const *argv, int in, int out, struct snap_err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int e;

	c->name = argv[0];
	if ((e = posix_spawn_file_actions_init(&fa)) != 0)
		goto out;
	if ((e = posix_spawnattr_init(&at)) != 0)
		goto no_attr;
	if ((e = set_up(&fa, &at, in, out)) == 0)
		e = posix_spawnp(&c->pid, argv[0], &fa, &at, argv, environ);
	(void)posix_spawnattr_destroy(&at);
no_attr:
	(void)posix_spawn_file_actions_destroy(&fa);
out:
	if (e == 0)
		return SNAP_OK;
	c->pid = 0;
	errno = e;
	return snap_fail_errno(err, SNAP_SOURCE, "run command \"%s\"", argv[0]);
}

static enum snap_code
make_pipe(int fds[2], struct snap_err *err)
{
	if (pipe(fds) != 0)
		return snap_fail_errno(err, SNAP_IO, "make a pipe");
	(void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	return SNAP_OK;
}

enum snap_code
child_start(struct child *c, char *const *argv, struct snap_err *err)
{
	enum snap_code rc;
	int fds[2];

	if ((rc = make_pipe(fds, err)) != SNAP_OK)
		return rc;
	rc = spawn(c, argv, -1, fds[1], err);
	(void)close(fds[1]);
	if (rc == SNAP_OK)
		c->fd = fds[0];
	else
		(void)close(fds[0]);
	return rc;
}

static pid_t
wait_for(pid_t pid, int *status)
{
	pid_t got;

	do {
		got = waitpid(pid, status, 0);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* It may have closed its output long before it ends. */
static enum snap_code
wait_unless(
    struct child *c, int *status, const struct report *r, struct snap_err *err)
{
	struct timespec pause = { 0, 1000000 };
	enum snap_code rc;
	pid_t got;

	for (;;) {
		got = waitpid(c->pid, status, WNOHANG);
		if (got == c->pid) {
			c->pid = 0;
			return SNAP_OK;
		}
		if (got < 0 && errno != EINTR) {
			c->pid = 0;
			return snap_fail_errno(err, SNAP_SOURCE,
			    "wait for command \"%s\"", c->name);
		}
		if ((rc = report_check(r, err)) != SNAP_OK)
			return rc;
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < POLL_MS * 1000000L)
			pause.tv_nsec *= 2;
	}
}

enum snap_code
child_wait(struct child *c, const struct report *r, struct snap_err *err)
{
	enum snap_code rc;
	int status;

	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	if ((rc = wait_unless(c, &status, r, err)) != SNAP_OK)
		return rc;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return SNAP_OK;
	if (WIFSIGNALED(status))
		return snap_fail(err, SNAP_SOURCE,
		    "command \"%s\" was terminated by signal %d", c->name,
		    WTERMSIG(status));
	return snap_fail(err, SNAP_SOURCE,
	    "command \"%s\" failed: exit status %d", c->name,
	    WEXITSTATUS(status));
}

void
child_kill(struct child *c)
{
	struct timespec pause = { 0, POLL_MS * 1000000L };
	int status, ms;
	pid_t got;

	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	if (c->pid <= 0)
		return;
	(void)kill(c->pid, SIGTERM);
	for (ms = 0; ms < TERM_WAIT_MS; ms += POLL_MS) {
		got = waitpid(c->pid, &status, WNOHANG);
		if (got == c->pid || (got < 0 && errno != EINTR))
			goto out;
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(c->pid, SIGKILL);
	(void)wait_for(c->pid, &status);
out:
	c->pid = 0;
}

enum snap_code
child_shell(const char *command, struct span in, const struct report *r,
    struct snap_err *err)
{
	char sh[] = "/bin/sh", dash_c[] = "-c";
	char *copy = strdup(command);
	char *argv[] = { sh, dash_c, copy, NULL };
	struct child c = CHILD_INIT;
	enum snap_code rc;
	int fds[2];

	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	if ((rc = make_pipe(fds, err)) != SNAP_OK)
		goto out;
	/* A pipe takes that much before anybody reads it. */
	if (in.len > CHILD_IN_MAX ||
	    (in.len > 0 && fd_write_all(fds[1], in.p, in.len) != 0))
		rc = snap_fail_errno(err, SNAP_IO, "write to a pipe");
	(void)close(fds[1]);
	if (rc == SNAP_OK)
		rc = spawn(&c, argv, fds[0], -1, err);
	(void)close(fds[0]);
	c.name = command;
	if (rc == SNAP_OK)
		rc = child_wait(&c, r, err);
	child_kill(&c);
out:
	free(copy);
	return rc;
}
