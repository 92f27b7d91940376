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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "cmd.h"
#include "config.h"
#include "repo.h"
#include "secrets.h"
#include "transport_settings.h"
#include "ui.h"

#define POLL_MS 100
#define PASSPHRASE "passphrase"
#define RECOVERY "recovery code"
#define KEY "key"
#define ASK_NEW "New passphrase: "
static const char *const of_messages[] = { "ping-url", "webhook-url",
	"mail-password" };
#define VARIABLE_MAX 64
#define TAKEN_MAX 32

/* Secrets that were in the environment. */
static struct {
	char variable[VARIABLE_MAX];
	struct bytes text;
} taken[TAKEN_MAX];
static size_t n_taken;

/* s3.region becomes SNAP_S3_REGION, "from" and it SNAP_FROM_S3_REGION. */
static bool
variable_name(const char *who, const char *name, const char *suffix,
    char out[VARIABLE_MAX])
{
	int n = snprintf(out, VARIABLE_MAX, "SNAP_%s%s%s%s", who,
	    who[0] != '\0' ? "_" : "", name, suffix);

	if (n < 0 || n >= VARIABLE_MAX)
		return false;
	for (char *p = out; *p != '\0'; p++) {
		if (*p == '.' || *p == '-' || *p == ' ')
			*p = '_';
		else if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	return true;
}

const char *
environment_of(const char *who, const char *name, const char *suffix)
{
	char variable[VARIABLE_MAX];
	const char *v;

	if (!variable_name(who, name, suffix, variable))
		return NULL;
	v = getenv(variable);
	return v != NULL && *v != '\0' ? v : NULL;
}

const char *
variable_of(const char *who, const char *name, const char *suffix)
{
	const char *v = environment_of(who, name, suffix);

	return v != NULL ? v : config_value(who, name, suffix);
}

/* At full size at once, since growing would leave copies behind, and where no
 * swap file gets it.  Without the right to lock memory it goes without. */
static enum snap_code
hold(struct bytes *b, size_t max, struct snap_err *err)
{
	enum snap_code rc = bytes_reserve(b, max, err);

	if (rc == SNAP_OK)
		(void)mlock(b->p, b->cap);
	return rc;
}

static void
take(const char *who, const char *name)
{
	struct snap_err ignored = SNAP_ERR_INIT;

	char variable[VARIABLE_MAX], *v;
	volatile char *p;

	if (n_taken == TAKEN_MAX || !variable_name(who, name, "", variable))
		return;
	v = getenv(variable);
	if (v == NULL)
		return;
	memcpy(taken[n_taken].variable, variable, sizeof variable);
	bytes_init(&taken[n_taken].text, SECRET_MAX);
	(void)!hold(&taken[n_taken].text, SECRET_MAX, &ignored);
	bytes_put_str(&taken[n_taken].text, v);
	n_taken++;
	for (p = v; *p != '\0'; p++)
		*p = '\0';
	(void)unsetenv(variable);
}

void
secrets_take_environment(void)
{
	static const char *const who[] = { WHO_REPO, WHO_FROM };
	char own[VARIABLE_MAX];

	for (size_t i = 0; i < sizeof who / sizeof *who; i++) {
		take(who[i], PASSPHRASE);
		take(who[i], RECOVERY);
		if (i == 0)
			take(who[i], SECRET_NEW);
		for (const struct transport_setting *s = transport_settings;
		     s->name != NULL; s++)
			if (s->is_secret)
				take(who[i], s->name);
	}
	for (size_t i = 0; i < sizeof of_messages / sizeof *of_messages; i++) {
		take(WHO_REPO, of_messages[i]);
		for (const struct cmd *c = cmd_table; c->name != NULL; c++)
			if ((c->bit & CMD_JOBS) != 0 &&
			    snprintf(own, sizeof own, "%s.%s", c->name,
				of_messages[i]) < (int)sizeof own)
				take(WHO_REPO, own);
	}
}

void
secrets_forget(void)
{
	while (n_taken > 0)
		bytes_fini_wipe(&taken[--n_taken].text);
}

static const struct bytes *
find_taken(const char *who, const char *name)
{
	char variable[VARIABLE_MAX];

	if (!variable_name(who, name, "", variable))
		return NULL;
	for (size_t i = 0; i < n_taken; i++)
		if (strcmp(taken[i].variable, variable) == 0)
			return &taken[i].text;
	return NULL;
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

/* Less than `max` bytes, which are reserved.  In steps, since a command or a
 * pipe may keep us waiting. */
static enum snap_code
read_fd(int fd, const char *what, size_t max, struct bytes *out,
    const struct report *r, struct snap_err *err)
{
	struct pollfd p = { fd, POLLIN, 0 };
	enum snap_code rc;
	ssize_t n = 1;

	while (n != 0 && out->len < max) {
		if ((rc = report_check(r, err)) != SNAP_OK)
			return rc;
		n = poll(&p, 1, POLL_MS);
		if (n == 0 || (n < 0 && errno == EINTR)) {
			n = 1;
			continue;
		}
		n = read(fd, out->p + out->len, max - out->len);
		if (n < 0)
			return snap_fail_errno(
			    err, SNAP_USAGE, "read %s", what);
		out->len += (size_t)n;
	}
	if (out->len == max)
		return snap_fail(err, SNAP_USAGE, "%s has more than %zu bytes",
		    what, max - 1);
	return SNAP_OK;
}

/*
 * What others may not have.  Of a credential of systemd (systemd.exec(5)) the
 * bit of the group is the mask of an access list that has the service's user
 * alone; nobody else enters that directory.
 */
static mode_t
foreign_bits(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t n = dir != NULL ? strlen(dir) : 0;

	return n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/' ? 037
								     : 077;
}

static enum snap_code
from_file(const char *path, const char *what, size_t max, struct bytes *out,
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
	/* As of a key of libpq's; links and directories are not looked at. */
	if (S_ISREG(st.st_mode) && st.st_uid != 0 && st.st_uid != geteuid()) {
		rc = snap_fail(err, SNAP_USAGE,
		    "%s file \"%s\" belongs to somebody else", what, path);
		goto out;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & foreign_bits(path)) != 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "%s file \"%s\" has group or world access", what, path);
		rc = snap_hint(err, "chmod 600 '%s'", path);
		goto out;
	}
	rc = read_fd(fd, path, max, out, r, err);
out:
	(void)close(fd);
	return rc;
}

