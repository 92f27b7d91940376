/* SPDX-License-Identifier: PostgreSQL */
/*
 * cache.c - index segments, meta packs and snapshots beside the user's other
 * caches.
 *
 * Files are the store's own sealed bytes: the cache shows nothing in clear,
 * and what is read from it is verified just as what the store sends.  So a
 * stale, damaged or foreign file costs a fetch and changes nothing else.
 * Not synced: what a power cut spoils does not verify.  When there is more
 * than the limit, what was not used for longest goes.  Without a directory the
 * last few meta packs stay in memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "idmap.h"
#include "store_internal.h"

#define KEPT_PACKS 6
#define KEPT_BYTES (40u << 20)
#define PATH_LEN 4096
#define NONCE_HEX 17 /* with the dot */
#define LEFT_OVER_S 86400
#define TOUCH_S 3600 /* uses within that are one use */

struct kept {
	uint8_t id[ID_LEN];
	uint8_t *p;
	size_t len;
	uint64_t used;
};
struct cache {
	pthread_mutex_t fetch, lock;
	char *dir;             /* NULL: memory only */
	uint64_t limit, total; /* bytes; total 0: not counted yet */
	struct kept kept[KEPT_PACKS];
	uint64_t tick;
};

static const char *const kinds[CACHE_KINDS] = { "index", "meta", "snapshots",
	"ok" };

enum snap_code
cache_new(
    const char *dir, uint64_t limit, struct cache **out, struct snap_err *err)
{
	struct cache *c = calloc(1, sizeof *c);
	char path[PATH_LEN];
	enum snap_code rc = SNAP_OK;

	if (c == NULL)
		goto no_memory;
	if (pthread_mutex_init(&c->fetch, NULL) != 0)
		goto no_memory;
	if (pthread_mutex_init(&c->lock, NULL) != 0) {
		(void)pthread_mutex_destroy(&c->fetch);
		goto no_memory;
	}
	for (size_t i = 0; dir != NULL && i < CACHE_KINDS && rc == SNAP_OK;
	     i++) {
		int n = snprintf(path, sizeof path, "%s/%s", dir, kinds[i]);

		if (n < 0 || (size_t)n >= sizeof path - 64)
			rc = snap_fail(
			    err, SNAP_USAGE, "the cache's path is too long");
		else
			rc = fd_mkdirs(path, err);
	}
	c->limit = limit;
	if (rc == SNAP_OK && dir != NULL) {
		c->dir = strdup(dir);
		if (c->dir == NULL)
			rc = snap_fail(err, SNAP_NOMEM, "no memory");
	}
	*out = c;
	if (rc != SNAP_OK) {
		/* Go on in memory: the caller reports it. */
		return rc;
	}
	return SNAP_OK;
no_memory:
	free(c);
	*out = NULL;
	return snap_fail(err, SNAP_NOMEM, "no memory for the cache");
}

void
cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < KEPT_PACKS; i++)
		free(c->kept[i].p);
	(void)pthread_mutex_destroy(&c->fetch);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->dir);
	free(c);
}

void
cache_lock(struct cache *c)
{
	(void)pthread_mutex_lock(&c->fetch);
}

void
cache_unlock(struct cache *c)
{
	(void)pthread_mutex_unlock(&c->fetch);
}

static void
cache_path(const struct cache *c, enum cache_kind kind, const uint8_t *id,
    char out[PATH_LEN])
{
	char hex[2 * ID_LEN + 1];

	hex_encode(id, ID_LEN, hex);
	(void)snprintf(out, PATH_LEN, "%s/%s/%s", c->dir, kinds[kind], hex);
}

/* A regular file, or -1: a pipe or device in its place would keep us waiting.
 * Its time becomes that of its use. */
static int
open_file(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
		(void)close(fd);
		fd = -1;
	}
	if (fd >= 0 && time(NULL) - st->st_mtime > TOUCH_S)
		(void)futimens(fd, NULL);
	return fd;
}

/* Append [off, off + len) of the file, or nothing. */
static bool
read_range(int fd, off_t off, size_t len, struct bytes *out)
{
	size_t old = out->len;
	uint8_t *to = bytes_room(out, len);

	if (to != NULL && fd_pread_exact(fd, to, len, off) == 0)
		return true;
	out->len = old;
	return false;
}

