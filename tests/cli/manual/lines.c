/* SPDX-License-Identifier: PostgreSQL */
/*
 * lines.c - are the command lines that documentation shows ones that the
 * program takes?
 *
 * Reads "PLACE<TAB>LINE" from stdin and takes a line apart as a shell would.
 * Each command of it that is the program's (its name, or a path to it) is
 * parsed by the program's own parser.  With "-" in front of PLACE it is only
 * mentioned: its arguments may be missing.  Prints what is wrong; the last line
 * says how many commands there were.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define LINE_MAX_LEN 4096
#define WORDS_MAX 128

struct line {
	const char *place;
	char text[LINE_MAX_LEN * 2]; /* of the words, a NUL behind each */
	char *words[WORDS_MAX];
	size_t n, used;
	unsigned commands, wrong;
};

static bool
is_program(const char *word)
{
	const char *slash = strrchr(word, '/');

	return strcmp(slash != NULL ? slash + 1 : word, SNAP_PROGRAM_NAME) == 0;
}

static enum snap_code
parse(int argc, char **argv, bool counts, struct snap_err *err)
{
	static struct opts o;
	const struct cmd *c;
	enum snap_code rc;
	int used;

	memset(&o, 0, sizeof o);
	rc = opts_parse_front(&o, argc, argv, &used, err);
	if (rc != SNAP_OK || used == argc)
		return rc;
	c = cmd_find(argv[used]);
	if (c == NULL)
		return snap_fail(
		    err, SNAP_USAGE, "there is no command \"%s\"", argv[used]);
	rc = opts_parse(&o, c->bit, c->name, used, argv, err);
	if (rc == SNAP_OK)
		rc = opts_parse(
		    &o, c->bit, c->name, argc - used - 1, argv + used + 1, err);
	if (rc == SNAP_OK && o.n_args > c->max_args)
		rc = snap_fail(err, SNAP_USAGE, "too many arguments");
	if (rc == SNAP_OK && counts && o.n_args < c->min_args)
		rc = snap_fail(err, SNAP_USAGE, "too few arguments");
	return rc;
}

/* One command of a line has ended. */
static void
command(struct line *l)
{
	struct snap_err err = SNAP_ERR_INIT;
	bool mentioned = *l->place == '-';

	for (size_t i = 0; i < l->n; i++) {
		size_t rest = l->n - i - 1;

		if (!is_program(l->words[i]))
			continue;
		/* "snap backup ..." */
		if (rest > 0 && strcmp(l->words[l->n - 1], "...") == 0)
			rest--;
		l->commands++;
		l->words[i + 1 + rest] = NULL;
		if (parse((int)rest, l->words + i + 1, !mentioned, &err) !=
		    SNAP_OK) {
			printf("%s: %s\n", l->place + mentioned, err.msg);
			l->wrong++;
		}
		break;
	}
	l->n = l->used = 0;
}

static void
word(struct line *l, bool any)
{
	if (any && l->n + 1 < WORDS_MAX)
		l->n++;
	l->text[l->used++] = '\0';
	l->words[l->n] = l->text + l->used;
}

static void
line(struct line *l, const char *p)
{
	char quote = '\0';
	bool any = false;

	l->n = l->used = 0;
	l->words[0] = l->text;
	for (; *p != '\0' && *p != '\n'; p++) {
		if (quote != '\0') {
			if (*p == quote)
				quote = '\0';
			else
				l->text[l->used++] = *p;
		} else if (*p == '\'' || *p == '"') {
			quote = *p;
			any = true;
		} else if (*p == '#' && !any && l->n > 0) {
			break;
		} else if (strchr(" |;&<>()", *p) != NULL) {
			word(l, any);
			any = false;
			if (*p != ' ') {
				command(l);
				l->words[0] = l->text;
			}
		} else {
			l->text[l->used++] = *p;
			any = true;
		}
	}
	word(l, any);
	command(l);
}

int
main(void)
{
	static char in[LINE_MAX_LEN];
	static struct line l;
	char *tab;

	while (fgets(in, sizeof in, stdin) != NULL) {
		tab = strchr(in, '\t');
		if (tab == NULL)
			continue;
		*tab = '\0';
		l.place = in;
		line(&l, tab + 1);
	}
	printf("%u commands\n", l.commands);
	return l.wrong > 0;
}
