/* SPDX-License-Identifier: PostgreSQL */
/*
 * schedule.c - `schedule install`, `show` and `remove`.
 *
 * Installing again writes what holds now; what is written is always shown.
 * For root the units are the system's, else the user's own.
 */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "config.h"
#include "fdio.h"
#include "schedule.h"
#include "secrets.h"
#include "ui.h"

#define NAME_MAX_LEN 64
#define PATH_BYTES ((size_t)4096)

/* What may stand in the name of a unit and of a file in cron.d. */
static bool
is_plain(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return name[0] != '-' && strlen(name) <= NAME_MAX_LEN &&
	       name[strspn(name, letters)] == '\0';
}

/* ---- what the command line and the configuration say */

static enum snap_code
every(const char *how, struct schedule_job *j, struct snap_err *err)
{
	static const struct {
		const char *word;
		enum schedule_every every;
	} words[] = { { "never", EVERY_NEVER }, { "daily", EVERY_DAY },
		{ "weekly", EVERY_WEEK }, { "monthly", EVERY_MONTH } };
	char *end;
	unsigned long n;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(how, words[i].word) == 0) {
			j->every = words[i].every;
			return SNAP_OK;
		}
	n = strtoul(how, &end, 10);
	if (how[0] < '0' || how[0] > '9' || strcmp(end, "h") != 0 || n < 1 ||
	    n > 12 || 24 % n != 0)
		return snap_fail(err, SNAP_USAGE,
		    "--every: \"%.40s\" is neither 1h, 2h, 3h, 4h, 6h, 8h, 12h nor "
		    "daily, weekly, monthly, never",
		    how);
	j->every = EVERY_HOURS;
	j->hours = (unsigned)n;
	return SNAP_OK;
}

static enum snap_code
read_every(const struct opts *o, struct schedule *s, struct snap_err *err)
{
	for (size_t i = 0; i < o->every.n; i++) {
		const char *word = o->every.v[i], *how = strchr(word, '=');
		size_t n = how != NULL ? (size_t)(how - word) : 0, k = 0;

		while (k < SCHEDULE_JOBS &&
		       (strncmp(s->jobs[k].command, word, n) != 0 ||
			   s->jobs[k].command[n] != '\0'))
			k++;
		if (how == NULL || k == SCHEDULE_JOBS)
			return snap_fail(err, SNAP_USAGE,
			    "--every is JOB=HOW with one of backup, prune, "
			    "check, verify, not \"%.100s\"",
			    word);
		if (every(how + 1, &s->jobs[k], err) != SNAP_OK)
			return err->code;
	}
	return SNAP_OK;
}

/* Repositories on this machine's disks have to be writable. */
static enum snap_code
add_place(struct schedule *s, struct snap_err *err)
{
	const char *url = variable_of(WHO_REPO, "repository", "");

	if (url == NULL) {
		(void)snap_fail(err, SNAP_USAGE,
		    "the configuration names no repository%s%s",
		    config_profile()[0] != '\0' ? " for profile " : "",
		    config_profile());
		return snap_hint(err,
		    "What a schedule runs gets its repository, its passphrase "
		    "and its database from a configuration: \"%s help "
		    "config\".",
		    SNAP_PROGRAM_NAME);
	}
	if (strstr(url, "://") != NULL)
		return SNAP_OK;
	if (*url != '/' || strchr(url, '\n') != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "repository \"%s\" is no whole path, so where it is "
		    "depends on where a schedule runs",
		    url);
	bytes_put_str(&s->write_paths, url);
	bytes_u8(&s->write_paths, '\n');
	return bytes_check(&s->write_paths, err);
}

static enum snap_code
read_places(struct schedule *s, struct snap_err *err)
{
	const char *name;
	enum snap_code rc = SNAP_OK;

	if (!s->all_profiles)
		return add_place(s, err);
	if (config_profile_name(0) == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "the configuration has no profile");
	for (size_t i = 0;
	     rc == SNAP_OK && (name = config_profile_name(i)) != NULL; i++) {
		config_choose(name);
		rc = add_place(s, err);
	}
	config_choose("");
	return rc;
}

static enum snap_code
whole_path(const char *path, char **out, struct snap_err *err)
{
	*out = realpath(path, NULL);
	return *out != NULL ? SNAP_OK
			    : snap_fail_errno(err, SNAP_USAGE, "\"%s\"", path);
}

