/* SPDX-License-Identifier: PostgreSQL */
/*
 * cron.c - the jobs as lines of crontab(5).
 *
 * Cron knows no random delay.  So that a hundred machines do not all come at
 * the full hour, the minute is made of this one's name: the same each time.
 */
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "schedule.h"
#include "ui.h"

/* FNV-1a. */
static unsigned
delay(const struct schedule *s)
{
	char host[256] = "";
	unsigned h = 2166136261u;

	(void)gethostname(host, sizeof host - 1);
	for (const char *p = host; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	for (const char *p = s->profile; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return h % 25;
}

void
cron_lines(const struct schedule *s, bool with_user, struct bytes *out)
{
	struct bytes words;

	bytes_put_str(out, SCHEDULE_MARK);
	for (size_t i = 0; i < SCHEDULE_JOBS; i++) {
		const struct schedule_job *j = &s->jobs[i];
		unsigned minute = j->minute + delay(s);

		if (j->every == EVERY_NEVER)
			continue;
		if (j->every == EVERY_HOURS)
			bytes_printf(out, "%u */%u * * *", minute, j->hours);
		else
			bytes_printf(out, "%u %u %s * %s", minute, j->hour,
			    j->every == EVERY_MONTH ? "1" : "*",
			    j->every == EVERY_WEEK ? "0" : "*");
		if (with_user)
			bytes_printf(
			    out, " %s", s->user != NULL ? s->user : "root");
		bytes_u8(out, ' ');
		bytes_init(&words, SCHEDULE_TEXT_MAX);
		schedule_words(s, j, true, &words);
		/* To cron, % is the end of the line. */
		for (size_t k = 0; k < words.len; k++) {
			if (words.p[k] == '%')
				bytes_u8(out, '\\');
			bytes_u8(out, words.p[k]);
		}
		bytes_fini(&words);
		bytes_u8(out, '\n');
	}
}

/* Without the lines from "# begin NAME" to "# end NAME". */
static void
without(struct span old, const char *begin, const char *end, struct bytes *out)
{
	bool inside = false;

	while (old.len > 0) {
		const uint8_t *eol = memchr(old.p, '\n', old.len);
		size_t n = eol != NULL ? (size_t)(eol - old.p) + 1 : old.len;
		struct span line = span_of(old.p, n);

		if (span_eq(line, span_str(begin)))
			inside = true;
		if (!inside)
			bytes_put_span(out, line);
		if (span_eq(line, span_str(end)))
			inside = false;
		old = span_of(old.p + n, old.len - n);
	}
}

/* Of whom has none crontab(1) says so and fails, with no output. */
static enum snap_code
read_own(struct cli *c, struct bytes *out, struct snap_err *err)
{
	char crontab[] = "crontab", list[] = "-l";
	char *argv[] = { crontab, list, NULL };
	struct child child = CHILD_INIT;
	enum snap_code rc = child_start(&child, argv, err);
	ssize_t n;

	if (rc != SNAP_OK)
		return rc;
	rc = bytes_reserve(out, CHILD_IN_MAX, err);
	n = rc == SNAP_OK ? fd_read_full(child.fd, out->p, CHILD_IN_MAX) : 0;
	if (n < 0)
		rc = snap_fail_errno(err, SNAP_IO, "read crontab -l");
	else if (n == (ssize_t)CHILD_IN_MAX)
		rc = snap_fail(err, SNAP_USAGE,
		    "the crontab is larger than %zu bytes: add the lines of "
		    "--dry-run yourself",
		    CHILD_IN_MAX);
	out->len = n > 0 ? (size_t)n : 0;
	if (rc == SNAP_OK && child_wait(&child, &c->report, err) != SNAP_OK &&
	    out->len > 0)
		rc = err->code;
	child_kill(&child);
	return rc;
}

enum snap_code
cron_own(struct cli *c, const struct schedule *s, const char *name,
    bool install, size_t *n_changed, struct snap_err *err)
{
	struct bytes old, text, begin, end;
	enum snap_code rc;

	bytes_init(&old, CHILD_IN_MAX);
	bytes_init(&text, CHILD_IN_MAX);
	bytes_init(&begin, SCHEDULE_TEXT_MAX);
	bytes_init(&end, SCHEDULE_TEXT_MAX);
	bytes_printf(&begin, "# begin %s\n%c", name, 0);
	bytes_printf(&end, "# end %s\n%c", name, 0);
	rc = read_own(c, &old, err);
	if (rc == SNAP_OK) {
		without(bytes_span(&old), (const char *)begin.p,
		    (const char *)end.p, &text);
		if (install) {
			if (text.len > 0 && text.p[text.len - 1] != '\n')
				bytes_u8(&text, '\n');
			bytes_put_str(&text, (const char *)begin.p);
			cron_lines(s, false, &text);
			bytes_put_str(&text, (const char *)end.p);
		}
		rc = bytes_check(&text, err);
	}
	if (rc == SNAP_OK && !span_eq(bytes_span(&old), bytes_span(&text))) {
		ui_out("# ---- crontab\n%.*s", (int)text.len,
		    (const char *)text.p);
		if (!c->o.dry_run) {
			(*n_changed)++;
			rc = child_shell(
			    "crontab -", bytes_span(&text), &c->report, err);
		}
	}
	bytes_fini(&old);
	bytes_fini(&text);
	bytes_fini(&begin);
	bytes_fini(&end);
	return rc;
}
