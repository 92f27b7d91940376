/* SPDX-License-Identifier: PostgreSQL */
/* sqlite.c - what the options say of a database of SQLite. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "sqlite.h"
#include "sqlitefile.h"

#define LOCK_WAIT_MS 60000

enum snap_code
sqlite_source(struct cli *c, struct props *p, int *fd, struct snap_err *err)
{
	const char *tmpdir = getenv("TMPDIR");
	unsigned long lock_ms = LOCK_WAIT_MS;
	struct sqlite_copy_opts so = { .path = c->o.sqlite,
		.tmpdir = tmpdir != NULL && *tmpdir != '\0' ? tmpdir : "/tmp",
		.report = &c->report };
	struct sqlite_copied got;
	enum snap_code rc;

	if (c->o.lock_wait_timeout != NULL &&
	    opts_number(c->o.lock_wait_timeout, "lock-wait-timeout", 1, INT_MAX,
		&lock_ms, err) != SNAP_OK)
		return err->code;
	so.lock_timeout_ms = (unsigned)lock_ms;
	if ((rc = sqlite_copy(&so, &got, err)) != SNAP_OK) {
		c->before_work = true;
		return rc;
	}
	atomic_store(&c->report.bytes_total, got.bytes);
	if ((rc = props_add(p, PROP_SQLITE, got.version, err)) != SNAP_OK ||
	    (rc = props_add_u64(p, "sqlite-page-size", got.page_size, err)) !=
		SNAP_OK ||
	    (rc = props_add(p, "sqlite-journal-mode", got.journal_mode, err)) !=
		SNAP_OK) {
		(void)close(got.fd);
		return rc;
	}
	*fd = got.fd;
	return SNAP_OK;
}