static enum snap_code
read_user(const struct opts *o, struct schedule *s, struct snap_err *err)
{
	s->user = o->run_as;
	if (s->user == NULL && geteuid() == 0 && getpwnam("postgres") != NULL)
		s->user = "postgres";
	if (s->user == NULL)
		return SNAP_OK;
	if (geteuid() != 0)
		return snap_fail(err, SNAP_USAGE,
		    "only root installs what runs as somebody else");
	if (!is_plain(s->user) || getpwnam(s->user) == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "there is no user \"%.100s\"", s->user);
	return SNAP_OK;
}

static enum snap_code
read_schedule(
    struct cli *c, struct schedule *s, bool removing, struct snap_err *err)
{
	const char *config =
	    c->o.config != NULL ? c->o.config : getenv("SNAP_CONFIG");
	enum snap_code rc;

	s->profile = config_profile();
	s->all_profiles = c->o.all_profiles;
	if (s->all_profiles && s->profile[0] != '\0')
		return snap_fail(err, SNAP_USAGE,
		    "--profile and --all-profiles exclude each other");
	if (!is_plain(s->profile))
		return snap_fail(err, SNAP_USAGE,
		    "profile \"%s\" cannot be part of a file's name: letters, "
		    "digits, - and _ can",
		    s->profile);
	if ((rc = read_every(&c->o, s, err)) != SNAP_OK ||
	    (rc = read_user(&c->o, s, err)) != SNAP_OK ||
	    (rc = whole_path("/proc/self/exe", &s->program, err)) != SNAP_OK)
		return rc;
	if (removing) /* of which repository it was does not matter */
		return SNAP_OK;
	if (config != NULL && *config != '\0' &&
	    (rc = whole_path(config, &s->config, err)) != SNAP_OK)
		return rc;
	if (!s->all_profiles && geteuid() == 0)
		s->passphrase = config_value(WHO_REPO, "passphrase-file", "");
	return read_places(s, err);
}

/* ---- files */

struct target {
	struct cli *cli;
	struct bytes dir; /* ends with a NUL */
	bool live;        /* systemd reads that directory */
	bool is_user;     /* its own manager */
	size_t n_changed;
};

static enum snap_code
find_dir(struct target *t, struct snap_err *err)
{
	const struct opts *o = &t->cli->o;
	const char *home = getenv("XDG_CONFIG_HOME"), *below = "";

	bytes_init(&t->dir, PATH_BYTES);
	t->is_user = geteuid() != 0;
	t->live = o->unit_dir == NULL;
	if (o->unit_dir != NULL) {
		bytes_put_str(&t->dir, o->unit_dir);
	} else if (!t->is_user) {
		bytes_put_str(
		    &t->dir, o->cron ? "/etc/cron.d" : "/etc/systemd/system");
	} else if (!o->cron) {
		if (home == NULL || *home != '/') {
			home = getenv("HOME");
			below = "/.config";
		}
		if (home == NULL || *home != '/')
			return snap_fail(
			    err, SNAP_USAGE, "HOME is no whole path");
		bytes_printf(&t->dir, "%s%s/systemd/user", home, below);
	}
	bytes_u8(&t->dir, 0);
	return bytes_check(&t->dir, err);
}

static enum snap_code
path_of(const struct target *t, const char *name, const char *end,
    struct bytes *path, struct snap_err *err)
{
	bytes_init(path, PATH_BYTES);
	bytes_printf(path, "%s/%s%s", (const char *)t->dir.p, name, end);
	bytes_u8(path, 0);
	return bytes_check(path, err);
}

/* *is_ours: there is one, and snap wrote it. */
static enum snap_code
read_ours(
    const char *path, struct bytes *text, bool *is_ours, struct snap_err *err)
{
	struct stat st;
	enum snap_code rc;

	*is_ours = false;
	bytes_init(text, SCHEDULE_TEXT_MAX);
	if (lstat(path, &st) != 0)
		return errno == ENOENT
			   ? SNAP_OK
			   : snap_fail_errno(err, SNAP_IO, "stat %s", path);
	rc = fd_slurp(path, SCHEDULE_TEXT_MAX, text, err);
	if (rc == SNAP_OK &&
	    (text->len < strlen(SCHEDULE_MARK) ||
		memcmp(text->p, SCHEDULE_MARK, strlen(SCHEDULE_MARK)) != 0))
		rc = snap_fail(err, SNAP_USAGE,
		    "%s was not written by %s: it is left alone", path,
		    SNAP_PROGRAM_NAME);
	*is_ours = rc == SNAP_OK;
	return rc;
}

