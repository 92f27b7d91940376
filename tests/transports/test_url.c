/* SPDX-License-Identifier: PostgreSQL */
/* test_url.c - the parts of a URL, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "url.h"

static void
refused(const char *text, const char *why)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct url u;

	assert_int_equal(url_parse(text, &u, &err), SNAP_USAGE);
	assert_non_null(strstr(err.msg, why));
	assert_null(strstr(err.msg, "secret"));
}

static void
every_part_is_found_and_decoded(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct url u;

	(void)state;
	assert_int_equal(
	    url_parse("SFTP://me%40home@h.example:2222/a%20b/c", &u, &err),
	    SNAP_OK);
	assert_string_equal(u.scheme, "sftp");
	assert_string_equal(u.user, "me@home");
	assert_string_equal(u.host, "h.example");
	assert_int_equal(u.port, 2222);
	assert_string_equal(u.path, "/a b/c");
	url_fini(&u);
}

static void
host_alone_is_enough(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct url u;

	(void)state;
	assert_int_equal(url_parse("s3://bucket", &u, &err), SNAP_OK);
	assert_null(u.user);
	assert_string_equal(u.host, "bucket");
	assert_int_equal(u.port, 0);
	assert_string_equal(u.path, "");
	url_fini(&u);
}

static void
an_ipv6_address_loses_its_brackets(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct url u;

	(void)state;
	assert_int_equal(url_parse("sftp://[::1]:22/x", &u, &err), SNAP_OK);
	assert_string_equal(u.host, "::1");
	assert_int_equal(u.port, 22);
	url_fini(&u);
	assert_int_equal(url_parse("sftp://u@[fe80::1]/x", &u, &err), SNAP_OK);
	assert_string_equal(u.user, "u");
	assert_string_equal(u.host, "fe80::1");
	url_fini(&u);
}

static void
what_is_no_url_is_refused_and_no_secret_repeated(void **state)
{
	(void)state;
	refused("sftp://me:secret@h/p", "password");
	refused("/a/path", "scheme");
	refused("://h", "scheme");
	refused("sftp:///p", "no host");
	refused("sftp://u@/p", "no host");
	refused("sftp://h:0/p", "port");
	refused("sftp://h:65536/p", "port");
	refused("sftp://h:99999999999999999999/p", "port");
	refused("sftp://h:2x/p", "port");
	refused("sftp://[::1/p", "bracket");
	refused("sftp://[::1]x/p", "bracket");
	refused("sftp://h/a%2", "escape");
	refused("sftp://h/a%zz", "escape");
	refused("sftp://h/a%00b", "control");
	refused("s3://b/p?secret", "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_is_found_and_decoded),
		cmocka_unit_test(host_alone_is_enough),
		cmocka_unit_test(an_ipv6_address_loses_its_brackets),
		cmocka_unit_test(
		    what_is_no_url_is_refused_and_no_secret_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
