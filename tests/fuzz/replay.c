/* SPDX-License-Identifier: PostgreSQL */
/*
 * replay.c - run a fuzz target over the files of a directory, without a
 * fuzzer: what once broke it stays a test on every compiler.
 *
 * A directory that is missing or empty fails, or a lost corpus would look
 * like a passed test.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "fdio.h"

#define INPUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact allocation, so that a sanitizer sees a read beyond the input. */
static int
replay(const char *path)
{
	struct bytes b;
	struct snap_err err;
	uint8_t *exact;

	bytes_init(&b, INPUT_MAX);
	if (fd_slurp(path, INPUT_MAX, &b, &err) != SNAP_OK) {
		fprintf(stderr, "%s\n", err.msg);
		bytes_fini(&b);
		return -1;
	}
	exact = malloc(b.len == 0 ? 1 : b.len);
	if (exact == NULL) {
		fprintf(stderr, "no memory for %s\n", path);
		bytes_fini(&b);
		return -1;
	}
	if (b.len > 0)
		memcpy(exact, b.p, b.len);
	fprintf(stderr, "%s: %zu bytes\n", path, b.len);
	(void)LLVMFuzzerTestOneInput(exact, b.len);
	free(exact);
	bytes_fini(&b);
	return 0;
}

static int
replay_entry(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return 0;
	return replay(path) == 0 ? 1 : -1;
}

int
main(int argc, char **argv)
{
	struct dirent *e;
	int n = 0, rc = 0;
	DIR *d;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	d = opendir(argv[1]);
	if (d == NULL) {
		perror(argv[1]);
		return 1;
	}
	while (rc >= 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		rc = replay_entry(argv[1], e->d_name);
		n += rc > 0;
	}
	closedir(d);
	if (rc >= 0 && n == 0)
		fprintf(stderr, "%s: no inputs\n", argv[1]);
	return rc >= 0 && n > 0 ? 0 : 1;
}
