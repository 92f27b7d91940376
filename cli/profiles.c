/* SPDX-License-Identifier: PostgreSQL */
/* profiles.c - see profiles.h. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "profiles.h"
#include "ui.h"

#define NAMES_MAX ((size_t)64 << 10)
#define POLL_NS 20000000L
#define WARNINGS 3 /* docs/exit-codes.md: it finished */

/* Hands on what asks us to stop; the status, -1 with errno. */
static int
wait_for(const struct cli *c, pid_t pid)
{
	const struct timespec pause = { 0, POLL_NS };
	int status, sent = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) != pid) {
		int sig = atomic_load(c->report.cancel);

		if (got < 0 && errno != EINTR)
			return -1;
		if (sig != 0 && sent == 0)
			(void)kill(pid, sent = sig);
		(void)nanosleep(&pause, NULL);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static enum snap_code
check_usage(const struct opts *o, struct snap_err *err)
{
	if (o->profile != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--profile and --all-profiles exclude each other");
	if (o->is_stdin || o->has_command)
		return snap_fail(err, SNAP_USAGE,
		    "standard input or a command is no source for all "
		    "profiles");
	if (config_profile_name(0) == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "the configuration has no profile");
	return SNAP_OK;
}

enum snap_code
profiles_each(
    struct cli *c, const struct cmd *cmd, bool *is_over, struct snap_err *err)
{
	size_t n_failed = 0, i;
	struct bytes failed;
	const char *name;
	enum snap_code rc;

	*is_over = true;
	if ((rc = check_usage(&c->o, err)) != SNAP_OK)
		return rc;
	bytes_init(&failed, NAMES_MAX);
	for (i = 0; (name = config_profile_name(i)) != NULL; i++) {
		int status;
		pid_t pid;

		if ((rc = report_check(&c->report, err)) != SNAP_OK)
			goto out;
		ui_info("profile %s: %s", name, cmd->name);
		if ((pid = fork()) == 0) {
			bytes_fini(&failed);
			config_choose(name);
			*is_over = false;
			return SNAP_OK;
		}
		if (pid < 0 || (status = wait_for(c, pid)) < 0) {
			rc = snap_fail_errno(
			    err, SNAP_IO, "run profile \"%s\"", name);
			goto out;
		}
		c->n_warnings += status == WARNINGS;
		if (status != 0 && status != WARNINGS)
			bytes_printf(
			    &failed, "%s%s", n_failed++ > 0 ? ", " : "", name);
	}
	bytes_u8(&failed, 0);
	if ((rc = report_check(&c->report, err)) == SNAP_OK && n_failed > 0)
		rc = snap_fail(err, SNAP_SOURCE,
		    "%s failed for %zu of %zu profiles: %s", cmd->name,
		    n_failed, i,
		    failed.bad ? "named above" : (const char *)failed.p);
out:
	bytes_fini(&failed);
	return rc;
}