/* `text` empty: away with it. */
static enum snap_code
put_file(struct target *t, const char *name, const char *end,
    const struct bytes *text, struct snap_err *err)
{
	struct bytes path, old;
	bool is_ours = false;
	enum snap_code rc;
	const char *p;

	bytes_init(&old, 0);
	if (text->bad)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	if ((rc = path_of(t, name, end, &path, err)) != SNAP_OK)
		return rc;
	p = (const char *)path.p;
	rc = read_ours(p, &old, &is_ours, err);
	if (rc != SNAP_OK || (text->len == 0 && !is_ours))
		goto out;
	if (text->len > 0) {
		ui_out("# ---- %s%s\n", p,
		    is_ours && span_eq(bytes_span(&old), bytes_span(text))
			? " (as it is)"
			: "");
		ui_out("%.*s", (int)text->len, (const char *)text->p);
	} else {
		ui_out("# ---- %s goes\n", p);
	}
	if (t->cli->o.dry_run ||
	    (is_ours && span_eq(bytes_span(&old), bytes_span(text))))
		goto out;
	t->n_changed++;
	if (text->len == 0 && unlink(p) != 0)
		rc = snap_fail_errno(err, SNAP_IO, "remove %s", p);
	else if (text->len > 0)
		rc = fd_replace(p, bytes_span(text), err);
	if (rc == SNAP_NOTFOUND && t->live && t->cli->o.cron)
		rc = snap_hint(err,
		    "There seems to be no cron on this machine: \"apt install "
		    "cron\", or let systemd run it, without --cron.");
	/* Nothing in it is secret, and cron reads no other. */
	if (rc == SNAP_OK && text->len > 0 && chmod(p, 0644) != 0)
		rc = snap_fail_errno(err, SNAP_IO, "chmod %s", p);
out:
	bytes_fini(&path);
	bytes_fini(&old);
	return rc;
}

/* systemctl's own words are better than ours; what it lacks is told. */
static void
systemctl(struct target *t, const char *what)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes line;

	bytes_init(&line, PATH_BYTES);
	bytes_printf(
	    &line, "systemctl %s%s", t->is_user ? "--user " : "", what);
	bytes_u8(&line, 0);
	if (!line.bad && t->live && !t->cli->o.dry_run &&
	    child_shell((const char *)line.p, span_of(NULL, 0), &t->cli->report,
		&err) != SNAP_OK) {
		ui_warning("%s", err.msg);
		ui_hint("Where systemd does not run, try --cron.");
		t->cli->n_warnings++;
	}
	bytes_fini(&line);
}

/* ---- units of systemd */

static enum snap_code
each_file(struct target *t, const struct schedule *s,
    const struct schedule_job *j, bool wanted, struct snap_err *err)
{
	struct bytes name, service, timer;
	enum snap_code rc;

	bytes_init(&name, PATH_BYTES);
	bytes_init(&service, SCHEDULE_TEXT_MAX);
	bytes_init(&timer, SCHEDULE_TEXT_MAX);
	schedule_name(s, j, &name);
	bytes_u8(&name, 0);
	if (wanted) {
		unit_service(s, j, &service);
		unit_timer(s, j, &timer);
	}
	rc = bytes_check(&name, err);
	if (rc == SNAP_OK)
		rc = put_file(
		    t, (const char *)name.p, ".service", &service, err);
	if (rc == SNAP_OK)
		rc = put_file(t, (const char *)name.p, ".timer", &timer, err);
	bytes_fini(&name);
	bytes_fini(&service);
	bytes_fini(&timer);
	return rc;
}

static void
each_timer(struct target *t, const struct schedule *s,
    const struct schedule_job *j, const char *verb)
{
	struct bytes line;

	bytes_init(&line, PATH_BYTES);
	bytes_printf(&line, "%s ", verb);
	schedule_name(s, j, &line);
	bytes_put_str(&line, ".timer");
	bytes_u8(&line, 0);
	if (!line.bad)
		systemctl(t, (const char *)line.p);
	bytes_fini(&line);
}

static bool
has_timer(
    struct target *t, const struct schedule *s, const struct schedule_job *j)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct bytes name, path, text;
	bool is_ours = false;

	bytes_init(&name, PATH_BYTES);
	schedule_name(s, j, &name);
	bytes_u8(&name, 0);
	if (!name.bad && path_of(t, (const char *)name.p, ".timer", &path,
			     &ignored) == SNAP_OK) {
		if (read_ours((const char *)path.p, &text, &is_ours,
			&ignored) != SNAP_OK)
			is_ours = false;
		bytes_fini(&text);
		bytes_fini(&path);
	}
	bytes_fini(&name);
	return is_ours;
}

