/* SPDX-License-Identifier: PostgreSQL */
/*
 * remake.c - directories of blocks that have none any more.
 *
 * Nothing is lost without them, but writers do not recognise what the blocks
 * hold.  The block's own chunks tell what its directory was.
 */
#include <stdlib.h>
#include <string.h>

#include "mend_internal.h"
#include "readblock.h"
#include "run.h"

struct remake {
	struct run *run;
};

/* Does some pack that is there have it?  The cache does not count. */
static bool
has_directory(struct mend *m, const uint8_t id[ID_LEN])
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct copy copies[4];
	struct bytes plain;
	bool good = false;
	size_t n;

	for (size_t i = 0; i < m->n_lost; i++)
		if (m->lost[i].class == CLASS_DIR &&
		    memcmp(m->lost[i].id, id, ID_LEN) == 0)
			goto look;
	return store_has(m->s, CLASS_DIR, id);
look:
	n = store_copies(m->s, CLASS_DIR, id, copies, 4);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	for (size_t i = 0; i < n && !good; i++) {
		bytes_clear(&plain);
		good = !copies[i].condemned &&
		       store_read_copy(
			   m->s, &copies[i], id, &plain, &ignored) == SNAP_OK;
	}
	bytes_fini(&plain);
	return good;
}

static enum snap_code
remake(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, void *arg, struct snap_err *err)
{
	struct remake *w = arg;
	struct read_block block;
	struct frame_in f;
	enum snap_code rc;

	(void)pack;
	(void)trusted;
	if (row->class != CLASS_DATA || (row->flags & ROW_SPARSE) != 0 ||
	    !store_has(m->s, CLASS_DATA, row->id) || has_directory(m, row->id))
		return SNAP_OK;
	rc = store_read_block(m->s, row->id, NULL, &block, err);
	if (rc == SNAP_CORRUPT || rc == SNAP_NOTFOUND)
		return SNAP_OK; /* lost as well */
	if (rc == SNAP_OK && w->run == NULL)
		rc = run_begin(m->s, &w->run, err);
	if (rc == SNAP_OK && block.n_found == block.n) {
		memset(&f, 0, sizeof f);
		f.class = CLASS_DIR;
		memcpy(f.id, row->id, ID_LEN);
		f.plain = span_of(block.hashes[0], (size_t)block.n * ID_LEN);
		rc = run_add(w->run, &f, err);
		m->r.n_directories += rc == SNAP_OK;
	}
	read_block_fini(&block);
	return rc == SNAP_OK && w->run != NULL ? run_tick(w->run, err) : rc;
}

enum snap_code
mend_remake(struct mend *m, struct snap_err *err)
{
	struct remake w = { NULL };
	enum snap_code rc;

	rc = mend_each_row(m, true, remake, &w, err);
	if (rc == SNAP_OK && w.run != NULL)
		rc = run_keep(w.run, err);
	run_free(w.run);
	return rc;
}
