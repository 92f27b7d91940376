/* SPDX-License-Identifier: PostgreSQL */
/*
 * read.c - a block or meta object by its id, verified against that id.
 *
 * That a frame authenticates is not enough: whoever holds a host key can seal
 * garbage under any id.  So ids are recomputed, and where one copy fails the
 * next is tried.
 */
#include <stdlib.h>
#include <string.h>

#include "blockindex.h"
#include "fetch.h"
#include "store_internal.h"

static enum snap_code
verify(struct store *s, const struct copy *c, const uint8_t *id,
    struct span plain, struct snap_err *err)
{
	uint8_t got[ID_LEN];
	struct read_block b;
	enum snap_code rc;

	if (c->class == CLASS_DATA) {
		rc = block_verify(s, c, id, plain, &b, err);
		if (rc == SNAP_OK)
			read_block_fini(&b);
		return rc;
	}
	if (c->class == CLASS_DIR)
		keys_block_id(s->keys, plain, got);
	else
		keys_meta_id(s->keys, c->class, plain, got);
	return memcmp(got, id, ID_LEN) == 0
		   ? SNAP_OK
		   : snap_fail(err, SNAP_CORRUPT, "its content has another id");
}

/* From sealed bytes to plain ones, which are not verified yet. */
static enum snap_code
decrypt_copy(struct store *s, const struct copy *c, const uint8_t *id,
    struct span sealed, struct bytes *plain, struct snap_err *err)
{
	const struct epoch_keys *e = keys_of_epoch(s->keys, c->epoch);
	struct frame_place f = { c->class, c->codec, id, c->epoch, c->plain_len,
		c->bitmap };
	uint8_t key[KEY_BYTES];
	enum snap_code rc = SNAP_OK;

	if (c->class == CLASS_DATA)
		rc = session_key(s, c->session, key, err);
	else if (e != NULL)
		memcpy(key, e->meta, KEY_BYTES);
	else
		rc = seal_not_held(s->keys, c->epoch, err);
	if (rc == SNAP_OK)
		rc = frame_open(s, key, &f, sealed, plain, err);
	keys_wipe(key, sizeof key);
	return rc;
}

/* The same, verified; *plain keeps its length on failure. */
static enum snap_code
open_copy(struct store *s, const struct copy *c, const uint8_t *id,
    struct span sealed, struct bytes *plain, struct snap_err *err)
{
	size_t old = plain->len;
	enum snap_code rc = decrypt_copy(s, c, id, sealed, plain, err);

	if (rc == SNAP_OK)
		rc = verify(
		    s, c, id, span_of(plain->p + old, plain->len - old), err);
	if (rc != SNAP_OK)
		plain->len = old;
	return rc;
}

bool
copy_is_bad(enum snap_code rc)
{
	return rc == SNAP_CORRUPT || rc == SNAP_NOTFOUND || rc == SNAP_IO ||
	       rc == SNAP_UNSUPPORTED;
}

enum snap_code
copy_name(const struct copy *c, const uint8_t id[ID_LEN], struct snap_err *err)
{
	static const char *const classes[] = { "object", "block", "directory",
		"recipe", "manifest" };
	char pack[2 * ID_LEN + 1], hex[2 * ID_LEN + 1];
	const char *class = c->class < 5 ? classes[c->class] : classes[0];
	char why[SNAP_ERR_MSG_MAX];

	hex_encode(c->pack, ID_LEN, pack);
	hex_encode(id, ID_LEN, hex);
	if (err->code != SNAP_CORRUPT)
		return snap_wrap(err, "%s pack %s: %s %s",
		    c->pack_kind == OBJ_DATA ? "data" : "meta", pack, class,
		    hex);
	memcpy(why, err->msg, sizeof why);
	(void)snap_fail(err, SNAP_CORRUPT, "%s pack %s: %s %s does not verify",
	    c->pack_kind == OBJ_DATA ? "data" : "meta", pack, class, hex);
	return snap_detail(err, "%s", why);
}

static enum snap_code
get_sealed(struct store *s, const struct copy *c, struct bytes *sealed,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];

	store_name(c->pack_kind, c->pack, name);
	scratch_take(s, c->sealed_len, TRANSPORT_SIZE_MAX, sealed);
	return transport_get(s->t, name, c->off, c->sealed_len, sealed, err);
}

enum snap_code
store_get_part(struct store *s, const struct copy *first, size_t len,
    struct pack_part *part, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	memcpy(part->pack, first->pack, ID_LEN);
	part->off = first->off;
	bytes_clear(&part->sealed);
	store_name(OBJ_DATA, first->pack, name);
	rc = bytes_reserve(&part->sealed, len, err);
	if (rc == SNAP_OK)
		rc = transport_get(
		    s->t, name, first->off, len, &part->sealed, err);
	if (rc != SNAP_OK)
		bytes_clear(&part->sealed);
	return copy_is_bad(rc) ? SNAP_OK : rc;
}

static bool
lies_in(const struct pack_part *part, const struct copy *c, struct span *sealed)
{
	size_t at;

	if (part == NULL || c->pack_kind != OBJ_DATA || c->off < part->off ||
	    memcmp(c->pack, part->pack, ID_LEN) != 0)
		return false;
	at = c->off - part->off;
	if (at > part->sealed.len || c->sealed_len > part->sealed.len - at)
		return false;
	*sealed = span_of(part->sealed.p + at, c->sealed_len);
	return true;
}

