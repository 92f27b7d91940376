/* SPDX-License-Identifier: PostgreSQL */
/*
 * seen.c - the file `checked` of the cache: id and time of each pack, and a
 * fingerprint of all that, so that a spoiled file does not pass for a check.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fdio.h"
#include "seen.h"

#define ROW_LEN (ID_LEN + 8)
#define PRINT_LEN 32
#define FILE_MAX ((size_t)256 << 20)
#define PATH_LEN 4096

static bool
path_of(const struct store *s, char out[PATH_LEN])
{
	int n = -1;

	if (s->cache_dir != NULL)
		n = snprintf(out, PATH_LEN, "%s/checked", s->cache_dir);
	return n > 0 && n < PATH_LEN;
}

static int
by_id(const void *a, const void *b)
{
	const struct seen_pack *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

void
seen_load(const struct store *s, struct seen *out)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	uint8_t print[PRINT_LEN];
	char path[PATH_LEN];
	struct bytes file;
	struct cursor c;
	struct stat st;
	size_t len = 0;

	memset(out, 0, sizeof *out);
	bytes_init(&file, FILE_MAX);
	/* A pipe in its place would keep us waiting. */
	if (!path_of(s, path) || lstat(path, &st) != 0 ||
	    !S_ISREG(st.st_mode) ||
	    fd_slurp(path, FILE_MAX, &file, &ignored) != SNAP_OK ||
	    file.len < PRINT_LEN)
		goto out;
	len = file.len - PRINT_LEN;
	keys_fingerprint(span_of(file.p, len), print);
	if (len % ROW_LEN != 0 || memcmp(print, file.p + len, PRINT_LEN) != 0)
		goto out;
	cursor_init(&c, span_of(file.p, len));
	while (c.left != 0) {
		uint8_t id[ID_LEN];

		cursor_copy(&c, id, ID_LEN);
		if (seen_add(out, id, (int64_t)cursor_u64(&c), &ignored) !=
		    SNAP_OK)
			break;
	}
	if (out->n != 0)
		qsort(out->v, out->n, sizeof *out->v, by_id);
out:
	bytes_fini(&file);
}

void
seen_fini(struct seen *seen)
{
	free(seen->v);
	memset(seen, 0, sizeof *seen);
}

int64_t
seen_when(const struct seen *seen, const uint8_t id[ID_LEN])
{
	const struct seen_pack *found;
	struct seen_pack key;

	if (seen->n == 0)
		return SEEN_NEVER;
	memcpy(key.id, id, ID_LEN);
	found = bsearch(&key, seen->v, seen->n, sizeof *seen->v, by_id);
	return found == NULL ? SEEN_NEVER : found->time;
}

enum snap_code
seen_add(struct seen *seen, const uint8_t id[ID_LEN], int64_t time,
    struct snap_err *err)
{
	void *v = seen->v;
	enum snap_code rc;

	rc = vec_room(&v, &seen->cap, seen->n, sizeof *seen->v, err);
	seen->v = v;
	if (rc != SNAP_OK)
		return rc;
	memcpy(seen->v[seen->n].id, id, ID_LEN);
	seen->v[seen->n++].time = time;
	return SNAP_OK;
}

enum snap_code
seen_save(const struct store *s, struct seen *seen, struct snap_err *err)
{
	uint8_t print[PRINT_LEN];
	char path[PATH_LEN];
	struct bytes file;
	enum snap_code rc;

	if (!path_of(s, path))
		return SNAP_OK;
	bytes_init(&file, FILE_MAX);
	for (size_t i = 0; i < seen->n; i++) {
		bytes_put(&file, seen->v[i].id, ID_LEN);
		bytes_u64(&file, (uint64_t)seen->v[i].time);
	}
	keys_fingerprint(bytes_span(&file), print);
	bytes_put(&file, print, sizeof print);
	rc = bytes_check(&file, err);
	if (rc == SNAP_OK)
		rc = fd_replace(path, bytes_span(&file), err);
	bytes_fini(&file);
	return rc;
}
