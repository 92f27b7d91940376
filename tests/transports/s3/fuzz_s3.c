/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_s3.c - answers of S3, STS and metadata services, and AWS's files.
 *
 * The first byte says whose answer it is, so that one corpus serves all.
 */
#include <stdint.h>
#include <string.h>

#include "creds_internal.h"
#include "profile.h"
#include "s3_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s3_page page = { NULL, 0, 0, NULL };
	struct creds_key key = { NULL, NULL, NULL, 0 };
	struct profile profile = { 0 };
	struct snap_err err;
	struct s3_error e;
	struct span rest;

	if (size == 0)
		return 0;
	rest = span_of(data + 1, size - 1);
	switch (data[0]) {
	case 'l':
		(void)!s3_page_read(rest, "a/b/", &page, &err);
		break;
	case 'e':
		(void)s3_error_read(rest, &e);
		break;
	case 's':
		(void)!creds_read_sts(rest, &key, &err);
		break;
	case 'j':
		(void)!creds_read_json(rest, &key, &err);
		break;
	case 'c':
		(void)!profile_read(&profile, "work", true, rest, &err);
		break;
	default:
		(void)!profile_read(&profile, "default", false, rest, &err);
		break;
	}
	s3_page_fini(&page);
	creds_key_fini(&key);
	profile_fini(&profile);
	return 0;
}