enum snap_code
copy_get(struct store *s, const struct copy *c, const uint8_t id[ID_LEN],
    const struct pack_part *part, struct bytes *plain, struct snap_err *err)
{
	bool was_again = false;
	size_t old = plain->len;
	struct bytes sealed;
	enum snap_code rc;
	struct span here;

	do {
		plain->len = old;
		if (!was_again && lies_in(part, c, &here)) {
			rc = decrypt_copy(s, c, id, here, plain, err);
			continue;
		}
		rc = get_sealed(s, c, &sealed, err);
		if (rc == SNAP_OK)
			rc = decrypt_copy(
			    s, c, id, bytes_span(&sealed), plain, err);
		scratch_give(s, &sealed);
	} while (store_again(s, rc, &was_again, err));
	return rc;
}

enum snap_code
store_read_copy(struct store *s, const struct copy *c, const uint8_t id[ID_LEN],
    struct bytes *plain, struct snap_err *err)
{
	size_t old = plain->len;
	enum snap_code rc = copy_get(s, c, id, NULL, plain, err);

	if (rc == SNAP_OK)
		rc = verify(
		    s, c, id, span_of(plain->p + old, plain->len - old), err);
	if (rc != SNAP_OK)
		plain->len = old;
	return rc == SNAP_OK ? rc : copy_name(c, id, err);
}

enum snap_code
store_open_copy(struct store *s, const struct copy *c, const uint8_t id[ID_LEN],
    struct span sealed, struct bytes *plain, struct snap_err *err)
{
	enum snap_code rc = open_copy(s, c, id, sealed, plain, err);

	return rc == SNAP_OK ? rc : copy_name(c, id, err);
}

static bool
try_cached(struct store *s, const struct copy *c, const uint8_t *id,
    struct bytes *plain)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct bytes sealed;
	bool ok;

	bytes_init(&sealed, TRANSPORT_SIZE_MAX);
	ok = cache_get_range(s->state->cache, c->pack, c->pack_size, c->off,
		 c->sealed_len, &sealed) &&
	     open_copy(s, c, id, bytes_span(&sealed), plain, &ignored) ==
		 SNAP_OK;
	bytes_fini(&sealed);
	return ok;
}

/* The whole pack comes at once: its neighbours will be asked for next. */
static enum snap_code
read_meta(struct store *s, const struct copy *c, const uint8_t *id,
    struct bytes *plain, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	enum snap_code rc;

	if (try_cached(s, c, id, plain))
		return SNAP_OK;
	cache_lock(s->state->cache);
	if (try_cached(s, c, id, plain)) {
		cache_unlock(s->state->cache);
		return SNAP_OK;
	}
	store_name(c->pack_kind, c->pack, name);
	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	rc = store_fetch(s, name, &raw, err);
	if (rc == SNAP_OK &&
	    (c->off > raw.len || c->sealed_len > raw.len - c->off))
		rc = snap_fail(err, SNAP_CORRUPT, "the pack is cut short");
	if (rc == SNAP_OK)
		rc = open_copy(s, c, id, span_of(raw.p + c->off, c->sealed_len),
		    plain, err);
	if (rc == SNAP_OK)
		cache_put(
		    s->state->cache, CACHE_META, c->pack, bytes_span(&raw));
	cache_unlock(s->state->cache);
	bytes_fini(&raw);
	return rc == SNAP_OK ? rc : copy_name(c, id, err);
}

enum snap_code
store_lost(struct store *s, uint8_t class, const uint8_t id[ID_LEN],
    struct snap_err *err)
{
	const char *what = class == CLASS_DATA ? "block" : "meta object";
	char hex[2 * ID_LEN + 1], name[2 * ID_LEN + 1];
	uint8_t pack[ID_LEN], kind;

	hex_encode(id, ID_LEN, hex);
	if (blockindex_lost(s->index, class, id, pack, &kind)) {
		hex_encode(pack, ID_LEN, name);
		return snap_fail(err, SNAP_CORRUPT,
		    "%s pack %s is missing or has another size: it holds %s %s",
		    kind == OBJ_DATA ? "data" : "meta", name, what, hex);
	}
	(void)snap_fail(
	    err, SNAP_NOTFOUND, "%s %s is in no pack of the index", what, hex);
	return snap_hint(err,
	    "if objects of the index were lost, \"repair index\" makes them "
	    "again");
}

enum snap_code
store_read(struct store *s, uint8_t class, const uint8_t id[ID_LEN],
    struct bytes *plain, struct snap_err *err)
{
	struct copy copies[READ_COPIES_BATCH], last;
	enum snap_code rc = SNAP_OK;
	bool first = true;
	size_t n;

	n = store_copies(s, class, id, copies, READ_COPIES_BATCH);
	if (n == 0)
		return store_lost(s, class, id, err);
	while (n > 0) {
		for (size_t i = 0; i < n; i++) {
			if (copies[i].pack_kind == OBJ_META)
				rc = read_meta(s, &copies[i], id, plain, err);
			else
				rc = store_read_copy(
				    s, &copies[i], id, plain, err);
			if (rc == SNAP_OK || !copy_is_bad(rc))
				return rc;
			if (n > 1 || !first)
				report_log(
				    s->report, REPORT_WARNING, "%s", err->msg);
		}
		first = false;
		last = copies[n - 1];
		n = store_copies_after(
		    s, class, id, &last, copies, READ_COPIES_BATCH);
	}
	return rc;
}

void
store_copy_of_row(const uint8_t pack[ID_LEN], uint8_t pack_kind,
    const struct pack_row *row, const struct session_row *session,
    struct copy *c)
{
	memset(c, 0, sizeof *c);
	memcpy(c->pack, pack, ID_LEN);
	c->pack_kind = pack_kind;
	c->off = row->off;
	c->sealed_len = row->sealed_len;
	c->plain_len = row->plain_len;
	c->n_chunks = row->n_chunks;
	c->class = row->class;
	c->codec = row->codec;
	c->flags = row->flags;
	c->epoch = session != NULL ? session->epoch : row->epoch;
	c->bitmap = row->bitmap;
	c->session = session;
}
