/* SPDX-License-Identifier: PostgreSQL */
/* config.c - `config show`: what holds, and where it was said. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "config.h"
#include "config_keys.h"
#include "json.h"
#include "secrets.h"
#include "ui.h"

#define FROM "from-"
#define ENVIRONMENT "environment"
#define VALUE_MAX 1024 /* of what is shown in part */

/* NULL = the environment says nothing about it. */
static const char *
in_environment(const char *key)
{
	size_t n = strlen(FROM);

	if (strncmp(key, FROM, n) == 0)
		return environment_of(WHO_FROM, key + n, "");
	return environment_of(WHO_REPO, key, "");
}

/* How much of a value may be shown: not the token of an address, nor the
 * password of a conninfo. */
static size_t
shown(const char *key, const char *value)
{
	const char *at = strstr(value, "://"), *word;

	if (at != NULL && config_key_is_private(key))
		return (size_t)(at - value) + 3 + strcspn(at + 3, "/?");
	if (at != NULL && (word = strchr(at, '@')) != NULL &&
	    memchr(at + 3, ':', (size_t)(word - at - 3)) != NULL)
		return (size_t)((const char *)memchr(
				    at + 3, ':', (size_t)(word - at - 3)) +
				1 - value);
	word = strstr(value, "password=");
	return word != NULL ? (size_t)(word - value) + strlen("password=")
			    : strlen(value);
}

/* Into text or `list`. */
static void
show(const struct config_line *is, json_t *list)
{
	const char *in = is->profile[0] != '\0' ? is->profile : NULL;
	size_t n = shown(is->key, is->value);
	struct config_line copy = *is, *l = &copy;
	char value[VALUE_MAX];
	json_t *o;

	if (is->value[n] != '\0') {
		(void)snprintf(value, sizeof value, "%.*s... (hidden)",
		    (int)(n < VALUE_MAX / 2 ? n : VALUE_MAX / 2), is->value);
		copy.value = value;
	}
	if (list == NULL) {
		ui_out("%s = %s    # %s%s%s%s\n", l->key, l->value, l->file,
		    in != NULL ? " [" : "", in != NULL ? in : "",
		    in != NULL ? "]" : "");
		return;
	}
	o = json_object();
	json_put_text(o, "key", span_str(l->key));
	json_put_text(o, "value", span_str(l->value));
	json_put_text(o, "from", span_str(l->file));
	if (in != NULL)
		json_put_text(o, "profile", span_str(in));
	(void)json_array_append_new(list, o);
}

static void
show_all(json_t *list)
{
	struct config_line l;
	const char *key, *env;
	size_t i;

	for (i = 0; config_get(i, &l); i++)
		if (in_environment(l.key) == NULL)
			show(&l, list);
		else
			show(&(struct config_line){ l.key,
				 in_environment(l.key), ENVIRONMENT, "" },
			    list);
	for (i = 0; (key = config_variable(i)) != NULL; i++)
		if ((env = in_environment(key)) != NULL &&
		    config_value(WHO_REPO, key, "") == NULL)
			show(&(struct config_line){ key, env, ENVIRONMENT, "" },
			    list);
}

enum snap_code
cmd_config(struct cli *c, struct snap_err *err)
{
	json_t *root, *list;

	if (strcmp(c->o.args[0], "show") != 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "config knows \"show\", not \"%s\"", c->o.args[0]);
		return snap_hint(
		    err, "Try \"%s help config\".", SNAP_PROGRAM_NAME);
	}
	if (c->o.json) {
		root = json_root();
		list = json_array();
		show_all(list);
		(void)json_object_set_new(root, "config", list);
		return json_print(root, err);
	}
	show_all(NULL);
	return ui_out_end(err);
}
