/* SPDX-License-Identifier: PostgreSQL */
/*
 * child.c - PostgreSQL's own programs as children: no shell, no secret among
 * the arguments, output in a file without a name, messages kept for the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "pgsession.h"

extern char **environ;

#define POLL_NS 5000000L
#define MESSAGES_ROOM 8192
#define FIRST_FD 3 /* of CHILD_LIST; CHILD_ARCHIVE is the next */

/* For a definition of all objects, seldom more than some megabytes. */
static enum snap_code
no_room(const char *what, const char *dir, struct snap_err *err)
{
	(void)snap_fail_errno(
	    err, SNAP_IO, "%s a temporary file in %s", what, dir);
	return snap_hint(err, "Set TMPDIR to a directory with room.");
}

enum snap_code
child_tmpfile(const struct pgclient *s, int *fd, struct snap_err *err)
{
	const char *dir = s->o.tmpdir != NULL ? s->o.tmpdir : P_tmpdir;
	enum snap_code rc = SNAP_OK;
	int low = fd_unnamed(dir);

	/* Never a number that a child shall find another file at. */
	*fd =
	    low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD + CHILD_FILES);
	if (*fd < 0)
		rc = no_room("make", dir, err);
	if (low >= 0)
		close(low);
	return rc;
}

enum snap_code
child_write(
    const struct pgclient *s, int fd, struct span data, struct snap_err *err)
{
	const char *dir = s->o.tmpdir != NULL ? s->o.tmpdir : P_tmpdir;

	if (fd_write_all(fd, data.p, data.len) != 0 ||
	    lseek(fd, 0, SEEK_SET) != 0)
		return no_room("write", dir, err);
	return SNAP_OK;
}

static bool
is_var(const char *entry, const char *key)
{
	size_t n = strlen(key);

	return strncmp(entry, key, n) == 0 && entry[n] == '=';
}

/*
 * Variables that are not to be handed on: libpq makes settings of some, which
 * beat what conn_string() says; a language would hide "warning:"; those of the
 * store, with its keys among them, are no business of PostgreSQL's; and the
 * others come from us.
 */
static bool
is_ours(const char *entry, const char *password, bool service)
{
	static const char *const settings[] = { "PGDATESTYLE", "PGTZ", "PGGEQO",
		"PGCLIENTENCODING", "LC_ALL", "LC_MESSAGES", "LANGUAGE",
		"LANG" };
	static const char *const of_stores[] = { "SNAP_", "AWS_", "B2_" };
	size_t i;

	for (i = 0; i < sizeof of_stores / sizeof of_stores[0]; i++)
		if (strncmp(entry, of_stores[i], strlen(of_stores[i])) == 0)
			return true;
	for (i = 0; i < sizeof settings / sizeof settings[0]; i++)
		if (is_var(entry, settings[i]))
			return true;
	return (password != NULL && is_var(entry, "PGPASSWORD")) ||
	       (service && is_var(entry, "PGSERVICEFILE"));
}

/* Our environment, handed on, with what is ours in place of its own. */
static char **
child_env(const char *password, bool service, char **held)
{
	static const char key[] = "PGPASSWORD=";
	static char file[] = "PGSERVICEFILE=/dev/stdin";
	static char locale[] = "LC_ALL=C";
	size_t n = 0, m = 0, len;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = calloc(n + 4, sizeof *env);
	if (env == NULL)
		return NULL;
	for (n = 0; environ[n] != NULL; n++)
		if (!is_ours(environ[n], password, service))
			env[m++] = environ[n];
	env[m++] = locale;
	if (service)
		env[m++] = file;
	if (password == NULL)
		return env;
	len = sizeof key + strlen(password);
	*held = malloc(len);
	if (*held == NULL) {
		free(env);
		return NULL;
	}
	(void)snprintf(*held, len, "%s%s", key, password);
	env[m] = *held;
	return env;
}

/*
 * Secrets for which libpq has no variable: a service file without a name, so
 * that nothing is left behind whatever happens.  *fd stays -1 without any.
 */
static enum snap_code
service_file(struct pgclient *s, int *fd, struct snap_err *err)
{
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, QUERY_MAX);
	rc = conn_service(s, &text, err);
	if (rc != SNAP_OK || text.len == 0)
		goto out;
	rc = child_tmpfile(s, fd, err);
	if (rc == SNAP_OK)
		rc = child_write(s, *fd, bytes_span(&text), err);
out:
	bytes_fini_wipe(&text);
	return rc;
}

static enum snap_code
child_wait(struct pgclient *s, pid_t pid, int *status, struct snap_err *err)
{
	struct timespec pause = { 0, POLL_NS };
	enum snap_code rc = SNAP_OK;
	pid_t got;

	for (;;) {
		got = waitpid(pid, status, rc == SNAP_OK ? WNOHANG : 0);
		if (got == pid)
			return rc;
		if (got < 0 && errno != EINTR)
			return snap_fail_errno(err, SNAP_IO, "wait for child");
		if (rc == SNAP_OK && conn_check(s, err) != SNAP_OK) {
			rc = err->code;
			(void)kill(pid, SIGTERM);
		}
		if (rc == SNAP_OK)
			nanosleep(&pause, NULL);
	}
}

static void
child_line(
    struct pgclient *s, const char *line, bool failed, struct snap_err *told)
{
	const char *hint;

