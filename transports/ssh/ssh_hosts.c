/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh_hosts.c - is this the server that the user knows?
 *
 * known_hosts is read here and not by libssh2: that gives up at the first
 * line with a marker or a kind of key it does not know, and cannot tell which
 * kinds of key are known for a host.
 */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "ssh.h"

#define NAME_MAX_LEN 300 /* of "[host]:port" */
#define SHA1_LEN 20
#define GLOBAL_FILE "/etc/ssh/ssh_known_hosts"

/* The parts of a line, borrowed. */
struct line {
	struct span marker, names, type, key;
};

static struct span
word(struct span *rest)
{
	struct span w;

	while (rest->len > 0 && (*rest->p == ' ' || *rest->p == '\t')) {
		rest->p++;
		rest->len--;
	}
	w = span_of(rest->p, 0);
	while (rest->len > 0 && *rest->p != ' ' && *rest->p != '\t') {
		rest->p++;
		rest->len--;
		w.len++;
	}
	return w;
}

/* The next line of *text that names a key; false at the end. */
static bool
next_line(struct span *text, struct line *l)
{
	while (text->len > 0) {
		const uint8_t *nl = memchr(text->p, '\n', text->len);
		size_t len = nl != NULL ? (size_t)(nl - text->p) : text->len;
		struct span rest = span_of(text->p, len);

		text->p += nl != NULL ? len + 1 : len;
		text->len -= nl != NULL ? len + 1 : len;
		if (rest.len > 0 && rest.p[rest.len - 1] == '\r')
			rest.len--;
		l->marker = span_of(NULL, 0);
		l->names = word(&rest);
		if (l->names.len > 0 && l->names.p[0] == '#')
			continue;
		if (l->names.len > 0 && l->names.p[0] == '@') {
			l->marker = l->names;
			l->names = word(&rest);
		}
		l->type = word(&rest);
		l->key = word(&rest);
		if (l->key.len > 0)
			return true;
	}
	return false;
}

/* base64 with its padding; false when it is none or does not fit. */
static bool
decode64(struct span text, uint8_t *out, size_t cap, size_t *len)
{
	int n;

	if (text.len == 0 || text.len % 4 != 0 || text.len / 4 * 3 > cap)
		return false;
	n = EVP_DecodeBlock(out, text.p, (int)text.len);
	if (n < 0)
		return false;
	*len = (size_t)n;
	for (int i = 1; i <= 2; i++)
		if (text.p[text.len - (size_t)i] == '=')
			--*len;
	return true;
}

/* "|1|salt|hash" of HMAC-SHA1 over the name. */
static bool
hashed_is(struct span field, const char *name)
{
	uint8_t salt[64], want[64], got[EVP_MAX_MD_SIZE];
	size_t n_salt, n_want;
	const uint8_t *bar;
	unsigned n_got = 0;
	struct span s;

	if (field.len < 3 || memcmp(field.p, "|1|", 3) != 0)
		return false;
	s = span_of(field.p + 3, field.len - 3);
	bar = memchr(s.p, '|', s.len);
	if (bar == NULL ||
	    !decode64(span_of(s.p, (size_t)(bar - s.p)), salt, sizeof salt,
		&n_salt) ||
	    !decode64(span_of(bar + 1, s.len - (size_t)(bar + 1 - s.p)), want,
		sizeof want, &n_want) ||
	    n_want != SHA1_LEN)
		return false;
	return HMAC(EVP_sha1(), salt, (int)n_salt, (const uint8_t *)name,
		   strlen(name), got, &n_got) != NULL &&
	       n_got == SHA1_LEN && memcmp(got, want, SHA1_LEN) == 0;
}

