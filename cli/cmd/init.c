/* SPDX-License-Identifier: PostgreSQL */
/*
 * init.c - make a repository and hand out its recovery code.
 *
 * The code is data: it goes to stdout, where a script can take it, and is
 * never shown again.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "memory.h"
#include "place.h"
#include "secrets.h"
#include "ui.h"

static enum snap_code
params_of(const struct opts *o, struct repo_params *p, struct snap_err *err)
{
	unsigned long v = 0;

	memset(p, 0, sizeof *p);
	if (o->chunk_size != NULL) {
		if (opts_number(o->chunk_size, "chunk-size", 256, 16384, &v,
			err) != SNAP_OK)
			return err->code;
		p->chunk_mean = (uint32_t)v;
	}
	if (o->kdf_memory != NULL) {
		if (opts_number(o->kdf_memory, "kdf-memory", 8, 4096, &v,
			err) != SNAP_OK)
			return err->code;
		p->kdf_mem_kib = (uint32_t)(v * 1024);
	}
	return SNAP_OK;
}

static enum snap_code
show(struct cli *c, const struct place *s, const char *hex, const char *code,
    struct snap_err *err)
{
	json_t *root;

	if (c->o.json) {
		root = place_json(s);
		json_put_text(root, "repository-id", span_str(hex));
		json_put_text(
		    root, "repository", span_str(transport_url(s->transport)));
		json_put_text(root, "recovery-code", span_str(code));
		return json_print(root, err);
	}
	ui_out("repository id  %s\n", hex);
	ui_out("recovery code  %s\n", code);
	if (ui_out_end(err) != SNAP_OK)
		return err->code;
	ui_info("made repository %s", transport_url(s->transport));
	ui_info("the recovery code above is shown only once: print it, or "
		"keep it where this machine's end does not reach it");
	ui_info("\"%s key export\" prints the rest of what opens it, for the "
		"day when its keys are lost",
	    SNAP_PROGRAM_NAME);
	ui_info("without passphrase and recovery code nobody can read the "
		"backups");
	return SNAP_OK;
}

enum snap_code
cmd_init(struct cli *c, struct snap_err *err)
{
	struct secret secret = { .is_recovery_code = false };
	struct place s = PLACE_INIT;
	struct repo_params params;
	struct repo_opts ro;
	char code[128] = "", hex[2 * REPO_ID_LEN + 1], *cache = NULL;
	uint8_t id[REPO_ID_LEN];
	enum snap_code rc;

	bytes_init(&secret.text, SECRET_MAX);
	if ((rc = params_of(&c->o, &params, err)) != SNAP_OK ||
	    (rc = place_opts(c, &ro, &cache, err)) != SNAP_OK ||
	    (rc = secret_get(&secret, &c->o.repo, WHO_REPO, true, &c->report,
		 err)) != SNAP_OK ||
	    (rc = place_store(&s, c, true, err)) != SNAP_OK)
		goto out;
	ro.passphrase = bytes_span(&secret.text);
	rc = repo_init(s.transport, &params, &ro, code, id, err);
	if (rc != SNAP_OK)
		goto out;
	memory_begin(c, &s);
	hex_encode(id, REPO_ID_LEN, hex);
	rc = show(c, &s, hex, code, err);
	if (rc != SNAP_OK) {
		(void)snap_detail(err,
		    "The repository was made, but its recovery code was not "
		    "shown, and never will be.");
		(void)snap_hint(err,
		    "Delete the repository, which is empty, and run init "
		    "again.");
	}
out:
	explicit_bzero(code, sizeof code);
	secret_fini(&secret);
	secrets_forget();
	free(cache);
	place_close(&s);
	return rc;
}
