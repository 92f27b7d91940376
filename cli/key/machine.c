/* SPDX-License-Identifier: PostgreSQL */
/*
 * machine.c - key files for machines that must not read rows.
 *
 * The file is all that such a machine needs besides its access to the store.
 */
#include <string.h>

#include "key_cmd.h"
#include "newfile.h"
#include "secrets.h"
#include "ui.h"

static enum snap_code
show(const struct cli *c, const struct place *s, const uint8_t *host_id,
    struct snap_err *err)
{
	bool is_host = c->o.write_only != NULL;
	const char *name = is_host ? c->o.write_only : c->o.maintenance;
	char hex[2 * REPO_ID_LEN + 1];
	json_t *root;

	if (strcmp(c->o.output, "-") == 0)
		return SNAP_OK; /* the key itself is there */
	hex_encode(host_id, REPO_ID_LEN, hex);
	if (c->o.json) {
		root = place_json(s);
		json_put_text(root, "name", span_str(name));
		if (is_host)
			json_put_text(root, "host-id", span_str(hex));
		json_put_text(root, "output", span_str(c->o.output));
		return json_print(root, err);
	}
	if (is_host)
		ui_info("wrote the key of the write-only host \"%s\" (%.8s) "
			"to %s",
		    name, hex, c->o.output);
	else
		ui_info("wrote the maintenance key \"%s\" to %s", name,
		    c->o.output);
	ui_info("bring it there over a way that nobody listens to, and keep "
		"no other copy: a new one is made as easily");
	return SNAP_OK;
}

enum snap_code
key_add_machine(struct cli *c, struct place *s, struct snap_err *err)
{
	bool is_host = c->o.write_only != NULL;
	uint8_t host_id[REPO_ID_LEN] = { 0 };
	struct newfile f = { NULL, -1, false };
	struct bytes file;
	enum snap_code rc;

	if (is_host && c->o.maintenance != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--write-only and --maintenance exclude each other");
	if (c->o.output == NULL) {
		(void)snap_fail(
		    err, SNAP_USAGE, "where is the key file to be written?");
		return snap_hint(
		    err, "--output=FILE, or --output=- for standard output.");
	}
	bytes_init(&file, KEY_FILE_MAX);
	if ((rc = newfile_make(&f, c->o.output, err)) == SNAP_OK &&
	    (rc = key_open(c, s, err)) == SNAP_OK &&
	    (rc = repo_key_file(s->repo,
		 is_host ? REPO_MAY_WRITE : REPO_MAY_SAY,
		 is_host ? c->o.write_only : c->o.maintenance, &file, host_id,
		 err)) == SNAP_OK &&
	    (rc = newfile_write(&f, bytes_span(&file), err)) == SNAP_OK)
		rc = show(c, s, host_id, err);
	newfile_end(&f);
	bytes_fini_wipe(&file);
	return rc;
}