static enum snap_code
line_of_file(const char *path, const char *what, struct bytes *out,
    const struct report *r, struct snap_err *err)
{
	enum snap_code rc = from_file(path, what, SECRET_MAX, out, r, err);

	if (rc == SNAP_OK)
		chomp(out);
	return rc;
}

static enum snap_code
from_command(const char *command, const char *what, struct bytes *out,
    const struct report *r, struct snap_err *err)
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
		rc = read_fd(c.fd, command, SECRET_MAX, out, r, err);
	}
	if (rc == SNAP_OK)
		chomp(out);
	if (rc == SNAP_OK && child_wait(&c, r, err) != SNAP_OK)
		rc = snap_wrap(err, "get the %s", what);
	child_kill(&c);
	free(copy);
	if (rc == SNAP_SOURCE && report_check(r, err) != SNAP_OK)
		return err->code;
	/* Asked for a key and got none: that is how snap was called. */
	if (rc == SNAP_SOURCE)
		rc = err->code = SNAP_USAGE;
	return rc;
}

/* A new passphrase is typed twice. */
static enum snap_code
ask_again(
    const struct bytes *first, const struct report *r, struct snap_err *err)
{
	struct bytes again;
	enum snap_code rc;

	bytes_init(&again, SECRET_MAX);
	rc = hold(&again, SECRET_MAX, err);
	if (rc == SNAP_OK && !ui_ask_secret("Again: ", &again, r))
		bytes_clear(&again);
	if (rc == SNAP_OK)
		rc = report_check(r, err);
	if (rc == SNAP_OK && !span_eq(bytes_span(first), bytes_span(&again)))
		rc = snap_fail(err, SNAP_USAGE, "the two passphrases differ");
	bytes_fini_wipe(&again);
	return rc;
}

enum snap_code
secret_named(const struct secret_source *from, struct bytes *out,
    const struct report *r, struct snap_err *err)
{
	static const char *(*const where[])(const char *, const char *,
	    const char *) = { environment_of, config_value };
	const struct bytes *env = find_taken(from->who, from->what);
	enum snap_code rc;
	const char *p;

	if ((rc = hold(out, SECRET_MAX, err)) != SNAP_OK)
		return rc;
	if (from->file != NULL)
		return line_of_file(from->file, from->what, out, r, err);
	if (from->command != NULL)
		return from_command(from->command, from->what, out, r, err);
	if (env != NULL) {
		bytes_put_span(out, bytes_span(env));
		return bytes_check(env, err);
	}
	for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
		if ((p = where[i](from->who, from->what, "-file")) != NULL)
			return line_of_file(p, from->what, out, r, err);
		if ((p = where[i](from->who, from->what, "-command")) != NULL)
			return from_command(p, from->what, out, r, err);
	}
	if (from->prompt != NULL && ui_ask_secret(from->prompt, out, r))
		return SNAP_OK;
	bytes_clear(out);
	if ((rc = report_check(r, err)) != SNAP_OK)
		return rc;
	return snap_fail(err, SNAP_NOTFOUND, "no %s was given", from->what);
}

/* NULL: something else that is nearer opens the repository. */
static const char *
key_file_of(const struct repo_words *w, const char *who)
{
	const char *p;

	if (w->key_file != NULL)
		return w->key_file;
	if (w->recovery_code_file != NULL || w->passphrase_file != NULL ||
	    w->passphrase_command != NULL)
		return NULL;
	if ((p = environment_of(who, KEY, "-file")) != NULL)
		return p;
	if (find_taken(who, RECOVERY) != NULL ||
	    find_taken(who, PASSPHRASE) != NULL ||
	    environment_of(who, PASSPHRASE, "-file") != NULL ||
	    environment_of(who, PASSPHRASE, "-command") != NULL)
		return NULL;
	return config_value(who, KEY, "-file");
}

