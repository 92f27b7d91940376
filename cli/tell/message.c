/* SPDX-License-Identifier: PostgreSQL */
/* message.c - what is said of a run, in words for people and for programs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "tell_internal.h"
#include "ui.h"

const char *
outcome_name(enum outcome o)
{
	return o == OUTCOME_SUCCESS   ? "success"
	       : o == OUTCOME_WARNING ? "warning"
				      : "failure";
}

void
message_subject(const struct tell *t, struct bytes *out)
{
	const char *of = json_string_value(json_object_get(t->facts, "source"));

	bytes_printf(out, SNAP_PROGRAM_NAME ": %s", t->command);
	if (of != NULL)
		bytes_printf(out, " of %s", of);
	else if (t->profile[0] != '\0')
		bytes_printf(out, " of profile %s", t->profile);
	bytes_printf(out, " on %s: %s", t->host, outcome_name(t->outcome));
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static void
put_fact(struct bytes *out, const char *key, const json_t *value)
{
	uint64_t n = (uint64_t)json_integer_value(value);
	char size[UI_SIZE_MAX];

	if (json_is_string(value))
		bytes_printf(out, "%-14s %s\n", key, json_string_value(value));
	else if (ends_with(key, "bytes"))
		bytes_printf(out, "%-14s %s\n", key, ui_size(n, size));
	else
		bytes_printf(out, "%-14s %" PRIu64 "\n", key, n);
}

static void
put_text(const struct tell *t, struct bytes *out)
{
	char when[UI_TIME_MAX];
	const char *key;
	json_t *value;

	if (t->message[0] != '\0')
		bytes_printf(out, "%s\n", t->message);
	if (t->detail[0] != '\0')
		bytes_printf(out, "%s\n", t->detail);
	if (t->hint[0] != '\0')
		bytes_printf(out, "%s\n", t->hint);
	if (out->len > 0)
		bytes_u8(out, '\n');
	bytes_printf(out, "%-14s %s\n", "run", t->id);
	if (t->profile[0] != '\0')
		bytes_printf(out, "%-14s %s\n", "profile", t->profile);
	bytes_printf(out, "%-14s %s\n", "began", ui_time(t->started_ns, when));
	bytes_printf(out, "%-14s %" PRIu64 ".%" PRIu64 " s\n", "duration",
	    t->duration_ms / 1000, t->duration_ms / 100 % 10);
	bytes_printf(out, "%-14s %d\n", "status", t->status);
	json_object_foreach(t->facts, key, value) put_fact(out, key, value);
	if (log_tail().len > 0) {
		bytes_put_str(out, "\nThe end of its log:\n\n");
		bytes_put_span(out, log_tail());
	}
}

void
message_text(const struct tell *t, struct bytes *out)
{
	struct bytes b;

	bytes_init(&b, 4 * TELL_TEXT_MAX);
	put_text(t, &b);
	bytes_put(out, b.p, b.len < TELL_TEXT_MAX ? b.len : TELL_TEXT_MAX);
	bytes_fini(&b);
}

json_t *
message_json(const struct tell *t)
{
	json_t *o = json_root();

	json_put_text(o, "run", span_str(t->id));
	json_put_text(o, "command", span_str(t->command));
	json_put_text(o, "profile", span_str(t->profile));
	json_put_text(o, "host", span_str(t->host));
	json_put_text(o, "outcome", span_str(outcome_name(t->outcome)));
	json_put_u64(o, "status", (uint64_t)t->status);
	json_put_time(o, "began", t->started_ns);
	json_put_u64(o, "duration-ms", t->duration_ms);
	json_put_text(o, "message", span_str(t->message));
	json_put_text(o, "detail", span_str(t->detail));
	json_put_text(o, "hint", span_str(t->hint));
	(void)json_object_set(o, "facts", t->facts);
	json_put_text(o, "log", log_tail());
	return o;
}