bool
cache_get(struct cache *c, enum cache_kind kind, const uint8_t id[ID_LEN],
    size_t max, struct bytes *out)
{
	char path[PATH_LEN];
	struct stat st;
	bool ok;
	int fd;

	if (c->dir == NULL)
		return false;
	cache_path(c, kind, id, path);
	if ((fd = open_file(path, &st)) < 0)
		return false;
	ok = st.st_size > 0 && (uint64_t)st.st_size <= max &&
	     read_range(fd, 0, (size_t)st.st_size, out);
	(void)close(fd);
	return ok;
}

static bool
kept_range(struct cache *c, const uint8_t *id, uint32_t size, uint32_t off,
    size_t len, struct bytes *out)
{
	bool found = false;

	(void)pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < KEPT_PACKS && !found; i++) {
		struct kept *k = &c->kept[i];

		if (k->p == NULL || k->len != size || off > size ||
		    len > size - off || memcmp(k->id, id, ID_LEN) != 0)
			continue;
		k->used = ++c->tick;
		bytes_put(out, k->p + off, len);
		found = !out->bad;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return found;
}

bool
cache_get_range(struct cache *c, const uint8_t pack[ID_LEN], uint32_t size,
    uint32_t off, size_t len, struct bytes *out)
{
	char path[PATH_LEN];
	struct stat st;
	bool ok;
	int fd;

	if (c->dir == NULL)
		return kept_range(c, pack, size, off, len, out);
	cache_path(c, CACHE_META, pack, path);
	if ((fd = open_file(path, &st)) < 0)
		return false;
	ok = (uint64_t)st.st_size == size && off <= size && len <= size - off &&
	     read_range(fd, (off_t)off, len, out);
	(void)close(fd);
	return ok;
}

static void
drop_kept(struct kept *k)
{
	free(k->p);
	memset(k, 0, sizeof *k);
}

/* The least used go until the new one fits. */
static void
keep(struct cache *c, const uint8_t *id, struct span raw)
{
	struct kept *to = NULL, *oldest;
	size_t total;
	uint8_t *p;

	if (raw.len > KEPT_BYTES || (p = malloc(raw.len + 1)) == NULL)
		return;
	memcpy(p, raw.p, raw.len);
	(void)pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < KEPT_PACKS; i++)
		if (c->kept[i].p != NULL &&
		    memcmp(c->kept[i].id, id, ID_LEN) == 0)
			drop_kept(&c->kept[i]);
	for (;;) {
		total = raw.len;
		to = oldest = NULL;
		for (size_t i = 0; i < KEPT_PACKS; i++) {
			struct kept *k = &c->kept[i];

			total += k->len;
			if (k->p == NULL)
				to = k;
			else if (oldest == NULL || k->used < oldest->used)
				oldest = k;
		}
		if (oldest == NULL || (to != NULL && total <= KEPT_BYTES))
			break;
		drop_kept(oldest);
	}
	memcpy(to->id, id, ID_LEN);
	to->p = p;
	to->len = raw.len;
	to->used = ++c->tick;
	(void)pthread_mutex_unlock(&c->lock);
}

struct old_file {
	uint8_t id[ID_LEN];
	enum cache_kind kind;
	uint64_t size;
	struct timespec used;
};

