/* SPDX-License-Identifier: PostgreSQL */
/*
 * help.c - what the tables say, for people.
 *
 * `help --man` is for the build only: it writes the manual pages.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "complete.h"
#include "config_keys.h"
#include "guide.h"
#include "json.h"
#include "man.h"
#include "transport_settings.h"
#include "ui.h"

#define COLUMN 28 /* where the explanation of an option starts */
#define WIDTH 79

/* Print words so that lines end before WIDTH; `at` is where we are. */
static void
fold(const char *text, size_t indent, size_t at)
{
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (at + 1 + len > WIDTH && at > indent) {
			ui_out("\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			ui_out_raw(" ");
			at++;
		}
		ui_out("%.*s", (int)len, text);
		at += len;
		text += len + strspn(text + len, " ");
	}
	ui_out_raw("\n");
}

static void
option_help(const struct opt *o)
{
	char head[80];
	int n;

	n = snprintf(head, sizeof head, "  %s%c%s--%s%s%s%s",
	    o->letter != 0 ? "-" : " ", o->letter != 0 ? o->letter : ' ',
	    o->letter != 0 ? ", " : "  ", o->name,
	    o->kind == OPT_PERCENT ? "[="
	    : o->arg != NULL       ? "="
				   : "",
	    o->arg != NULL ? o->arg : "", o->kind == OPT_PERCENT ? "]" : "");
	ui_out_raw(head);
	if (n >= COLUMN - 1)
		ui_out("\n%*s", COLUMN, "");
	else
		ui_out("%*s", COLUMN - n, "");
	fold(o->help, COLUMN, COLUMN);
}

/* What may stand in a configuration. */
static void
keys(void)
{
	const struct config_key *k;

	ui_out_raw("\nKeys:\n");
	for (size_t i = 0; (k = config_key_at(i)) != NULL; i++) {
		ui_out("  %-*s", COLUMN - 3, k->name);
		ui_out_raw(" ");
		fold(config_key_help(k), COLUMN, COLUMN);
	}
	ui_out(
	    "  and the settings of \"%s help settings\"\n", SNAP_PROGRAM_NAME);
}

static void
examples(const struct guide *g)
{
	if (g == NULL)
		return;
	ui_out_raw("\nExamples:\n");
	for (size_t i = 0; i < GUIDE_EXAMPLES && g->examples[i].line; i++)
		ui_out("  %s %s\n      %s\n", SNAP_PROGRAM_NAME,
		    g->examples[i].line, g->examples[i].what);
}

static void
one_command(const struct cmd *c)
{
	const struct opt *o;

	ui_out("%s %s: %s\n\nUsage:\n  %s %s [OPTION]...%s%s\n",
	    SNAP_PROGRAM_NAME, c->name, c->summary, SNAP_PROGRAM_NAME, c->name,
	    c->args[0] != '\0' ? " " : "", c->args);
	if (c->text[0] != '\0') {
		ui_out_raw("\n");
		fold(c->text, 0, 0);
	}
	ui_out_raw("\nOptions:\n");
	for (o = opts_table; o->name != NULL; o++)
		if (o->help != NULL && (o->commands & c->bit) != 0)
			option_help(o);
	if (c->bit == CMD_CONFIG)
		keys();
	examples(guide_of(c));
}

static void
all_settings(void)
{
	const struct transport_setting *s;

	ui_out_raw("Settings of a store: -o NAME=VALUE, or SNAP_NAME in the "
		   "environment, as\nSNAP_S3_REGION for s3.region. A secret "
		   "is read from NAME-file=FILE, from\nNAME-command=COMMAND, "
		   "or is in SNAP_NAME.\n\n");
	for (s = transport_settings; s->name != NULL; s++) {
		int n = (int)strlen(s->name);

		ui_out("  %s%*s", s->name, n < 26 ? 26 - n : 1, "");
		fold(s->help, COLUMN, COLUMN);
	}
}

static void
all_commands(void)
{
	const struct cmd *c;

	ui_out("%s makes deduplicated, encrypted backups of PostgreSQL.\n\n"
	       "Usage:\n  %s COMMAND [OPTION]...\n\nCommands:\n",
	    SNAP_PROGRAM_NAME, SNAP_PROGRAM_NAME);
	for (c = cmd_table; c->name != NULL; c++)
		ui_out("  %-12s%s\n", c->name, c->summary);
	ui_out("\nThe repository is named by --repo=URL or SNAP_REPOSITORY, "
	       "its passphrase by\nSNAP_PASSPHRASE_FILE, "
	       "SNAP_PASSPHRASE_COMMAND or SNAP_PASSPHRASE.\n"
	       "\"%s help COMMAND\" explains a command, \"%s help "
	       "settings\" how to reach a store.\n",
	    SNAP_PROGRAM_NAME, SNAP_PROGRAM_NAME);
}

enum snap_code
cmd_help(struct cli *c, struct snap_err *err)
{
	const struct cmd *one;

	if (c->o.completion != NULL)
		return complete_print(c->o.completion, err);
	if (c->o.man != NULL)
		return man_write(c->o.man, err);
	if (c->o.n_args > 0 && strcmp(c->o.args[0], "settings") == 0) {
		all_settings();
	} else if (c->o.n_args > 0) {
		if (cmd_named(c->o.args[0], &one, err) != SNAP_OK)
			return err->code;
		one_command(one);
	} else {
		all_commands();
	}
	return ui_out_end(err);
}

enum snap_code
cmd_version(struct cli *c, struct snap_err *err)
{
	json_t *root;

	if (c->o.json) {
		root = json_root();
		json_put_text(root, "program", span_str(SNAP_PROGRAM_NAME));
		json_put_text(root, "version", span_str(SNAP_VERSION));
		return json_print(root, err);
	}
	ui_out("%s %s\n", SNAP_PROGRAM_NAME, SNAP_VERSION);
	return ui_out_end(err);
}
