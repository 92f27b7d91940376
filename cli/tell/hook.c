/* SPDX-License-Identifier: PostgreSQL */
/*
 * hook.c - commands of the configuration, run before and after.
 *
 * What they are told is in their environment: SNAP_RUN_ID, _COMMAND, _PROFILE,
 * _HOOK; at the end _STATUS, _OUTCOME, _MESSAGE, _DURATION_MS and, under its
 * own name, each fact of the run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "tell_internal.h"

#define PREFIX "SNAP_RUN_"

static void
say(const char *key, const char *value)
{
	char name[sizeof PREFIX + TELL_WORD_MAX];

	(void)snprintf(name, sizeof name, PREFIX "%s", key);
	for (char *p = name; *p != '\0'; p++)
		*p = (char)(*p == '-'                ? '_'
			    : *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A'
						     : *p);
	(void)setenv(name, value, 1);
}

static void
say_number(const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, value);
	say(key, text);
}

static void
say_end(const struct tell *t)
{
	const char *key;
	json_t *value;

	say_number("status", (uint64_t)t->status);
	say("outcome", outcome_name(t->outcome));
	say("message", t->message);
	say_number("duration-ms", t->duration_ms);
	json_object_foreach(t->facts, key, value) if (json_is_string(value))
	    say(key, json_string_value(value));
	else say_number(key, (uint64_t)json_integer_value(value));
}

enum snap_code
hook_run(const struct tell *t, const char *name, const struct report *r,
    struct snap_err *err)
{
	const char *command = tell_word(t, name);
	bool is_before = strcmp(name, "before") == 0;

	if (command == NULL)
		return SNAP_OK;
	say("id", t->id);
	say("command", t->command);
	say("profile", t->profile);
	say("hook", name);
	if (!is_before)
		say_end(t);
	if (child_shell(command, span_of(NULL, 0), r, err) == SNAP_OK)
		return SNAP_OK;
	(void)snap_wrap(err, "hook \"%s\"", name);
	if (is_before && err->code == SNAP_SOURCE)
		(void)snap_detail(err, "So the %s was not begun.", t->command);
	return err->code;
}
