/* SPDX-License-Identifier: PostgreSQL */
/*
 * man.c - the manual pages, out of the tables that the program itself reads:
 * one of the whole, one of each command, and those of guide.h.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "config_keys.h"
#include "guide.h"
#include "man.h"
#include "transport_settings.h"

#define PROG SNAP_PROGRAM_NAME
#define PAGE_MAX (1 << 20) /* bytes; a page has a few thousand */
#define PATH_LEN 4096

/* Roff takes "-" for a hyphen, "'" for a quotation mark, and a dot in front
 * of a line for a request. */
static void
roff_len(struct bytes *b, const char *text, size_t len)
{
	if (len > 0 && (*text == '.' || *text == '\''))
		bytes_put_str(b, "\\&");
	for (; len > 0; text++, len--) {
		if (*text == '-')
			bytes_put_str(b, "\\-");
		else if (*text == '\\')
			bytes_put_str(b, "\\e");
		else if (*text == '\'')
			bytes_put_str(b, "\\(aq");
		else if (*text == '~')
			bytes_put_str(b, "\\(ti");
		else
			bytes_put(b, text, 1);
	}
}

static void
roff(struct bytes *b, const char *text)
{
	roff_len(b, text, strlen(text));
}

static void
head(struct bytes *b, const char *name, int number, const char *summary)
{
	bytes_put_str(b, ".\\\" SPDX-License-Identifier: PostgreSQL\n.TH ");
	for (const char *p = name; *p != '\0'; p++)
		bytes_printf(
		    b, "%c", *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	bytes_printf(b, " %d \"\" \"%s %s\" \"%s manual\"\n.SH NAME\n", number,
	    PROG, SNAP_VERSION, PROG);
	roff(b, name);
	bytes_put_str(b, " \\- ");
	roff(b, summary);
	bytes_put_str(b, "\n");
}

static void
setting(struct bytes *b, const char *name, const char *arg, const char *help)
{
	bytes_put_str(b, ".TP\n\\fB");
	roff(b, name);
	bytes_put_str(b, "\\fR");
	if (arg != NULL) {
		bytes_put_str(b, "=\\fI");
		roff(b, arg);
		bytes_put_str(b, "\\fR");
	}
	bytes_put_str(b, "\n");
	roff(b, help);
	bytes_put_str(b, "\n");
}

static void
option(struct bytes *b, const struct opt *o)
{
	bytes_put_str(b, ".TP\n");
	if (o->letter != 0)
		bytes_printf(b, "\\fB\\-%c\\fR, ", o->letter);
	bytes_put_str(b, "\\fB\\-\\-");
	roff(b, o->name);
	bytes_put_str(b, "\\fR");
	if (o->arg != NULL) {
		bytes_put_str(b, o->kind == OPT_PERCENT ? "[=\\fI" : "=\\fI");
		roff(b, o->arg);
		bytes_put_str(b, o->kind == OPT_PERCENT ? "\\fR]" : "\\fR");
	}
	bytes_put_str(b, "\n");
	roff(b, o->help);
	bytes_put_str(b, "\n");
}

/* How many commands an option is shared by, in the order of the pages. */
enum share { ITS_OWN, OF_REPOSITORY, OF_ALL };

/* stats has no option of its own: what it takes, all on repositories take. */
static enum share
share_of(const struct opt *o)
{
	if (o->commands == CMD_ALL)
		return OF_ALL;
	return (o->commands & CMD_STATS) != 0 ? OF_REPOSITORY : ITS_OWN;
}

static void
options(struct bytes *b, const char *title, const struct cmd *c, enum share s)
{
	bool any = false;

	for (const struct opt *o = opts_table; o->name != NULL; o++) {
		if (o->help == NULL || (o->commands & c->bit) == 0 ||
		    share_of(o) != s)
			continue;
		if (!any)
			bytes_printf(b, ".SH %s\n", title);
		any = true;
		option(b, o);
	}
}

static void
sections(struct bytes *b, const struct section *s)
{
	for (; s->head != NULL; s++) {
		bool shown = false, first = true;
		size_t len;

		bytes_printf(b, ".SH %s\n", s->head);
		for (const char *p = s->text; *p != '\0'; p += len + 1) {
			bool as_is = *p == '\t' || *p == '\n';

			len = strcspn(p, "\n");
			if (!as_is && shown)
				bytes_put_str(b, ".fi\n.RE\n");
			if (!first && !(as_is && shown))
				bytes_put_str(b, ".PP\n");
			if (as_is && !shown)
				bytes_put_str(b, ".RS 4\n.nf\n");
			shown = as_is;
			first = false;
			if (len == 0)
				bytes_put_str(b, ".sp");
			else
				roff_len(b, p + as_is, len - as_is);
			bytes_put_str(b, "\n");
		}
		if (shown)
			bytes_put_str(b, ".fi\n.RE\n");
	}
}

static void
examples(struct bytes *b, const struct guide *g)
{
	if (g == NULL)
		return;
	bytes_put_str(b, ".SH EXAMPLES\n");
	for (size_t i = 0; i < GUIDE_EXAMPLES && g->examples[i].line; i++) {
		bytes_put_str(b, ".TP\n.B ");
		roff(b, PROG " ");
		roff(b, g->examples[i].line);
		bytes_put_str(b, "\n");
		roff(b, g->examples[i].what);
		bytes_put_str(b, "\n");
	}
}

/* What one status means; c = NULL: of any command. */
static void
statuses(struct bytes *b, const struct cmd *c)
{
	const char *last = "";

	for (const struct exit_status *s = exit_statuses; s->status; s++) {
		if (c != NULL && !exit_status_is_of(s, c))
			continue;
		if (strcmp(last, s->status) == 0)
			bytes_put_str(b, "; ");
		else
			bytes_printf(b, "%s.TP\n.B %s\n",
			    *last != '\0' ? "\n" : "", s->status);
		roff(b, s->meaning);
		last = s->status;
	}
	bytes_put_str(b, "\n");
}

/* `name`: of the page itself; g = NULL: it is of no command. */
static void
see_also(struct bytes *b, const char *name, const struct guide *g)
{
	static const char *const others[] = { PROG " (1)", PROG ".conf (5)",
		PROG "\\-urls (7)", PROG "\\-exit\\-codes (7)" };
	const char *end = "";

	bytes_put_str(b, ".SH SEE ALSO\n");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++)
		if (g != NULL && (g->see & c->bit) != 0) {
			bytes_printf(
			    b, "%s.BR %s\\-%s (1)", end, PROG, c->name);
			end = ",\n";
		}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (strcmp(name, others[i]) != 0) {
			bytes_printf(b, "%s.BR %s", end, others[i]);
			end = ",\n";
		}
	bytes_put_str(b, "\n");
}

