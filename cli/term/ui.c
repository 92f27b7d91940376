/* SPDX-License-Identifier: PostgreSQL */
/*
 * ui.c - messages and progress on stderr, data on stdout.
 *
 * One mutex keeps a message and the progress line from being mixed: whoever
 * writes a message wipes the line first, the drawing thread paints it again.
 *
 * The cursor rests at the beginning of the progress line.  A terminal that is
 * made narrower wraps the line then below the cursor, where wiping finds all
 * of it, and one that cuts lines instead loses nothing that stands above.  But
 * what psql says of a script that comes through a pipe goes behind the line:
 * over it both would be read as one.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "ui.h"

#define LINE_MAX_BYTES ((size_t)16 << 10)
#define PROGRESS_MAX 200 /* bytes: no line of progress is longer */
#define USUAL_COLUMNS 80
#define DRAW_MS 250
/* From the second column on: tmux keeps what is wiped from the first one of a
 * window as if it had scrolled away. */
#define WIPE "\r \033[J\r"

static struct {
	bool quiet, verbose, colour, tty;
	enum log_format format;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool drawing, at_end;
	atomic_bool painted; /* also read in a signal handler */
	const char *verb;
	struct report *report;
	struct timespec start;
	int out_errno;
} ui = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

void
ui_init(void)
{
	const char *pg = getenv("PG_COLOR"), *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool tty = isatty(STDERR_FILENO) == 1;

	/* A dumb one cannot wipe a line, and has no colours. */
	ui.tty =
	    tty && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
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
		bytes_put_str(&b, WIPE);
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

/* Parts of a line are left out, the last ones first, where it is too long. */
struct line {
	char text[PROGRESS_MAX];
	size_t len, max;
};

static void add_part(struct line *l, const char *fmt, ...) SNAP_PRINTF(2, 3);

static void
add_part(struct line *l, const char *fmt, ...)
{
	char part[PROGRESS_MAX];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	(void)vsnprintf(part, sizeof part, fmt, ap);
	va_end(ap);
	n = strlen(part);
	if (n > l->max - l->len) {
		l->max = l->len; /* nothing behind it either */
		return;
	}
	memcpy(l->text + l->len, part, n);
	l->len += n;
}

/* What matters most comes first.  The last column stays free: some terminals
 * begin a line when it is written. */
static void
compose(struct line *l, size_t columns)
{
	uint64_t done = atomic_load(&ui.report->bytes_done);
	uint64_t total = atomic_load(&ui.report->bytes_total);
	uint64_t fresh = atomic_load(&ui.report->bytes_new);
	char a[UI_SIZE_MAX], b[UI_SIZE_MAX];
	struct timespec now;
	double s, rate;

	l->len = 0;
	l->max = (columns <= PROGRESS_MAX ? columns : PROGRESS_MAX) - 1;
	if (ui.at_end)
		l->max -= l->max > 2 ? 2 : l->max;
	if (report_cancelled(ui.report)) {
		add_part(l, "stopping");
		add_part(l, ", once more stops it at once");
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	s = (double)(now.tv_sec - ui.start.tv_sec) +
	    (double)(now.tv_nsec - ui.start.tv_nsec) / 1e9;
	rate = s > 0 ? (double)done / s : 0;
	add_part(l, "%s", ui.verb);
	if (done == 0)
		return;
	if (total > 0) {
		add_part(l, " %d%%",
		    done >= total ? 100
				  : (int)((double)done * 100 / (double)total));
		add_part(l, ", %s of %s", ui_size(done, a), ui_size(total, b));
	} else {
		add_part(l, " %s", ui_size(done, a));
	}
	if (total > done && rate > 0) {
		unsigned long left =
		    (unsigned long)((double)(total - done) / rate);

		add_part(l, ", %lu:%02lu:%02lu left", left / 3600,
		    left / 60 % 60, left % 60);
	}
	add_part(l, ", %s/s", ui_size((uint64_t)rate, a));
	if (fresh > 0)
		add_part(l, ", %s new", ui_size(fresh, a));
}

/* Not over what a shell shows while we run behind it. */
static void
paint(void)
{
	struct winsize w;
	struct line l;

	if (tcgetpgrp(STDERR_FILENO) != getpgrp()) {
		ui.painted = false;
		return;
	}
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		w.ws_col = USUAL_COLUMNS;
	compose(&l, w.ws_col);
	(void)fprintf(
	    stderr, WIPE "%.*s%s", (int)l.len, l.text, ui.at_end ? "  " : "\r");
	(void)fflush(stderr);
	ui.painted = true;
}

static void *
draw(void *arg)
{
	struct timespec until;

	(void)pthread_mutex_lock(&ui.lock);
	while (ui.drawing) {
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += DRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		if (pthread_cond_timedwait(&ui.wake, &ui.lock, &until) != 0)
			paint();
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
ui_progress_begin_data(const char *verb, struct report *r)
{
	if (isatty(STDOUT_FILENO) == 1)
		return;
	ui.at_end = true;
	ui_progress_begin(verb, r);
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
	ui_progress_wipe();
}

void
ui_progress_wipe(void)
{
	if (atomic_exchange(&ui.painted, false))
		(void)!write(STDERR_FILENO, WIPE, sizeof WIPE - 1);
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
