/* SPDX-License-Identifier: PostgreSQL */
/* test_s3_config.c - which bucket at which endpoint, and which keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "creds.h"
#include "fdio.h"
#include "s3_env.h"
#include "s3_internal.h"

static const char *const aws_names[] = { "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
	"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_REGION",
	"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "HOME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI" };

/* Nothing of the machine's own shows through. */
static int
setup(void **state)
{
	(void)state;
	env_clear();
	for (size_t i = 0; i < sizeof aws_names / sizeof aws_names[0]; i++)
		env_var(aws_names[i], NULL);
	env_var("AWS_EC2_METADATA_DISABLED", "true");
	return 0;
}

static void
a_url_means_just_one_place(void **state)
{
	static const struct {
		const char *url, *scheme, *host, *bucket, *prefix;
	} cases[] = {
		{ "s3://bucket", "https", "s3.us-east-1.amazonaws.com",
		    "bucket", "" },
		{ "s3://bucket/", "https", "s3.us-east-1.amazonaws.com",
		    "bucket", "" },
		{ "s3://my.bucket/a/b//", "https", "s3.us-east-1.amazonaws.com",
		    "my.bucket", "a/b/" },
		{ "s3://Host.Example:9000/bucket/a", "https",
		    "host.example:9000", "bucket", "a/" },
		{ "s3://host.example:443/bucket", "https", "host.example",
		    "bucket", "" },
		{ "s3:https://host.example/bucket/a/", "https", "host.example",
		    "bucket", "a/" },
		{ "s3:http://127.0.0.1:80/bucket", "http", "127.0.0.1",
		    "bucket", "" },
		{ "s3:https://[::1]:9000/bucket", "https", "[::1]:9000",
		    "bucket", "" },
	};
	struct snap_err err = SNAP_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct s3_config c = { 0 };

		assert_int_equal(
		    s3_config_read(&c, cases[i].url, env_opts(0), NULL, &err),
		    SNAP_OK);
		assert_string_equal(c.scheme, cases[i].scheme);
		assert_string_equal(c.host, cases[i].host);
		assert_string_equal(c.bucket, cases[i].bucket);
		assert_string_equal(c.prefix, cases[i].prefix);
		s3_config_fini(&c);
	}
}

static void
assert_refused(const char *url, const char *why)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct s3_config c = { 0 };

	if (s3_config_read(&c, url, env_opts(0), NULL, &err) != SNAP_USAGE ||
	    strstr(err.msg, why) == NULL)
		fail_msg("%s: \"%s\" is not about \"%s\"", url, err.msg, why);
	assert_null(strstr(err.msg, "hunter2"));
	assert_null(strstr(err.hint, "hunter2"));
	s3_config_fini(&c);
}

static void
a_url_that_means_no_place_is_refused(void **state)
{
	(void)state;
	assert_refused("s3://", "bucket");
	assert_refused("s3:///a", "bucket");
	assert_refused("s3://ab", "bucket");
	assert_refused("s3://a..b", "bucket");
	assert_refused("s3://bucket/a//b", "empty part");
	assert_refused("s3://bucket/../b", "dots");
	assert_refused("s3://bucket/./b", "dots");
	assert_refused("s3://bucket/a b", "letters");
	assert_refused("s3://bucket/a?b", "letters");
	assert_refused("s3://key:hunter2@bucket/a", "no password");
	assert_refused("s3:https://key:hunter2@host/bucket", "password");
	assert_refused("s3:https://key@host/bucket", "no user");
	assert_refused("s3://host:99999/bucket", "port");
	assert_refused("s3://host:9000/", "bucket");
}

static void
settings_are_checked(void **state)
{
	static const struct {
		const char *name, *value, *why;
	} bad[] = {
		{ "s3.style", "virtuell", "s3.style" },
		{ "s3.region", "eu west", "region" },
		{ "s3.endpoint", "ftp://host", "https://" },
		{ "s3.endpoint", "https://host/path", "path" },
		{ "s3.storage-class", "DEEP_ARCHIVE", "read at once" },
		{ "s3.object-lock-mode", "governance", "together" },
		{ "s3.object-lock-days", "3", "together" },
		{ "s3.create-bucket", "maybe", "\"yes\" or \"no\"" },
		{ "s3.if-none-match", "maybe", "\"yes\" or \"no\"" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		(void)setup(state);
		env_set(bad[i].name, bad[i].value);
		assert_refused("s3://bucket", bad[i].why);
	}
	(void)setup(state);
	env_set("s3.object-lock-mode", "legal");
	env_set("s3.object-lock-days", "3");
	assert_refused("s3://bucket", "compliance");
	env_set("s3.object-lock-days", "0");
	assert_refused("s3://bucket", "number");
}

static void
the_style_follows_service_and_bucket(void **state)
{
	static const struct {
		const char *url, *endpoint, *style;
		bool is_virtual;
	} cases[] = {
		{ "s3://bucket", NULL, NULL, true },
		{ "s3://my.bucket", NULL, NULL, false },
		{ "s3://bucket", "https://minio.example:9000", NULL, false },
		{ "s3://bucket", "https://minio.example", "virtual", true },
		{ "s3://bucket", NULL, "path", false },
		{ "s3://bucket", "https://s3.eu-west-1.amazonaws.com", "auto",
		    true },
	};
	struct snap_err err = SNAP_ERR_INIT;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct s3_config c = { 0 };

		(void)setup(state);
		env_set("s3.endpoint", cases[i].endpoint);
		env_set("s3.style", cases[i].style);
		assert_int_equal(
		    s3_config_read(&c, cases[i].url, env_opts(0), NULL, &err),
		    SNAP_OK);
		assert_int_equal(c.virtual_host, cases[i].is_virtual);
		if (i == 5)
			assert_string_equal(c.region, "eu-west-1");
		s3_config_fini(&c);
	}
}

