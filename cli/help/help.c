/* SPDX-License-Identifier: PostgreSQL */
/*
 * help.c - what the tables say, for people, and as the manual page.
 *
 * `help --man` is for the build only: it writes docs/man's page.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "complete.h"
#include "json.h"
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

/* Roff takes "-" for a hyphen and a dot in front for a request. */
static void
roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		ui_out_raw("\\&");
	for (; *text != '\0'; text++) {
		if (*text == '-')
			ui_out_raw("\\-");
		else if (*text == '\\')
			ui_out_raw("\\e");
		else
			ui_out("%c", *text);
	}
}

static void
roff_option(const struct opt *o)
{
	ui_out_raw(".TP\n.B ");
	if (o->letter != 0)
		ui_out("\\-%c, ", o->letter);
	ui_out_raw("\\-\\-");
	roff(o->name);
	if (o->arg != NULL)
		ui_out(o->kind == OPT_PERCENT ? "[=%s]" : "=%s", o->arg);
	ui_out_raw("\n");
	roff(o->help);
	ui_out_raw("\n");
}

static void
roff_settings(void)
{
	const struct transport_setting *s;

	ui_out_raw(".SH SETTINGS\nGiven by \\-o NAME=VALUE, or as SNAP_NAME "
		   "in the environment, as SNAP_S3_REGION for s3.region. A "
		   "secret is read from NAME\\-file=FILE, from "
		   "NAME\\-command=COMMAND, or is in SNAP_NAME.\n");
	for (s = transport_settings; s->name != NULL; s++) {
		ui_out_raw(".TP\n.B ");
		roff(s->name);
		if (s->arg != NULL)
			ui_out("=%s", s->arg);
		ui_out_raw("\n");
		roff(s->help);
		ui_out_raw("\n");
	}
}

static void
manual_page(void)
{
	static const char *const status[][2] = { { "0", "success" },
		{ "1", "failure" },
		{ "2", "wrong usage, or the source could not be reached "
		       "before any work was done" },
		{ "3", "finished with warnings that somebody must look at" },
		{ "10", "there is no repository" },
		{ "11", "somebody else is busy with the repository" },
		{ "12", "wrong passphrase or recovery code" },
		{ "13", "stored data did not verify" },
		{ "129, 130, 143", "stopped by SIGHUP, SIGINT, SIGTERM" } };
	const struct cmd *c;
	const struct opt *o;
	size_t i;

	ui_out(".\\\" SPDX-License-Identifier: PostgreSQL\n"
	       ".\\\" Made by \"%s help --man\"; do not edit.\n"
	       ".TH %s 1\n.SH NAME\n%s \\- deduplicated, encrypted backups of "
	       "PostgreSQL\n.SH SYNOPSIS\n.B %s\n.I COMMAND\n[\\fIOPTION\\fR]"
	       "...\n.SH COMMANDS\n",
	    SNAP_PROGRAM_NAME, SNAP_PROGRAM_NAME, SNAP_PROGRAM_NAME,
	    SNAP_PROGRAM_NAME);
	for (c = cmd_table; c->name != NULL; c++) {
		ui_out(".SS %s%s", c->name, c->args[0] != '\0' ? " " : "");
		roff(c->args);
		ui_out("\n%s.\n", c->summary);
		if (c->text[0] != '\0') {
			ui_out_raw(".PP\n");
			roff(c->text);
			ui_out_raw("\n");
		}
		for (o = opts_table; o->name != NULL; o++)
			if (o->help != NULL && (o->commands & c->bit) != 0 &&
			    o->commands != CMD_ALL)
				roff_option(o);
	}
	ui_out_raw(".SH OPTIONS OF EVERY COMMAND\n");
	for (o = opts_table; o->name != NULL; o++)
		if (o->help != NULL && o->commands == CMD_ALL)
			roff_option(o);
	roff_settings();
	ui_out_raw(".SH EXIT STATUS\n");
	for (i = 0; i < sizeof status / sizeof status[0]; i++)
		ui_out(".TP\n.B %s\n%s\n", status[i][0], status[i][1]);
	ui_out_raw("Take every status that is not listed for a failure.\n");
}

enum snap_code
cmd_help(struct cli *c, struct snap_err *err)
{
	const struct cmd *one;

	if (c->o.completion != NULL)
		return complete_print(c->o.completion, err);
	if (c->o.man) {
		manual_page();
	} else if (c->o.n_args > 0 && strcmp(c->o.args[0], "settings") == 0) {
		all_settings();
	} else if (c->o.n_args > 0) {
		one = cmd_find(c->o.args[0]);
		if (one == NULL)
			return snap_fail(err, SNAP_USAGE,
			    "there is no command \"%s\"", c->o.args[0]);
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
