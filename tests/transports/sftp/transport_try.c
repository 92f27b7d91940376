/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport_try.c - one operation on a store, for shell tests.
 *
 * transport_try [NAME=VALUE...] URL COMMAND [ARG...]
 * NAME=VALUE is a setting (with a dot), a secret (secret:NAME) or a variable
 * of the environment.  Commands: open, create, put NAME TEXT, fill NAME BYTES
 * COUNT, get NAME, list, now, delete NAME, sweep AGE (in seconds).  What fails
 * is printed as "code: message", "detail: ..." and "hint: ...", with exit
 * status 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport.h"

static char **pairs;
static int n_pairs;

static const char *
find(const char *kind, const char *name)
{
	size_t k = strlen(kind), n = strlen(name);

	for (int i = 0; i < n_pairs; i++)
		if (strncmp(pairs[i], kind, k) == 0 &&
		    strncmp(pairs[i] + k, name, n) == 0 &&
		    pairs[i][k + n] == '=')
			return pairs[i] + k + n + 1;
	return NULL;
}

static const char *
lookup(void *arg, const char *name)
{
	(void)arg;
	return find("", name);
}

static enum snap_code
secret(void *arg, const char *name, const char *prompt, struct bytes *out,
    struct snap_err *err)
{
	const char *value = find("secret:", name);

	(void)arg;
	if (prompt != NULL)
		printf("asked: %s\n", prompt);
	if (value == NULL)
		return snap_fail(err, SNAP_NOTFOUND, "no %s", name);
	bytes_put_str(out, value);
	return bytes_check(out, err);
}

static enum snap_code
print_entry(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)arg;
	(void)err;
	printf("%s %" PRIu64 "\n", name, st->size);
	return SNAP_OK;
}

/* `count` objects NAME-0... of the same size; each is reported. */
static enum snap_code
fill(struct transport *t, char **arg, struct snap_err *err)
{
	size_t len = (size_t)strtoul(arg[1], NULL, 10);
	long count = strtol(arg[2], NULL, 10);
	enum snap_code rc = SNAP_OK;
	uint8_t *data = malloc(len + 1);
	char name[128];

	if (data == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	memset(data, 'x', len);
	for (long i = 0; rc == SNAP_OK && i < count; i++) {
		(void)snprintf(name, sizeof name, "%s-%ld", arg[0], i);
		rc = transport_put(t, name, span_of(data, len), NULL, err);
		if (rc == SNAP_OK)
			printf("%s\n", name);
		(void)fflush(stdout);
	}
	free(data);
	return rc;
}

static enum snap_code
run(struct transport *t, int n, char **arg, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes b;
	int64_t ns;

	if (strcmp(arg[0], "put") == 0 && n == 3)
		return transport_put(t, arg[1], span_str(arg[2]), NULL, err);
	if (strcmp(arg[0], "fill") == 0 && n == 4)
		return fill(t, arg + 1, err);
	if (strcmp(arg[0], "delete") == 0 && n == 2)
		return transport_delete(t, arg[1], err);
	if (strcmp(arg[0], "sweep") == 0 && n == 2) {
		struct transport_swept swept = { 0, 0 };

		rc = transport_now(t, &ns, err);
		ns -= (int64_t)strtoul(arg[1], NULL, 10) * 1000000000;
		if (rc == SNAP_OK)
			rc = transport_sweep(t, ns, false, &swept, err);
		if (rc == SNAP_OK)
			printf(
			    "%" PRIu64 " %" PRIu64 "\n", swept.n, swept.bytes);
		return rc;
	}
	if (strcmp(arg[0], "list") == 0)
		return transport_list(t, "", print_entry, NULL, err);
	if (strcmp(arg[0], "now") == 0) {
		rc = transport_now(t, &ns, err);
		if (rc == SNAP_OK)
			printf("%" PRId64 "\n", ns / 1000000000);
		return rc;
	}
	if (strcmp(arg[0], "get") == 0 && n == 2) {
		bytes_init(&b, TRANSPORT_SIZE_MAX);
		rc = transport_get(t, arg[1], 0, SIZE_MAX, &b, err);
		if (rc == SNAP_OK)
			(void)fwrite(b.p, 1, b.len, stdout);
		bytes_fini(&b);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct transport_opts opts = {
		.setting = lookup, .variable = lookup, .secret = secret
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;
	enum snap_code rc;
	int i = 1;

	pairs = argv + 1;
	while (i < argc && strchr(argv[i], '=') != NULL)
		i++;
	n_pairs = i - 1;
	if (argc - i < 2) {
		fprintf(stderr, "usage: transport_try [NAME=VALUE...] URL "
				"COMMAND [ARG...]\n");
		return 2;
	}
	opts.create = strcmp(argv[i + 1], "create") == 0;
	rc = transport_open(argv[i], &opts, &t, &err);
	if (rc == SNAP_OK)
		rc = run(t, argc - i - 1, argv + i + 1, &err);
	transport_close(t);
	if (rc == SNAP_OK)
		return 0;
	printf("%s: %s\n", snap_code_name(rc), err.msg);
	if (err.detail[0] != '\0')
		printf("detail: %s\n", err.detail);
	if (err.hint[0] != '\0')
		printf("hint: %s\n", err.hint);
	return 1;
}
