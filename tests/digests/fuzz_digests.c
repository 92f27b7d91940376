/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_digests.c - any bytes as a list of digests, and as rows in two pieces.
 *
 * What was taken is written again and has to give the same list.
 */
#include <stdlib.h>
#include <string.h>

#include "digestlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rows(const uint8_t *data, size_t size)
{
	struct digester *d = digester_new();
	size_t cut = size > 0 ? data[0] % size : 0;
	struct digest a, b;

	if (d == NULL)
		return;
	digester_begin(d, true);
	digester_data(d, span_of(data, size));
	digester_end(d, &a);
	digester_begin(d, true);
	digester_data(d, span_of(data, cut));
	digester_data(d, span_of(data + cut, size - cut));
	digester_end(d, &b);
	if (!digest_eq(&a, &b))
		abort();
	digester_free(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digests first = { NULL, 0, 0, { 0 } };
	struct digests again = { NULL, 0, 0, { 0 } };
	struct snap_err err;
	struct bytes text;

	check_rows(data, size);
	bytes_init(&text, DIGESTS_MAX);
	bytes_put(&text, data, size);
	if (digests_decode(&text, &first, &err) == SNAP_OK) {
		digests_begin(&text);
		for (size_t i = 0; i < first.n; i++)
			digests_put(&text, &first.v[i]);
		if (digests_decode(&text, &again, &err) != SNAP_OK ||
		    again.n != first.n)
			abort();
		for (size_t i = 0; i < first.n; i++)
			if (!span_eq(first.v[i].name, again.v[i].name))
				abort();
	}
	digests_free(&first);
	digests_free(&again);
	bytes_fini(&text);
	return 0;
}
