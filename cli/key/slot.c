/* SPDX-License-Identifier: PostgreSQL */
/*
 * slot.c - `key add` of a passphrase or a recovery code, `key remove` and
 * `key passwd`.
 *
 * A recovery code is shown, or on the disk, before its slot is made: a code
 * that opens nothing does no harm, but a slot whose code nobody has would look
 * like a way in.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "key_cmd.h"
#include "newfile.h"
#include "qr.h"
#include "secrets.h"
#include "ui.h"

#define DIGITS_MIN 4
#define CODE_MAX 128
#define QR_MAX ((size_t)64 << 10)

static enum snap_code
slot_options(const struct cli *c, struct repo_new_key *o, struct snap_err *err)
{
	unsigned long mib = 0;

	memset(o, 0, sizeof *o);
	o->label = c->o.label;
	if (c->o.kdf_memory != NULL &&
	    opts_number(c->o.kdf_memory, "kdf-memory", 8, 4096, &mib, err) !=
		SNAP_OK)
		return err->code;
	o->kdf_mem_kib = (uint32_t)(mib * 1024);
	return SNAP_OK;
}

/* What needs no terminal, before the store is asked; else *out stays empty. */
static enum snap_code
new_secret(const struct cli *c, struct bytes *out, struct snap_err *err)
{
	struct secret_source from = { .who = WHO_REPO,
		.what = SECRET_NEW,
		.file = c->o.new_passphrase_file,
		.command = c->o.new_passphrase_command };
	enum snap_code rc = secret_named(&from, out, &c->report, err);

	if (rc == SNAP_OK && out->len == 0)
		rc = snap_fail(err, SNAP_USAGE, "the new passphrase is empty");
	return rc == SNAP_NOTFOUND ? SNAP_OK : rc;
}

/* On the terminal, behind the one that opened the repository. */
static enum snap_code
ask_new_secret(const struct cli *c, struct bytes *out, struct snap_err *err)
{
	return out->len > 0 ? SNAP_OK : secret_ask_new(out, &c->report, err);
}

static void
put_id(json_t *o, const char *key, const uint8_t *id)
{
	char hex[2 * REPO_ID_LEN + 1];

	hex_encode(id, REPO_ID_LEN, hex);
	json_put_text(o, key, span_str(hex));
}

static enum snap_code
show_code(const struct cli *c, const struct place *s, const uint8_t *id,
    const char *code, struct snap_err *err)
{
	bool tty = isatty(STDOUT_FILENO) == 1;
	struct bytes picture;
	json_t *root;
	enum snap_code rc;

	if (c->o.json) {
		root = place_json(s);
		put_id(root, "slot-id", id);
		json_put_text(root, "type", span_str("recovery-code"));
		json_put_text(root, "recovery-code", span_str(code));
		return json_print(root, err);
	}
	ui_out("recovery code  %s\n", code);
	bytes_init(&picture, QR_MAX);
	rc = c->o.qr || tty ? qr_draw(code, tty, &picture, err) : SNAP_OK;
	if (rc == SNAP_OK && picture.len > 0) {
		bytes_u8(&picture, 0);
		ui_out_raw((const char *)picture.p);
	}
	bytes_fini_wipe(&picture);
	return rc == SNAP_OK ? ui_out_end(err) : rc;
}

/* Into a file, or onto stdout in words. */
static enum snap_code
hand_out(const struct cli *c, const struct place *s, const uint8_t *id,
    const char *code, struct newfile *f, struct snap_err *err)
{
	char line[CODE_MAX + 1];
	enum snap_code rc;

	if (c->o.output == NULL)
		return show_code(c, s, id, code, err);
	(void)snprintf(line, sizeof line, "%s\n", code);
	rc = newfile_write(f, span_str(line), err);
	explicit_bzero(line, sizeof line);
	return rc;
}

static enum snap_code
tell_added(const struct cli *c, const struct place *s, const uint8_t *id,
    struct snap_err *err)
{
	const char *type = c->o.output != NULL ? "recovery-code" : "passphrase";
	char hex[2 * REPO_ID_LEN + 1];
	json_t *root;