/* ---- where keys come from */

static struct creds *
open_creds(const char *profile, struct http *h)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct creds *c = NULL;

	if (creds_open(env_opts(0), profile, h, &c, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	return c;
}

static void
assert_key(struct creds *c, const char *id, const char *source)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct creds_key k = { NULL, NULL, NULL, 0 };

	assert_int_equal(creds_get(c, &k, &err), SNAP_OK);
	assert_string_equal(k.id, id);
	assert_non_null(strstr(creds_source(c), source));
	creds_key_fini(&k);
}

static void
write_file(const char *path, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;

	assert_int_equal(fd_replace(path, span_str(text), &err), SNAP_OK);
}

static void
keys_are_looked_for_in_aws_order(void **state)
{
	char dir[] = "test-creds-XXXXXX", credentials[64], config[64];
	struct snap_err err = SNAP_ERR_INIT;
	struct http *h = NULL;
	struct creds *c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(credentials, sizeof credentials, "%s/c", dir);
	(void)snprintf(config, sizeof config, "%s/f", dir);
	write_file(credentials, "[default]\naws_access_key_id = FILE\n"
				"aws_secret_access_key = s\n"
				"[work]\naws_access_key_id = WORK\n"
				"aws_secret_access_key = s\n");
	write_file(config, "[default]\nregion = r-file\n"
			   "[profile sso]\nsso_session = x\n");
	assert_int_equal(http_open(env_opts(0), "s3", &h, &err), SNAP_OK);
	env_var("AWS_SHARED_CREDENTIALS_FILE", credentials);
	env_var("AWS_CONFIG_FILE", config);
	c = open_creds(NULL, h);
	assert_key(c, "FILE", "profile \"default\"");
	assert_string_equal(creds_region(c), "r-file");
	creds_close(c);
	env_var("AWS_PROFILE", "work");
	c = open_creds(NULL, h);
	assert_key(c, "WORK", "profile \"work\"");
	creds_close(c);
	env_var("AWS_ACCESS_KEY_ID", "ENV");
	assert_int_equal(
	    creds_open(env_opts(0), NULL, h, &c, &err), SNAP_USAGE);
	env_var("AWS_SECRET_ACCESS_KEY", "s");
	env_var("AWS_REGION", "r-env");
	c = open_creds(NULL, h);
	assert_key(c, "ENV", "the environment");
	assert_string_equal(creds_region(c), "r-env");
	creds_close(c);
	/* Who names a profile on the command line means it. */
	c = open_creds("default", h);
	assert_key(c, "FILE", "profile \"default\"");
	creds_close(c);
	assert_int_equal(
	    creds_open(env_opts(0), "none", h, &c, &err), SNAP_USAGE);
	assert_non_null(strstr(err.msg, "no profile \"none\""));
	assert_int_equal(
	    creds_open(env_opts(0), "sso", h, &c, &err), SNAP_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "aws configure export-credentials"));
	http_close(h);
	assert_int_equal(unlink(credentials), 0);
	assert_int_equal(unlink(config), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
without_keys_the_message_says_where_to_put_them(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct creds_key k;
	struct http *h = NULL;
	struct creds *c;

	(void)state;
	assert_int_equal(http_open(env_opts(0), "s3", &h, &err), SNAP_OK);
	c = open_creds(NULL, h);
	assert_int_equal(creds_get(c, &k, &err), SNAP_DENIED);
	assert_non_null(strstr(err.hint, "AWS_ACCESS_KEY_ID"));
	creds_close(c);
	http_close(h);
}

static void
keys_do_not_travel_in_clear_text(void **state)
{
	static const char *const bad[] = { "http://example.org/x",
		"http://127.0.0.1.example.org/x", "http://localhost@evil/x",
		"ftp://localhost/", "http://169.254.170.20/x" };
	struct snap_err err = SNAP_ERR_INIT;
	struct http *h = NULL;
	struct creds *c;

	(void)state;
	assert_int_equal(http_open(env_opts(0), "s3", &h, &err), SNAP_OK);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		env_var("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i]);
		assert_int_equal(
		    creds_open(env_opts(0), NULL, h, &c, &err), SNAP_USAGE);
	}
	http_close(h);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(a_url_means_just_one_place),
		T(a_url_that_means_no_place_is_refused),
		T(settings_are_checked),
		T(the_style_follows_service_and_bucket),
		T(keys_are_looked_for_in_aws_order),
		T(without_keys_the_message_says_where_to_put_them),
		T(keys_do_not_travel_in_clear_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
