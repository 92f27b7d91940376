/* SPDX-License-Identifier: PostgreSQL */
/*
 * config.c - reading the files; see config.h.
 *
 * A file may name commands that are run for a secret: who may write it may be
 * us.  So it has to belong to us or to root, and to nobody else's pen.
 */
#include <ini.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "config.h"
#include "config_keys.h"
#include "fdio.h"

#define FILE_MAX ((size_t)64 << 10)
#define FILES_MAX 2
#define NAME_SHOWN 100 /* bytes */

struct line {
	char *profile, *value;
	const struct config_key *key;
	char *name; /* of the key */
	size_t file;
};

static struct {
	char *files[FILES_MAX]; /* the later beats the earlier */
	size_t n_files;
	struct line *lines;
	size_t n, cap;
	const char *profile; /* "" = none */
} conf = { .profile = "" };

/* ---- files */

static bool
is_taken(const struct line *l, const char *profile, const char *name)
{
	return l->file == conf.n_files - 1 &&
	       strcmp(l->profile, profile) == 0 && strcmp(l->name, name) == 0;
}

static enum snap_code
add_line(const char *profile, const char *name, const char *value,
    struct snap_err *err)
{
	const struct config_key *key = NULL;
	enum snap_code rc = config_key_find(name, value, &key, err);
	struct line *l;

	for (size_t i = 0; rc == SNAP_OK && i < conf.n; i++)
		if (is_taken(&conf.lines[i], profile, name) && !key->is_list)
			rc = snap_fail(
			    err, SNAP_USAGE, "\"%s\" stands there twice", name);
	if (rc == SNAP_OK)
		rc = vec_room((void **)&conf.lines, &conf.cap, conf.n,
		    sizeof *conf.lines, err);
	if (rc != SNAP_OK)
		return rc;
	l = &conf.lines[conf.n++];
	*l = (struct line){ .profile = strdup(profile),
		.value = strdup(value),
		.name = strdup(name),
		.key = key,
		.file = conf.n_files - 1 };
	if (l->profile == NULL || l->value == NULL || l->name == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	return SNAP_OK;
}

/* ini_parse_string()'s handler: 0 ends it. */
static int
on_line(void *arg, const char *section, const char *name, const char *value)
{
	struct snap_err *err = arg;

	if (*value == '\0') {
		(void)snap_fail(
		    err, SNAP_USAGE, "\"%.*s\" has no value", NAME_SHOWN, name);
		return 0;
	}
	return add_line(section, name, value, err) == SNAP_OK;
}

static enum snap_code
parse(const char *path, const char *text, struct snap_err *err)
{
	int at;

	/* A value may have any character, and be as long as the file. */
	ini_use_stack = false;
	ini_allow_realloc = true;
	ini_max_line = (int)FILE_MAX + 3;
	ini_allow_inline_comments = false;
	ini_allow_multiline = false; /* an indented line is one like others */
	ini_stop_on_first_error = true;
	at = ini_parse_string(text, on_line, err);
	if (at == 0)
		return SNAP_OK;
	if (at < 0)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	if (err->code == SNAP_OK)
		(void)snap_fail(err, SNAP_USAGE,
		    "neither \"[PROFILE]\" nor \"KEY = VALUE\"");
	return snap_wrap(err, "%s, line %d", path, at);
}

static enum snap_code
check_owner(const char *path, const struct stat *st, struct snap_err *err)
{
	if (!S_ISREG(st->st_mode))
		return snap_fail(
		    err, SNAP_USAGE, "configuration \"%s\" is no file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		(void)snap_fail(err, SNAP_USAGE,
		    "configuration \"%s\" belongs to somebody else", path);
		return snap_hint(err, "chown \"$(id -un)\" '%s'", path);
	}
	if ((st->st_mode & 022) != 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "others may write configuration \"%s\"", path);
		return snap_hint(err, "chmod go-w '%s'", path);
	}
	if (st->st_size > (off_t)FILE_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "configuration \"%s\" is larger than %zu bytes", path,
		    FILE_MAX);
	return SNAP_OK;
}

