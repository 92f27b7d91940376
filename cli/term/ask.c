/* SPDX-License-Identifier: PostgreSQL */
/*
 * ask.c - a secret, or a word, typed on the terminal.
 *
 * It is /dev/tty that is asked, as ssh does, since stdin and stdout may be
 * pipes; cron has no terminal and is never asked.  The terminal gets its old
 * settings back on every way out, also after a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "fdio.h"
#include "ui.h"

#define POLL_MS 100

static bool
read_line(int fd, struct bytes *out, const struct report *r)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char c;

	while (!report_cancelled(r)) {
		int n = poll(&p, 1, POLL_MS);

		if (n == 0 || (n < 0 && errno == EINTR))
			continue;
		if (n < 0 || read(fd, &c, 1) != 1)
			return false;
		if (c == '\n')
			return !out->bad;
		bytes_u8(out, (uint8_t)c);
	}
	return false;
}

static bool
ask(const char *prompt, bool echo, struct bytes *out, const struct report *r)
{
	struct termios old, mute;
	bool ok = false;
	int fd;

	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	if (tcgetattr(fd, &old) != 0)
		goto out;
	mute = old;
	if (!echo)
		mute.c_lflag &= (tcflag_t)~ECHO;
	mute.c_lflag |= ECHONL | ICANON;
	/* Ctrl-Z and Ctrl-\ would leave us, and a terminal without echo. */
	mute.c_cc[VSUSP] = mute.c_cc[VQUIT] = (cc_t)fpathconf(fd, _PC_VDISABLE);
	if (fd_write_all(fd, prompt, strlen(prompt)) != 0 ||
	    tcsetattr(fd, TCSAFLUSH, &mute) != 0)
		goto out;
	ok = read_line(fd, out, r);
	if (!ok) /* what is said of it has a line of its own */
		(void)!fd_write_all(fd, "\n", 1);
	(void)tcsetattr(fd, TCSAFLUSH, &old);
out:
	(void)close(fd);
	return ok;
}

bool
ui_ask_secret(const char *prompt, struct bytes *out, const struct report *r)
{
	return ask(prompt, false, out, r);
}

bool
ui_ask_line(const char *prompt, struct bytes *out, const struct report *r)
{
	return ask(prompt, true, out, r);
}
