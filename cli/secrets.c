/* SPDX-License-Identifier: PostgreSQL */
/*
 * secrets.c - where the passphrase comes from.
 *
 * A file that others may read is refused: whoever set it up wanted a secret
 * and has none.  The buffer is taken at full size at once, so that growing
 * never leaves copies behind, and is wiped after use.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "secrets.h"
#include "ui.h"

#define POLL_MS 100
#define PASSPHRASE "passphrase"
#define RECOVERY "recovery code"

static struct {
	struct bytes passphrase, recovery_code;
	bool has_passphrase, has_recovery_code;
} env;

static bool
take(const char *name, struct bytes *out)
{
	char *v = getenv(name);
	volatile char *p;

	if (v == NULL)
		return false;
	bytes_init(out, SECRET_MAX);
	bytes_put_str(out, v);
	for (p = v; *p != '\0'; p++)
		*p = '\0';
	(void)unsetenv(name);
	return true;
}

void
secrets_take_environment(void)
{
	env.has_passphrase = take("SNAP_PASSPHRASE", &env.passphrase);
	env.has_recovery_code = take("SNAP_RECOVERY_CODE", &env.recovery_code);
}

void
secrets_forget(void)
{
	if (env.has_passphrase)
		bytes_fini_wipe(&env.passphrase);
	if (env.has_recovery_code)
		bytes_fini_wipe(&env.recovery_code);
	env.has_passphrase = env.has_recovery_code = false;
}

/* Editors and echo end the line; that is no part of the secret. */
static void
chomp(struct bytes *b)
{
	if (b->len > 0 && b->p[b->len - 1] == '\n')
		b->len--;
	if (b->len > 0 && b->p[b->len - 1] == '\r')
		b->len--;
}

/* In steps, since a command or a pipe may keep us waiting. */
static enum snap_code
read_fd(int fd, const char *what, struct bytes *out, const struct report *r,
    struct snap_err *err)
{
	struct pollfd p = { fd, POLLIN, 0 };
	enum snap_code rc;
	ssize_t n = 1;

	while (n != 0 && out->len < SECRET_MAX) {
		if ((rc = report_check(r, err)) != SNAP_OK)
			return rc;
		n = poll(&p, 1, POLL_MS);
		if (n == 0 || (n < 0 && errno == EINTR)) {
			n = 1;
			continue;
		}
		n = read(fd, out->p + out->len, SECRET_MAX - out->len);
		if (n < 0)
			return snap_fail_errno(
			    err, SNAP_USAGE, "read %s", what);
		out->len += (size_t)n;
	}
	if (out->len == SECRET_MAX)
		return snap_fail(err, SNAP_USAGE, "%s has more than %d bytes",
		    what, SECRET_MAX - 1);
	chomp(out);
	return SNAP_OK;
}

static enum snap_code
from_file(const char *path, const char *what, struct bytes *out,
    const struct report *r, struct snap_err *err)
{
	enum snap_code rc;
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return snap_fail_errno(
		    err, SNAP_USAGE, "open %s file \"%s\"", what, path);
	if (fstat(fd, &st) != 0) {
		rc = snap_fail_errno(
		    err, SNAP_USAGE, "stat %s file \"%s\"", what, path);
		goto out;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "%s file \"%s\" has group or world access", what, path);
		rc = snap_hint(err, "chmod 600 '%s'", path);
		goto out;
	}
	rc = read_fd(fd, path, out, r, err);
out:
	(void)close(fd);
	return rc;
}

