/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh_auth.c - show the server that we are who the URL says.
 *
 * In this order: the keys of the agent, key files, the password.  Whether the
 * server takes a key is asked first, so that nobody types a passphrase for
 * one that it refuses.  The way that worked is kept, with its secrets, for
 * the other connections.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ssh.h"

#define N_DEFAULT 3
#define AGENT_MAX 5 /* keys of the agent to try: servers count to 6 */

static const char *const default_keys[N_DEFAULT] = { "id_ed25519", "id_ecdsa",
	"id_rsa" };

enum way { WAY_UNKNOWN, WAY_NONE, WAY_AGENT, WAY_KEY, WAY_PASSWORD, WAY_ASKED };

struct ssh_auth {
	enum way way;           /* that worked */
	struct bytes agent_key; /* which of the agent's */
	struct ssh_keyfile keys[N_DEFAULT];
	size_t n_keys;
	struct ssh_keyfile *key; /* which of them */
	struct bytes passphrase; /* of that key, with its NUL */
	struct bytes password;   /* with its NUL */
	struct bytes story;      /* what was tried, for the message */
};

/* Call libssh2 until it is through; 0 or its error in *n. */
#define UNTIL_DONE(s, n, call, rc, err)                                        \
	do {                                                                   \
		(s)->since = ssh_clock_ms();                                   \
		while (                                                        \
		    (rc) == SNAP_OK && ((n) = (call)) == LIBSSH2_ERROR_EAGAIN) \
			(rc) = ssh_wait((s), (err));                           \
	} while (0)

static void
note(struct ssh_auth *a, const char *what, const char *result)
{
	/* Later logins run in many threads, and try but one way. */
	if (a->way == WAY_UNKNOWN)
		bytes_printf(&a->story, "%s%s: %s",
		    a->story.len > 0 ? "; " : "", what, result);
}

/* Is the connection of no more use after this?  When the server hung up,
 * libssh2 may say no more than that a key was not taken. */
static bool
is_broken(struct ssh *s, int n)
{
	if (n == 0)
		return false;
	return s->hung_up || ssh_is_gone(s) ||
	       n == LIBSSH2_ERROR_SOCKET_DISCONNECT ||
	       n == LIBSSH2_ERROR_SOCKET_SEND ||
	       n == LIBSSH2_ERROR_SOCKET_RECV ||
	       n == LIBSSH2_ERROR_SOCKET_NONE || n == LIBSSH2_ERROR_BAD_USE ||
	       n == LIBSSH2_ERROR_ALLOC;
}

/* The connection broke while we logged in.  A line that just breaks says
 * nothing of our keys, whatever libssh2 makes of it: the next may do. */
static enum snap_code
broke(struct ssh *s, int n, struct snap_err *err)
{
	if (n != LIBSSH2_ERROR_ALLOC)
		n = LIBSSH2_ERROR_SOCKET_DISCONNECT;
	return ssh_fail(s, n, "log in at", err);
}

static enum snap_code
hung_up(struct ssh_auth *a, struct ssh *s, int n, struct snap_err *err)
{
	if (a->way != WAY_UNKNOWN || !s->hung_up)
		return broke(s, n, err);
	(void)snap_fail(err, SNAP_DENIED, "%s hung up while %s tried to log in",
	    s->cfg->host, s->cfg->user);
	(void)snap_detail(
	    err, "Tried: %.*s.", (int)a->story.len, (const char *)a->story.p);
	return snap_hint(err,
	    "Servers allow few attempts. Name the right key with "
	    "-o sftp.key-file=FILE: then only that is tried.");
}

/* ---- with a key */

/* What the signer needs; `asked` when the server takes the key. */
struct signer {
	struct ssh_agent *agent; /* NULL: only ask */
	struct span key;
	bool asked;
	enum snap_code rc;
	struct snap_err *err;
};

