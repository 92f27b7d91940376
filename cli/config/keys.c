/* SPDX-License-Identifier: PostgreSQL */
/*
 * keys.c - see config_keys.h.
 *
 * Not every option is a key: one that turns a restore loose on a server, or
 * chooses tables of it, must not come from a file that was written for backups.
 */
#include <string.h>

#include "cmd.h"
#include "config_keys.h"
#include "near.h"
#include "settings.h"

#define NAME_SHOWN 100 /* bytes */
#define FROM "from-"

/* clang-format off */
static const struct config_key keys[] = {
	{ "repository", KEY_VARIABLE, 0, false, "the repository, a URL" },
	{ "passphrase-file", KEY_VARIABLE, 0, false, NULL },
	{ "passphrase-command", KEY_VARIABLE, 0, false, NULL },
	{ "key-file", KEY_VARIABLE, 0, false, NULL },
	{ "cache-dir", KEY_VARIABLE, 0, false, NULL },
	{ "cache-size", KEY_OPTION, CMD_ALL, false, NULL },
	{ "state-dir", KEY_VARIABLE, 0, false, NULL },
	{ "limit-upload", KEY_OPTION, CMD_ALL, false, NULL },
	{ "limit-download", KEY_OPTION, CMD_ALL, false, NULL },
	{ "retry-for", KEY_OPTION, CMD_ALL, false, NULL },
	{ "log-format", KEY_VARIABLE, 0, false, NULL },
	{ "keep-last", KEY_VARIABLE, 0, false, NULL },
	{ "keep-hourly", KEY_VARIABLE, 0, false, NULL },
	{ "keep-daily", KEY_VARIABLE, 0, false, NULL },
	{ "keep-weekly", KEY_VARIABLE, 0, false, NULL },
	{ "keep-monthly", KEY_VARIABLE, 0, false, NULL },
	{ "keep-yearly", KEY_VARIABLE, 0, false, NULL },
	{ "keep-within", KEY_VARIABLE, 0, false, NULL },
	{ "keep-tag", KEY_VARIABLE, 0, false,
	    "keep those with one of these tags as well; with commas" },
	{ "timezone", KEY_VARIABLE, 0, false, NULL },
	{ "repack-below", KEY_OPTION, CMD_PRUNE, false, NULL },
	{ "max-repack-size", KEY_OPTION, CMD_PRUNE, false, NULL },
	{ "max-time", KEY_OPTION, CMD_PRUNE, false, NULL },
	{ "dbname", KEY_SOURCE, CMD_BACKUP, false, NULL },
	{ "all", KEY_SOURCE, CMD_BACKUP, false, NULL },
	{ "exclude-database", KEY_SOURCE, CMD_BACKUP, true, NULL },
	{ "schema", KEY_SOURCE, CMD_BACKUP, true, NULL },
	{ "exclude-schema", KEY_SOURCE, CMD_BACKUP, true, NULL },
	{ "table", KEY_SOURCE, CMD_BACKUP, true, NULL },
	{ "exclude-table", KEY_SOURCE, CMD_BACKUP, true, NULL },
	{ "exclude-table-data", KEY_SOURCE, CMD_BACKUP, true, NULL },
	{ "host", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "port", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "username", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "jobs", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "lock-wait-timeout", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "serializable-deferrable", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "no-role-passwords", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "pg-dump", KEY_SERVER, CMD_BACKUP, false, NULL },
	{ "tag", KEY_OPTION, CMD_BACKUP, true, NULL },
	{ "compression-level", KEY_OPTION, CMD_BACKUP, false, NULL },
	{ "before", KEY_MESSAGE, 0, false,
	    "a shell command; if it fails the run is not begun" },
	{ "after", KEY_MESSAGE, 0, false, "a shell command after each run" },
	{ "on-success", KEY_MESSAGE, 0, false,
	    "a shell command after a run with status 0" },
	{ "on-failure", KEY_MESSAGE, 0, false,
	    "a shell command after a run with another status" },
	{ "notify-on", KEY_MESSAGE, 0, false,
	    "when webhook and mail are used: failure, the default, or always" },
	{ "ping-url", KEY_MESSAGE, 0, false,
	    "a heartbeat, as of healthchecks.io: a POST to URL/start, then to "
	    "URL or URL/fail" },
	{ "ping-url-file", KEY_MESSAGE, 0, false, "where it is read from" },
	{ "ping-url-command", KEY_MESSAGE, 0, false, "what prints it" },
	{ "webhook-url", KEY_MESSAGE, 0, false,
	    "an address that takes JSON by POST" },
	{ "webhook-url-file", KEY_MESSAGE, 0, false, "where it is read from" },
	{ "webhook-url-command", KEY_MESSAGE, 0, false, "what prints it" },
	{ "webhook-format", KEY_MESSAGE, 0, false,
	    "json, the default, slack, discord or telegram" },
	{ "webhook-chat", KEY_MESSAGE, 0, false,
	    "the chat's id, for telegram" },
	{ "mail-to", KEY_MESSAGE, 0, false, "addresses, with commas" },
	{ "mail-from", KEY_MESSAGE, 0, false, "the sender's address" },
	{ "mail-server", KEY_MESSAGE, 0, false,
	    "smtp://HOST[:PORT], with STARTTLS, or smtps://HOST[:PORT]; "
	    "without it the mail goes to sendmail" },
	{ "mail-user", KEY_MESSAGE, 0, false, "a login there" },
	{ "mail-password-file", KEY_MESSAGE, 0, false, "its password" },
	{ "mail-password-command", KEY_MESSAGE, 0, false, "what prints it" },
	{ "sendmail", KEY_MESSAGE, 0, false,
	    "a shell command that reads the mail; default "
	    "/usr/sbin/sendmail -i -t" },
	{ "message.ca-file", KEY_MESSAGE, 0, false,
	    "authorities to trust instead of the system's" },
	{ "message.insecure", KEY_MESSAGE, 0, false,
	    "yes: in clear text also to other machines" },
	{ NULL, KEY_VARIABLE, 0, false, NULL }
};
/* clang-format on */

