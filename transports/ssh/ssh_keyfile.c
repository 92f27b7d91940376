/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh_keyfile.c - what can be known of a private key without its passphrase.
 *
 * libssh2 loads the key; but whether there is a passphrase, and which public
 * key belongs to it, it does not tell.  Knowing both, the server can be asked
 * whether it takes a key before anybody has to type.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdio.h"
#include "ssh.h"

#define OPENSSH_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define OPENSSH_END "-----END OPENSSH PRIVATE KEY-----"
#define OPENSSH_MAGIC "openssh-key-v1" /* and its NUL */

/* The base64 between the two marks, decoded into *out; wiped by the caller. */
static bool
body(struct span text, struct bytes *out)
{
	uint8_t four[4], three[3];
	size_t n = 0, i;
	int pad = 0;

	for (i = 0; i < text.len && text.p[i] != '-'; i++) {
		if (text.p[i] == '\n' || text.p[i] == '\r')
			continue;
		pad += text.p[i] == '=';
		four[n++] = text.p[i];
		if (n < sizeof four)
			continue;
		if (pad > 2 || EVP_DecodeBlock(three, four, 4) != 3)
			return false;
		bytes_put(out, three, (size_t)(3 - pad));
		n = 0;
	}
	return n == 0 && !out->bad;
}

/* Whether it is encrypted, and its public key, which is not. */
static bool
read_openssh(struct ssh_keyfile *k, struct span text)
{
	struct span cipher, key;
	struct bytes raw;
	struct cursor c;
	uint8_t magic[sizeof OPENSSH_MAGIC];
	bool ok;

	bytes_init(&raw, SSH_FILE_MAX);
	ok = body(text, &raw);
	cursor_init(&c, bytes_span(&raw));
	cursor_copy(&c, magic, sizeof magic);
	cipher = ssh_string(&c);
	(void)ssh_string(&c); /* key derivation, and what it takes */
	(void)ssh_string(&c);
	ok = ok && ssh_u32(&c) == 1;
	key = ssh_string(&c);
	ok = ok && !c.bad && memcmp(magic, OPENSSH_MAGIC, sizeof magic) == 0;
	if (ok) {
		k->encrypted = !span_eq(cipher, span_str("none"));
		bytes_put_span(&k->public, key);
	}
	bytes_fini_wipe(&raw);
	return ok;
}

/* "type base64 comment" of the file beside it, when there is one. */
static void
read_public(struct ssh_keyfile *k)
{
	char path[4096];
	struct snap_err err;
	struct bytes text, line;
	const char *p, *end;

	bytes_init(&text, SSH_FILE_MAX);
	bytes_init(&line, SSH_FILE_MAX);
	(void)snprintf(path, sizeof path, "%s.pub", k->path);
	if (fd_slurp(path, SSH_FILE_MAX, &text, &err) != SNAP_OK)
		goto out;
	bytes_u8(&text, 0);
	if (text.bad)
		goto out;
	p = strchr((const char *)text.p, ' ');
	if (p == NULL)
		goto out;
	end = p + 1 + strcspn(p + 1, " \r\n");
	if (body(span_of(p + 1, (size_t)(end - p - 1)), &line))
		bytes_put_span(&k->public, bytes_span(&line));
out:
	bytes_fini(&text);
	bytes_fini(&line);
}

enum snap_code
ssh_keyfile_parse(struct ssh_keyfile *k, struct snap_err *err)
{
	const char *text = (const char *)k->text.p, *mark;

	mark = strstr(text, OPENSSH_BEGIN);
	if (mark != NULL) {
		mark += sizeof OPENSSH_BEGIN - 1;
		if (!read_openssh(k, span_str(mark)))
			return snap_fail(
			    err, SNAP_CORRUPT, "%s: not a whole key", k->path);
		return SNAP_OK;
	}
	if (strstr(text, "PRIVATE KEY-----") == NULL) {
		(void)snap_fail(
		    err, SNAP_USAGE, "%s is not a private key", k->path);
		return snap_hint(err,
		    "Name the private key (not the .pub file), as ssh-keygen "
		    "writes it.");
	}
	k->encrypted = strstr(text, "ENCRYPTED") != NULL;
	return SNAP_OK;
}

/* "type base64", for libssh2 would decrypt the key to learn it. */
static enum snap_code
write_line(struct ssh_keyfile *k, struct snap_err *err)
{
	uint8_t four[5];
	char type[64];
	size_t n;

	ssh_key_type(bytes_span(&k->public), type, sizeof type);
	bytes_printf(&k->line, "%s ", type);
	for (size_t i = 0; i < k->public.len; i += n) {
		n = k->public.len - i < 3 ? k->public.len - i : 3;
		(void)EVP_EncodeBlock(four, k->public.p + i, (int)n);
		bytes_put(&k->line, four, 4);
	}
	return bytes_check(&k->line, err);
}

enum snap_code
ssh_keyfile_load(struct ssh_keyfile *k, const char *path, struct snap_err *err)
{
	enum snap_code rc;

	memset(k, 0, sizeof *k);
	bytes_init(&k->text, SSH_FILE_MAX + 1);
	bytes_init(&k->public, SSH_FILE_MAX);
	bytes_init(&k->line, 2 * SSH_FILE_MAX);
	k->path = strdup(path);
	if (k->path == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a key");
	rc = fd_slurp(path, SSH_FILE_MAX, &k->text, err);
	bytes_u8(&k->text, 0); /* for the functions of text */
	if (rc == SNAP_OK)
		rc = bytes_check(&k->text, err);
	if (rc == SNAP_OK)
		rc = ssh_keyfile_parse(k, err);
	if (rc != SNAP_OK) {
		ssh_keyfile_fini(k);
		return rc;
	}
	k->text.len--;
	if (k->public.len == 0)
		read_public(k);
	if (k->public.len > 0)
		rc = write_line(k, err);
	if (rc != SNAP_OK)
		ssh_keyfile_fini(k);
	return rc;
}

void
ssh_keyfile_fini(struct ssh_keyfile *k)
{
	free(k->path);
	bytes_fini_wipe(&k->text);
	bytes_fini(&k->public);
	bytes_fini(&k->line);
	memset(k, 0, sizeof *k);
}
