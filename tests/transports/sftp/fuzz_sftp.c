/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_sftp.c - whatever a server, a known_hosts file or a key file says, the
 * store answers with a result or an error, and reads nothing that is not there.
 *
 * The first byte chooses; 'u' is a URL.  For a server the rest is its answers,
 * in records of a kind, a length and bytes; each gets the id of a request that
 * waits, so that a fuzzer need not find it.  There is no connection: the linker
 * puts the functions here in its place (--wrap).
 */
#include <stdlib.h>
#include <string.h>

#include "ssh.h"

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			abort();                                               \
	} while (0)
#define WAITING_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
enum snap_code __wrap_ssh_open(
    struct ssh *s, const struct ssh_cfg *cfg, struct snap_err *err);
enum snap_code __wrap_ssh_auth_login(
    struct ssh_auth *a, struct ssh *s, struct snap_err *err);
enum snap_code __wrap_ssh_start(struct ssh *s, struct snap_err *err);
void __wrap_ssh_close(struct ssh *s);
ssize_t __wrap_ssh_take(struct ssh *s, uint8_t *p, size_t cap);
enum snap_code __wrap_ssh_move(
    struct ssh *s, struct ssh_io *io, struct snap_err *err);

/* Types of packets: version, status, handle, data, name, attrs, reply. */
static const uint8_t types[] = { 2, 101, 102, 103, 104, 105, 201 };

static struct cursor input;
static uint32_t waiting[WAITING_MAX];
static uint32_t n_asked, n_answered;
static bool in_order;

enum snap_code
__wrap_ssh_open(struct ssh *s, const struct ssh_cfg *cfg, struct snap_err *err)
{
	(void)err;
	memset(s, 0, sizeof *s);
	s->cfg = cfg;
	s->in_order = in_order;
	return SNAP_OK;
}

enum snap_code
__wrap_ssh_auth_login(struct ssh_auth *a, struct ssh *s, struct snap_err *err)
{
	(void)a;
	(void)s;
	(void)err;
	return SNAP_OK;
}

void
__wrap_ssh_close(struct ssh *s)
{
	(void)s;
}

ssize_t
__wrap_ssh_take(struct ssh *s, uint8_t *p, size_t cap)
{
	(void)s;
	(void)p;
	(void)cap;
	return 0;
}

/* Note the ids of requests; they come whole. */
static void
note_requests(struct span out)
{
	struct cursor c, packet;

	cursor_init(&c, out);
	while (c.left > 0) {
		cursor_init(&packet, ssh_string(&c));
		MUST(!c.bad);
		if (cursor_u8(&packet) == 1) /* the first has no id */
			continue;
		waiting[n_asked++ % WAITING_MAX] = ssh_u32(&packet);
	}
}

enum snap_code
__wrap_ssh_start(struct ssh *s, struct snap_err *err)
{
	(void)s;
	(void)err;
	return SNAP_OK;
}

enum snap_code
__wrap_ssh_move(struct ssh *s, struct ssh_io *io, struct snap_err *err)
{
	struct bytes b;
	struct span body;
	uint8_t kind;
	size_t len;

	(void)s;
	note_requests(io->out);
	io->n_sent = io->out.len;
	io->n_read = 0;
	kind = cursor_u8(&input);
	len = cursor_u16(&input);
	if (len > input.left)
		len = input.left;
	body = cursor_span(&input, len);
	if (input.bad || input.left == 0)
		return snap_fail(err, SNAP_TRANSIENT, "that was all");
	bytes_init(&b, io->in_cap);
	ssh_put_u32(&b, (uint32_t)(len + 1));
	bytes_u8(&b, types[kind % sizeof types]);
	if (kind % sizeof types != 0 && (kind & 0x80) == 0) {
		ssh_put_u32(&b, waiting[n_answered++ % WAITING_MAX]);
		b.p[3] = (uint8_t)(len + 5);
		b.p[2] = (uint8_t)((len + 5) >> 8);
		b.p[1] = (uint8_t)((len + 5) >> 16);
	}
	bytes_put_span(&b, body);
	MUST(!b.bad);
	memcpy(io->in, b.p, b.len);
	io->n_read = b.len;
	bytes_fini(&b);
	return SNAP_OK;
}

