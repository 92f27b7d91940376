/* SPDX-License-Identifier: PostgreSQL */
/* sftp_open.c - from a URL and settings to a store. */
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sftp_internal.h"
#include "url.h"

#define CONNS 8
#define CONNS_MAX 64
#define CONNECT_S 30
#define SILENCE_S 60
#define SECONDS_MAX 86400
#define HOST_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-%"

static void
cfg_fini(struct ssh_cfg *cfg)
{
	free(cfg->host);
	free(cfg->user);
	free(cfg->known_hosts);
	free(cfg->key_file);
}

void
sftp_close(struct transport *t)
{
	struct sftp *f = (struct sftp *)t;
	struct sftp_dir *d, *next;

	sftp_pool_close(f);
	for (d = f->known; d != NULL; d = next) {
		next = d->next;
		free(d);
	}
	ssh_auth_free(f->auth);
	cfg_fini(&f->cfg);
	free(f->root);
	pthread_cond_destroy(&f->free_one);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const char *
setting(const struct transport_opts *o, const char *name)
{
	const char *v = o->setting != NULL ? o->setting(o->arg, name) : NULL;

	return v != NULL && v[0] != '\0' ? v : NULL;
}

static const char *
variable(const struct transport_opts *o, const char *name)
{
	const char *v = o->variable != NULL ? o->variable(o->arg, name) : NULL;

	return v != NULL && v[0] != '\0' ? v : NULL;
}

static enum snap_code
number(const struct transport_opts *o, const char *name, unsigned max,
    unsigned *out, struct snap_err *err)
{
	const char *v = setting(o, name);
	unsigned n = 0;

	if (v == NULL)
		return SNAP_OK;
	for (const char *p = v; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || n > max)
			n = max + 1;
		else
			n = n * 10 + (unsigned)(*p - '0');
	}
	if (n < 1 || n > max)
		return snap_fail(err, SNAP_USAGE,
		    "%s is \"%.40s\", not a number from 1 to %u", name, v, max);
	*out = n;
	return SNAP_OK;
}