/* Of copy's source, and of any store. */
static const struct config_key of_store = { "", KEY_VARIABLE, 0, false, NULL };

static bool
is_variable(const struct config_key *k)
{
	return k->kind == KEY_VARIABLE || k->kind == KEY_MESSAGE;
}

/* What is behind "prune." and the like, or `name` itself. */
static const char *
without_job(const char *name)
{
	for (const struct cmd *c = cmd_table; c->name != NULL; c++) {
		size_t n = strlen(c->name);

		if ((c->bit & CMD_JOBS) != 0 &&
		    strncmp(name, c->name, n) == 0 && name[n] == '.')
			return name + n + 1;
	}
	return name;
}

static const struct config_key *
key_of(const char *name)
{
	const char *rest = without_job(name);

	for (const struct config_key *k = keys; k->name != NULL; k++)
		if (strcmp(k->name, rest) == 0 &&
		    (rest == name || k->kind == KEY_MESSAGE))
			return k;
	return NULL;
}

bool
config_key_is_private(const char *name)
{
	const char *rest = without_job(name);

	return strcmp(rest, "ping-url") == 0 ||
	       strcmp(rest, "webhook-url") == 0;
}

static enum snap_code
unknown(const char *name, struct snap_err *err)
{
	struct near n = { .word = name };

	(void)snap_fail(
	    err, SNAP_USAGE, "there is no key \"%.*s\"", NAME_SHOWN, name);
	for (const struct config_key *k = keys; k->name != NULL; k++)
		near_try(&n, k->name);
	if (n.best != NULL)
		return snap_hint(err, "Did you mean \"%s\"?", n.best);
	return snap_hint(
	    err, "\"%s help config\" says which there are.", SNAP_PROGRAM_NAME);
}

static const struct opt *
option_of(const struct config_key *key)
{
	const struct opt *o = opts_table;

	while (o->name != NULL && strcmp(o->name, key->name) != 0)
		o++;
	return o;
}

static bool
is_yes(const char *value)
{
	return strcmp(value, "yes") == 0;
}

enum snap_code
config_key_find(const char *name, const char *value,
    const struct config_key **out, struct snap_err *err)
{
	const struct config_key *k = key_of(name);
	const char *rest = name;

	if (k != NULL) {
		*out = k;
		if (is_variable(k) || option_of(k)->arg != NULL ||
		    is_yes(value) || strcmp(value, "no") == 0)
			return SNAP_OK;
		return snap_fail(err, SNAP_USAGE, "\"%s\" is yes or no", name);
	}
	*out = &of_store;
	if (strncmp(name, FROM, strlen(FROM)) == 0) {
		rest += strlen(FROM);
		if (strcmp(rest, "repository") == 0 ||
		    strcmp(rest, "passphrase-file") == 0 ||
		    strcmp(rest, "passphrase-command") == 0 ||
		    strcmp(rest, "key-file") == 0)
			return SNAP_OK;
	}
	return settings_known(rest, strlen(rest)) ? SNAP_OK
						  : unknown(name, err);
}

const struct config_key *
config_key_at(size_t i)
{
	return i < sizeof keys / sizeof keys[0] - 1 ? &keys[i] : NULL;
}

const char *
config_key_help(const struct config_key *key)
{
	return key->help != NULL ? key->help : option_of(key)->help;
}

const char *
config_variable(size_t i)
{
	for (const struct config_key *k = keys; k->name != NULL; k++)
		if (is_variable(k) && i-- == 0)
			return k->name;
	return NULL;
}

/* Did the command line say it, or what excludes it? */
static bool
is_given(
    const struct config_key *key, const struct opt *opt, const struct opts *o)
{
	const char *base = (const char *)o + opt->off;
	bool other = o->is_stdin || o->sqlite != NULL || o->has_command;

	if (key->kind == KEY_SERVER && other)
		return true;
	if (key->kind == KEY_SOURCE &&
	    (other || o->all || o->dbname != NULL || o->n_args > 0))
		return true;
	switch (opt->kind) {
	case OPT_FLAG:
		return *(const bool *)(const void *)base;
	case OPT_LIST:
		return ((const struct opt_list *)(const void *)base)->n > 0;
	default:
		return *(const char *const *)(const void *)base != NULL;
	}
}

enum snap_code
config_key_apply(const struct config_key *key, const char *value,
    const struct opts *given, struct opts *o, unsigned bit,
    struct snap_err *err)
{
	const struct opt *opt = option_of(key);

	if (is_variable(key) || (key->commands & bit) == 0 ||
	    (opt->commands & bit) == 0 || is_given(key, opt, given) ||
	    (opt->arg == NULL && !is_yes(value)))
		return SNAP_OK;
	return opts_store(o, opt, value, err);
}
