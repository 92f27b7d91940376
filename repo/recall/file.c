/* SPDX-License-Identifier: PostgreSQL */
/*
 * file.c - one file for each repository at each place, sealed under a key of
 * that repository, so that nobody else can write one or learn from it.
 *
 * It is as an object, without a trailer: header and sealed body, of a kind that
 * no repository has.  The place is in its name and its header: a mirror of a
 * repository may lag behind, and two disks may take turns at one place.
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
#include "recall.h"
#include "seal.h"

#define KIND 'R'
#define AT_EPOCH 48 /* in a header */
#define FILE_MAX ((size_t)4 << 20)
#define NAME_LEN (4 * ID_LEN + 1) /* place, dot, repository */
#define LOCK_TRIES 100
#define LOCK_WAIT_NS 100000000

static void
place_hash(const char *place, uint8_t out[ID_LEN])
{
	uint8_t print[32];

	keys_fingerprint(span_str(place), print);
	memcpy(out, print, ID_LEN);
}

static void
file_name(const uint8_t place[ID_LEN], const uint8_t repo[ID_LEN],
    char out[NAME_LEN + 1])
{
	hex_encode(place, ID_LEN, out);
	out[2 * ID_LEN] = '.';
	hex_encode(repo, ID_LEN, out + 2 * ID_LEN + 1);
}

enum snap_code
recall_file_open(struct recall_file *f, struct store *s, const char *dir,
    const char *place, struct snap_err *err)
{
	size_t len = strlen(dir) + NAME_LEN + 2;
	char name[NAME_LEN + 1];
	enum snap_code rc;

	memset(f, 0, sizeof *f);
	f->s = s;
	f->dir = dir;
	f->lock = -1;
	if ((rc = fd_mkdirs(dir, err)) != SNAP_OK)
		return rc;
	place_hash(place, f->place);
	file_name(f->place, s->repo_id, name);
	f->path = malloc(len);
	if (f->path == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a path");
	(void)snprintf(f->path, len, "%s/%s", dir, name);
	return SNAP_OK;
}

void
recall_file_close(struct recall_file *f)
{
	if (f->lock >= 0)
		(void)close(f->lock); /* which gives the lock back */
	f->lock = -1;
	free(f->path);
	f->path = NULL;
}

/* A lock of the kernel, which goes with its process. */
enum snap_code
recall_file_lock(struct recall_file *f, struct snap_err *err)
{
	const struct timespec wait = { 0, LOCK_WAIT_NS };
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	size_t len = strlen(f->dir) + sizeof "/lock";
	char *path = malloc(len);

	if (path == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a path");
	(void)snprintf(path, len, "%s/lock", f->dir);
	f->lock = open(
	    path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	free(path);
	if (f->lock < 0)
		return snap_fail_errno(err, SNAP_IO, "open %s/lock", f->dir);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(f->lock, F_SETLK, &whole) == 0)
			return SNAP_OK;
		if (errno != EACCES && errno != EAGAIN && errno != EINTR)
			return snap_fail_errno(
			    err, SNAP_IO, "lock %s/lock", f->dir);
		(void)nanosleep(&wait, NULL);
	}
	return snap_fail(err, SNAP_BUSY, "%s/lock is held by somebody", f->dir);
}

static void
make_header(const struct recall_file *f, uint32_t epoch, uint8_t *out)
{
	struct header h;

	memset(&h, 0, sizeof h);
	h.kind = KIND;
	h.epoch = epoch;
	memcpy(h.id, f->place, ID_LEN);
	memcpy(h.repo_id, f->s->repo_id, ID_LEN);
	header_encode(&h, out);
}

static enum snap_code
unseal(struct recall_file *f, struct span raw, struct recall *out,
    struct snap_err *err)
{
	uint8_t header[HEADER_LEN];
	struct bytes plain;
	enum snap_code rc;

	if (raw.len < HEADER_LEN)
		return snap_fail(err, SNAP_CORRUPT, "it is cut short");
	make_header(f, le32_get(raw.p + AT_EPOCH), header);
	if (memcmp(header, raw.p, HEADER_LEN) != 0)
		return snap_fail(err, SNAP_CORRUPT, "it is something else");
	bytes_init(&plain, FILE_MAX);
	rc = open_body(f->s->keys, span_of(header, HEADER_LEN),
	    span_of(raw.p + HEADER_LEN, raw.len - HEADER_LEN), &plain, err);
	if (rc == SNAP_OK)
		rc = recall_decode(bytes_span(&plain), out, err);
	if (rc == SNAP_OK)
		out->epoch = le32_get(raw.p + AT_EPOCH);
	bytes_fini(&plain);
	return rc == SNAP_NOMEM ? rc : (rc == SNAP_OK ? rc : SNAP_CORRUPT);
}

enum snap_code
recall_file_load(
    struct recall_file *f, struct recall *out, struct snap_err *err)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum snap_code rc = SNAP_OK;
	struct bytes raw;
	struct stat st;
	uint8_t *to;

	if (fd < 0 && errno == ENOENT)
		return snap_fail(err, SNAP_NOTFOUND, "there is no %s", f->path);
	if (fd < 0)
		return snap_fail_errno(err, SNAP_CORRUPT, "open %s", f->path);
	bytes_init(&raw, FILE_MAX);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_size <= 0 ||
	    (uintmax_t)st.st_size > FILE_MAX)
		rc = snap_fail(err, SNAP_CORRUPT, "it is no file of ours");
	else if ((to = bytes_room(&raw, (size_t)st.st_size)) == NULL)
		rc = bytes_check(&raw, err);
	else if (fd_pread_exact(fd, to, raw.len, 0) != 0)
		rc = snap_fail_errno(err, SNAP_CORRUPT, "read it");
	if (rc == SNAP_OK)
		rc = unseal(f, bytes_span(&raw), out, err);
	if (rc != SNAP_OK)
		(void)snap_wrap(err, "%s", f->path);
	bytes_fini(&raw);
	(void)close(fd);
	return rc;
}