static enum snap_code
from_command(const char *command, struct bytes *out, const struct report *r,
    struct snap_err *err)
{
	char sh[] = "/bin/sh", dash_c[] = "-c";
	char *copy = strdup(command);
	char *argv[] = { sh, dash_c, copy, NULL };
	struct child c = CHILD_INIT;
	enum snap_code rc;

	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	rc = child_start(&c, argv, err);
	if (rc == SNAP_OK) {
		c.name = command;
		rc = read_fd(
		    c.fd, "the passphrase command's output", out, r, err);
	}
	if (rc == SNAP_OK && child_wait(&c, r, err) != SNAP_OK)
		rc = snap_wrap(err, "get the passphrase");
	child_kill(&c);
	free(copy);
	if (rc == SNAP_SOURCE && report_check(r, err) != SNAP_OK)
		return err->code;
	/* Asked for a key and got none: that is how snap was called. */
	if (rc == SNAP_SOURCE)
		rc = err->code = SNAP_USAGE;
	return rc;
}

static enum snap_code
from_terminal(struct bytes *out, bool is_new, const struct report *r,
    struct snap_err *err)
{
	struct bytes again;
	enum snap_code rc;

	if (bytes_reserve(out, SECRET_MAX, err) != SNAP_OK)
		return err->code;
	if (!ui_ask_secret(
		is_new ? "New passphrase: " : "Passphrase: ", out, r)) {
		if ((rc = report_check(r, err)) != SNAP_OK)
			return rc;
		(void)snap_fail(err, SNAP_USAGE, "no passphrase was given");
		return snap_hint(err,
		    "Set SNAP_PASSPHRASE_FILE to a file that only you can "
		    "read.");
	}
	if (!is_new)
		return SNAP_OK;
	bytes_init(&again, SECRET_MAX);
	rc = bytes_reserve(&again, SECRET_MAX, err);
	if (rc == SNAP_OK && !ui_ask_secret("Again: ", &again, r))
		bytes_clear(&again);
	if (rc == SNAP_OK)
		rc = report_check(r, err);
	if (rc == SNAP_OK && !span_eq(bytes_span(out), bytes_span(&again)))
		rc = snap_fail(err, SNAP_USAGE, "the two passphrases differ");
	bytes_fini_wipe(&again);
	return rc;
}

static enum snap_code
pick(struct secret *s, const struct opts *o, bool is_new,
    const struct report *r, struct snap_err *err)
{
	const char *p;

	if (o->recovery_code_file != NULL) {
		s->is_recovery_code = true;
		return from_file(
		    o->recovery_code_file, RECOVERY, &s->text, r, err);
	}
	if (o->passphrase_file != NULL)
		return from_file(
		    o->passphrase_file, PASSPHRASE, &s->text, r, err);
	if (o->passphrase_command != NULL)
		return from_command(o->passphrase_command, &s->text, r, err);
	if (env.has_recovery_code && !is_new) {
		s->is_recovery_code = true;
		bytes_put_span(&s->text, bytes_span(&env.recovery_code));
		return bytes_check(&env.recovery_code, err);
	}
	if (env.has_passphrase) {
		bytes_put_span(&s->text, bytes_span(&env.passphrase));
		return bytes_check(&env.passphrase, err);
	}
	if ((p = getenv("SNAP_PASSPHRASE_FILE")) != NULL)
		return from_file(p, PASSPHRASE, &s->text, r, err);
	if ((p = getenv("SNAP_PASSPHRASE_COMMAND")) != NULL)
		return from_command(p, &s->text, r, err);
	return from_terminal(&s->text, is_new, r, err);
}

enum snap_code
secret_get(struct secret *s, const struct opts *o, bool is_new,
    const struct report *r, struct snap_err *err)
{
	enum snap_code rc;

	s->is_recovery_code = false;
	bytes_init(&s->text, SECRET_MAX);
	if ((rc = bytes_reserve(&s->text, SECRET_MAX, err)) != SNAP_OK)
		return rc;
	if ((rc = pick(s, o, is_new, r, err)) != SNAP_OK)
		return rc;
	if (s->text.len == 0)
		return snap_fail(err, SNAP_USAGE, "the %s is empty",
		    s->is_recovery_code ? RECOVERY : PASSPHRASE);
	return bytes_check(&s->text, err);
}

void
secret_fini(struct secret *s)
{
	bytes_fini_wipe(&s->text);
}