static int
sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
    const unsigned char *data, size_t data_len, void **abstract)
{
	struct signer *g = *abstract;
	struct bytes out;

	(void)session;
	g->asked = true;
	if (g->agent == NULL)
		return -1;
	bytes_init(&out, SSH_FILE_MAX);
	g->rc = ssh_agent_sign(
	    g->agent, g->key, span_of(data, data_len), &out, g->err);
	if (g->rc != SNAP_OK) {
		bytes_fini(&out);
		return -1;
	}
	*sig = out.p; /* libssh2 frees it: its allocator is ours */
	*sig_len = out.len;
	return 0;
}

/* Offer the public key.  With an agent, *n is 0 when that let us in; without
 * one, g->asked tells whether the server would take it. */
static enum snap_code
offer(struct ssh *s, struct signer *g, int *n, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	void *arg = g;

	g->asked = false;
	g->rc = SNAP_OK;
	g->err = err;
	UNTIL_DONE(s, *n,
	    libssh2_userauth_publickey(
		s->session, s->cfg->user, g->key.p, g->key.len, sign, &arg),
	    rc, err);
	if (rc == SNAP_OK && (g->rc == SNAP_CANCELLED || g->rc == SNAP_NOMEM))
		rc = g->rc;
	return rc;
}

static bool
is_rsa(struct span key)
{
	char type[64];

	ssh_key_type(key, type, sizeof type);
	return strcmp(type, "ssh-rsa") == 0;
}

/* Certificates and keys in hardware are beyond libssh2. */
static bool
is_plain(struct span key)
{
	char type[64];

	ssh_key_type(key, type, sizeof type);
	return strcmp(type, "ssh-ed25519") == 0 ||
	       strcmp(type, "ssh-rsa") == 0 ||
	       (strncmp(type, "ecdsa-sha2-", 11) == 0 &&
		   strchr(type, '@') == NULL);
}

static const char rsa_story[] =
    "an RSA key, which this libssh2 can sign with SHA-1 only and servers "
    "since OpenSSH 8.8 refuse (libssh2 1.11 can more; use an ed25519 key)";

/* Should this key of the agent be tried? */
static bool
agent_key_fits(const struct ssh_auth *a, struct ssh *s, struct span key)
{
	if (a->way == WAY_AGENT)
		return span_eq(key, bytes_span(&a->agent_key));
	/* Who names one key means just that one. */
	if (s->cfg->key_file != NULL && a->n_keys > 0)
		return span_eq(key, bytes_span(&a->keys[0].public));
	return is_plain(key);
}

/* Try the agent's keys; *in when one let us in. */
static enum snap_code
try_agent(struct ssh_auth *a, struct ssh *s, bool *in, struct snap_err *err)
{
	struct ssh_agent agent;
	struct signer g = { .agent = &agent };
	enum snap_code rc;
	unsigned tried = 0;
	char what[64];
	int n = 0;

	rc = ssh_agent_open(&agent, s, s->cfg->agent, err);
	if (rc != SNAP_OK) {
		ssh_agent_close(&agent);
		if (rc == SNAP_CANCELLED || rc == SNAP_NOMEM)
			return rc;
		/* Without one, there may still be a key file. */
		note(a, "agent", err->msg);
		return SNAP_OK;
	}
	if (agent.n_keys == 0)
		note(a, "agent", "has no keys");
	for (uint32_t i = 0; rc == SNAP_OK && !*in && tried < AGENT_MAX; i++) {
		g.key = ssh_agent_key(&agent, i);
		if (i >= agent.n_keys || g.key.len == 0)
			break;
		if (!agent_key_fits(a, s, g.key))
			continue;
		(void)snprintf(
		    what, sizeof what, "key %u of the agent", (unsigned)i + 1);
		if (is_rsa(g.key) && !ssh_can_rsa(s)) {
			note(a, what, rsa_story);
			continue;
		}
		tried++;
		rc = offer(s, &g, &n, err);
		if (rc != SNAP_OK)
			break;
		*in = n == 0;
		if (*in && a->way == WAY_UNKNOWN)
			bytes_put_span(&a->agent_key, g.key);
		if (!*in)
			note(a, what,
			    g.rc != SNAP_OK ? err->msg
			    : g.asked       ? "its signature was refused"
					    : "not accepted");
		if (is_broken(s, n))
			rc = hung_up(a, s, n, err);
	}
	ssh_agent_close(&agent);
	return rc;
}