	if (c->o.output != NULL && strcmp(c->o.output, "-") == 0)
		return SNAP_OK; /* the key itself is there */
	if (c->o.json && !c->o.recovery_code) {
		root = place_json(s);
		put_id(root, "slot-id", id);
		json_put_text(root, "type", span_str(type));
		if (c->o.output != NULL)
			json_put_text(root, "output", span_str(c->o.output));
		return json_print(root, err);
	}
	hex_encode(id, REPO_ID_LEN, hex);
	ui_info("added slot %.8s", hex);
	return SNAP_OK;
}

static enum snap_code
add_code(struct cli *c, struct place *s, struct repo_new_key *o,
    struct snap_err *err)
{
	struct newfile f = { NULL, -1, false };
	uint8_t id[REPO_ID_LEN];
	char code[CODE_MAX] = "";
	enum snap_code rc = SNAP_OK;

	o->is_code = true;
	if (c->o.output != NULL)
		rc = newfile_make(&f, c->o.output, err);
	if (rc == SNAP_OK)
		rc = key_open(c, s, err);
	if (rc == SNAP_OK)
		rc = repo_new_code(code, id, err);
	if (rc == SNAP_OK)
		rc = hand_out(c, s, id, code, &f, err);
	if (rc == SNAP_OK) {
		o->secret = span_str(code);
		rc = repo_key_add(s->repo, o, id, err);
		if (rc != SNAP_OK) {
			f.keep = false;
			(void)snap_detail(err,
			    "The recovery code was not added: it may open "
			    "nothing.");
		}
	}
	if (rc == SNAP_OK)
		rc = tell_added(c, s, id, err);
	explicit_bzero(code, sizeof code);
	newfile_end(&f);
	return rc;
}

enum snap_code
key_add_slot(struct cli *c, struct place *s, struct snap_err *err)
{
	struct repo_new_key o;
	uint8_t id[REPO_ID_LEN];
	struct bytes text;
	enum snap_code rc = slot_options(c, &o, err);

	if (rc != SNAP_OK)
		return rc;
	if (c->o.recovery_code && c->o.output != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "--recovery-code is shown; a file for --key-file is made "
		    "by --output alone");
	if (c->o.recovery_code || c->o.output != NULL)
		return add_code(c, s, &o, err);
	bytes_init(&text, SECRET_MAX);
	if ((rc = new_secret(c, &text, err)) == SNAP_OK &&
	    (rc = key_open(c, s, err)) == SNAP_OK &&
	    (rc = ask_new_secret(c, &text, err)) == SNAP_OK &&
	    (rc = repo_new_slot_id(id, err)) == SNAP_OK) {
		o.secret = bytes_span(&text);
		rc = repo_key_add(s->repo, &o, id, err);
	}
	bytes_fini_wipe(&text);
	return rc == SNAP_OK ? tell_added(c, s, id, err) : rc;
}

/* ---- remove, passwd */

/* Nobody learns from a removal that looks like an end what it does not end. */
static void
tell_removed(const uint8_t *id)
{
	char hex[2 * REPO_ID_LEN + 1];

	hex_encode(id, REPO_ID_LEN, hex);
	ui_info("removed slot %.8s", hex);
	ui_info("who has kept a copy of that slot (the store's older versions, "
		"a paper form, a copy of the repository) and knows its secret "
		"still opens the repository; if that matters, make a new one "
		"and copy into it");
}

static enum snap_code
check_digits(const char *text, struct snap_err *err)
{
	size_t n = strspn(text, "0123456789abcdef");

	if (text[n] == '\0' && n >= DIGITS_MIN)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_USAGE,
	    "\"%s\" is not the first %d or more digits of a slot's id", text,
	    DIGITS_MIN);
	return snap_hint(err, "\"%s key list\" shows them.", SNAP_PROGRAM_NAME);
}