enum snap_code
recall_file_save(
    struct recall_file *f, const struct recall *r, struct snap_err *err)
{
	uint8_t header[HEADER_LEN];
	struct bytes plain, raw;
	enum snap_code rc;

	bytes_init(&plain, FILE_MAX);
	bytes_init(&raw, FILE_MAX);
	recall_encode(r, &plain);
	make_header(f, f->s->keys->epoch, header);
	bytes_put(&raw, header, HEADER_LEN);
	rc = bytes_check(&plain, err);
	if (rc == SNAP_OK)
		rc = seal_body(f->s->keys, span_of(header, HEADER_LEN),
		    bytes_span(&plain), &raw, err);
	if (rc == SNAP_OK)
		rc = fd_replace(f->path, bytes_span(&raw), err);
	bytes_fini(&plain);
	bytes_fini(&raw);
	return rc;
}

/* Each file of a place: its repository, and when it was written. */
static void
each_of_place(const char *dir, const uint8_t place[ID_LEN],
    void (*fn)(void *arg, const char *path, const uint8_t *repo,
	const struct stat *st),
    void *arg)
{
	size_t len = strlen(dir) + NAME_LEN + 2;
	char *path = malloc(len), hex[2 * ID_LEN + 1];
	const struct dirent *e;
	uint8_t repo[ID_LEN];
	struct stat st;
	DIR *d = path != NULL ? opendir(dir) : NULL;

	hex_encode(place, ID_LEN, hex);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strlen(e->d_name) != NAME_LEN ||
		    memcmp(e->d_name, hex, 2 * ID_LEN) != 0 ||
		    e->d_name[2 * ID_LEN] != '.' ||
		    !hex_decode(e->d_name + 2 * ID_LEN + 1, repo, ID_LEN))
			continue;
		(void)snprintf(path, len, "%s/%s", dir, e->d_name);
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
			fn(arg, path, repo, &st);
	}
	if (d != NULL)
		(void)closedir(d);
	free(path);
}

struct other {
	const uint8_t *own;
	uint8_t *id;
	time_t newest;
	bool found;
};

static void
take_other(
    void *arg, const char *path, const uint8_t *repo, const struct stat *st)
{
	struct other *o = arg;

	(void)path;
	if (memcmp(repo, o->own, ID_LEN) == 0 ||
	    (o->found && st->st_mtime < o->newest))
		return;
	memcpy(o->id, repo, ID_LEN);
	o->newest = st->st_mtime;
	o->found = true;
}

bool
recall_file_other(struct recall_file *f, uint8_t id[ID_LEN])
{
	struct other o = { .own = f->s->repo_id, .id = id };

	each_of_place(f->dir, f->place, take_other, &o);
	return o.found;
}

static void
drop(void *arg, const char *path, const uint8_t *repo, const struct stat *st)
{
	const uint8_t *keep = arg;

	(void)st;
	if (keep == NULL || memcmp(repo, keep, ID_LEN) != 0)
		(void)unlink(path);
}

void
recall_file_clear(const char *dir, const char *place, const uint8_t *keep)
{
	uint8_t hash[ID_LEN];

	place_hash(place, hash);
	each_of_place(dir, hash, drop, (void *)(uintptr_t)keep);
}
