/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_words.c - no number of libssh2 reaches anybody without words.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h wants some of those above, and this: */
#include <setjmp.h>

#include <cmocka.h>

#include "ssh.h"

#define LAST LIBSSH2_ERROR_RANDGEN

static char host[] = "backup.example", user[] = "me";
static const struct ssh_cfg cfg = { .host = host, .user = user, .port = 2222 };

static void
say(int code, const char *last_words, struct snap_err *err)
{
	struct ssh s = { .cfg = &cfg };
	enum snap_code rc;

	(void)snprintf(s.last_words, sizeof s.last_words, "%s", last_words);
	s.session = libssh2_session_init_ex(NULL, NULL, NULL, &s);
	assert_non_null(s.session);
	rc = ssh_fail(&s, code, "talk with", err);
	assert_int_equal(rc, err->code);
	(void)libssh2_session_free(s.session);
}

static void
every_code_has_words_and_names_the_place(void **state)
{
	static const char start[] = "talk with backup.example port 2222: ";
	struct snap_err err;

	(void)state;
	for (int code = -1; code >= LAST - 1; code--) {
		const char *what;

		say(code, "", &err);
		assert_memory_equal(err.msg, start, sizeof start - 1);
		what = err.msg + sizeof start - 1;
		assert_true(strlen(what) > 10);
		assert_null(strstr(what, "error"));
		for (const char *p = what; *p != '\0'; p++)
			assert_false(*p == '-' && isdigit((unsigned char)p[1]));
		assert_int_not_equal(err.code, SNAP_OK);
	}
}

static void
what_may_pass_is_tried_again_and_the_rest_is_not(void **state)
{
	static const struct {
		int libssh2;
		enum snap_code code;
		const char *word, *hint;
	} cases[] = {
		{ LIBSSH2_ERROR_SOCKET_SEND, SNAP_TRANSIENT, "broke", "" },
		{ LIBSSH2_ERROR_SOCKET_RECV, SNAP_TRANSIENT, "broke", "" },
		{ LIBSSH2_ERROR_SOCKET_DISCONNECT, SNAP_TRANSIENT, "broke",
		    "" },
		{ LIBSSH2_ERROR_BANNER_RECV, SNAP_TRANSIENT, "no SSH server",
		    "port" },
		{ LIBSSH2_ERROR_TIMEOUT, SNAP_TRANSIENT, "not answer", "" },
		{ LIBSSH2_ERROR_INVALID_MAC, SNAP_TRANSIENT, "damaged",
		    "device on the way" },
		{ LIBSSH2_ERROR_HOSTKEY_SIGN, SNAP_TRANSIENT, "not prove", "" },
		{ LIBSSH2_ERROR_CHANNEL_FAILURE, SNAP_TRANSIENT, "no session",
		    "ssh -v -p 2222 me@backup.example" },
		{ LIBSSH2_ERROR_CHANNEL_CLOSED, SNAP_TRANSIENT, "ended", "" },
		{ LIBSSH2_ERROR_PASSWORD_EXPIRED, SNAP_DENIED, "expired",
		    "ssh -v" },
		{ LIBSSH2_ERROR_AUTHENTICATION_FAILED, SNAP_DENIED, "refused",
		    "ssh -v" },
		{ LIBSSH2_ERROR_FILE, SNAP_DENIED, "private key",
		    "ssh-keygen" },
		{ LIBSSH2_ERROR_METHOD_NONE, SNAP_UNSUPPORTED, "in common",
		    "ssh -v" },
		{ LIBSSH2_ERROR_ALLOC, SNAP_NOMEM, "memory", "" },
	};
	struct snap_err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		say(cases[i].libssh2, "", &err);
		assert_int_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.msg, cases[i].word));
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

static void
the_last_words_of_a_server_are_told(void **state)
{
	struct snap_err err;

	(void)state;
	say(LIBSSH2_ERROR_SOCKET_DISCONNECT, "Too many connections", &err);
	assert_string_equal(
	    err.detail, "The server says: Too many connections");
}

/* With it, libssh2 need not decrypt the key to know it. */
static void
a_public_key_is_written_as_in_its_file(void **state)
{
	static const char public[] =
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBU"
	    "WFxgZGhscHR4f";
	char path[] = "test-words-XXXXXX", beside[sizeof path + 4];
	struct ssh_keyfile k;
	struct snap_err err;
	int fd = mkstemp(path);
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	assert_true(fputs("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(beside, sizeof beside, "%s.pub", path);
	f = fopen(beside, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "%s me@here\n", public) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(ssh_keyfile_load(&k, path, &err), SNAP_OK);
	assert_true(k.encrypted);
	assert_true(span_eq(bytes_span(&k.line), span_str(public)));
	ssh_keyfile_fini(&k);
	assert_int_equal(unlink(path) + unlink(beside), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_words_and_names_the_place),
		cmocka_unit_test(
		    what_may_pass_is_tried_again_and_the_rest_is_not),
		cmocka_unit_test(a_public_key_is_written_as_in_its_file),
		cmocka_unit_test(the_last_words_of_a_server_are_told),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
