/* SPDX-License-Identifier: PostgreSQL */
/*
 * ssh.h - one SSH connection with a byte stream to the SFTP server.
 *
 * Sockets never block: whatever waits looks every 100 ms whether it is
 * cancelled, and gives up when the server was silent for too long.  A
 * connection serves one thread at a time.  After any failure it is good for
 * ssh_close() only.
 */
#ifndef SNAP_SSH_H
#define SNAP_SSH_H

#include <libssh2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "transport_impl.h"

#define SSH_PORT 22
#define SSH_FILE_MAX ((size_t)16 << 20) /* of known_hosts and key files */
#define SSH_SECRET_MAX 4096             /* bytes of a password */

/* Where to go and how; constant once the store is open. */
struct ssh_cfg {
	char *host;
	unsigned port;
	char *user;
	char *known_hosts; /* the one file; NULL: the usual ones */
	char *key_file;    /* the one key; NULL: the usual ones */
	const char *home;  /* borrowed; may be NULL */
	const char *agent; /* socket of the agent; borrowed; may be NULL */
	int64_t connect_ms, silence_ms;
	const atomic_bool *closing; /* set: give up at once; may be NULL */
	const struct transport_opts *opts;
};

struct ssh_auth; /* what a login takes, see ssh_auth.c */

struct ssh {
	const struct ssh_cfg *cfg;
	int fd;
	int wake[2]; /* a pipe: ssh_wake() */
	bool woken;
	LIBSSH2_SESSION *session;
	LIBSSH2_CHANNEL *channel; /* NULL until the SFTP server runs */
	int64_t since;            /* ms: when the server was last heard */
	bool half_sent;       /* a packet of ours is on its way: finish it */
	bool half_read;       /* likewise one that a read has to send */
	bool in_order;        /* answers requests in their order: OpenSSH */
	bool agreeing;        /* on keys */
	bool hung_up;         /* the server said so */
	char last_words[160]; /* what it said with that */
	const struct bytes *password; /* while it may be asked for */
};

/* Milliseconds of a clock that only goes forward. */
int64_t ssh_clock_ms(void);

/* Connect and check the host key. */
SNAP_MUST_CHECK enum snap_code ssh_open(
    struct ssh *s, const struct ssh_cfg *cfg, struct snap_err *err);
/* Once logged in: start the SFTP server, with a channel to it. */
SNAP_MUST_CHECK enum snap_code ssh_start(struct ssh *s, struct snap_err *err);
void ssh_close(struct ssh *s);
/* Wait until the session may go on; SNAP_CANCELLED, SNAP_TRANSIENT. */
SNAP_MUST_CHECK enum snap_code ssh_wait(struct ssh *s, struct snap_err *err);
/* Has the server hung up, as far as the socket knows? */
bool ssh_is_gone(struct ssh *s);
/* Can this libssh2 sign and check with RSA keys as servers want it? */
bool ssh_can_rsa(const struct ssh *s);
/* Fill *err for an error of libssh2, in words: "what HOST port N: ...". */
enum snap_code ssh_fail(
    struct ssh *s, int rc, const char *what, struct snap_err *err);

/* Bytes that move in one ssh_move(). */
struct ssh_io {
	struct span out; /* to be sent */
	size_t n_sent;
	uint8_t *in; /* room */
	size_t in_cap, n_read;
};

/* Send or receive at least one byte, unless woken.  What was not sent of
 * io->out has to be the start of the next call's. */
SNAP_MUST_CHECK enum snap_code ssh_move(
    struct ssh *s, struct ssh_io *io, struct snap_err *err);

/* Who waits in ssh_move() is to come back: there is more to do.  The one
 * function that may be called while another thread has the connection. */
void ssh_wake(struct ssh *s);

/* Take what has come, without waiting: its length, or -1 at the end of the
 * connection. */
ssize_t ssh_take(struct ssh *s, uint8_t *p, size_t cap);

/* ssh_hosts.c */

/* The text of the known_hosts files. */
SNAP_MUST_CHECK enum snap_code ssh_hosts_load(
    const struct ssh_cfg *cfg, struct bytes *text, struct snap_err *err);
/* Append "type,type" of the keys known for that host. */
void ssh_hosts_types(
    struct span text, const char *host, unsigned port, struct bytes *out);

enum ssh_host {
	SSH_HOST_UNKNOWN,
	SSH_HOST_KNOWN,
	SSH_HOST_CHANGED, /* other keys are known */
	SSH_HOST_REVOKED
};

enum ssh_host ssh_hosts_check(
    struct span text, const char *host, unsigned port, struct span key);
/* The type that a key names itself ("" = none), cut to `size`. */
void ssh_key_type(struct span key, char *out, size_t size);
/* Fill *err for a verdict that is not SSH_HOST_KNOWN. */
enum snap_code ssh_hosts_refuse(const struct ssh_cfg *cfg,
    enum ssh_host verdict, struct span key, struct snap_err *err);
/* The type of key to fetch with ssh-keyscan, as "ed25519". */
const char *ssh_keyscan_type(const char *type);
/* The known_hosts file to name in hints. */
void ssh_hosts_file(const struct ssh_cfg *cfg, char *out, size_t size);

/* ssh_auth.c */

SNAP_MUST_CHECK enum snap_code ssh_auth_new(
    const struct ssh_cfg *cfg, struct ssh_auth **out, struct snap_err *err);
void ssh_auth_free(struct ssh_auth *a); /* wipes; NULL is fine */
/* Log in: the first time in one thread, by all ways there are; from then on,
 * in any thread, by the way that worked. */
SNAP_MUST_CHECK enum snap_code ssh_auth_login(
    struct ssh_auth *a, struct ssh *s, struct snap_err *err);

/* ssh_keyfile.c */

struct ssh_keyfile {
	char *path;
	struct bytes text;   /* the private key as in its file */
	struct bytes public; /* its public key; empty when not known */
	struct bytes line;   /* that as in a .pub file; likewise */
	bool encrypted;
};

SNAP_MUST_CHECK enum snap_code ssh_keyfile_load(
    struct ssh_keyfile *k, const char *path, struct snap_err *err);
/* What k->text (with a NUL at its end) tells of itself. */
SNAP_MUST_CHECK enum snap_code ssh_keyfile_parse(
    struct ssh_keyfile *k, struct snap_err *err);
void ssh_keyfile_fini(struct ssh_keyfile *k);

/* ssh_agent.c */

struct ssh_agent {
	struct ssh *ssh; /* to wait with */
	int fd;
	struct bytes keys; /* the agent's list */
	uint32_t n_keys;
};

SNAP_MUST_CHECK enum snap_code ssh_agent_open(
    struct ssh_agent *a, struct ssh *s, const char *path, struct snap_err *err);
void ssh_agent_close(struct ssh_agent *a);
/* The i-th key, borrowed from the list. */
struct span ssh_agent_key(const struct ssh_agent *a, uint32_t i);
/* Append the bare signature of `data` by `key`. */
SNAP_MUST_CHECK enum snap_code ssh_agent_sign(struct ssh_agent *a,
    struct span key, struct span data, struct bytes *out, struct snap_err *err);

/* Strings and numbers as SSH writes them, high byte first. */
uint32_t ssh_u32(struct cursor *c);
uint64_t ssh_u64(struct cursor *c);
struct span ssh_string(struct cursor *c);
void ssh_put_u32(struct bytes *b, uint32_t v);
void ssh_put_u64(struct bytes *b, uint64_t v);
void ssh_put_string(struct bytes *b, struct span s);

#endif
