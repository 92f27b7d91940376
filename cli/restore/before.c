/* SPDX-License-Identifier: PostgreSQL */
/*
 * before.c - a snapshot of the target before it is touched.
 */
#include <string.h>

#include "before.h"
#include "job.h"
#include "pgsource.h"
#include "server.h"
#include "ui.h"

void
before_word(struct bytes *b, const char *word)
{
	bytes_put_str(b, " '");
	for (; *word != '\0'; word++)
		if (*word == '\'')
			bytes_put_str(b, "'\\''");
		else
			bytes_u8(b, (uint8_t)*word);
	bytes_u8(b, '\'');
}

void
before_program(struct bytes *b, const struct opts *o)
{
	const struct {
		const char *option, *value;
	} given[] = { { "--config", o->config }, { "--profile", o->profile },
		{ "-r", o->repo.url },
		{ "--passphrase-file", o->repo.passphrase_file },
		{ "--recovery-code-file", o->repo.recovery_code_file } };

	bytes_put_str(b, SNAP_PROGRAM_NAME);
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		if (given[i].value != NULL) {
			bytes_printf(b, " %s", given[i].option);
			before_word(b, given[i].value);
		}
	/* What it prints may stand in it, for a log to keep. */
	if (o->repo.passphrase_command != NULL)
		bytes_put_str(b, " --passphrase-command ...");
	for (size_t i = 0; i < o->repo.options.n; i++) {
		bytes_put_str(b, " -o");
		before_word(b, o->repo.options.v[i]);
	}
}

/* A password may be in it, which nobody wants in a log; and of a conninfo
 * string another database cannot be made by hand. */
static bool
is_plain(const char *dbname)
{
	return strchr(dbname, '=') == NULL && strstr(dbname, "://") == NULL;
}

void
before_server(struct bytes *b, const struct opts *o, const char *dbname)
{
	static const char *const names[] = { " -h", " -p", " -U" };
	const char *values[] = { o->host, o->port, o->user };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (values[i] == NULL)
			continue;
		bytes_put_str(b, names[i]);
		before_word(b, values[i]);
	}
	bytes_put_str(b, " -d");
	if (is_plain(o->dbname))
		before_word(b, dbname != NULL ? dbname : o->dbname);
	else
		bytes_put_str(b, " ...");
}

static void
tell_way_back(const struct job *j, const char *database)
{
	char hex[2 * REPO_ID_LEN + 1];
	struct bytes b;

	hex_encode(j->snapshot.id, REPO_ID_LEN, hex);
	bytes_init(&b, SIZE_MAX);
	before_program(&b, &j->cli->o);
	bytes_printf(&b, " restore %.8s --create --clean", hex);
	before_server(&b, &j->cli->o,
	    strcmp(database, "postgres") == 0 ? "template1" : "postgres");
	bytes_u8(&b, 0);
	ui_info("before the restore the target was backed up; to bring it back "
		"as it is now: %s",
	    b.bad ? "?" : (const char *)b.p);
	bytes_fini(&b);
}

enum snap_code
before_backup(
    struct cli *c, struct place *s, struct pgtarget *t, struct snap_err *err)
{
	struct job j = {
		.cli = c, .place = *s, .verb = "backing up the target"
	};
	struct pgsource_opts po = { .jobs = 1 };
	struct repo_params params;
	const char *database = NULL;
	enum snap_code rc;

	rc = pgtarget_occupied(t, &database, err);
	if (rc != SNAP_OK || database == NULL)
		return rc;
	repo_get_params(s->repo, &params);
	po.slice_blocks = params.slice_blocks;
	server_opts(c, c->o.dbname, &po.server);
	po.server.database = database;
	rc = job_start(&j, err);
	if (rc == SNAP_OK)
		rc = backup_source(&j, &po, 0, err);
	if (rc == SNAP_OK) {
		job_tell(&j);
		tell_way_back(&j, database);
	}
	job_end(&j);
	return rc == SNAP_OK ? rc : snap_wrap(err, "back up the target");
}
