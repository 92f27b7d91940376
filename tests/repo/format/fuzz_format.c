/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_format.c - hostile bytes for every decoder of the format.
 *
 * The first byte picks the decoder.  Whatever decodes must encode to the same
 * bytes again: a second spelling of a value would be a second id for it.
 */
#include <stdlib.h>

#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct header h;
	struct object o;
	struct bytes out;
	unsigned which;
	struct span in;

	if (size == 0)
		return 0;
	which = data[0] % (SAMPLE_COUNT + 2);
	in = span_of(data + 1, size - 1);
	if (which == SAMPLE_COUNT) {
		(void)!object_parse(in, &o, &err);
		return 0;
	}
	if (which == SAMPLE_COUNT + 1) {
		(void)!header_decode(in, &h, &err);
		return 0;
	}
	bytes_init(&out, (size_t)64 << 20);
	if (sample_again((enum sample)which, in, &out, &err) == SNAP_OK &&
	    !out.bad && !span_eq(in, bytes_span(&out)))
		abort();
	bytes_fini(&out);
	return 0;
}
