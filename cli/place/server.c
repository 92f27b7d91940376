/* SPDX-License-Identifier: PostgreSQL */
/* server.c - the PostgreSQL that the options name. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "secrets.h"
#include "server.h"
#include "ui.h"

static char *
ask_password(void *arg, const char *prompt)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	const struct cli *c = arg;
	struct bytes b;
	char *copy = NULL;

	/* All at once: growing would leave parts of it behind. */
	bytes_init(&b, SECRET_MAX);
	if (bytes_reserve(&b, SECRET_MAX, &ignored) == SNAP_OK &&
	    ui_ask_secret(prompt, &b, &c->report)) {
		bytes_u8(&b, 0);
		if (!b.bad)
			copy = strdup((const char *)b.p);
	}
	bytes_fini_wipe(&b);
	return copy;
}

void
server_opts(struct cli *c, const char *dbname, struct pgclient_opts *out)
{
	const struct opts *o = &c->o;
	const char *tmpdir = getenv("TMPDIR");

	*out = (struct pgclient_opts){
		.dbname = dbname,
		.host = o->host,
		.port = o->port,
		.user = o->user,
		.password_prompt = o->no_password ? -1
				   : o->password  ? 1
						  : 0,
		.ask_password = ask_password,
		.ask_arg = c,
		.tmpdir = tmpdir != NULL && *tmpdir != '\0' ? tmpdir : NULL,
		.report = &c->report,
	};
}
