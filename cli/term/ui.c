/* SPDX-License-Identifier: PostgreSQL */
/*
 * ui.c - messages and progress on stderr, data on stdout.
 *
 * One mutex keeps a message and the progress line from being mixed: whoever
 * writes a message wipes the line first, the drawing thread paints it again.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "ui.h"

#define LINE_MAX_BYTES ((size_t)16 << 10)
#define DRAW_MS 250

static struct {
	bool quiet, verbose, colour, tty;
	enum log_format format;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool drawing, painted;
	const char *verb;
	struct report *report;
	struct timespec start;
	int out_errno;
} ui = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

void
ui_init(void)
{
	const char *pg = getenv("PG_COLOR"), *no = getenv("NO_COLOR");

	ui.tty = isatty(STDERR_FILENO) == 1;
	ui.colour = pg != NULL && (strcmp(pg, "always") == 0 ||
				      (strcmp(pg, "auto") == 0 && ui.tty));
	if (no != NULL && *no != '\0')
		ui.colour = false;
	if (log_to_journal())
		ui.format = LOG_JOURNAL;
}

enum snap_code
ui_set_format(const char *name, struct snap_err *err)
{
	static const char *const names[] = { [LOG_TEXT] = "text",
		[LOG_JOURNAL] = "journal",
		[LOG_JSON] = "json" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0) {
			ui.format = (enum log_format)i;
			return SNAP_OK;
		}
	return snap_fail(err, SNAP_USAGE,
	    "--log-format is text, json or journal, not \"%s\"", name);
}

void
ui_set(bool quiet, bool verbose)
{
	ui.quiet = quiet;
	ui.verbose = verbose;
}

static void
put(const struct log_message *m)
{
	struct bytes b;

	bytes_init(&b, LINE_MAX_BYTES);
	if (ui.painted)
		bytes_put_str(&b, "\r\033[K");
	log_put(&b, ui.format, ui.colour, m);
	ui.painted = false;
	/* Nothing is left to tell it to when stderr is gone. */
	if (!b.bad)
		(void)fwrite(b.p, 1, b.len, stderr);
	bytes_fini(&b);
}

void
ui_error(const struct snap_err *err)
{
	(void)pthread_mutex_lock(&ui.lock);
	put(&(struct log_message){
	    LOG_ERROR, err->msg, err->detail, err->hint });
	(void)pthread_mutex_unlock(&ui.lock);
}

static void
put_va(enum log_level level, const char *fmt, va_list ap)
{
	char line[4096];

	(void)vsnprintf(line, sizeof line, fmt, ap);
	(void)pthread_mutex_lock(&ui.lock);
	put(&(struct log_message){ level, line, "", "" });
	(void)pthread_mutex_unlock(&ui.lock);
}

void
ui_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_va(LOG_WARNING, fmt, ap);
	va_end(ap);
}

void
ui_hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_va(LOG_HINT, fmt, ap);
	va_end(ap);
}

void
ui_info(const char *fmt, ...)
{
	va_list ap;

	if (ui.quiet)
		return;
	va_start(ap, fmt);
	put_va(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
ui_log(void *arg, enum report_level level, const char *line)
{
	(void)arg;
	if (level == REPORT_WARNING)
		ui_warning("%s", line);
	else if (level == REPORT_INFO ? !ui.quiet : ui.verbose)
		ui_info("%s", line);
}

static void
paint(void)
{
	uint64_t done = atomic_load(&ui.report->bytes_done);
	uint64_t total = atomic_load(&ui.report->bytes_total);
	uint64_t fresh = atomic_load(&ui.report->bytes_new);
	char a[UI_SIZE_MAX], b[UI_SIZE_MAX];
	struct timespec now;
	double s, rate;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	s = (double)(now.tv_sec - ui.start.tv_sec) +
	    (double)(now.tv_nsec - ui.start.tv_nsec) / 1e9;
	rate = s > 0 ? (double)done / s : 0;
	(void)fprintf(stderr, "\r\033[K%s %s", ui.verb, ui_size(done, a));
	if (total > 0)
		(void)fprintf(stderr, " of %s (%d%%)", ui_size(total, a),
		    done >= total ? 100
				  : (int)((double)done * 100 / (double)total));
	(void)fprintf(stderr, ", %s/s", ui_size((uint64_t)rate, b));
	if (fresh > 0)
		(void)fprintf(stderr, ", %s new", ui_size(fresh, b));
	if (total > done && rate > 0) {
		unsigned long left =
		    (unsigned long)((double)(total - done) / rate);

		(void)fprintf(stderr, ", %lu:%02lu:%02lu left", left / 3600,
		    left / 60 % 60, left % 60);
	}
	(void)fflush(stderr);
	ui.painted = true;
}

static void *
draw(void *arg)
{
	struct timespec until;

	(void)pthread_mutex_lock(&ui.lock);
	while (ui.drawing) {
		paint();
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += DRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		(void)pthread_cond_timedwait(&ui.wake, &ui.lock, &until);
	}
	(void)pthread_mutex_unlock(&ui.lock);
	return arg;
}

void
ui_progress_begin(const char *verb, struct report *r)
{
	sigset_t all, old;

	if (!ui.tty || ui.quiet || ui.drawing || ui.format != LOG_TEXT)
		return;
	ui.verb = verb;
	ui.report = r;
	(void)clock_gettime(CLOCK_MONOTONIC, &ui.start);
	ui.drawing = true;
	/* Signals are for the thread that works. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	if (pthread_create(&ui.thread, NULL, draw, NULL) != 0)
		ui.drawing = false;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
ui_progress_end(void)
{
	if (!ui.drawing)
		return;
	(void)pthread_mutex_lock(&ui.lock);
	ui.drawing = false;
	(void)pthread_cond_signal(&ui.wake);
	(void)pthread_mutex_unlock(&ui.lock);
	(void)pthread_join(ui.thread, NULL);
	if (ui.painted)
		(void)fputs("\r\033[K", stderr);
	ui.painted = false;
}

void
ui_out_raw(const char *text)
{
	errno = 0;
	if (fputs(text, stdout) == EOF && ui.out_errno == 0)
		ui.out_errno = errno != 0 ? errno : EIO;
}

void
ui_out(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	errno = 0;
	if (vfprintf(stdout, fmt, ap) < 0 && ui.out_errno == 0)
		ui.out_errno = errno != 0 ? errno : EIO;
	va_end(ap);
}

void
ui_out_lost(int errnum)
{
	if (ui.out_errno == 0)
		ui.out_errno = errnum;
}

enum snap_code
ui_out_end(struct snap_err *err)
{
	if (fflush(stdout) != 0 && ui.out_errno == 0)
		ui.out_errno = errno;
	if (ui.out_errno == 0)
		return SNAP_OK;
	errno = ui.out_errno;
	return snap_fail_errno(err, SNAP_IO, "write to standard output");
}

bool
ui_out_gone(void)
{
	return ui.out_errno == EPIPE;
}
