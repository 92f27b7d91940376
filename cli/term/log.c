/* SPDX-License-Identifier: PostgreSQL */
/* log.c - see log.h.  Whoever calls holds the lock of ui.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "ui.h"

#define TAIL_BYTES ((size_t)6 << 10)

static const struct {
	const char *label, *colour, *name;
	int priority; /* syslog(3) */
} levels[] = { [LOG_ERROR] = { "error", "01;31", "error", 3 },
	[LOG_WARNING] = { "warning", "01;35", "warning", 4 },
	[LOG_HINT] = { "hint", "01", "info", 6 },
	[LOG_INFO] = { NULL, NULL, "info", 6 } };

static struct {
	const char *run, *command, *profile;
	char tail[TAIL_BYTES];
	size_t n_tail;
} logged;

void
log_set_run(const char *run, const char *command, const char *profile)
{
	logged.run = run;
	logged.command = command;
	logged.profile = profile;
}

/* JOURNAL_STREAM is DEVICE:INODE of the socket that the service was given;
 * a child whose stderr was sent elsewhere still has the variable. */
bool
log_to_journal(void)
{
	const char *v = getenv("JOURNAL_STREAM");
	char is[64];
	struct stat st;

	if (v == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(is, sizeof is, "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(v, is) == 0;
}

static void
remember(const char *line, size_t len)
{
	size_t gone = 0;

	if (len > TAIL_BYTES)
		return;
	while (logged.n_tail - gone + len > TAIL_BYTES) {
		const char *from = logged.tail + gone;
		const char *end = memchr(from, '\n', logged.n_tail - gone);

		gone = end != NULL ? (size_t)(end + 1 - logged.tail)
				   : logged.n_tail;
	}
	if (gone > 0)
		memmove(logged.tail, logged.tail + gone, logged.n_tail - gone);
	logged.n_tail -= gone;
	memcpy(logged.tail + logged.n_tail, line, len);
	logged.n_tail += len;
}

struct span
log_tail(void)
{
	return span_of(logged.tail, logged.n_tail);
}

/* The same line in black is what is remembered. */
static void
put_line(struct bytes *out, const char *start, const char *label,
    const char *colour, const char *text)
{
	struct bytes plain;

	bytes_init(&plain, out->max);
	if (label != NULL)
		bytes_printf(&plain, "%s: ", label);
	ui_escape(&plain, span_str(text));
	bytes_u8(&plain, '\n');
	if (!plain.bad) {
		remember((const char *)plain.p, plain.len);
		bytes_put_str(out, start);
		bytes_put_str(out, SNAP_PROGRAM_NAME ": ");
		if (label != NULL && colour != NULL) {
			bytes_printf(out, "\033[%sm%s:\033[0m", colour, label);
			bytes_put(out, plain.p + strlen(label) + 1,
			    plain.len - strlen(label) - 1);
		} else {
			bytes_put_span(out, bytes_span(&plain));
		}
	}
	bytes_fini(&plain);
}

static void
put_text(
    struct bytes *out, bool journal, bool colour, const struct log_message *m)
{
	const char *bold = colour ? "01" : NULL;
	char start[8] = "";

	if (journal)
		(void)snprintf(
		    start, sizeof start, "<%d>", levels[m->level].priority);
	put_line(out, start, levels[m->level].label,
	    colour ? levels[m->level].colour : NULL, m->text);
	if (m->detail[0] != '\0')
		put_line(out, start, "detail", bold, m->detail);
	if (m->hint[0] != '\0')
		put_line(out, start, "hint", bold, m->hint);
}

static void
put_field(json_t *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_put_text(o, key, span_str(text));
}

static void
put_json(struct bytes *out, const struct log_message *m)
{
	json_t *o = json_object();
	struct timespec now;
	char *line;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	json_put_time(
	    o, "time", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	put_field(o, "level", levels[m->level].name);
	put_field(o, "run", logged.run);
	put_field(o, "command", logged.command);
	put_field(o, "profile", logged.profile);
	put_field(o, m->level == LOG_HINT ? "hint" : "message", m->text);
	put_field(o, "detail", m->detail);
	put_field(o, "hint", m->hint);
	line = json_dumps(o, JSON_COMPACT);
	if (line != NULL) {
		bytes_put_str(out, line);
		bytes_u8(out, '\n');
	}
	free(line);
	json_decref(o);
}

void
log_put(struct bytes *out, enum log_format format, bool colour,
    const struct log_message *m)
{
	struct bytes text;

	if (format != LOG_JSON) {
		put_text(out, format == LOG_JOURNAL, colour, m);
		return;
	}
	bytes_init(&text, out->max);
	put_text(&text, false, false, m); /* to be remembered */
	bytes_fini(&text);
	put_json(out, m);
}
