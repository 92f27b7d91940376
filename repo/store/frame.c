/* SPDX-License-Identifier: PostgreSQL */
/*
 * frame.c - one frame: sealed, opened, and under which key.
 *
 * Opened session keys rest in a ring of locked memory: opening one costs as
 * much as decrypting a block.
 */
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

static void
context_of(
    struct store *s, const struct frame_place *f, struct frame_context *c)
{
	memset(c, 0, sizeof *c);
	memcpy(c->repo_id, s->repo_id, ID_LEN);
	c->epoch = f->epoch;
	c->class = f->class;
	memcpy(c->id, f->id, ID_LEN);
	c->plain_len = f->plain_len;
	seal_bitmap_hash(f->bitmap, c->bitmap_hash);
}

enum snap_code
frame_seal(struct store *s, const uint8_t *key, const struct frame_place *f,
    struct span in, struct bytes *out, struct snap_err *err)
{
	struct frame_context c;

	context_of(s, f, &c);
	return seal_frame(key, &c, in, out, err);
}

enum snap_code
frame_open(struct store *s, const uint8_t *key, const struct frame_place *f,
    struct span sealed, struct bytes *plain, struct snap_err *err)
{
	struct frame_context c;
	struct bytes mid;
	enum snap_code rc;

	if (f->plain_len > BLOCK_PLAIN_MAX)
		return snap_fail(err, SNAP_CORRUPT, "a frame too large");
	context_of(s, f, &c);
	scratch_take(s, sealed.len, BLOCK_PLAIN_MAX + (64u << 10), &mid);
	rc = open_frame(key, &c, sealed, &mid, err);
	if (rc != SNAP_OK)
		goto out;
	if (f->codec == CODEC_ZSTD) {
		rc = frame_decompress(
		    s, bytes_span(&mid), f->plain_len, plain, err);
	} else if (mid.len != f->plain_len) {
		rc = snap_fail(err, SNAP_CORRUPT, "a frame of wrong length");
	} else {
		bytes_put_span(plain, bytes_span(&mid));
		rc = bytes_check(plain, err);
	}
out:
	scratch_give(s, &mid);
	return rc;
}

static bool
find_session(struct store_state *st, const uint8_t *sealed, uint8_t *key)
{
	bool found = false;

	(void)pthread_mutex_lock(&st->lock);
	for (size_t i = 0; i < st->n_sessions && !found; i++)
		if (memcmp(st->sessions[i].sealed, sealed, SEALED_KEY_BYTES) ==
		    0) {
			memcpy(key, st->sessions[i].key, KEY_BYTES);
			found = true;
		}
	(void)pthread_mutex_unlock(&st->lock);
	return found;
}

enum snap_code
session_key(struct store *s, const struct session_row *row,
    uint8_t key[KEY_BYTES], struct snap_err *err)
{
	struct store_state *st = s->state;
	struct open_session *to;
	struct session open;
	enum snap_code rc;

	if (row == NULL)
		return snap_fail(err, SNAP_CORRUPT, "no session is named");
	if (find_session(st, row->sealed_key, key))
		return SNAP_OK;
	memset(&open, 0, sizeof open);
	memcpy(open.id, row->id, ID_LEN);
	open.epoch = row->epoch;
	memcpy(open.host_id, row->host_id, ID_LEN);
	memcpy(open.sealed, row->sealed_key, SEALED_KEY_BYTES);
	rc = session_open(s->keys, &open, err);
	if (rc == SNAP_OK) {
		memcpy(key, open.key, KEY_BYTES);
		(void)pthread_mutex_lock(&st->lock);
		to = &st->sessions[st->next_session];
		st->next_session = (st->next_session + 1) % SESSIONS_KEPT;
		if (st->n_sessions < SESSIONS_KEPT)
			st->n_sessions++;
		memcpy(to->sealed, row->sealed_key, SEALED_KEY_BYTES);
		memcpy(to->key, open.key, KEY_BYTES);
		(void)pthread_mutex_unlock(&st->lock);
	}
	keys_wipe(&open, sizeof open);
	return rc;
}
