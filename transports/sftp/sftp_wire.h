/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_wire.h - SFTP version 3 over an SSH connection.
 *
 * Requests are written one behind the other and answered when the answers
 * are wanted: a round trip is paid per step, not per request.  What an answer
 * says of lengths is checked against the packet, and packets have a bound.
 */
#ifndef SNAP_SFTP_WIRE_H
#define SNAP_SFTP_WIRE_H

#include "ssh.h"

#define SFTP_HANDLE_MAX 256 /* by the protocol */
#define SFTP_CHUNK 32768u   /* bytes of a read or write every server takes */
#define SFTP_IN_FLIGHT 256u /* of them, before the first is answered */
#define SFTP_PACKET_MAX ((size_t)1 << 20)
#define SFTP_TEXT_MAX 200

enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_FSTAT = 8,
	SFTP_SETSTAT = 9,
	SFTP_FSETSTAT = 10,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_RMDIR = 15,
	SFTP_REALPATH = 16,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201
};

enum sftp_status {
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_PERMISSION_DENIED = 3,
	SFTP_FAILURE = 4,
	SFTP_BAD_MESSAGE = 5,
	SFTP_NO_CONNECTION = 6,
	SFTP_CONNECTION_LOST = 7,
	SFTP_OP_UNSUPPORTED = 8
};

enum { SFTP_FOR_READ = 1, SFTP_FOR_WRITE = 2, SFTP_CREAT = 8, SFTP_EXCL = 32 };

/* Extensions of OpenSSH that a server may offer. */
enum { SFTP_CAN_FSYNC = 1, SFTP_CAN_LINK = 2, SFTP_CAN_STATVFS = 4 };

struct sftp_attrs {
	bool has_size, has_mode, has_time;
	uint64_t size;
	uint32_t mode, mtime;
};

/* A packet from the server, borrowed until the next is asked for. */
struct sftp_reply {
	uint8_t type;
	uint32_t id;
	struct cursor body;
};

/* What came back from a request that moves no data. */
struct sftp_answer {
	uint8_t type;
	uint32_t status; /* of SFTP_STATUS */
	char text[SFTP_TEXT_MAX];
	uint8_t handle[SFTP_HANDLE_MAX];
	size_t handle_len;
	struct sftp_attrs attrs;
};

#define SFTP_KEPT 8 /* servers bound open files, some to 100 */

/* A file that stays open after a read, since more of it may be wanted. */
struct sftp_kept {
	char name[TRANSPORT_NAME_MAX + 1]; /* of the object; "" = none */
	struct sftp_answer file;
	struct sftp_attrs was;
	uint64_t used;    /* the larger, the later */
	unsigned age;     /* the store's when it was opened */
	unsigned readers; /* by it now: it stays */
};

struct sftp_get;

struct sftp_conn {
	struct sftp_conn *next; /* idle or shared, in the pool */
	struct ssh ssh;
	bool broken; /* good for closing only */
	unsigned can;
	int64_t idle_since; /* ms */
	uint32_t next_id;
	struct bytes out, in;
	size_t n_sent;  /* of out */
	size_t n_taken; /* of in */
	size_t begun;   /* where in out the last packet starts */
	struct sftp_kept kept[SFTP_KEPT];
	uint64_t n_used;
	/* Of a shared one, under the store's lock: who reads by it, and which
	 * of them moves the bytes for all. */
	struct sftp_get *readers, *driver;
	unsigned n_readers;
	uint32_t shared_from; /* the first request since */
	size_t n_dropped;     /* answers to come that nobody wants */
};

/* Begin a request; its fields go to c->out, then sftp_end(). */
uint32_t sftp_begin(struct sftp_conn *c, enum sftp_type type);
void sftp_end(struct sftp_conn *c);
/* Whole requests. */
void sftp_ask_path(struct sftp_conn *c, enum sftp_type type, const char *path);
void sftp_ask_open(struct sftp_conn *c, const char *path, uint32_t flags);
void sftp_ask_handle(
    struct sftp_conn *c, enum sftp_type type, const struct sftp_answer *handle);
void sftp_ask_mkdir(struct sftp_conn *c, const char *path);
void sftp_ask_fsync(struct sftp_conn *c, const struct sftp_answer *handle);
/* Take in what has come; false when the connection is at its end. */
bool sftp_drain(struct sftp_conn *c);
/* Send and receive something. */
SNAP_MUST_CHECK enum snap_code sftp_move(
    struct sftp_conn *c, struct snap_err *err);
/* The next answer to a request of id `first` or later, if it has come; older
 * ones are dropped, since nobody waits for them. */
SNAP_MUST_CHECK enum snap_code sftp_peek(struct sftp_conn *c, uint32_t first,
    struct sftp_reply *r, bool *there, struct snap_err *err);
/* The same, waiting for it. */
SNAP_MUST_CHECK enum snap_code sftp_next(struct sftp_conn *c, uint32_t first,
    struct sftp_reply *r, struct snap_err *err);
/* The answers to the n requests from id `first` on. */
SNAP_MUST_CHECK enum snap_code sftp_answers(struct sftp_conn *c, uint32_t first,
    struct sftp_answer *a, size_t n, struct snap_err *err);
bool sftp_is_ok(const struct sftp_answer *a);
bool sftp_is_missing(const struct sftp_answer *a);
void sftp_read_status(struct sftp_reply *r, struct sftp_answer *a);
void sftp_read_attrs(struct cursor *c, struct sftp_attrs *a);
/* An answer that moves no data. */
SNAP_MUST_CHECK enum snap_code sftp_read_answer(struct sftp_conn *c,
    struct sftp_reply *r, struct sftp_answer *a, struct snap_err *err);
/* Fill *err for an answer that is a refusal. */
enum snap_code sftp_refused(
    const struct sftp_answer *a, const char *what, struct snap_err *err);
enum snap_code sftp_nonsense(struct sftp_conn *c, struct snap_err *err);
/* Agree on the version: what is to be sent, into c->out, and once that is out
 * the answer. */
void sftp_hello_begin(struct sftp_conn *c);
SNAP_MUST_CHECK enum snap_code sftp_hello(
    struct sftp_conn *c, struct snap_err *err);

/* In one go: the attributes of a name into a[0], and it, open, into a[1]. */
SNAP_MUST_CHECK enum snap_code sftp_look_and_open(struct sftp_conn *c,
    const char *path, struct sftp_answer a[2], struct snap_err *err);

#endif
