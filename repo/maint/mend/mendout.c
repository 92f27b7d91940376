/* SPDX-License-Identifier: PostgreSQL */
/*
 * mendout.c - new packs, their index, and then the list of damaged ones.
 *
 * In this order: until the new copies are named, the old ones are all there
 * is.  Everything here is signed by the maintenance key.
 */
#include <stdlib.h>
#include <string.h>

#include "mend_internal.h"
#include "run.h"

#define SECOND_NS INT64_C(1000000000)
#define SEGMENT_GOAL (8u << 20) /* an encoded segment has at most 16 MiB */

static int64_t
lease_of(const struct mend *m)
{
	return (int64_t)m->s->config.grace_s * SECOND_NS / 2;
}

/* What it rests on was long ago: what is put now is void. */
static enum snap_code
in_time(
    const struct mend *m, int64_t l0, int64_t answered, struct snap_err *err)
{
	if (answered - l0 < lease_of(m))
		return SNAP_OK;
	return snap_fail(err, SNAP_BUSY,
	    "the store was too slow: run it again for the rest");
}

static void
forget_named(struct mend *m)
{
	for (size_t i = 0; i < m->n_named; i++)
		free((void *)(uintptr_t)m->named[i].contents.p);
	m->n_named = m->named_bytes = 0;
}

static enum snap_code
name_packs(struct mend *m, struct snap_err *err)
{
	struct index_segment seg;
	struct transport_stat st;
	enum snap_code rc;

	if (m->n_named == 0)
		return SNAP_OK;
	/* Reading may have taken days; what is put rests on a look of now. */
	rc = store_look(m->s, err);
	if (rc == SNAP_OK)
		rc = store_may_write(m->s, err);
	if (rc != SNAP_OK)
		return rc;
	memset(&seg, 0, sizeof seg);
	memcpy(seg.run_id, m->run_id, ID_LEN);
	/* A grace after its put a pack without a name is an orphan. */
	seg.l0 = m->s->l0 < m->named_l0 ? m->s->l0 : m->named_l0;
	seg.n_packs = (uint32_t)m->n_named;
	seg.packs = m->named;
	rc = store_put_segment(m->s, &seg, true, &st, err);
	if (rc == SNAP_OK)
		rc = in_time(m, seg.l0, st.time_ns, err);
	if (rc == SNAP_OK)
		forget_named(m);
	return rc;
}

static enum snap_code
put_pack(struct mend *m, int which, struct snap_err *err)
{
	struct packout *out = m->out[which];
	void *v = m->named;
	struct index_pack ip;
	int64_t answered = 0;
	enum snap_code rc;

	m->out[which] = NULL;
	if (out == NULL || packout_size(out) == 0) {
		packout_free(out);
		return SNAP_OK;
	}
	rc = vec_room(&v, &m->named_cap, m->n_named, sizeof *m->named, err);
	m->named = v;
	if (rc == SNAP_OK)
		rc = packout_put(out, &ip, &answered, err);
	packout_free(out);
	if (rc != SNAP_OK)
		return rc;
	m->r.bytes_written += ip.size;
	if (m->n_named == 0) {
		m->named_l0 = answered;
		m->named_boot = local_boot();
	}
	m->named[m->n_named++] = ip;
	m->named_bytes += ip.contents.len;
	return m->named_bytes < SEGMENT_GOAL ? SNAP_OK : name_packs(m, err);
}

/* Reading goes on, for days perhaps: in time for those that were put. */
enum snap_code
mendout_tick(struct mend *m, struct snap_err *err)
{
	return m->n_named == 0 || local_boot() - m->named_boot < lease_of(m) / 4
		   ? SNAP_OK
		   : name_packs(m, err);
}

static enum snap_code
room_for(struct mend *m, const struct pack_row *row, size_t len,
    struct packout **out, struct snap_err *err)
{
	int which = row->class == CLASS_DATA ? 0 : 1;
	enum snap_code rc = SNAP_OK;

	if (m->out[which] != NULL && !packout_takes(m->out[which], row, len))
		rc = put_pack(m, which, err);
	if (rc == SNAP_OK && m->out[which] == NULL)
		rc = packout_new(m->s, which == 0 ? OBJ_DATA : OBJ_META,
		    m->run_id, &m->out[which], err);
	*out = m->out[which];
	return rc;
}

enum snap_code
mendout_add(struct mend *m, const struct pack_row *row,
    const struct session_row *session, struct span sealed, struct snap_err *err)
{
	struct packout *out;
	enum snap_code rc;

	rc = room_for(m, row, sealed.len, &out, err);
	return rc == SNAP_OK ? packout_add(out, row, session, sealed, err) : rc;
}

enum snap_code
mendout_seal(struct mend *m, const struct pack_row *row, struct span plain,
    struct snap_err *err)
{
	struct packout *out;
	enum snap_code rc;

	rc = room_for(m, row, plain.len, &out, err);
	return rc == SNAP_OK ? packout_seal(out, row, plain, err) : rc;
}

enum snap_code
mendout_flush(struct mend *m, struct snap_err *err)
{
	enum snap_code rc;

	rc = put_pack(m, 0, err);
	if (rc == SNAP_OK)
		rc = put_pack(m, 1, err);
	return rc == SNAP_OK ? name_packs(m, err) : rc;
}

static enum snap_code
put(struct mend *m, uint8_t kind, const uint8_t id[ID_LEN], struct bytes *body,
    struct snap_err *err)
{
	struct transport_stat st;
	enum snap_code rc = bytes_check(body, err);

	if (rc == SNAP_OK)
		rc = store_put_body(
		    m->s, kind, id, bytes_span(body), true, &st, err);
	return rc == SNAP_OK ? in_time(m, m->s->l0, st.time_ns, err) : rc;
}

enum snap_code
mendout_condemn(struct mend *m, struct snap_err *err)
{
	struct condemned_body list;
	struct confirm_body ok;
	struct bytes body;
	uint8_t id[ID_LEN];
	enum snap_code rc;

	if (m->n_condemn == 0)
		return SNAP_OK;
	rc = store_look(m->s, err);
	if (rc != SNAP_OK)
		return rc;
	memset(&list, 0, sizeof list);
	list.l0 = ok.l0 = m->s->l0;
	list.n_packs = (uint32_t)m->n_condemn;
	list.packs = m->condemn[0];
	keys_random(id, sizeof id);
	memcpy(ok.id, id, ID_LEN);
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	condemned_encode(&list, &body);
	rc = put(m, OBJ_CONDEMNED, id, &body, err);
	bytes_clear(&body);
	confirm_encode(&ok, &body);
	if (rc == SNAP_OK)
		rc = put(m, OBJ_CONDEMNED_OK, id, &body, err);
	if (rc == SNAP_OK)
		m->r.n_condemned = m->n_condemn;
	bytes_fini(&body);
	return rc;
}

void
mendout_fini(struct mend *m)
{
	packout_free(m->out[0]);
	packout_free(m->out[1]);
	forget_named(m);
	free(m->named);
}
