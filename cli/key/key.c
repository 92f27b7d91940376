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
	rc = words[i].run(c, &s, err);
	place_close(&s);
	return rc;
}
