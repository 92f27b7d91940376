/* SPDX-License-Identifier: PostgreSQL */
/*
 * complete.c - `help --completion`: what bash, zsh and fish may offer, made of
 * the tables that the parser reads.
 */
#include <string.h>

#include "complete.h"
#include "ui.h"

#define PROG SNAP_PROGRAM_NAME

static bool
is_shown(const struct opt *o, const struct cmd *c)
{
	return o->help != NULL && (o->commands & c->bit) != 0;
}

/* Words of a usage line that are meant as they stand there, each behind a
 * blank: what is in lower case, and "latest" where a snapshot is wanted. */
static void
words(const struct cmd *c)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
	const char *p = c->args;
	bool latest = false;

	while (*p != '\0') {
		size_t n = strcspn(p, " ");

		if (strspn(p, lower) == n)
			ui_out(" %.*s", (int)n, p);
		else if (!latest && strncmp(p, "SNAPSHOT", 8) == 0)
			latest = true;
		p += n + strspn(p + n, " ");
	}
	if (latest)
		ui_out_raw(" latest");
}

/* In single quotes, with what `special` lists behind a backslash. */
static void
quoted(const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			ui_out_raw("'\\''");
		else if (strchr(special, *text) != NULL)
			ui_out("\\%c", *text);
		else
			ui_out("%c", *text);
	}
}

static void
bash(void)
{
	ui_out_raw("# bash completion for " PROG "\n_" PROG "()\n{\n"
		   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd= words= i\n"
		   "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		   "\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++)
		ui_out("%s%s", c == cmd_table ? "" : " | ", c->name);
	ui_out_raw(")\n\t\t\tcmd=${COMP_WORDS[i]}\n\t\t\tbreak\n\t\t\t;;\n"
		   "\t\tesac\n\tdone\n\tcase $cmd in\n");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++) {
		ui_out("\t%s)\n\t\twords='", c->name);
		for (const struct opt *o = opts_table; o->name != NULL; o++)
			if (is_shown(o, c))
				ui_out("--%s%s ", o->name,
				    o->arg != NULL && o->kind != OPT_PERCENT
					? "="
					: "");
		words(c);
		ui_out_raw("'\n\t\t;;\n");
	}
	ui_out_raw("\t*)\n\t\twords='");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++)
		ui_out("%s ", c->name);
	ui_out_raw("--help --version'\n\t\t;;\n\tesac\n"
		   "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		   "\tif [[ ${COMPREPLY[0]} == *= ]]; then\n"
		   "\t\tcompopt -o nospace\n\tfi\n}\n"
		   "complete -o default -F _" PROG " " PROG "\n");
}

static void
zsh(void)
{
	ui_out_raw("#compdef " PROG "\n_" PROG "() {\n"
		   "\tlocal context state line\n\tlocal -a commands\n"
		   "\tcommands=(\n");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++) {
		ui_out("\t\t'%s:", c->name);
		quoted(c->summary, ":");
		ui_out_raw("'\n");
	}
	ui_out_raw("\t)\n\t_arguments -C '1: :->command' '*:: :->words'\n"
		   "\tcase $state in\n\tcommand)\n"
		   "\t\t_describe command commands\n\t\t;;\n\twords)\n"
		   "\t\tcase $words[1] in\n");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++) {
		ui_out("\t\t%s)\n\t\t\t_arguments", c->name);
		for (const struct opt *o = opts_table; o->name != NULL; o++) {
			if (!is_shown(o, c))
				continue;
			ui_out(" \\\n\t\t\t    '%s--%s%s[",
			    o->kind == OPT_LIST ? "*" : "", o->name,
			    o->arg == NULL           ? ""
			    : o->kind == OPT_PERCENT ? "=-"
						     : "=");
			quoted(o->help, "[]:\\");
			ui_out_raw("]");
			if (o->arg != NULL) {
				ui_out_raw(":");
				quoted(o->arg, "[]:\\");
				ui_out_raw(":_files");
			}
			ui_out_raw("'");
		}
		ui_out_raw(" \\\n\t\t\t    '*:what:(");
		words(c);
		ui_out_raw(")'\n\t\t\t;;\n");
	}
	ui_out_raw("\t\tesac\n\t\t;;\n\tesac\n}\n_" PROG " \"$@\"\n");
}

static void
fish(void)
{
	ui_out_raw("# fish completion for " PROG "\n");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++) {
		ui_out("complete -c " PROG
		       " -n __fish_use_subcommand -f -a %s -d '",
		    c->name);
		quoted(c->summary, "\\");
		ui_out_raw("'\n");
		ui_out("complete -c " PROG
		       " -n '__fish_seen_subcommand_from %s' -a '",
		    c->name);
		words(c);
		ui_out_raw("'\n");
		for (const struct opt *o = opts_table; o->name != NULL; o++) {
			if (!is_shown(o, c))
				continue;
			ui_out("complete -c " PROG
			       " -n '__fish_seen_subcommand_from %s' -l %s",
			    c->name, o->name);
			if (o->letter != 0)
				ui_out(" -s '%c'", o->letter);
			if (o->arg != NULL && o->kind != OPT_PERCENT)
				ui_out_raw(" -r");
			ui_out_raw(" -d '");
			quoted(o->help, "\\");
			ui_out_raw("'\n");
		}
	}
}

enum snap_code
complete_print(const char *shell, struct snap_err *err)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strcmp(shell, shells[i].name) == 0) {
			shells[i].print();
			return ui_out_end(err);
		}
	return snap_fail(err, SNAP_USAGE,
	    "--completion is bash, zsh or fish, not \"%.100s\"", shell);
}
