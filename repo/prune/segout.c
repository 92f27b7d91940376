/* SPDX-License-Identifier: PostgreSQL */
/* segout.c - index segments that prune puts, each of some megabytes. */
#include <stdlib.h>
#include <string.h>

#include "prune_internal.h"

#define SEGMENT_GOAL (8u << 20) /* an encoded segment has at most 16 MiB */

void
segout_init(struct segout *so, struct prune *p, bool sign)
{
	memset(so, 0, sizeof *so);
	so->p = p;
	so->sign = sign;
}

static void
clear(struct segout *so)
{
	for (size_t i = 0; i < so->n; i++)
		free((void *)(uintptr_t)so->v[i].contents.p);
	so->n = so->bytes = 0;
}

void
segout_fini(struct segout *so)
{
	clear(so);
	free(so->v);
	memset(so, 0, sizeof *so);
}

enum snap_code
segout_flush(struct segout *so, struct snap_err *err)
{
	struct index_segment seg;
	struct transport_stat st;
	enum snap_code rc;

	if (so->n == 0)
		return SNAP_OK;
	memset(&seg, 0, sizeof seg);
	memcpy(seg.run_id, so->p->run_id, ID_LEN);
	seg.l0 = so->p->v.l0;
	seg.n_packs = (uint32_t)so->n;
	seg.packs = so->v;
	rc = prune_fresh(so->p, err);
	if (rc == SNAP_OK && !so->p->o->dry_run) {
		rc = store_put_segment(so->p->s, &seg, so->sign, &st, err);
		if (rc == SNAP_OK)
			rc = prune_in_time(so->p, st.time_ns, err);
	}
	clear(so);
	return rc;
}

enum snap_code
segout_add(struct segout *so, const struct index_pack *ip, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	void *v;

	if (so->n != 0 && so->bytes + ip->contents.len > SEGMENT_GOAL)
		rc = segout_flush(so, err);
	v = so->v;
	if (rc == SNAP_OK)
		rc = vec_room(&v, &so->cap, so->n, sizeof *so->v, err);
	so->v = v;
	if (rc != SNAP_OK) {
		free((void *)(uintptr_t)ip->contents.p);
		return rc;
	}
	so->v[so->n++] = *ip;
	so->bytes += ip->contents.len;
	return SNAP_OK;
}