/* Log in with a loaded key; *n as of libssh2. */
static enum snap_code
use_key(struct ssh_auth *a, struct ssh *s, const struct ssh_keyfile *k, int *n,
    struct snap_err *err)
{
	/* With the public key at hand it derives the key of the file, which is
	 * slow by intent, once and not twice. */
	const struct span line =
	    k->encrypted ? bytes_span(&k->line) : span_of(NULL, 0);
	enum snap_code rc = SNAP_OK;

	UNTIL_DONE(s, *n,
	    libssh2_userauth_publickey_frommemory(s->session, s->cfg->user,
		strlen(s->cfg->user), (const char *)line.p, line.len,
		(const char *)k->text.p, k->text.len,
		k->encrypted && a->passphrase.len > 0
		    ? (const char *)a->passphrase.p
		    : NULL),
	    rc, err);
	return rc;
}

/* Get a secret with a NUL behind it; SNAP_NOTFOUND when there is none. */
static enum snap_code
get_secret(struct ssh *s, const char *name, const char *prompt,
    struct bytes *out, struct snap_err *err)
{
	const struct transport_opts *o = s->cfg->opts;
	enum snap_code rc;

	bytes_fini_wipe(out);
	bytes_init(out, SSH_SECRET_MAX);
	/* Reserved, or growing would leave a copy behind. */
	rc = bytes_reserve(out, SSH_SECRET_MAX, err);
	if (rc != SNAP_OK)
		return rc;
	if (o->secret == NULL)
		return snap_fail(err, SNAP_NOTFOUND, "no %s", name);
	rc = o->secret(o->arg, name, prompt, out, err);
	if (rc == SNAP_OK) {
		bytes_u8(out, 0);
		rc = bytes_check(out, err);
	}
	return rc;
}

/* Try one key file; *in when it let us in. */
static enum snap_code
try_key(struct ssh_auth *a, struct ssh *s, struct ssh_keyfile *k, bool *in,
    struct snap_err *err)
{
	struct signer g = { .agent = NULL, .key = bytes_span(&k->public) };
	char prompt[512];
	enum snap_code rc;
	int n = 0;

	if (is_rsa(g.key) && !ssh_can_rsa(s)) {
		note(a, k->path, rsa_story);
		return SNAP_OK;
	}
	/* Without a passphrase, to log in asks the server as well. */
	if (k->encrypted && g.key.len > 0) {
		rc = offer(s, &g, &n, err);
		if (rc != SNAP_OK)
			return rc;
		if (!g.asked)
			note(a, k->path, "not accepted");
		if (is_broken(s, n))
			return hung_up(a, s, n, err);
		if (!g.asked)
			return SNAP_OK;
	}
	if (k->encrypted) {
		(void)snprintf(
		    prompt, sizeof prompt, "Passphrase of %.400s: ", k->path);
		rc = get_secret(
		    s, "sftp.key-passphrase", prompt, &a->passphrase, err);
		if (rc == SNAP_NOTFOUND)
			note(a, k->path, "has a passphrase, and none is given");
		if (rc != SNAP_OK)
			return rc == SNAP_NOTFOUND ? SNAP_OK : rc;
	}
	rc = use_key(a, s, k, &n, err);
	if (rc != SNAP_OK)
		return rc;
	*in = n == 0;
	if (*in) {
		a->key = k;
		return SNAP_OK;
	}
	if (k->encrypted)
		note(a, k->path,
		    "the passphrase is wrong, or libssh2 cannot read it");
	else
		note(a, k->path,
		    n == LIBSSH2_ERROR_AUTHENTICATION_FAILED
			? "not accepted"
			: "libssh2 cannot sign with it");
	return is_broken(s, n) ? hung_up(a, s, n, err) : SNAP_OK;
}

/* ---- with a password */

