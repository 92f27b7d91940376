/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_recall.c - the memory of a machine, as whoever has a key could seal it.
 *
 * What is accepted keeps its bounds and survives its own encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "recall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct recall r, again;
	struct bytes one, two;

	if (recall_decode(span_of(data, size), &r, &err) != SNAP_OK)
		return 0;
	must(r.n_snapshots <= RECALL_SNAPSHOTS_MAX);
	must(r.n_groups <= RECALL_GROUPS_MAX);
	must(r.n_lists <= RECALL_LISTS_MAX);
	must(r.n_findings <= RECALL_FINDINGS_MAX);
	bytes_init(&one, (size_t)64 << 20);
	bytes_init(&two, (size_t)64 << 20);
	recall_encode(&r, &one);
	must(!one.bad);
	must(recall_decode(bytes_span(&one), &again, &err) == SNAP_OK);
	recall_encode(&again, &two);
	must(span_eq(bytes_span(&one), bytes_span(&two)));
	recall_trim(&r);
	bytes_fini(&one);
	bytes_fini(&two);
	recall_fini(&r);
	recall_fini(&again);
	return 0;
}
