/* SPDX-License-Identifier: PostgreSQL */
/* profile.c - read one profile of the files that AWS's own tools write. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

void
profile_wipe(char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

void
profile_fini(struct profile *p)
{
	profile_wipe(p->key_id);
	profile_wipe(p->secret);
	profile_wipe(p->token);
	free(p->region);
	free(p->endpoint);
	free(p->role_arn);
	free(p->web_token_file);
	free(p->session_name);
	free(p->elsewhere);
	memset(p, 0, sizeof *p);
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The next line of *text, without its end. */
static struct span
next_line(struct span *text)
{
	const uint8_t *nl = memchr(text->p, '\n', text->len);
	struct span line = { text->p,
		nl != NULL ? (size_t)(nl - text->p) : text->len };
	size_t used = line.len + (nl != NULL);

	text->p += used;
	text->len -= used;
	return line;
}

/* Where the value of the key `k` goes; NULL: it says nothing to us. */
static char **
field_of(struct profile *p, struct span k)
{
	struct {
		const char *name;
		char **field;
	} table[] = {
		{ "aws_access_key_id", &p->key_id },
		{ "aws_secret_access_key", &p->secret },
		{ "aws_session_token", &p->token },
		{ "region", &p->region },
		{ "endpoint_url", &p->endpoint },
		{ "role_arn", &p->role_arn },
		{ "web_identity_token_file", &p->web_token_file },
		{ "role_session_name", &p->session_name },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (span_eq(k, span_str(table[i].name)))
			return table[i].field;
	return NULL;
}

static enum snap_code
keep(char **field, struct span value, struct snap_err *err)
{
	if (*field != NULL)
		return SNAP_OK;
	if (value.len > PROFILE_VALUE_MAX ||
	    (value.len > 0 && memchr(value.p, '\0', value.len) != NULL))
		return snap_fail(err, SNAP_CORRUPT, "too long a value");
	*field = malloc(value.len + 1);
	if (*field == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	if (value.len > 0)
		memcpy(*field, value.p, value.len);
	(*field)[value.len] = '\0';
	return SNAP_OK;
}

static enum snap_code
take(
    struct profile *p, struct span key, struct span value, struct snap_err *err)
{
	static const char *const elsewhere[] = { "credential_process",
		"sso_session", "sso_start_url", "source_profile",
		"credential_source" };
	char **field = field_of(p, key);

	if (field != NULL)
		return value.len > 0 ? keep(field, value, err) : SNAP_OK;
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		if (span_eq(key, span_str(elsewhere[i])))
			return keep(&p->elsewhere, key, err);
	return SNAP_OK;
}

/* Is `s`, what stands between the brackets, the section of our profile? */
static bool
is_section(struct span s, const char *name, bool is_config)
{
	static const char word[] = "profile";
	size_t n = sizeof word - 1;

	s = trim(s);
	if (!is_config)
		return span_eq(s, span_str(name));
	if (span_eq(s, span_str("default")))
		return strcmp(name, "default") == 0;
	if (s.len <= n || memcmp(s.p, word, n) != 0 || !is_blank(s.p[n]))
		return false;
	s.p += n;
	s.len -= n;
	return span_eq(trim(s), span_str(name));
}

enum snap_code
profile_read(struct profile *p, const char *name, bool is_config,
    struct span text, struct snap_err *err)
{
	unsigned long n = 0;
	bool ours = false;

	while (text.len > 0) {
		struct span raw = next_line(&text), line = trim(raw);
		const uint8_t *eq;
		struct span key, value;
		enum snap_code rc;

		n++;
		if (line.len == 0 || line.p[0] == '#' || line.p[0] == ';')
			continue;
		if (line.p[0] == '[') {
			const uint8_t *end = memchr(line.p, ']', line.len);

			if (end == NULL)
				return snap_fail(err, SNAP_CORRUPT,
				    "line %lu: a section without its end", n);
			ours = is_section(
			    span_of(line.p + 1, (size_t)(end - line.p - 1)),
			    name, is_config);
			p->found |= ours;
			continue;
		}
		/* An indented line belongs to the setting above it, as those of
		 * "s3 =" do: none of them is ours. */
		if (!ours || is_blank(raw.p[0]))
			continue;
		eq = memchr(line.p, '=', line.len);
		if (eq == NULL)
			return snap_fail(
			    err, SNAP_CORRUPT, "line %lu is no setting", n);
		key = trim(span_of(line.p, (size_t)(eq - line.p)));
		value =
		    trim(span_of(eq + 1, (size_t)(line.p + line.len - eq - 1)));
		rc = take(p, key, value, err);
		if (rc != SNAP_OK)
			return snap_wrap(err, "line %lu", n);
	}
	return SNAP_OK;
}
