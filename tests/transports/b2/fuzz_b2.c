/* SPDX-License-Identifier: PostgreSQL */
/* fuzz_b2.c - answers of the service, as whoever sits in between sends them.
 * The first byte says which one it claims to be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "b2_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded is as the header promises. */
static void
use_page(const struct b2_page *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct b2_version *v = &p->versions[i];

		if (v->name == NULL || strlen(v->name) > B2_NAME_MAX)
			abort();
		if (v->is_object &&
		    (v->id == NULL || strlen(v->id) > B2_ID_MAX ||
			strlen(v->sha1) != B2_SHA1_HEX || v->is_unfinished ||
			v->time_ns <= 0))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct b2_bucket bucket;
	struct b2_target target;
	struct b2_error error;
	struct b2_auth auth;
	struct b2_page page;
	struct span text;
	char *id = NULL;

	if (size == 0)
		return 0;
	text = span_of(data + 1, size - 1);
	switch (data[0] % 6) {
	case 0:
		if (b2_auth_decode(text, &auth, &err) == SNAP_OK) {
			if (strpbrk(auth.token, "\r\n ") != NULL)
				abort();
			b2_auth_fini(&auth);
		}
		break;
	case 1:
		if (b2_bucket_decode(text, "bucket", "p/", &bucket, &err) ==
		    SNAP_OK)
			free(bucket.id);
		break;
	case 2:
		if (b2_target_decode(text, &target, &err) == SNAP_OK) {
			if (strpbrk(target.token, "\r\n ") != NULL)
				abort();
			b2_target_fini(&target);
		}
		break;
	case 3:
		if (b2_page_decode(text, &page, &err) == SNAP_OK) {
			use_page(&page);
			b2_page_fini(&page);
		}
		break;
	case 4:
		if (b2_upload_decode(text, &id, &err) == SNAP_OK)
			free(id);
		break;
	default:
		b2_error_decode(text, &error);
		if (strlen(error.message) >= sizeof error.message)
			abort();
		break;
	}
	return 0;
}
