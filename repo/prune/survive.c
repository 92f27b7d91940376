/* SPDX-License-Identifier: PostgreSQL */
/*
 * survive.c - what still lives of a pack goes into a new one.
 *
 * Frames are copied as they are.  Who holds the data key makes a block sparse
 * whose chunks are partly dead.  The pack is read whole, since its checksum
 * is the only proof that a holder of the maintenance key alone can have.
 */
#include <stdlib.h>
#include <string.h>

#include "packout.h"
#include "prune_internal.h"
#include "raw.h"

struct mover {
	struct prune *p;
	struct packout *out[2]; /* data, meta */
	struct segout segments;
	bool lie; /* a block of the pack at hand is not what its id says */
	uint8_t bitmap[BLOCK_CHUNKS_MAX / 8];
};

enum snap_code
mover_new(struct prune *p, struct mover **out, struct snap_err *err)
{
	struct mover *m = calloc(1, sizeof *m);

	if (m == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for packs");
	m->p = p;
	segout_init(&m->segments, p, true);
	*out = m;
	return SNAP_OK;
}

void
mover_free(struct mover *m)
{
	if (m == NULL)
		return;
	packout_free(m->out[0]);
	packout_free(m->out[1]);
	segout_fini(&m->segments);
	free(m);
}

static enum snap_code
put_pack(struct mover *m, int which, struct snap_err *err)
{
	struct packout *out = m->out[which];
	struct index_pack ip;
	int64_t answered = 0;
	enum snap_code rc;

	m->out[which] = NULL;
	if (out == NULL || packout_size(out) == 0) {
		packout_free(out);
		return SNAP_OK;
	}
	rc = prune_fresh(m->p, err);
	if (rc == SNAP_OK)
		rc = packout_put(out, &ip, &answered, err);
	packout_free(out);
	if (rc != SNAP_OK)
		return rc;
	m->p->repacked += ip.size;
	m->p->r->bytes_written += ip.size;
	rc = segout_add(&m->segments, &ip, err);
	return rc == SNAP_OK ? prune_in_time(m->p, answered, err) : rc;
}

/* The pack that the row goes to, with room for it, and without another copy of
 * the same. */
static enum snap_code
room_for(struct mover *m, const struct pack_row *row, size_t len,
    struct packout **out, struct snap_err *err)
{
	int which = row->class == CLASS_DATA ? 0 : 1;
	struct store *s = m->p->s;
	enum snap_code rc = SNAP_OK;

	if (m->out[which] != NULL && !packout_takes(m->out[which], row, len))
		rc = put_pack(m, which, err);
	if (rc == SNAP_OK && m->out[which] == NULL)
		rc = packout_new(s, which == 0 ? OBJ_DATA : OBJ_META,
		    m->p->run_id, &m->out[which], err);
	*out = m->out[which];
	return rc;
}

static enum snap_code
append(struct mover *m, const struct pack_row *row,
    const struct session_row *session, struct span sealed, struct snap_err *err)
{
	struct packout *out;
	enum snap_code rc;

	rc = room_for(m, row, sealed.len, &out, err);
	return rc == SNAP_OK ? packout_add(out, row, session, sealed, err) : rc;
}

/* The bytes of the chunks in m->bitmap, out of a block that has them. */
static enum snap_code
keep_chunks(struct mover *m, struct span plain, bool sparse, struct bytes *out,
    struct snap_err *err)
{
	struct block b;
	struct bytes live;
	enum snap_code rc;

	rc = block_decode(plain, sparse, &b, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_init(&live, BLOCK_PLAIN_MAX);
	for (uint32_t i = 0; i < b.n; i++)
		if (bits_get(m->bitmap, i) && b.offs[i] != UINT32_MAX)
			bytes_put(&live, b.data.p + b.offs[i], b.lens[i]);
	rc = bytes_check(&live, err);
	if (rc == SNAP_OK) {
		block_encode_sparse(b.lens, b.n,
		    span_of(m->bitmap, ((size_t)b.n + 7) / 8),
		    bytes_span(&live), out);
		rc = bytes_check(out, err);
	}
	bytes_fini(&live);
	block_fini(&b);
	return rc;
}

/* The block with only the chunks in m->bitmap. */
static enum snap_code
append_sparse(struct mover *m, const struct pack_row *row, struct span plain,
    struct snap_err *err)
{
	struct pack_row r = *row;
	struct packout *out;
	struct bytes sparse;
	enum snap_code rc;

	r.bitmap = span_of(m->bitmap, ((size_t)row->n_chunks + 7) / 8);
	bytes_init(&sparse, BLOCK_PLAIN_MAX);
	rc =
	    keep_chunks(m, plain, (row->flags & ROW_SPARSE) != 0, &sparse, err);
	r.flags |= ROW_SPARSE;
	if (rc == SNAP_OK)
		rc = room_for(m, row, sparse.len, &out, err);
	if (rc == SNAP_OK)
		rc = packout_seal(out, &r, bytes_span(&sparse), err);
	bytes_fini(&sparse);
	return rc;
}

/* A host's row may tell of another number of chunks than the block has, and the
 * bitmap of a sparse one would not fit it. */
static enum snap_code
check_count(const struct pack_row *row, struct span plain, struct snap_err *err)
{
	struct block b;
	enum snap_code rc;

	rc = block_decode(plain, (row->flags & ROW_SPARSE) != 0, &b, err);
	if (rc != SNAP_OK)
		return rc;
	if (b.n != row->n_chunks)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "a row has another number of chunks than its block");
	block_fini(&b);
	return rc;
}

static enum snap_code
move_row(struct mover *m, const struct view_pack *pk,
    const struct pack_row *row, const struct session_row *session,
    struct span sealed, bool whole, struct snap_err *err)
{
	struct bytes plain;
	struct copy c;
	enum snap_code rc;

	if (whole || row->class != CLASS_DATA || !m->p->s->keys->owner)
		return append(m, row, session, sealed, err);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	store_copy_of_row(pk->id, pk->kind, row, session, &c);
	rc = store_open_copy(m->p->s, &c, row->id, sealed, &plain, err);
	if (rc == SNAP_OK)
		rc = check_count(row, bytes_span(&plain), err);
	if (rc == SNAP_OK)
		rc = append_sparse(m, row, bytes_span(&plain), err);
	else if (rc == SNAP_CORRUPT) {
		/* Garbage, for check to find.  Moved as it is, its pack would
		 * look just as sparse again, for ever. */
		m->lie |= !pk->condemned;
		rc = m->lie ? SNAP_OK : append(m, row, session, sealed, err);
	}
	bytes_fini(&plain);
	return rc;
}

/* Row by row: who is a head for something live comes along. */
static enum snap_code
move_rows(struct mover *m, const struct view_pack *pk,
    const struct raw_pack *raw, struct snap_err *err)
{
	uint32_t number = (uint32_t)(pk - m->p->v.packs);
	enum snap_code rc = SNAP_OK;

	for (uint32_t i = 0; i < raw->contents.n_rows && rc == SNAP_OK; i++) {
		struct pack_row row = raw->contents.rows[i];
		const struct view_extra *x = NULL;
		struct view_copy *first;
		uint32_t need = 0, own;
		size_t n, which = 0;

		first = view_find(&m->p->v, row.class, row.id, &n);
		while (
		    first != NULL && which < n && first[which].pack != number)
			which++;
		if (first == NULL || which == n)
			continue;
		/* None of ours holds two of the same: which is which? */
		if (which + 1 < n && first[which + 1].pack == number &&
		    !pk->condemned) {
			m->lie = true;
			continue;
		}
		rc =
		    live_need(&m->p->v, first, n, which, m->bitmap, &need, err);
		if (rc != SNAP_OK || need == 0)
			continue;
		own = row.class != CLASS_DATA ? 1 : row.n_chunks;
		if ((row.flags & ROW_SPARSE) != 0)
			own = bits_count(row.bitmap.p, row.n_chunks);
		if (first[which].extra != NOWHERE)
			x = &m->p->v.extras[first[which].extra];
		if (x == NULL || !x->has_origin) {
			memcpy(row.origin_pack, pk->id, ID_LEN);
			row.origin_time = pk->time;
		}
		row.flags |= ROW_ORIGIN;
		rc = move_row(m, pk, &row,
		    row.class == CLASS_DATA
			? &raw->contents.sessions[row.session]
			: NULL,
		    span_of(raw->object.p + row.off, row.sealed_len),
		    need == own, err);
	}
	return rc;
}

enum snap_code
mover_take(struct mover *m, const struct view_pack *pk, bool *moved,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct inventory_object o;
	struct raw_pack raw;
	enum snap_code rc;

	*moved = m->p->o->dry_run;
	if (*moved)
		return SNAP_OK;
	memset(&o, 0, sizeof o);
	o.kind = pk->kind;
	memcpy(o.id, pk->id, ID_LEN);
	o.size = pk->size;
	o.time_ns = pk->time;
	rc = report_check(m->p->s->report, err);
	if (rc != SNAP_OK)
		return rc;
	rc = raw_get_pack(m->p->s, &o, true, &raw, err);
	if (rc == SNAP_OK) {
		m->p->r->bytes_read += raw.n_read;
		rc = raw_pack_checksum(&raw, err);
		if (rc == SNAP_OK) {
			m->lie = false;
			rc = move_rows(m, pk, &raw, err);
			*moved = rc == SNAP_OK && !m->lie;
			raw_pack_fini(&raw);
			return rc;
		}
		raw_pack_fini(&raw);
	}
	if (!raw_is_damage(rc))
		return rc;
	store_name(pk->kind, pk->id, name);
	report_log(m->p->s->report, REPORT_WARNING,
	    "%s is damaged, and stays: %s", name, err->msg);
	return SNAP_OK;
}

enum snap_code
mover_flush(struct mover *m, struct snap_err *err)
{
	enum snap_code rc;

	rc = put_pack(m, 0, err);
	if (rc == SNAP_OK)
		rc = put_pack(m, 1, err);
	return rc == SNAP_OK ? segout_flush(&m->segments, err) : rc;
}