static enum snap_code
put_units(struct target *t, const struct schedule *s, bool install,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < SCHEDULE_JOBS && rc == SNAP_OK; i++) {
		const struct schedule_job *j = &s->jobs[i];
		bool wanted = install && j->every != EVERY_NEVER;

		if (!wanted && has_timer(t, s, j))
			each_timer(t, s, j, "disable --now");
		rc = each_file(t, s, j, wanted, err);
	}
	if (rc != SNAP_OK || t->n_changed == 0)
		return rc;
	systemctl(t, "daemon-reload");
	for (size_t i = 0; i < SCHEDULE_JOBS && install; i++)
		if (s->jobs[i].every != EVERY_NEVER)
			each_timer(t, s, &s->jobs[i], "enable --now");
	return SNAP_OK;
}

/* ---- crontab */

static enum snap_code
put_cron(struct target *t, const struct schedule *s, bool install,
    struct snap_err *err)
{
	struct bytes name, text;
	enum snap_code rc;

	bytes_init(&name, PATH_BYTES);
	bytes_init(&text, SCHEDULE_TEXT_MAX);
	schedule_base(s, &name);
	bytes_u8(&name, 0);
	if (t->dir.p[0] == '\0') {
		rc = cron_own(t->cli, s, (const char *)name.p, install,
		    &t->n_changed, err);
	} else {
		if (install)
			cron_lines(s, true, &text);
		rc = put_file(t, (const char *)name.p, "", &text, err);
	}
	bytes_fini(&name);
	bytes_fini(&text);
	return rc;
}

/* ---- */

static const char *
how_often(const struct schedule_job *j, char text[16])
{
	static const char *const words[] = { [EVERY_NEVER] = "never",
		[EVERY_DAY] = "daily",
		[EVERY_WEEK] = "weekly",
		[EVERY_MONTH] = "monthly" };

	(void)snprintf(text, 16, "%uh", j->hours);
	return j->every == EVERY_HOURS ? text : words[j->every];
}

static enum snap_code
show(struct target *t, const struct schedule *s, struct snap_err *err)
{
	static const char *const heads[] = { "JOB", "EVERY", "TIMER" };
	struct ui_table *table = ui_table_new(3, heads, 0);
	char text[16];

	if (table == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < SCHEDULE_JOBS; i++) {
		const struct schedule_job *j = &s->jobs[i];
		bool there = has_timer(t, s, j);

		ui_table_cell(table, span_str(j->command));
		ui_table_cell(table, span_str(how_often(j, text)));
		ui_table_cell(
		    table, span_str(there ? "installed" : "not installed"));
	}
	ui_table_print(table);
	if (ui_out_end(err) != SNAP_OK)
		return err->code;
	systemctl(t, "list-timers --no-pager '" SNAP_PROGRAM_NAME "-*'");
	return SNAP_OK;
}

enum snap_code
cmd_schedule(struct cli *c, struct snap_err *err)
{
	struct schedule s = {
		.jobs = { { "backup", "", EVERY_HOURS, 6, 0, 0 },
		    { "prune", "", EVERY_DAY, 0, 3, 30 },
		    { "check", "--read-data=5%", EVERY_WEEK, 0, 4, 30 },
		    /* The server is the one that the environment names. */
		    { "verify", "--dbname=postgres", EVERY_MONTH, 0, 5, 30 } }
	};
	const char *what = c->o.args[0];
	bool install = strcmp(what, "install") == 0;
	bool removing = strcmp(what, "remove") == 0;
	struct target t = { .cli = c };
	enum snap_code rc;

	bytes_init(&t.dir, 0);
	bytes_init(&s.write_paths, SCHEDULE_TEXT_MAX);
	if (!install && !removing && strcmp(what, "show") != 0)
		return snap_fail(err, SNAP_USAGE,
		    "schedule knows install, show and remove, not \"%.100s\"",
		    what);
	if ((rc = read_schedule(c, &s, removing, err)) != SNAP_OK ||
	    (rc = find_dir(&t, err)) != SNAP_OK)
		goto out;
	if (strcmp(what, "show") == 0)
		rc = show(&t, &s, err);
	else
		rc = c->o.cron ? put_cron(&t, &s, install, err)
			       : put_units(&t, &s, install, err);
	if (rc == SNAP_OK)
		rc = ui_out_end(err);
	if (rc == SNAP_OK && strcmp(what, "show") != 0 && t.n_changed == 0 &&
	    !c->o.dry_run)
		ui_info("nothing had to be changed");
out:
	bytes_fini(&t.dir);
	bytes_fini(&s.write_paths);
	free(s.program);
	free(s.config);
	return rc;
}
