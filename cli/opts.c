/* SPDX-License-Identifier: PostgreSQL */
/*
 * opts.c - the only parser of the command line.
 *
 * Our own and not getopt_long(), because that is no POSIX and because options
 * in front of and behind operands, "-- COMMAND" and errors in our form would
 * need as much code around it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "near.h"
#include "opts.h"

struct words {
	int argc, at;
	char **argv;
	const char *command; /* for messages and hints; NULL = in front */
	unsigned bit;
};

static enum snap_code
usage_hint(const struct words *w, struct snap_err *err)
{
	return snap_hint(err, "Try \"%s help%s%s\" for more information.",
	    SNAP_PROGRAM_NAME, w->command != NULL ? " " : "",
	    w->command != NULL ? w->command : "");
}

enum snap_code
opts_store(struct opts *o, const struct opt *opt, const char *arg,
    struct snap_err *err)
{
	char *base = (char *)o + opt->off;
	struct opt_list *list;

	switch (opt->kind) {
	case OPT_FLAG:
		*(bool *)(void *)base = true;
		break;
	case OPT_PERCENT:
		o->read_data = true;
		*(const char **)(void *)base = arg;
		break;
	case OPT_STRING:
		*(const char **)(void *)base = arg;
		break;
	case OPT_LIST:
		list = (struct opt_list *)(void *)base;
		if (list->n == OPTS_LIST_MAX)
			return snap_fail(err, SNAP_USAGE,
			    "option --%s was given more than %d times",
			    opt->name, OPTS_LIST_MAX);
		list->v[list->n++] = arg;
		list->v[list->n] = NULL;
		break;
	case OPT_END:
		break;
	}
	return SNAP_OK;
}

static enum snap_code
check_command(
    const struct words *w, const struct opt *opt, struct snap_err *err)
{
	if ((opt->commands & w->bit) != 0)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_USAGE, "%s%s takes no option --%s",
	    w->command != NULL ? "command " : "",
	    w->command != NULL ? w->command : SNAP_PROGRAM_NAME, opt->name);
	return usage_hint(w, err);
}

/* The argument of an option: what follows in the word, or the next word. */
static enum snap_code
argument(struct words *w, const struct opt *opt, const char *rest,
    const char **out, struct snap_err *err)
{
	*out = rest;
	if (rest != NULL || opt->arg == NULL || opt->kind == OPT_PERCENT)
		return SNAP_OK;
	if (w->at + 1 < w->argc) {
		*out = w->argv[++w->at];
		return SNAP_OK;
	}
	(void)snap_fail(
	    err, SNAP_USAGE, "option --%s requires an argument", opt->name);
	return usage_hint(w, err);
}

static enum snap_code
parse_long(
    struct opts *o, struct words *w, const char *word, struct snap_err *err)
{
	struct near near = { .word = word };
	const char *eq = strchr(word, '='), *arg;
	size_t len = eq != NULL ? (size_t)(eq - word) : strlen(word);
	const struct opt *opt;
	enum snap_code rc;

	for (opt = opts_table; opt->name != NULL; opt++)
		if (strlen(opt->name) == len &&
		    memcmp(opt->name, word, len) == 0)
			break;
	if (opt->name == NULL) {
		(void)snap_fail(err, SNAP_USAGE, "there is no option --%.*s",
		    (int)(len < 100 ? len : 100), word);
		for (opt = opts_table; opt->name != NULL; opt++)
			if (eq == NULL && opt->help != NULL &&
			    (opt->commands & w->bit) != 0)
				near_try(&near, opt->name);
		return near.best == NULL
			   ? usage_hint(w, err)
			   : snap_hint(err, "Did you mean --%s?", near.best);
	}
	if ((rc = check_command(w, opt, err)) != SNAP_OK)
		return rc;
	if (eq != NULL && opt->arg == NULL) {
		(void)snap_fail(err, SNAP_USAGE,
		    "option --%s takes no argument", opt->name);
		return usage_hint(w, err);
	}
	rc = argument(w, opt, eq != NULL ? eq + 1 : NULL, &arg, err);
	if (rc != SNAP_OK)
		return rc;
	return opts_store(o, opt, arg, err);
}

static enum snap_code
parse_letters(
    struct opts *o, struct words *w, const char *word, struct snap_err *err)
{
	const struct opt *opt;
	const char *arg;
	enum snap_code rc;