static enum snap_code
read_file(const char *path, int fd, struct snap_err *err)
{
	struct bytes text;
	struct stat st;
	enum snap_code rc;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return snap_fail_errno(
		    err, SNAP_USAGE, "stat configuration \"%s\"", path);
	rc = check_owner(path, &st, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_init(&text, FILE_MAX + 1);
	rc = bytes_reserve(&text, FILE_MAX + 1, err);
	n = rc == SNAP_OK ? fd_read_full(fd, text.p, FILE_MAX) : 0;
	if (n < 0)
		rc = snap_fail_errno(
		    err, SNAP_USAGE, "read configuration \"%s\"", path);
	if (rc == SNAP_OK) {
		text.p[n] = '\0';
		if (memchr(text.p, '\0', (size_t)n) != NULL)
			rc = snap_fail(err, SNAP_USAGE,
			    "configuration \"%s\" has bytes that are no text",
			    path);
	}
	if (rc == SNAP_OK)
		rc = parse(path, (const char *)text.p, err);
	bytes_fini(&text);
	return rc;
}

/* One that was not asked for need not exist. */
static enum snap_code
load_file(const char *path, bool is_asked, struct snap_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum snap_code rc;

	if (fd < 0 && !is_asked && (errno == ENOENT || errno == ENOTDIR))
		return SNAP_OK;
	if (fd < 0)
		return snap_fail_errno(
		    err, SNAP_USAGE, "open configuration \"%s\"", path);
	conf.files[conf.n_files] = strdup(path);
	rc = conf.files[conf.n_files++] == NULL
		 ? snap_fail(err, SNAP_NOMEM, "out of memory")
		 : read_file(path, fd, err);
	(void)close(fd);
	return rc;
}

static enum snap_code
load_own(struct snap_err *err)
{
	const char *dir = getenv("XDG_CONFIG_HOME"), *below = "";
	enum snap_code rc = SNAP_OK;
	struct bytes path;

	if (dir == NULL || *dir != '/') {
		dir = getenv("HOME");
		below = "/.config";
	}
	if (dir == NULL || *dir != '/')
		return SNAP_OK;
	bytes_init(&path, FILE_MAX);
	bytes_printf(&path,
	    "%s%s/" SNAP_PROGRAM_NAME "/" SNAP_PROGRAM_NAME ".conf", dir,
	    below);
	bytes_u8(&path, 0);
	rc = bytes_check(&path, err);
	if (rc == SNAP_OK)
		rc = load_file((const char *)path.p, false, err);
	bytes_fini(&path);
	return rc;
}

const char *
config_profile(void)
{
	return conf.profile;
}

void
config_choose(const char *profile)
{
	conf.profile = profile;
}

const char *
config_profile_name(size_t i)
{
	for (size_t k = 0; k < conf.n; k++) {
		const char *name = conf.lines[k].profile;
		size_t first = 0;

		while (strcmp(conf.lines[first].profile, name) != 0)
			first++;
		if (*name != '\0' && first == k && i-- == 0)
			return name;
	}
	return NULL;
}

static enum snap_code
check_profile(struct snap_err *err)
{
	struct bytes known;
	const char *name;

	if (conf.profile[0] == '\0')
		return SNAP_OK;
	bytes_init(&known, FILE_MAX);
	for (size_t i = 0; (name = config_profile_name(i)) != NULL; i++) {
		if (strcmp(name, conf.profile) == 0) {
			bytes_fini(&known);
			return SNAP_OK;
		}
		bytes_printf(&known, "%s%s", i > 0 ? ", " : "", name);
	}
	bytes_u8(&known, 0);
	(void)snap_fail(
	    err, SNAP_USAGE, "there is no profile \"%s\"", conf.profile);
	if (known.len > 1 && !known.bad)
		(void)snap_hint(err, "There is %s.", (const char *)known.p);
	else
		(void)snap_hint(err,
		    "No configuration has any; \"%s help config\" says "
		    "where they are.",
		    SNAP_PROGRAM_NAME);
	bytes_fini(&known);
	return err->code;
}

enum snap_code
config_load(const struct opts *o, struct snap_err *err)
{
	const char *path = o->config, *profile = o->profile;
	enum snap_code rc = SNAP_OK;

	if (path == NULL)
		path = getenv("SNAP_CONFIG");
	if (profile == NULL)
		profile = getenv("SNAP_PROFILE");
	conf.profile = profile != NULL ? profile : "";
	if (path == NULL) {
		rc = load_file("/etc/" SNAP_PROGRAM_NAME "/" SNAP_PROGRAM_NAME
			       ".conf",
		    false, err);
		if (rc == SNAP_OK)
			rc = load_own(err);
	} else if (*path != '\0') {
		rc = load_file(path, true, err);
	}
	return rc == SNAP_OK ? check_profile(err) : rc;
}

void
config_forget(void)
{
	while (conf.n > 0) {
		struct line *l = &conf.lines[--conf.n];

		free(l->profile);
		free(l->name);
		free(l->value);
	}
	free(conf.lines);
	conf.lines = NULL;
	conf.cap = 0;
	while (conf.n_files > 0)
		free(conf.files[--conf.n_files]);
	conf.profile = "";
}

/* ---- what holds */

/* 0: not for this profile. */
static size_t
rank(const struct line *l)
{
	if (l->profile[0] == '\0')
		return 1 + l->file;
	return strcmp(l->profile, conf.profile) == 0 ? 1 + FILES_MAX + l->file
						     : 0;
}

/* Does no other line of that name beat it? */
static bool
holds(const struct line *l)
{
	size_t mine = rank(l);

	for (size_t i = 0; i < conf.n && mine > 0; i++)
		if (rank(&conf.lines[i]) > mine &&
		    strcmp(conf.lines[i].name, l->name) == 0)
			return false;
	return mine > 0;
}

const char *
config_value(const char *who, const char *name, const char *suffix)
{
	size_t n = strlen(who), len = strlen(name);

	for (size_t i = 0; i < conf.n; i++) {
		const char *is = conf.lines[i].name;

		if (n > 0 && (strncmp(is, who, n) != 0 || is[n] != '-'))
			continue;
		is += n > 0 ? n + 1 : 0;
		if (strncmp(is, name, len) == 0 &&
		    strcmp(is + len, suffix) == 0 && holds(&conf.lines[i]))
			return conf.lines[i].value;
	}
	return NULL;
}

bool
config_get(size_t i, struct config_line *out)
{
	for (size_t k = 0; k < conf.n; k++) {
		const struct line *l = &conf.lines[k];

		if (!holds(l) || i-- > 0)
			continue;
		*out = (struct config_line){ l->name, l->value,
			conf.files[l->file], l->profile };
		return true;
	}
	return false;
}

enum snap_code
config_apply(struct opts *o, unsigned bit, struct snap_err *err)
{
	const struct opts given = *o;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < conf.n && rc == SNAP_OK; i++)
		if (holds(&conf.lines[i]))
			rc = config_key_apply(conf.lines[i].key,
			    conf.lines[i].value, &given, o, bit, err);
	return rc;
}