enum snap_code
key_remove(struct cli *c, struct place *s, struct snap_err *err)
{
	struct repo_keys all = { 0, NULL };
	const struct repo_key *k = NULL;
	json_t *root;
	enum snap_code rc;

	if (c->o.n_args < 2)
		return snap_fail(err, SNAP_USAGE, "which slot?");
	if ((rc = check_digits(c->o.args[1], err)) != SNAP_OK)
		return rc;
	s->not_slot = c->o.args[1];
	rc = key_open(c, s, err);
	if (rc == SNAP_WRONG_KEY && err->hint[0] == '\0')
		return snap_hint(err,
		    "A slot that is to be removed opens nothing any more: it "
		    "takes the secret of another one.");
	if (rc == SNAP_OK)
		rc = repo_keys(s->repo, &all, err);
	if (rc == SNAP_OK)
		rc = repo_key_find(&all, c->o.args[1], &k, err);
	if (rc == SNAP_OK)
		rc = repo_key_remove(s->repo, k->id, NULL, c->o.force, err);
	if (rc == SNAP_OK && c->o.json) {
		root = place_json(s);
		put_id(root, "removed", k->id);
		rc = json_print(root, err);
	}
	if (rc == SNAP_OK)
		tell_removed(k->id);
	repo_keys_free(&all);
	return rc;
}

/* The one that is named, that opened, or that alone has a passphrase. */
static enum snap_code
pick_old(const struct cli *c, const struct repo_keys *all,
    const struct repo_key **out, struct snap_err *err)
{
	const struct repo_key *k = NULL, *current = NULL, *only = NULL;
	enum snap_code rc;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].kind == REPO_KEY_PASSPHRASE) {
			only = &all->v[i];
			n++;
			if (only->is_current)
				current = only;
		}
	if (c->o.n_args > 1) {
		rc = repo_key_find(all, c->o.args[1], &k, err);
		if (rc == SNAP_OK && k->kind != REPO_KEY_PASSPHRASE)
			rc = snap_fail(err, SNAP_USAGE,
			    "this is no slot with a passphrase");
		if (rc != SNAP_OK)
			return rc;
	} else {
		k = current != NULL ? current : n == 1 ? only : NULL;
	}
	if (k == NULL) {
		(void)snap_fail(err, SNAP_USAGE,
		    n == 0 ? "there is no slot with a passphrase"
			   : "which of the slots with a passphrase?");
		return snap_hint(
		    err, n == 0 ? "Make one: key add"
				: "\"key list\" shows them: key passwd SLOT");
	}
	*out = k;
	return SNAP_OK;
}

/* The new one opens before the old one goes. */
static enum snap_code
replace(const struct cli *c, struct place *s, const struct repo_key *old,
    struct repo_new_key *o, struct snap_err *err)
{
	uint8_t id[REPO_ID_LEN];
	json_t *root;
	enum snap_code rc;

	if (o->label == NULL)
		o->label = old->name;
	if ((rc = repo_new_slot_id(id, err)) != SNAP_OK ||
	    (rc = repo_key_add(s->repo, o, id, err)) != SNAP_OK)
		return rc;
	rc = repo_key_remove(s->repo, old->id, id, false, err);
	if (rc != SNAP_OK)
		return snap_detail(err,
		    "The new passphrase opens the repository; the old one may "
		    "do so, too.");
	if (c->o.json) {
		root = place_json(s);
		put_id(root, "slot-id", id);
		put_id(root, "removed", old->id);
		rc = json_print(root, err);
	}
	if (rc == SNAP_OK)
		tell_removed(old->id);
	return rc;
}

enum snap_code
key_passwd(struct cli *c, struct place *s, struct snap_err *err)
{
	struct repo_keys all = { 0, NULL };
	const struct repo_key *old = NULL;
	struct repo_new_key o;
	struct bytes text;
	enum snap_code rc = slot_options(c, &o, err);

	if (rc == SNAP_OK && c->o.n_args > 1)
		rc = check_digits(c->o.args[1], err);
	if (rc != SNAP_OK)
		return rc;
	bytes_init(&text, SECRET_MAX);
	if ((rc = new_secret(c, &text, err)) == SNAP_OK &&
	    (rc = key_open(c, s, err)) == SNAP_OK &&
	    (rc = repo_keys(s->repo, &all, err)) == SNAP_OK &&
	    (rc = pick_old(c, &all, &old, err)) == SNAP_OK &&
	    (rc = ask_new_secret(c, &text, err)) == SNAP_OK) {
		o.secret = bytes_span(&text);
		rc = replace(c, s, old, &o, err);
	}
	bytes_fini_wipe(&text);
	repo_keys_free(&all);
	return rc;
}