static enum snap_code
look(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)arg;
	(void)err;
	MUST(strlen(name) <= TRANSPORT_NAME_MAX && st->time_ns > 0);
	return SNAP_OK;
}

static const char *
setting(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "sftp.connections") == 0 ? "1" : NULL;
}

/* All operations, one behind the other, as far as the answers go. */
static void
server(bool create, bool list_first)
{
	/* There is one thread, as there is one input. */
	struct transport_opts opts = { .create = create, .setting = setting };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;
	struct transport_stat st;
	enum snap_code rc;
	struct bytes b;
	int64_t now;

	n_asked = 0;
	n_answered = 0;
	if (transport_open("sftp://me@host/~/s", &opts, &t, &err) != SNAP_OK)
		return;
	bytes_init(&b, 1 << 20);
	if (list_first)
		(void)!transport_list(t, "a", look, NULL, &err);
	rc = transport_put(t, "a/b", span_str("text"), &st, &err);
	if (rc == SNAP_OK)
		MUST(st.size == 4);
	rc = transport_get(t, "a/b", 1, 70000, &b, &err);
	MUST(rc != SNAP_OK || b.len == 70000);
	/* Now by the file that stayed open. */
	bytes_clear(&b);
	rc = transport_get(t, "a/b", 70001, 7, &b, &err);
	MUST(rc != SNAP_OK ? b.len == 0 : b.len == 7);
	(void)!transport_stat(t, "a/b", &st, &err);
	(void)!transport_list(t, "a", look, NULL, &err);
	(void)!transport_delete(t, "a/b", &err);
	(void)!transport_now(t, &now, &err);
	bytes_fini(&b);
	transport_close(t);
}

static void
known_hosts(struct span text)
{
	struct bytes types_known;
	enum ssh_host v;

	bytes_init(&types_known, SSH_FILE_MAX);
	ssh_hosts_types(text, "host", 22, &types_known);
	v = ssh_hosts_check(text, "host", 22, span_str("key"));
	MUST(v != SSH_HOST_KNOWN || types_known.len > 0);
	bytes_fini(&types_known);
}

static void
key_file(struct span text)
{
	struct ssh_keyfile k = { .path = NULL };
	struct snap_err err;

	bytes_init(&k.text, SSH_FILE_MAX);
	bytes_init(&k.public, SSH_FILE_MAX);
	bytes_put_span(&k.text, text);
	bytes_u8(&k.text, 0);
	k.path = strdup("key");
	MUST(k.path != NULL && !k.text.bad);
	(void)!ssh_keyfile_parse(&k, &err);
	ssh_keyfile_fini(&k);
}

/* A URL.  Whoever answers there hangs up at once. */
static void
address(struct span text)
{
	struct transport_opts opts = { .setting = setting };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;
	char *url = malloc(text.len + 8);

	MUST(url != NULL);
	memcpy(url, "sftp://", 7);
	memcpy(url + 7, text.p, text.len);
	url[text.len + 7] = '\0';
	cursor_init(&input, span_of(NULL, 0));
	MUST(transport_open(url, &opts, &t, &err) != SNAP_OK);
	free(url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	cursor_init(&input, span_of(data + 1, size - 1));
	if (data[0] == 'u') {
		address(span_of(data + 1, size - 1));
		return 0;
	}
	switch (data[0] % 4) {
	case 0:
		known_hosts(span_of(data + 1, size - 1));
		break;
	case 1:
		key_file(span_of(data + 1, size - 1));
		break;
	default:
		in_order = (data[0] & 4) != 0;
		server(data[0] % 4 == 3, (data[0] & 8) != 0);
		break;
	}
	return 0;
}