/* Signs that a recovery code may have, and as many: what is wrong with it else
 * is told when it is tried. */
static bool
may_be_code(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] >= '0' && s.p[i] <= '9') ||
		    (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
		    (s.p[i] >= 'a' && s.p[i] <= 'z'))
			n++;
		else if (s.p[i] == '\0' || strchr("- \t\r\n", s.p[i]) == NULL)
			return false;
	return n >= 40 && n <= 80;
}

/* An owner's key file is a recovery code, in letters. */
static enum snap_code
take_key_file(struct secret *s, const char *path, const struct report *r,
    struct snap_err *err)
{
	enum snap_code rc;

	bytes_init(&s->text, KEY_FILE_MAX);
	if ((rc = hold(&s->text, KEY_FILE_MAX, err)) != SNAP_OK ||
	    (rc = from_file(path, KEY, KEY_FILE_MAX, &s->text, r, err)) !=
		SNAP_OK)
		return rc;
	s->is_key_file = repo_is_key_file(bytes_span(&s->text));
	s->is_recovery_code = !s->is_key_file;
	if (s->is_recovery_code)
		chomp(&s->text);
	if (s->is_recovery_code && !may_be_code(bytes_span(&s->text))) {
		(void)snap_fail(err, SNAP_USAGE, "%s: this is no key file", path);
		return snap_hint(err,
		    "\"%s key add --output=FILE\" makes one.",
		    SNAP_PROGRAM_NAME);
	}
	return SNAP_OK;
}

static enum snap_code
pick(struct secret *s, const struct repo_words *w, const char *who, bool is_new,
    const struct report *r, struct snap_err *err)
{
	struct secret_source from = { .who = who, .what = RECOVERY };
	const char *key_file = is_new ? NULL : key_file_of(w, who);
	bool typed;
	enum snap_code rc;

	if (key_file != NULL)
		return take_key_file(s, key_file, r, err);
	from.file = w->recovery_code_file;
	if (from.file != NULL ||
	    (w->passphrase_file == NULL && w->passphrase_command == NULL &&
		find_taken(who, RECOVERY) != NULL && !is_new)) {
		s->is_recovery_code = true;
		return secret_named(&from, &s->text, r, err);
	}
	from.what = PASSPHRASE;
	from.file = w->passphrase_file;
	from.command = w->passphrase_command;
	rc = secret_named(&from, &s->text, r, err);
	if ((typed = rc == SNAP_NOTFOUND && !s->never_ask)) {
		from.prompt = is_new           ? ASK_NEW
			      : who[0] != '\0' ? "Passphrase of the source: "
					       : "Passphrase: ";
		rc = secret_named(&from, &s->text, r, err);
	}
	if (rc == SNAP_NOTFOUND) {
		rc = err->code = SNAP_USAGE;
		return snap_hint(err,
		    "Set SNAP_%sPASSPHRASE_FILE to a file that only you can "
		    "read.",
		    who[0] != '\0' ? "FROM_" : "");
	}
	return rc == SNAP_OK && typed && is_new ? ask_again(&s->text, r, err)
						: rc;
}

enum snap_code
secret_ask_new(struct bytes *out, const struct report *r, struct snap_err *err)
{
	enum snap_code rc = bytes_reserve(out, SECRET_MAX, err);
	bool asked = rc == SNAP_OK && ui_ask_secret(ASK_NEW, out, r);

	if (rc == SNAP_OK)
		rc = report_check(r, err);
	if (rc == SNAP_OK && !asked) {
		(void)snap_fail(err, SNAP_USAGE, "no " SECRET_NEW " was given");
		return snap_hint(err,
		    "Use --new-passphrase-file=FILE, a file that only you can "
		    "read.");
	}
	if (rc == SNAP_OK)
		rc = ask_again(out, r, err);
	if (rc == SNAP_OK && out->len == 0)
		rc = snap_fail(err, SNAP_USAGE, "the " SECRET_NEW " is empty");
	return rc;
}

enum snap_code
secret_get(struct secret *s, const struct repo_words *w, const char *who,
    bool is_new, const struct report *r, struct snap_err *err)
{
	enum snap_code rc;

	s->is_recovery_code = s->is_key_file = false;
	bytes_init(&s->text, SECRET_MAX);
	if ((rc = pick(s, w, who, is_new, r, err)) != SNAP_OK)
		return rc;
	if (s->text.len == 0) {
		(void)snap_fail(err, SNAP_USAGE, "the %s is empty",
		    s->is_recovery_code ? RECOVERY : PASSPHRASE);
		return snap_detail(err,
		    "Nothing is in its file or variable, or its command "
		    "printed nothing.");
	}
	return bytes_check(&s->text, err);
}

void
secret_fini(struct secret *s)
{
	bytes_fini_wipe(&s->text);
}