static void
page_of_all(struct bytes *b)
{
	static const struct cmd all = { .bit = CMD_ALL };

	head(b, PROG, 1, "deduplicated, encrypted backups of PostgreSQL");
	bytes_put_str(b,
	    ".SH SYNOPSIS\n.B " PROG "\n.I COMMAND\n[\\fIOPTION\\fR]"
	    "...\n.SH DESCRIPTION\n");
	roff(b, PROG
	    " reads a live database over its normal connection, cuts the "
	    "rows into small pieces, stores every piece only once, and encrypts "
	    "all of it before it leaves the machine. The repository is named by "
	    "--repo or SNAP_REPOSITORY, its passphrase by SNAP_PASSPHRASE_FILE, "
	    "SNAP_PASSPHRASE_COMMAND or SNAP_PASSPHRASE, or a terminal is asked.");
	bytes_put_str(b, "\n.SH COMMANDS\n");
	for (const struct cmd *c = cmd_table; c->name != NULL; c++) {
		bytes_printf(b, ".TP\n.BR %s\\-%s (1)\n", PROG, c->name);
		roff(b, c->summary);
		bytes_put_str(b, "\n");
	}
	options(b, "OPTIONS", &all, OF_ALL);
	bytes_put_str(b, ".SH ENVIRONMENT\n");
	roff(b,
	    "SNAP_REPOSITORY, SNAP_PASSPHRASE_FILE and the like are named where "
	    "the option is that they stand for; a setting of a store, as s3.region, "
	    "is SNAP_S3_REGION; a key of the configuration, as ping-url, is "
	    "SNAP_PING_URL. PGHOST, PGUSER and so on count as in every program of "
	    "PostgreSQL.");
	bytes_put_str(b, "\n.SH FILES\n");
	setting(b, "/etc/" PROG "/" PROG ".conf", NULL,
	    "the system's configuration");
	setting(b, "~/.config/" PROG "/" PROG ".conf", NULL, "your own");
	setting(b, "~/.cache/" PROG, NULL,
	    "what is known of repositories; it may be deleted");
	setting(b, "~/.local/state/" PROG, NULL,
	    "what was seen of them, to notice when they go backwards");
	bytes_put_str(b, ".SH EXAMPLES\n.nf\n");
	for (const char *const *p =
		 (const char *const[]){ "init", "backup -d shop", "snapshots",
		     "restore latest:shop | psql -X shop_copy", NULL };
	     *p != NULL; p++) {
		roff(b, PROG " ");
		roff(b, *p);
		bytes_put_str(b, "\n");
	}
	bytes_put_str(b, ".fi\n");
	see_also(b, PROG " (1)", NULL);
}

static void
page_of_command(struct bytes *b, const char *name, const struct cmd *c)
{
	const struct guide *g = guide_of(c);

	head(b, name, 1, c->summary);
	bytes_printf(
	    b, ".SH SYNOPSIS\n.B %s %s\n[\\fIOPTION\\fR]...\n", PROG, c->name);
	if (c->args[0] != '\0') {
		roff(b, c->args);
		bytes_put_str(b, "\n");
	}
	if (c->text[0] != '\0') {
		bytes_put_str(b, ".SH DESCRIPTION\n");
		roff(b, c->text);
		bytes_put_str(b, "\n");
	}
	options(b, "OPTIONS", c, ITS_OWN);
	options(b, "OPTIONS OF THE REPOSITORY", c, OF_REPOSITORY);
	options(b, "OPTIONS OF EVERY COMMAND", c, OF_ALL);
	bytes_put_str(b, ".SH EXIT STATUS\n");
	statuses(b, c);
	examples(b, g);
	see_also(b, "", g);
}