/* Answer questions that are not to be seen with the password. */
static void
answer(const char *name, int name_len, const char *text, int text_len, int n,
    const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
    LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
	const struct ssh *s = *abstract;
	const struct bytes *password = s->password;

	(void)name;
	(void)name_len;
	(void)text;
	(void)text_len;
	for (int i = 0; i < n; i++) {
		responses[i].text = NULL;
		responses[i].length = 0;
		if (prompts[i].echo != 0 || password == NULL ||
		    password->len == 0)
			continue;
		responses[i].text = strdup((const char *)password->p);
		if (responses[i].text != NULL)
			responses[i].length = (unsigned)password->len - 1;
	}
}

/* Log in with the password that is there; *n as of libssh2. */
static enum snap_code
use_password(struct ssh_auth *a, struct ssh *s, enum way way, int *n,
    struct snap_err *err)
{
	unsigned user_len = (unsigned)strlen(s->cfg->user);
	enum snap_code rc = SNAP_OK;

	if (way == WAY_PASSWORD) {
		UNTIL_DONE(s, *n,
		    libssh2_userauth_password_ex(s->session, s->cfg->user,
			user_len, (const char *)a->password.p,
			(unsigned)a->password.len - 1, NULL),
		    rc, err);
		return rc;
	}
	s->password = &a->password;
	UNTIL_DONE(s, *n,
	    libssh2_userauth_keyboard_interactive_ex(
		s->session, s->cfg->user, user_len, answer),
	    rc, err);
	s->password = NULL;
	return rc;
}

static enum snap_code
try_password(struct ssh_auth *a, struct ssh *s, const char *methods, bool *in,
    struct snap_err *err)
{
	static const struct {
		enum way way;
		const char *name;
	} ways[] = { { WAY_PASSWORD, "password" },
		{ WAY_ASKED, "keyboard-interactive" } };
	char prompt[512];
	enum snap_code rc;
	int n = 0;

	(void)snprintf(prompt, sizeof prompt,
	    "Password of %.200s@%.200s: ", s->cfg->user, s->cfg->host);
	rc = get_secret(s, "sftp.password", prompt, &a->password, err);
	if (rc == SNAP_NOTFOUND)
		note(a, "password", "none is given");
	if (rc != SNAP_OK)
		return rc == SNAP_NOTFOUND ? SNAP_OK : rc;
	for (size_t i = 0; i < 2 && !*in; i++) {
		if (strstr(methods, ways[i].name) == NULL)
			continue;
		rc = use_password(a, s, ways[i].way, &n, err);
		if (rc != SNAP_OK)
			return rc;
		*in = n == 0;
		if (*in)
			a->way = ways[i].way;
		else
			note(a, ways[i].name, "not accepted");
		if (is_broken(s, n))
			return hung_up(a, s, n, err);
	}
	return SNAP_OK;
}

/* ---- all of it */

static enum snap_code
refused(struct ssh_auth *a, struct ssh *s, const char *methods,
    struct snap_err *err)
{
	(void)snap_fail(err, SNAP_DENIED, "%s does not let %s log in",
	    s->cfg->host, s->cfg->user);
	(void)snap_detail(err, "Tried: %.*s. The server takes: %.200s.",
	    a->story.len > 0 ? (int)a->story.len : 7,
	    a->story.len > 0 ? (const char *)a->story.p : "nothing", methods);
	return snap_hint(err,
	    "Put a key into the agent (ssh-add), name one with -o "
	    "sftp.key-file=FILE, or a password with -o "
	    "sftp.password-file=FILE.");
}

/* Which ways the server offers; NULL with 0: it let us in without any. */
static int
ask_ways(struct ssh *s, const char **methods)
{
	*methods = libssh2_userauth_list(
	    s->session, s->cfg->user, (unsigned)strlen(s->cfg->user));
	if (*methods != NULL || libssh2_userauth_authenticated(s->session))
		return 0;
	return libssh2_session_last_errno(s->session);
}

