/* SPDX-License-Identifier: PostgreSQL */
/* settings.c - see settings.h. */
#include <stdlib.h>
#include <string.h>

#include "secrets.h"
#include "settings.h"
#include "transport_settings.h"

bool
settings_known(const char *name, size_t len)
{
	static const char *const from[] = { "-file", "-command" };

	for (const struct transport_setting *s = transport_settings;
	     s->name != NULL; s++) {
		size_t n = strlen(s->name);

		if (len < n || memcmp(s->name, name, n) != 0)
			continue;
		if (!s->is_secret && len == n)
			return true;
		for (size_t i = 0; s->is_secret && i < 2; i++)
			if (len - n == strlen(from[i]) &&
			    memcmp(name + n, from[i], len - n) == 0)
				return true;
	}
	return false;
}

enum snap_code
settings_check(const struct opt_list *options, struct snap_err *err)
{
	for (size_t i = 0; i < options->n; i++) {
		const char *o = options->v[i], *eq = strchr(o, '=');

		/* What is behind "=" may be a secret in the wrong place. */
		if (eq == NULL || eq == o || eq[1] == '\0') {
			(void)snap_fail(
			    err, SNAP_USAGE, "option -o takes NAME=VALUE");
		} else if (!settings_known(o, (size_t)(eq - o))) {
			(void)snap_fail(err, SNAP_USAGE,
			    "there is no setting \"%.*s\"",
			    (int)(eq - o < 60 ? eq - o : 60), o);
		} else {
			continue;
		}
		return snap_hint(
		    err, "\"%s help settings\" lists them.", SNAP_PROGRAM_NAME);
	}
	return SNAP_OK;
}

static const char *
from_options(const struct settings *s, const char *name, const char *suffix)
{
	size_t len = strlen(name), more = strlen(suffix);

	for (size_t i = s->options->n; i-- > 0;) {
		const char *o = s->options->v[i];

		if (strncmp(o, name, len) == 0 &&
		    strncmp(o + len, suffix, more) == 0 && o[len + more] == '=')
			return o + len + more + 1;
	}
	return NULL;
}

bool
settings_run(const struct settings *s)
{
	for (const struct transport_setting *t = transport_settings;
	     t->name != NULL; t++)
		if (t->is_secret &&
		    (from_options(s, t->name, "-command") != NULL ||
			variable_of(s->who, t->name, "-command") != NULL))
			return true;
	return false;
}

const char *
settings_get(const struct settings *s, const char *name)
{
	const char *v = from_options(s, name, "");

	return v != NULL ? v : variable_of(s->who, name, "");
}

static const char *
answer_setting(void *arg, const char *name)
{
	return settings_get(arg, name);
}

static const char *
answer_variable(void *arg, const char *name)
{
	const char *v = getenv(name);

	(void)arg;
	return v != NULL && *v != '\0' ? v : NULL;
}

static enum snap_code
answer_secret(void *arg, const char *name, const char *prompt,
    struct bytes *out, struct snap_err *err)
{
	const struct settings *s = arg;
	struct secret_source from = { .who = s->who, .what = name };

	from.file = from_options(s, name, "-file");
	from.command = from_options(s, name, "-command");
	from.prompt = prompt;
	return secret_named(&from, out, s->report, err);
}

void
settings_answer(struct settings *s, struct transport_opts *to)
{
	to->arg = s;
	to->setting = answer_setting;
	to->variable = answer_variable;
	to->secret = answer_secret;
	to->report = s->report;
}