/* Does the name match a pattern with * and ?, whatever the case? */
static bool
pattern_is(struct span pat, const char *name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, from = 0;

	while (name[n] != '\0') {
		if (p < pat.len && pat.p[p] == '*') {
			star = p++;
			from = n;
		} else if (p < pat.len &&
			   (pat.p[p] == '?' ||
			       tolower(pat.p[p]) == (unsigned char)name[n])) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pat.len && pat.p[p] == '*')
		p++;
	return p == pat.len;
}

static bool
names_have(struct span names, const char *name)
{
	bool found = false;

	if (names.len > 0 && names.p[0] == '|')
		return hashed_is(names, name);
	while (names.len > 0) {
		const uint8_t *comma = memchr(names.p, ',', names.len);
		size_t n =
		    comma != NULL ? (size_t)(comma - names.p) : names.len;
		bool not = n > 0 && names.p[0] == '!';

		if (n > 0 &&
		    pattern_is(span_of(names.p + not, n - not ), name)) {
			if (not )
				return false;
			found = true;
		}
		n += comma != NULL;
		names.p += n;
		names.len -= n;
	}
	return found;
}

/* The host as known_hosts has it: lower-case, the port when it is not 22. */
static void
host_name(const char *host, unsigned port, char out[NAME_MAX_LEN])
{
	if (port == SSH_PORT)
		(void)snprintf(out, NAME_MAX_LEN, "%s", host);
	else
		(void)snprintf(out, NAME_MAX_LEN, "[%s]:%u", host, port);
	for (; *out != '\0'; out++)
		*out = (char)tolower((unsigned char)*out);
}

static enum snap_code
load_one(const char *path, bool must, struct bytes *text, struct snap_err *err)
{
	if (!must && access(path, F_OK) != 0)
		return SNAP_OK;
	bytes_put_str(text, "\n");
	return fd_slurp(path, SSH_FILE_MAX, text, err);
}

enum snap_code
ssh_hosts_load(
    const struct ssh_cfg *cfg, struct bytes *text, struct snap_err *err)
{
	char path[4096];
	enum snap_code rc = SNAP_OK;

	if (cfg->known_hosts != NULL)
		return load_one(cfg->known_hosts, false, text, err);
	if (cfg->home != NULL) {
		(void)snprintf(
		    path, sizeof path, "%s/.ssh/known_hosts", cfg->home);
		rc = load_one(path, false, text, err);
	}
	if (rc == SNAP_OK)
		rc = load_one(GLOBAL_FILE, false, text, err);
	return rc;
}

void
ssh_hosts_types(
    struct span text, const char *host, unsigned port, struct bytes *out)
{
	char name[NAME_MAX_LEN];
	struct line l;

	host_name(host, port, name);
	while (next_line(&text, &l)) {
		if (l.marker.len > 0 || !names_have(l.names, name))
			continue;
		if (out->len > 0)
			bytes_put_str(out, ",");
		bytes_put_span(out, l.type);
	}
}

static bool
key_is(struct span text, struct span key)
{
	struct bytes raw;
	size_t len = 0;
	uint8_t *room;
	bool same;

	bytes_init(&raw, SSH_FILE_MAX);
	room = bytes_room(&raw, text.len);
	same = room != NULL && decode64(text, room, text.len, &len) &&
	       span_eq(span_of(room, len), key);
	bytes_fini(&raw);
	return same;
}

enum ssh_host
ssh_hosts_check(
    struct span text, const char *host, unsigned port, struct span key)
{
	enum ssh_host verdict = SSH_HOST_UNKNOWN;
	char name[NAME_MAX_LEN];
	struct line l;

	host_name(host, port, name);
	while (next_line(&text, &l)) {
		if (!names_have(l.names, name))
			continue;
		if (span_eq(l.marker, span_str("@revoked"))) {
			if (key_is(l.key, key))
				return SSH_HOST_REVOKED;
		} else if (l.marker.len == 0) {
			/* A later line may still revoke it. */
			if (key_is(l.key, key))
				verdict = SSH_HOST_KNOWN;
			else if (verdict == SSH_HOST_UNKNOWN)
				verdict = SSH_HOST_CHANGED;
		}
	}
	return verdict;
}