static enum snap_code
try_all(struct ssh_auth *a, struct ssh *s, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	const char *methods = NULL;
	char *copy = NULL;
	bool in = false;
	int n = 0;

	bytes_clear(&a->story);
	UNTIL_DONE(s, n, ask_ways(s, &methods), rc, err);
	if (rc != SNAP_OK)
		return rc;
	if (n == 0 && methods == NULL) {
		a->way = WAY_NONE;
		return SNAP_OK;
	}
	if (methods == NULL)
		return is_broken(s, n) ? broke(s, n, err)
				       : ssh_fail(s, n, "log in at", err);
	copy = strdup(methods); /* it is the session's */
	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a login");
	if (strstr(copy, "publickey") != NULL) {
		if (s->cfg->agent != NULL)
			rc = try_agent(a, s, &in, err);
		if (in)
			a->way = WAY_AGENT;
		for (size_t i = 0; rc == SNAP_OK && !in && i < a->n_keys; i++) {
			rc = try_key(a, s, &a->keys[i], &in, err);
			if (in)
				a->way = WAY_KEY;
		}
	}
	if (rc == SNAP_OK && !in &&
	    (strstr(copy, "password") != NULL ||
		strstr(copy, "keyboard-interactive") != NULL))
		rc = try_password(a, s, copy, &in, err);
	if (rc == SNAP_OK && !in)
		rc = refused(a, s, copy, err);
	free(copy);
	return rc;
}

enum snap_code
ssh_auth_login(struct ssh_auth *a, struct ssh *s, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	const char *methods = NULL;
	bool in = false;
	int n = 0;

	switch (a->way) {
	case WAY_UNKNOWN:
		return try_all(a, s, err);
	case WAY_AGENT:
		rc = try_agent(a, s, &in, err);
		n = in ? 0 : LIBSSH2_ERROR_AUTHENTICATION_FAILED;
		break;
	case WAY_KEY:
		rc = use_key(a, s, a->key, &n, err);
		break;
	case WAY_NONE:
		UNTIL_DONE(s, n, ask_ways(s, &methods), rc, err);
		if (n == 0 && methods != NULL)
			n = LIBSSH2_ERROR_AUTHENTICATION_FAILED;
		break;
	default:
		rc = use_password(a, s, a->way, &n, err);
		break;
	}
	if (rc == SNAP_OK && n != 0)
		rc = is_broken(s, n) ? broke(s, n, err)
				     : snap_fail(err, SNAP_DENIED,
					   "%s no longer lets %s log in",
					   s->cfg->host, s->cfg->user);
	return rc;
}

enum snap_code
ssh_auth_new(
    const struct ssh_cfg *cfg, struct ssh_auth **out, struct snap_err *err)
{
	struct ssh_auth *a = calloc(1, sizeof *a);
	enum snap_code rc = SNAP_OK;
	char path[4096];

	if (a == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a login");
	bytes_init(&a->agent_key, SSH_FILE_MAX);
	bytes_init(&a->passphrase, SSH_SECRET_MAX);
	bytes_init(&a->password, SSH_SECRET_MAX);
	bytes_init(&a->story, SNAP_ERR_MSG_MAX);
	if (cfg->key_file != NULL) {
		rc = ssh_keyfile_load(&a->keys[0], cfg->key_file, err);
		a->n_keys = rc == SNAP_OK;
	}
	for (size_t i = 0; rc == SNAP_OK && cfg->key_file == NULL &&
			   cfg->home != NULL && i < N_DEFAULT;
	     i++) {
		(void)snprintf(path, sizeof path, "%s/.ssh/%s", cfg->home,
		    default_keys[i]);
		/* One that cannot be read may not be needed. */
		if (access(path, R_OK) == 0 &&
		    ssh_keyfile_load(&a->keys[a->n_keys], path, err) == SNAP_OK)
			a->n_keys++;
	}
	if (rc != SNAP_OK) {
		ssh_auth_free(a);
		return rc;
	}
	*out = a;
	return SNAP_OK;
}

void
ssh_auth_free(struct ssh_auth *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n_keys; i++)
		ssh_keyfile_fini(&a->keys[i]);
	bytes_fini(&a->agent_key);
	bytes_fini_wipe(&a->passphrase);
	bytes_fini_wipe(&a->password);
	bytes_fini(&a->story);
	free(a);
}
