/* SPDX-License-Identifier: PostgreSQL */
/*
 * main.c - set the process up, run one command, map its code to a status.
 *
 * This is the only place that knows exit statuses (docs/exit-codes.md) and
 * signals.  The first signal asks for a clean end, the second one is obeyed
 * at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <time.h>
#include <unistd.h>

#include "alone.h"
#include "cmd.h"
#include "config.h"
#include "profiles.h"
#include "secrets.h"
#include "tell.h"
#include "ui.h"

#define LARGE_PIECE (512 << 10) /* bytes: the system's own pages hold it */

enum status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1,
	STATUS_USAGE = 2,
	STATUS_WARNINGS = 3,
	STATUS_NO_REPOSITORY = 10,
	STATUS_BUSY = 11,
	STATUS_WRONG_KEY = 12,
	STATUS_CORRUPT = 13,
	STATUS_PARTIAL = 14,
	STATUS_RUNS_ALREADY = 15
};

/* The number of the signal that asked us to stop. */
static atomic_int stop_signal;

/* When it came, in tenths of a second. */
static atomic_long stop_time;

/*
 * timeout(1) and Ctrl-C in a pipeline send the same wish twice at once: only
 * who asks again after a while is impatient.
 */
static void
on_signal(int sig)
{
	struct timespec ts = { 0, 0 };
	long now;
	int none = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (long)ts.tv_sec * 10 + ts.tv_nsec / 100000000;
	if (atomic_compare_exchange_strong(&stop_signal, &none, sig)) {
		atomic_store(&stop_time, now);
	} else if (now - atomic_load(&stop_time) >= 10) {
		ui_progress_wipe();
		(void)signal(sig, SIG_DFL);
		(void)raise(sig);
	}
}

/* A descriptor that our caller closed would be given to the next file that is
 * opened, and messages written into it.  What fills the place takes neither
 * reads nor writes of data. */
static void
fill_standard_fds(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null",
			    fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
}

/* Left alone, glibc raises this to the largest piece that was ever freed and
 * takes all smaller ones from heaps of each thread, whose holes come to 30 MiB
 * in a backup with four lanes.  Where there is no such call it costs that. */
static void
set_up_memory(void)
{
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_PIECE);
#endif
}

static void
set_up_process(void)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	struct rlimit none = { 0, 0 };
	struct sigaction sa, old;
	size_t i;

	fill_standard_fds();
	/* A core would hold keys and rows in clear.  (Sanitizers look at
	 * their own process and need what the second call takes away.) */
	(void)setrlimit(RLIMIT_CORE, &none);
