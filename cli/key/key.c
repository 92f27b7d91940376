/* SPDX-License-Identifier: PostgreSQL */
/* key.c - `key` and which of its words is meant. */
#include <string.h>

#include "key_cmd.h"

static const struct word {
	const char *name;
	size_t max_args; /* behind it */
	enum snap_code (*run)(
	    struct cli *c, struct place *s, struct snap_err *err);
} words[] = {
	{ "list", 0, key_list },
	{ "add", 0, key_add },
	{ "remove", 1, key_remove },
	{ "passwd", 1, key_passwd },
	{ "export", EXPORT_SLOTS_MAX, key_export },
	{ "import", 1, key_import },
	{ "revoke", 1, key_revoke },
	{ "rotate", 0, key_rotate },
};

enum snap_code
key_open(struct cli *c, struct place *s, struct snap_err *err)
{
	enum snap_code rc;

	s->for_listing = true;
	s->needs = REPO_MAY_READ;
	rc = place_open(s, c, err);
	return rc == SNAP_OK ? repo_may_keep_keys(s->repo, err) : rc;
}

/* An option that a word does not know must not be passed over: who says
 * --dry-run wants nothing to happen. */
#define OFF(field) offsetof(struct opts, field)
static const struct {
	const char *option;
	size_t off; /* in struct opts */
	bool is_flag;
	const char *words;
} options[] = {
	{ "dry-run", OFF(dry_run), true, "export" },
	{ "force", OFF(force), true, "remove import" },
	{ "recovery-code", OFF(recovery_code), true, "add" },
	{ "qr", OFF(qr), true, "add" },
	{ "output", OFF(output), false, "add export" },
	{ "write-only", OFF(write_only), false, "add" },
	{ "maintenance", OFF(maintenance), false, "add" },
	{ "label", OFF(label), false, "add passwd" },
	{ "kdf-memory", OFF(kdf_memory), false, "add passwd" },
	{ "new-passphrase-file", OFF(new_passphrase_file), false,
	    "add passwd" },
	{ "new-passphrase-command", OFF(new_passphrase_command), false,
	    "add passwd" },
};

static enum snap_code
check_options(const struct opts *o, const char *word, struct snap_err *err)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const char *base = (const char *)o + options[i].off;
		bool given =
		    options[i].is_flag
			? *(const bool *)(const void *)base
			: *(const char *const *)(const void *)base != NULL;

		if (given && strstr(options[i].words, word) == NULL)
			return snap_fail(err, SNAP_USAGE,
			    "\"key %s\" takes no option --%s", word,
			    options[i].option);
	}
	return SNAP_OK;
}

enum snap_code
cmd_key(struct cli *c, struct snap_err *err)
{
	const char *what = c->o.args[0];
	struct place s = PLACE_INIT;
	enum snap_code rc;
	size_t i = 0;

	while (i < sizeof words / sizeof *words &&
	       strcmp(words[i].name, what) != 0)
		i++;
	if (i == sizeof words / sizeof *words) {
		(void)snap_fail(
		    err, SNAP_USAGE, "there is no \"key %s\"", what);
		return snap_hint(
		    err, "See \"%s help key\".", SNAP_PROGRAM_NAME);
	}
	if (c->o.n_args - 1 > words[i].max_args)
		return snap_fail(err, SNAP_USAGE, "\"key %s\" takes no \"%s\"",
		    what, c->o.args[1 + words[i].max_args]);
	rc = check_options(&c->o, what, err);
	if (rc == SNAP_OK)
		rc = words[i].run(c, &s, err);
	place_close(&s);
	return rc;
}