void
ssh_key_type(struct span key, char *out, size_t size)
{
	struct cursor c;
	struct span type;
	size_t n = 0;

	cursor_init(&c, key);
	type = ssh_string(&c);
	for (; n + 1 < size && n < type.len && isgraph(type.p[n]); n++)
		out[n] = (char)type.p[n];
	out[n] = '\0';
}

const char *
ssh_keyscan_type(const char *type)
{
	if (strstr(type, "ed25519") != NULL)
		return "ed25519";
	return strstr(type, "ecdsa") != NULL ? "ecdsa" : "rsa";
}

void
ssh_hosts_file(const struct ssh_cfg *cfg, char *out, size_t size)
{
	const char *file = cfg->known_hosts;
	bool odd = false;

	/* For a shell; what has a quote itself is left to the reader. */
	for (const char *p = file; p != NULL && *p != '\0'; p++)
		odd = odd || (!isalnum((unsigned char)*p) &&
				 strchr("/._+-", *p) == NULL);
	if (file == NULL)
		(void)snprintf(out, size, "~/.ssh/known_hosts");
	else
		(void)snprintf(out, size, odd ? "'%s'" : "%s", file);
}

/* As "SHA256:..." of ssh-keygen -l. */
static void
fingerprint(struct span key, char out[64])
{
	uint8_t md[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	unsigned n = 0;
	int len;

	if (EVP_Digest(key.p, key.len, md, &n, EVP_sha256(), NULL) != 1) {
		(void)snprintf(out, 64, "(unknown)");
		return;
	}
	len = EVP_EncodeBlock(text, md, (int)n);
	while (len > 0 && text[len - 1] == '=')
		len--;
	(void)snprintf(out, 64, "SHA256:%.*s", len, (const char *)text);
}

enum snap_code
ssh_hosts_refuse(const struct ssh_cfg *cfg, enum ssh_host verdict,
    struct span key, struct snap_err *err)
{
	char print[64], type[64], file[512], port[32] = "", name[NAME_MAX_LEN];

	fingerprint(key, print);
	ssh_key_type(key, type, sizeof type);
	ssh_hosts_file(cfg, file, sizeof file);
	host_name(cfg->host, cfg->port, name);
	if (cfg->port != SSH_PORT)
		(void)snprintf(port, sizeof port, " -p %u", cfg->port);
	if (verdict == SSH_HOST_REVOKED) {
		(void)snap_fail(
		    err, SNAP_DENIED, "the host key of %s is revoked", name);
		return snap_detail(err,
		    "The server shows the %s key %s, which known_hosts marks "
		    "as @revoked: whoever stole it may be listening.",
		    type, print);
	}
	if (verdict == SSH_HOST_CHANGED) {
		(void)snap_fail(err, SNAP_DENIED,
		    "the host key of %s is not the one in known_hosts", name);
		(void)snap_detail(err,
		    "The server shows the %s key %s. Either somebody stands "
		    "between you and the server, or the server has got new "
		    "keys. Nothing was sent.",
		    type, print);
		return snap_hint(err,
		    "Ask whoever runs the server. Only if the fingerprint is "
		    "right: ssh-keygen -R '%s' -f %s && ssh-keyscan -t %s%s %s "
		    ">>%s",
		    name, file, ssh_keyscan_type(type), port, cfg->host, file);
	}
	(void)snap_fail(
	    err, SNAP_DENIED, "the host key of %s is not known", name);
	(void)snap_detail(err,
	    "The server shows the %s key %s, and known_hosts has none for it.",
	    type, print);
	return snap_hint(err,
	    "If that is the fingerprint that the server's owner tells you: "
	    "ssh-keyscan -t %s%s %s >>%s",
	    ssh_keyscan_type(type), port, cfg->host, file);
}