	for (; *word != '\0'; word++) {
		for (opt = opts_table; opt->name != NULL; opt++)
			if (opt->letter == *word)
				break;
		if (opt->name == NULL) {
			(void)snap_fail(
			    err, SNAP_USAGE, "there is no option -%c", *word);
			return usage_hint(w, err);
		}
		if ((rc = check_command(w, opt, err)) != SNAP_OK)
			return rc;
		if (opt->arg == NULL) {
			if ((rc = opts_store(o, opt, NULL, err)) != SNAP_OK)
				return rc;
			continue;
		}
		rc = argument(
		    w, opt, word[1] != '\0' ? word + 1 : NULL, &arg, err);
		return rc != SNAP_OK ? rc : opts_store(o, opt, arg, err);
	}
	return SNAP_OK;
}

static enum snap_code
parse_option(struct opts *o, struct words *w, struct snap_err *err)
{
	const char *word = w->argv[w->at];

	if (word[1] == '-')
		return parse_long(o, w, word + 2, err);
	return parse_letters(o, w, word + 1, err);
}

enum snap_code
opts_parse_front(
    struct opts *o, int argc, char **argv, int *used, struct snap_err *err)
{
	struct words w = { argc, 0, argv, NULL, CMD_ALL };
	enum snap_code rc;

	for (; w.at < argc; w.at++) {
		if (argv[w.at][0] != '-' || argv[w.at][1] == '\0')
			break;
		if ((rc = parse_option(o, &w, err)) != SNAP_OK)
			return rc;
	}
	*used = w.at;
	return SNAP_OK;
}

enum snap_code
opts_parse(struct opts *o, unsigned bit, const char *command, int argc,
    char **argv, struct snap_err *err)
{
	struct words w = { argc, 0, argv, command, bit };
	enum snap_code rc;

	/* Operands are moved to the front of argv as they are found. */
	o->args = argv;
	o->n_args = 0;
	for (; w.at < argc; w.at++) {
		char *word = argv[w.at];

		if (word[0] != '-' || word[1] == '\0') {
			o->args[o->n_args++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			o->has_command = true;
			o->command = argv + w.at + 1;
			break;
		}
		if ((rc = parse_option(o, &w, err)) != SNAP_OK)
			return rc;
	}
	return SNAP_OK;
}

enum snap_code
opts_number(const char *text, const char *option, unsigned long min,
    unsigned long max, unsigned long *out, struct snap_err *err)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    v < min || v > max)
		return snap_fail(err, SNAP_USAGE,
		    "--%s must be a number from %lu to %lu, not \"%s\"", option,
		    min, max, text);
	*out = v;
	return SNAP_OK;
}

struct unit {
	char letter;
	uint64_t times;
};

/* `units` ends with letter 0; a number alone is of the first if that has no
 * letter of its own. */
static bool
with_unit(const char *text, const struct unit *units, uint64_t *out)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno != 0 || v == 0)
		return false;
	for (; units->times != 0; units++) {
		if (units->letter != *end ||
		    (units->letter != '\0' && end[1] != '\0'))
			continue;
		if (v > UINT64_MAX / 2 / units->times)
			return false;
		*out = (uint64_t)v * units->times;
		return true;
	}
	return false;
}

enum snap_code
opts_size(
    const char *text, const char *option, uint64_t *out, struct snap_err *err)
{
	static const struct unit units[] = { { '\0', 1 }, { 'K', 1u << 10 },
		{ 'M', 1u << 20 }, { 'G', 1u << 30 },
		{ 'T', UINT64_C(1) << 40 }, { '\0', 0 } };

	if (with_unit(text, units, out))
		return SNAP_OK;
	return snap_fail(err, SNAP_USAGE,
	    "--%s takes a size as 500M or 20G, not \"%s\"", option, text);
}

enum snap_code
opts_seconds(
    const char *text, const char *option, uint64_t *out, struct snap_err *err)
{
	static const struct unit units[] = { { 's', 1 }, { 'm', 60 },
		{ 'h', 3600 }, { 'd', 86400 }, { '\0', 0 } };

	if (with_unit(text, units, out))
		return SNAP_OK;
	return snap_fail(err, SNAP_USAGE,
	    "--%s takes a time as 90s, 30m, 2h or 1d, not \"%s\"", option,
	    text);
}
