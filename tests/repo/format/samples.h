/* SPDX-License-Identifier: PostgreSQL */
/*
 * samples.h - one valid encoding of every kind of object, and a round trip
 * that any decoder of the format can be sent through.
 */
#ifndef SNAP_TEST_SAMPLES_H
#define SNAP_TEST_SAMPLES_H

#include "format.h"

enum sample {
	SAMPLE_CONFIG, SAMPLE_DIRECTORY, SAMPLE_BLOCK, SAMPLE_SPARSE,
	SAMPLE_RECIPE, SAMPLE_ROW, SAMPLE_ROOT, SAMPLE_PACK, SAMPLE_SEGMENT,
	SAMPLE_SNAPSHOT, SAMPLE_CONFIRM, SAMPLE_CONDEMNED, SAMPLE_NOTE,
	SAMPLE_HOST, SAMPLE_BODY, SAMPLE_EPOCH, SAMPLE_COUNT
};

const char *sample_name(enum sample which);
/* Append a valid encoding of that kind. */
void sample_make(enum sample which, struct bytes *out);
/* Decode `in` as that kind; when it decodes append its encoding to *out. */
enum snap_code sample_again(enum sample which, struct span in,
    struct bytes *out, struct snap_err *err);

#endif