#if defined(PR_SET_DUMPABLE) && !defined(SNAP_SANITIZED)
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_signal;
	/* Loops poll the flag; library calls need not see EINTR. */
	sa.sa_flags = SA_RESTART;
	(void)sigemptyset(&sa.sa_mask);
	for (i = 0; i < sizeof stops / sizeof stops[0]; i++) {
		/* What nohup or a shell's & ignores stays ignored. */
		if (sigaction(stops[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		(void)sigaction(stops[i], &sa, NULL);
	}
	/* These become errors of the write, which are told and cleaned up. */
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
	(void)sigaction(SIGXFSZ, &sa, NULL);
}

static int
status_of(const struct cli *c, enum snap_code rc)
{
	int sig = atomic_load(&stop_signal);

	switch (rc) {
	case SNAP_OK:
		if (c->has_status)
			return c->status;
		if (c->partial)
			return STATUS_PARTIAL;
		return c->n_warnings > 0 ? STATUS_WARNINGS : STATUS_OK;
	case SNAP_CANCELLED:
		return sig != 0 ? 128 + sig : STATUS_FAILURE;
	case SNAP_USAGE:
		return STATUS_USAGE;
	case SNAP_NOREPO:
		return STATUS_NO_REPOSITORY;
	case SNAP_BUSY:
		return c->runs_already ? STATUS_RUNS_ALREADY : STATUS_BUSY;
	case SNAP_CORRUPT:
		return STATUS_CORRUPT;
	case SNAP_WRONG_KEY:
		return STATUS_WRONG_KEY;
	case SNAP_SOURCE:
		return c->before_work ? STATUS_USAGE : STATUS_FAILURE;
	default:
		return STATUS_FAILURE;
	}
}

/* With what the configuration says of one profile. */
static enum snap_code
run_profile(struct cli *c, const struct cmd *cmd, struct snap_err *err)
{
	const char *format = c->o.log_format;
	enum snap_code rc;

	if (format == NULL && cmd->bit != CMD_HELP && cmd->bit != CMD_VERSION)
		format = variable_of(WHO_REPO, "log-format", "");
	if (format != NULL && (rc = ui_set_format(format, err)) != SNAP_OK)
		return rc;
	rc = config_apply(&c->o, cmd->bit, err);
	if (rc == SNAP_OK && (cmd->bit & CMD_JOBS) != 0 && !c->o.dry_run)
		rc = tell_begin(c, cmd, err);
	return rc == SNAP_OK ? cmd->run(c, err) : rc;
}

static enum snap_code
run(struct cli *c, int argc, char **argv, struct snap_err *err)
{
	const struct cmd *cmd;
	bool is_over = false;
	enum snap_code rc;
	int used;

	rc = opts_parse_front(&c->o, argc, argv, &used, err);
	if (rc != SNAP_OK)
		return rc;
	argc -= used;
	argv += used;
	if (c->o.version)
		return cmd_version(c, err);
	if (argc == 0) {
		if (c->o.help)
			return cmd_help(c, err);
		(void)snap_fail(err, SNAP_USAGE, "no command was given");
		return snap_hint(err, "Try \"%s help\".", SNAP_PROGRAM_NAME);
	}
	if ((rc = cmd_named(argv[0], &cmd, err)) != SNAP_OK)
		return rc;
	/* Once more, now that it is known which options belong here. */
	memset(&c->o, 0, sizeof c->o);
	c->bit = cmd->bit;
	rc = opts_parse(&c->o, cmd->bit, cmd->name, used, argv - used, err);
	if (rc == SNAP_OK)
		rc = opts_parse(
		    &c->o, cmd->bit, cmd->name, argc - 1, argv + 1, err);
	if (rc != SNAP_OK)
		return rc;
	ui_set(c->o.quiet, c->o.verbose);
	if (c->o.version)
		return cmd_version(c, err);
	if (c->o.help) {
		c->o.args = argv;
		c->o.n_args = 1; /* explain the command itself */
		return cmd_help(c, err);
	}
	if (c->o.n_args < cmd->min_args || c->o.n_args > cmd->max_args ||
	    (c->o.has_command && cmd->bit != CMD_BACKUP)) {
		(void)snap_fail(err, SNAP_USAGE, "usage: %s %s [OPTION]...%s%s",
		    SNAP_PROGRAM_NAME, cmd->name,
		    cmd->args[0] != '\0' ? " " : "", cmd->args);
		return snap_hint(err,
		    "Try \"%s help %s\" for more information.",
		    SNAP_PROGRAM_NAME, cmd->name);
	}
	if (cmd->bit != CMD_HELP && cmd->bit != CMD_VERSION)
		rc = config_load(&c->o, err);
	if (rc == SNAP_OK) {
		rc = alone_begin(&c->o, err);
		c->runs_already = rc == SNAP_BUSY;
	}
	if (rc == SNAP_OK && c->o.all_profiles && (cmd->bit & CMD_JOBS) != 0)
		rc = profiles_each(c, cmd, &is_over, err);
	return rc != SNAP_OK || is_over ? rc : run_profile(c, cmd, err);
}

int
main(int argc, char **argv)
{
	static struct cli cli; /* zeroed; too large for some stacks */
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;
	int status;

	set_up_memory();
	set_up_process();
	ui_init();
	secrets_take_environment();
	cli.report.log = ui_log;
	cli.report.cancel = &stop_signal;
#ifndef SNAP_SANITIZED
	cli.confine = true;
#endif
	rc = run(&cli, argc > 0 ? argc - 1 : 0, argv + 1, &err);
	secrets_forget();
	/* Ctrl-C reaches our children as well: they failed because of it. */
	if (rc == SNAP_SOURCE && atomic_load(&stop_signal) != 0)
		rc = snap_fail(&err, SNAP_CANCELLED, "cancelled");
	/* `| head` has read enough: that is no news to anybody, unless there
	 * is more to say about it. */
	if (rc != SNAP_OK &&
	    !(rc == SNAP_IO && ui_out_gone() && err.detail[0] == '\0'))
		ui_error(&err);
	status = tell_end(&cli, status_of(&cli, rc), &err);
	config_forget();
	return status;
}