static int
older(const void *a, const void *b)
{
	const struct timespec *x = &((const struct old_file *)a)->used;
	const struct timespec *y = &((const struct old_file *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Append the files of one kind to *v; false when memory is short. */
static bool
list_files(struct cache *c, enum cache_kind kind, struct old_file **v,
    size_t *n, size_t *cap)
{
	char path[PATH_LEN];
	const struct dirent *e;
	struct old_file f = { .kind = kind };
	struct stat st;
	bool ok = true;
	DIR *d;

	(void)snprintf(path, sizeof path, "%s/%s", c->dir, kinds[kind]);
	if ((d = opendir(path)) == NULL)
		return true;
	while (ok && (e = readdir(d)) != NULL) {
		struct snap_err ignored = SNAP_ERR_INIT;
		void *p = *v;

		if (strlen(e->d_name) != 2 * ID_LEN ||
		    !hex_decode(e->d_name, f.id, ID_LEN))
			continue;
		cache_path(c, kind, f.id, path);
		if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		f.size = (uint64_t)st.st_size;
		f.used = st.st_mtim;
		ok = vec_room(&p, cap, *n, sizeof **v, &ignored) == SNAP_OK;
		*v = p;
		if (ok)
			(*v)[(*n)++] = f;
	}
	(void)closedir(d);
	return ok;
}

/* Count what is there; above the limit delete down to nine tenths of it, so
 * that this is not done for every file.  Lock held. */
static void
shrink(struct cache *c)
{
	uint64_t total = 0, room = c->limit / 10 * 9;
	char path[PATH_LEN];
	struct old_file *v = NULL;
	size_t n = 0, cap = 0;
	bool ok = true;

	for (unsigned kind = 0; kind < CACHE_KINDS && ok; kind++)
		ok = list_files(c, (enum cache_kind)kind, &v, &n, &cap);
	if (ok) {
		for (size_t i = 0; i < n; i++)
			total += v[i].size;
		if (total > c->limit && n > 0) {
			qsort(v, n, sizeof *v, older);
			for (size_t i = 0; i < n && total > room; i++) {
				cache_path(c, v[i].kind, v[i].id, path);
				if (unlink(path) == 0)
					total -= v[i].size;
			}
		}
		c->total = total + 1; /* counted, also when empty */
	}
	free(v);
}

static void
count_in(struct cache *c, uint64_t size)
{
	(void)pthread_mutex_lock(&c->lock);
	if (c->total != 0)
		c->total += size;
	if (c->total == 0 || c->total > c->limit)
		shrink(c);
	(void)pthread_mutex_unlock(&c->lock);
}

void
cache_put(struct cache *c, enum cache_kind kind, const uint8_t id[ID_LEN],
    struct span raw)
{
	char path[PATH_LEN], tmp[PATH_LEN + 24], hex[17];
	uint8_t nonce[8];
	bool bad;
	int fd;

	if (c->dir == NULL) {
		if (kind == CACHE_META)
			keep(c, id, raw);
		return;
	}
	cache_path(c, kind, id, path);
	keys_random(nonce, sizeof nonce);
	hex_encode(nonce, sizeof nonce, hex);
	(void)snprintf(tmp, sizeof tmp, "%s.%s", path, hex);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	bad = fd_write_all(fd, raw.p, raw.len) != 0;
	bad = close(fd) != 0 || bad;
	if (bad || rename(tmp, path) != 0)
		(void)unlink(tmp);
	else
		count_in(c, raw.len);
}

/* "<id>.<nonce>" that nobody came to rename, killed long ago. */
static bool
is_left_over(const char *file, const char *name)
{
	struct stat st;

	return strlen(name) == 2 * ID_LEN + NONCE_HEX &&
	       name[2 * ID_LEN] == '.' && lstat(file, &st) == 0 &&
	       S_ISREG(st.st_mode) && time(NULL) - st.st_mtime > LEFT_OVER_S;
}

void
cache_prune(struct cache *c, enum cache_kind kind,
    bool (*keep_it)(void *arg, const uint8_t *id), void *arg)
{
	char path[PATH_LEN], file[PATH_LEN + 300], hex[2 * ID_LEN + 1];
	const struct dirent *e;
	uint8_t id[ID_LEN];
	DIR *d;

	if (c->dir == NULL)
		return;
	(void)snprintf(path, sizeof path, "%s/%s", c->dir, kinds[kind]);
	d = opendir(path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strlen(e->d_name) < 2 * ID_LEN)
			continue;
		memcpy(hex, e->d_name, 2 * ID_LEN);
		hex[2 * ID_LEN] = '\0';
		/* Only names that this file makes; others are not ours. */
		if (!hex_decode(hex, id, ID_LEN))
			continue;
		(void)snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		if (e->d_name[2 * ID_LEN] == '\0'
			? !keep_it(arg, id)
			: is_left_over(file, e->d_name))
			(void)unlink(file);
	}
	(void)closedir(d);
}
