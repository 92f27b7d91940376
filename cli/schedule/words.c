/* SPDX-License-Identifier: PostgreSQL */
/* words.c - what a job is called and how it is called. */
#include <string.h>

#include "schedule.h"

#define PATH_BYTES ((size_t)4096)

void
schedule_base(const struct schedule *s, struct bytes *out)
{
	bytes_put_str(out, SNAP_PROGRAM_NAME);
	if (s->profile[0] != '\0')
		bytes_printf(out, "-%s", s->profile);
}

void
schedule_name(
    const struct schedule *s, const struct schedule_job *j, struct bytes *out)
{
	schedule_base(s, out);
	bytes_printf(out, "-%s", j->command);
}

static void
put_word(bool cron, const char *word, struct bytes *out)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "_@+=:,./-";
	const char quote = cron ? '\'' : '"';

	bytes_u8(out, ' ');
	if (word[strspn(word, plain)] == '\0') {
		bytes_put_str(out, word);
		return;
	}
	bytes_u8(out, (uint8_t)quote);
	for (; *word != '\0'; word++) {
		if (cron && *word == '\'')
			bytes_put_str(out, "'\\'");
		else if (!cron && (*word == '%' || *word == '$'))
			bytes_u8(out, (uint8_t)*word);
		else if (!cron && (*word == '"' || *word == '\\'))
			bytes_u8(out, '\\');
		bytes_u8(out, (uint8_t)*word);
	}
	bytes_u8(out, (uint8_t)quote);
}

static void
put_option(bool cron, const char *option, const char *value, struct bytes *out)
{
	struct bytes b;

	bytes_init(&b, PATH_BYTES);
	bytes_printf(&b, "%s%s", option, value);
	bytes_u8(&b, 0);
	if (b.bad)
		out->bad = true;
	else
		put_word(cron, (const char *)b.p, out);
	bytes_fini(&b);
}

void
schedule_words(const struct schedule *s, const struct schedule_job *j,
    bool cron, struct bytes *out)
{
	struct bytes line, name;

	bytes_init(&line, SCHEDULE_TEXT_MAX);
	bytes_init(&name, PATH_BYTES);
	schedule_name(s, j, &name);
	bytes_u8(&name, 0);
	put_word(cron, s->program, &line);
	if (s->config != NULL)
		put_option(cron, "--config=", s->config, &line);
	if (s->profile[0] != '\0')
		put_option(cron, "--profile=", s->profile, &line);
	put_word(cron, j->command, &line);
	if (s->all_profiles)
		put_word(cron, "--all-profiles", &line);
	if (j->args[0] != '\0')
		put_word(cron, j->args, &line);
	if (!name.bad)
		put_option(cron, "--job=", (const char *)name.p, &line);
	if (cron)
		put_word(cron, "--quiet", &line);
	if (line.bad || name.bad)
		out->bad = true;
	else /* without the first blank */
		bytes_put(out, line.p + 1, line.len - 1);
	bytes_fini(&line);
	bytes_fini(&name);
}