	if (strstr(line, "error:") != NULL || told->detail[0] == '\0')
		snap_detail(told, "%s", line);
	hint = strstr(line, "HINT: "); /* the server's */
	if (hint == NULL)
		hint = strstr(line, "hint: ");
	if (hint != NULL)
		snap_hint(told, "%s", hint + 6 + strspn(hint + 6, " "));
	if (failed || strstr(line, "warning:") == NULL)
		report_log(s->o.report, REPORT_DEBUG, "%s", line);
	else if (s->warn != NULL)
		s->warn(s->arg, line);
	else
		report_log(s->o.report, REPORT_WARNING, "%s", line);
}

/*
 * Its messages: each to the log, the warnings counted, the last error as
 * detail and what the server or the program advises as hint.  The lines that
 * are empty strings are what is left of the room made for them.
 */
static void
child_messages(struct pgclient *s, const struct child *c, int fd, bool failed,
    struct snap_err *told)
{
	int again = dup(fd);
	FILE *f = again < 0 ? NULL : fdopen(again, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (f == NULL) {
		if (again >= 0)
			close(again);
		return;
	}
	rewind(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (line[0] == '\0')
			continue;
		if (c->line != NULL)
			c->line(c->line_arg, line);
		else
			child_line(s, line, failed, told);
	}
	free(line);
	(void)fclose(f);
}

static int
child_spawn(const struct child *c, int in, int errfd, char **env, pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	int i, e = posix_spawn_file_actions_init(&fa);

	if (e != 0)
		return e;
	if (in >= 0)
		e = posix_spawn_file_actions_adddup2(&fa, in, 0);
	else
		e = posix_spawn_file_actions_addopen(
		    &fa, 0, "/dev/null", O_RDONLY, 0);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&fa, c->out, 1);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&fa, errfd, 2);
	for (i = 0; i < CHILD_FILES; i++)
		if (e == 0 && c->file[i] >= 0)
			e = posix_spawn_file_actions_adddup2(
			    &fa, c->file[i], FIRST_FD + i);
	if (e == 0)
		e = posix_spawnp(pid, c->argv[0], &fa, NULL, c->argv, env);
	posix_spawn_file_actions_destroy(&fa);
	return e;
}

enum snap_code
child_run(struct pgclient *s, const struct child *c, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct snap_err told = SNAP_ERR_INIT;
	char **env = NULL, *held = NULL;
	static const uint8_t room[MESSAGES_ROOM];
	int errfd = -1, service = -1, status = 0;
	pid_t pid;

	if ((rc = child_tmpfile(s, &errfd, err)) != SNAP_OK)
		return rc;
	/* Room for its last words: that the directory is full, say.  Several
	 * processes must not write over one another's. */
	if (c->line == NULL)
		rc = child_write(s, errfd, span_of(room, sizeof room), err);
	else if (fcntl(errfd, F_SETFL, O_APPEND) != 0)
		rc = snap_fail_errno(err, SNAP_IO, "append to a file");
	if (rc != SNAP_OK)
		goto out;
	if (c->connects && (rc = service_file(s, &service, err)) != SNAP_OK)
		goto out;
	env = child_env(
	    c->connects ? PQpass(s->conn) : NULL, service >= 0, &held);
	if (env == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto out;
	}
	errno =
	    child_spawn(c, service >= 0 ? service : c->in, errfd, env, &pid);
	if (errno != 0) {
		rc = snap_fail_errno(err, SNAP_SOURCE, "run %s", c->argv[0]);
		goto out;
	}
	rc = child_wait(s, pid, &status, err);
	child_messages(s, c, errfd, status != 0, &told);
	if (rc != SNAP_OK || status == 0)
		goto out;
	if (WIFSIGNALED(status))
		rc = snap_fail(err, SNAP_SOURCE, "%s was killed by signal %d",
		    c->argv[0], WTERMSIG(status));
	else
		rc = snap_fail(err, SNAP_SOURCE, "%s failed with status %d",
		    c->argv[0], WEXITSTATUS(status));
	snap_detail(err, "%s", told.detail);
	snap_hint(err, "%s", told.hint);
out:
	if (held != NULL)
		explicit_bzero(held, strlen(held));
	free(held);
	free(env);
	close(errfd);
	if (service >= 0)
		close(service);
	return rc;
}

enum snap_code
child_output(struct pgclient *s, char **argv, int in, int list, bool connects,
    struct bytes *out, struct snap_err *err)
{
	struct child c = { .argv = argv,
		.in = in,
		.file = { list, -1 },
		.connects = connects };
	enum snap_code rc;
	uint8_t *room;
	off_t len;

	if ((rc = child_tmpfile(s, &c.out, err)) != SNAP_OK)
		return rc;
	if (in >= 0 && lseek(in, 0, SEEK_SET) != 0) {
		rc = snap_fail_errno(err, SNAP_IO, "rewind");
		goto out;
	}
	rc = child_run(s, &c, err);
	if (rc != SNAP_OK)
		goto out;
	len = lseek(c.out, 0, SEEK_END);
	if (len <= 0)
		goto out;
	room = bytes_room(out, (size_t)len);
	if (room == NULL) {
		rc = bytes_check(out, err);
		goto out;
	}
	if (fd_pread_exact(c.out, room, (size_t)len, 0) != 0)
		rc = snap_fail_errno(
		    err, SNAP_IO, "read what %s wrote", argv[0]);
out:
	close(c.out);
	return rc;
}