static enum snap_code
copy(const char *s, char **out, struct snap_err *err)
{
	if (s == NULL)
		return SNAP_OK;
	*out = strdup(s);
	if (*out == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	return SNAP_OK;
}

/* "~/x" of a setting is in the home directory. */
static enum snap_code
copy_path(const char *s, const char *home, char **out, struct snap_err *err)
{
	struct bytes b;
	enum snap_code rc;

	if (s == NULL || home == NULL || strncmp(s, "~/", 2) != 0)
		return copy(s, out, err);
	bytes_init(&b, PATH_MAX);
	bytes_printf(&b, "%s%s", home, s + 1);
	bytes_u8(&b, 0);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc = copy((const char *)b.p, out, err);
	bytes_fini(&b);
	return rc;
}

static enum snap_code
configure(struct sftp *f, const struct url *u, struct snap_err *err)
{
	const struct transport_opts *o = f->cfg.opts;
	unsigned connect_s = CONNECT_S, silence_s = SILENCE_S;
	const char *user = u->user;
	struct passwd *pw;
	enum snap_code rc;

	/* It goes into lines that people paste. */
	if (u->host[strspn(u->host, HOST_CHARS)] != '\0')
		return snap_fail(
		    err, SNAP_USAGE, "the host of the URL is no host name");
	f->max_conns = CONNS;
	f->cfg.port = u->port != 0 ? u->port : SSH_PORT;
	f->cfg.home = variable(o, "HOME");
	f->cfg.agent = variable(o, "SSH_AUTH_SOCK");
	if (user == NULL)
		user = setting(o, "sftp.user");
	if (user == NULL)
		user = variable(o, "LOGNAME");
	if (user == NULL) {
		pw = getpwuid(geteuid());
		user = pw != NULL ? pw->pw_name : NULL;
	}
	if (user == NULL || user[0] == '\0')
		return snap_fail(
		    err, SNAP_USAGE, "the URL names no user, as sftp://me@...");
	rc = number(o, "sftp.connections", CONNS_MAX, &f->max_conns, err);
	if (rc == SNAP_OK)
		rc = number(
		    o, "sftp.connect-timeout", SECONDS_MAX, &connect_s, err);
	if (rc == SNAP_OK)
		rc = number(o, "sftp.timeout", SECONDS_MAX, &silence_s, err);
	f->cfg.connect_ms = (int64_t)connect_s * 1000;
	f->cfg.silence_ms = (int64_t)silence_s * 1000;
	if (rc == SNAP_OK)
		rc = copy(u->host, &f->cfg.host, err);
	if (rc == SNAP_OK)
		rc = copy(user, &f->cfg.user, err);
	if (rc == SNAP_OK)
		rc = copy_path(setting(o, "sftp.known-hosts"), f->cfg.home,
		    &f->cfg.known_hosts, err);
	if (rc == SNAP_OK)
		rc = copy_path(setting(o, "sftp.key-file"), f->cfg.home,
		    &f->cfg.key_file, err);
	return rc;
}

/* "/~/x" is x from where the server starts, which is the home directory. */
static enum snap_code
server_path(const char *path, char **out, struct snap_err *err)
{
	size_t len;
	enum snap_code rc;

	if (strcmp(path, "/~") == 0 || strcmp(path, "/~/") == 0)
		path = ".";
	else if (strncmp(path, "/~/", 3) == 0)
		path += 3;
	if (path[0] == '\0')
		return snap_fail(err, SNAP_USAGE,
		    "the URL names no path, as sftp://host/backups/snap or "
		    "sftp://host/~/snap");
	if (strlen(path) > SFTP_PATH_MAX)
		return snap_fail(
		    err, SNAP_USAGE, "the path of the URL is too long");
	rc = copy(path, out, err);
	if (rc != SNAP_OK)
		return rc;
	for (len = strlen(*out); len > 1 && (*out)[len - 1] == '/'; len--)
		(*out)[len - 1] = '\0';
	return SNAP_OK;
}

/* Make the directory and those above that are missing; *last is what the
 * server said to it: of those above, some may be there and not ours. */
static enum snap_code
make_root(struct sftp *f, struct sftp_conn *c, struct sftp_answer *last,
    struct snap_err *err)
{
	char path[SFTP_NAME_SIZE];
	enum snap_code rc = SNAP_OK;
	uint32_t first;
	char *p, old;

	sftp_path(f, "", path);
	for (p = path + 1; rc == SNAP_OK; p++) {
		old = *p;
		if (old != '/' && old != '\0')
			continue;
		*p = '\0';
		first = c->next_id;
		sftp_ask_mkdir(c, path);
		rc = sftp_answers(c, first, last, 1, err);
		*p = old;
		if (old == '\0')
			break;
	}
	return rc;
}

static enum snap_code
stat_root(struct sftp *f, struct sftp_conn *c, struct sftp_answer *a,
    struct snap_err *err)
{
	uint32_t first = c->next_id;

	if (f->root_asked)
		first = 0;
	else
		sftp_ask_path(c, SFTP_STAT, f->root);
	f->root_asked = false;
	return sftp_answers(c, first, a, 1, err);
}

static enum snap_code
check_root(struct sftp *f, const char *url, struct snap_err *err)
{
	struct sftp_answer a, made = { .type = 0 };
	struct sftp_conn *c;
	enum snap_code rc;

	rc = sftp_take(f, &c, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "%s", url);
	rc = stat_root(f, c, &a, err);
	if (rc == SNAP_OK && sftp_is_missing(&a) && f->cfg.opts->create) {
		rc = make_root(f, c, &made, err);
		if (rc == SNAP_OK)
			rc = stat_root(f, c, &a, err);
	}
	if (rc != SNAP_OK)
		(void)snap_wrap(err, "%s", url);
	else if (sftp_is_missing(&a) && made.type == 0)
		rc = snap_fail(err, SNAP_NOREPO,
		    "no repository at %s: no such directory", url);
	else if (a.type != SFTP_ATTRS) {
		(void)sftp_refused(made.type != 0 ? &made : &a,
		    made.type != 0 ? "make the directory"
				   : "look at the directory",
		    err);
		rc = snap_wrap(err, "%s", url);
	} else if (a.attrs.has_mode && !sftp_is_dir(&a.attrs)) {
		rc = snap_fail(err, SNAP_NOREPO,
		    "no repository at %s: not a directory", url);
	}
	sftp_give(f, c);
	return rc;
}

enum snap_code
transport_open_sftp(const char *url, const struct transport_opts *opts,
    struct transport **out, struct snap_err *err)
{
	struct sftp *f = calloc(1, sizeof *f);
	struct url u = { NULL, NULL, NULL, 0, NULL };
	enum snap_code rc;

	if (f == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	if (pthread_mutex_init(&f->lock, NULL) != 0) {
		free(f);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	if (pthread_cond_init(&f->free_one, NULL) != 0) {
		pthread_mutex_destroy(&f->lock);
		free(f);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	atomic_init(&f->no_dir_sync, false);
	atomic_init(&f->way, SFTP_WAY_UNKNOWN);
	atomic_init(&f->age, 0);
	atomic_init(&f->closing, false);
	f->cfg.closing = &f->closing;
	f->cfg.opts = opts;
	rc = url_parse(url, &u, err);
	if (rc == SNAP_OK)
		rc = server_path(u.path, &f->root, err);
	if (rc == SNAP_OK)
		rc = configure(f, &u, err);
	if (rc == SNAP_OK)
		rc = ssh_auth_new(&f->cfg, &f->auth, err);
	if (rc == SNAP_OK)
		rc = check_root(f, url, err);
	if (rc == SNAP_OK)
		rc = transport_base_init(&f->base, &sftp_ops, url, err);
	url_fini(&u);
	if (rc != SNAP_OK) {
		sftp_close(&f->base);
		return rc;
	}
	f->base.time_is_visibility = false; /* whoever copies or touches */
	*out = &f->base;
	return SNAP_OK;
}