static void
page_conf(struct bytes *b)
{
	static const char *const titles[] = { [KEY_VARIABLE] = "KEYS",
		[KEY_SOURCE] = "KEYS OF WHAT IS BACKED UP",
		[KEY_SERVER] = "KEYS OF ITS SERVER",
		[KEY_OPTION] = "KEYS OF OTHER OPTIONS",
		[KEY_MESSAGE] = "KEYS OF HOOKS AND MESSAGES" };
	const struct config_key *k;

	head(b, PROG ".conf", 5, "what need not be said each time");
	sections(b, pages_conf);
	for (size_t t = 0; t < sizeof titles / sizeof titles[0]; t++) {
		bytes_printf(b, ".SH %s\n", titles[t]);
		if (t == KEY_MESSAGE)
			roff(b,
			    "With the name of a command and a dot in front, as "
			    "prune.ping-url, of that one alone.\n");
		for (size_t i = 0; (k = config_key_at(i)) != NULL; i++)
			if (k->kind == t)
				setting(b, k->name, k->is_list ? "..." : NULL,
				    config_key_help(k));
	}
	bytes_put_str(b, ".SH SETTINGS OF STORES\n");
	roff(b,
	    "Those of " PROG
	    "-urls(7), under their names; a secret by where it "
	    "comes from, as b2.key-file or b2.key-command. repository, "
	    "passphrase-file, passphrase-command, key-file and settings with "
	    "from- in front are those of the source of copy.");
	bytes_put_str(b, "\n");
	see_also(b, PROG ".conf (5)", NULL);
}

static void
page_urls(struct bytes *b)
{
	const struct transport_setting *s;

	head(b, PROG "-urls", 7, "where a repository can lie");
	sections(b, pages_urls);
	bytes_put_str(b, ".SH SETTINGS\n");
	roff(b,
	    "Given by -o NAME=VALUE, as SNAP_NAME in the environment "
	    "(SNAP_S3_REGION for s3.region), or in a configuration. A secret is "
	    "read from NAME-file=FILE, from NAME-command=COMMAND, or is in "
	    "SNAP_NAME.");
	bytes_put_str(b, "\n");
	for (s = transport_settings; s->name != NULL; s++)
		setting(b, s->name, s->arg, s->help);
	see_also(b, PROG "\\-urls (7)", NULL);
}

static void
page_exit(struct bytes *b)
{
	head(b, PROG "-exit-codes", 7, "what a status means");
	sections(b, pages_exit);
	bytes_put_str(b, ".SH STATUSES\n");
	statuses(b, NULL);
	see_also(b, PROG "\\-exit\\-codes (7)", NULL);
}

/* Store what *b holds as DIR/NAME.NUMBER, and empty it. */
static enum snap_code
store(struct bytes *b, const char *dir, const char *name, int number,
    struct snap_err *err)
{
	enum snap_code rc = bytes_check(b, err);
	char path[PATH_LEN];
	FILE *f;

	if (rc != SNAP_OK)
		return rc;
	(void)snprintf(path, sizeof path, "%s/%s.%d", dir, name, number);
	f = fopen(path, "w");
	if (f == NULL)
		return snap_fail_errno(err, SNAP_IO, "open %s", path);
	if (fwrite(b->p, 1, b->len, f) != b->len)
		rc = snap_fail_errno(err, SNAP_IO, "write %s", path);
	if (fclose(f) != 0 && rc == SNAP_OK)
		rc = snap_fail_errno(err, SNAP_IO, "write %s", path);
	bytes_clear(b);
	return rc;
}

enum snap_code
man_write(const char *dir, struct snap_err *err)
{
	static const struct {
		const char *name;
		int number;
		void (*print)(struct bytes *b);
	} pages[] = { { PROG, 1, page_of_all }, { PROG ".conf", 5, page_conf },
		{ PROG "-urls", 7, page_urls },
		{ PROG "-exit-codes", 7, page_exit } };
	struct bytes b;
	enum snap_code rc = SNAP_OK;
	char name[64];

	bytes_init(&b, PAGE_MAX);
	for (size_t i = 0; i < sizeof pages / sizeof pages[0] && rc == SNAP_OK;
	     i++) {
		pages[i].print(&b);
		rc = store(&b, dir, pages[i].name, pages[i].number, err);
	}
	for (const struct cmd *c = cmd_table; c->name != NULL && rc == SNAP_OK;
	     c++) {
		(void)snprintf(name, sizeof name, "%s-%s", PROG, c->name);
		page_of_command(&b, name, c);
		rc = store(&b, dir, name, 1, err);
	}
	bytes_fini(&b);
	return rc;
}
