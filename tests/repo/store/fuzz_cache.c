/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_cache.c - whatever somebody did to the cache, a restore is the same.
 *
 * Input: five bytes for each change to the files of a cache that was filled:
 * which file, where (two bytes), what, value.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"
#include "mem.h"
#include "repo.h"

#define FILES_MAX 16
#define ROWS 400
#define LIMIT (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct transport *t;
static char code[128], dir[64];
static struct bytes rows;
static struct cached {
	char path[512];
	struct bytes whole;
} files[FILES_MAX];
static size_t n_files;

static void
must(enum snap_code rc)
{
	if (rc != SNAP_OK)
		abort();
}

/* Every file below a directory of the cache: all of them, or their removal. */
static void
each_file(const char *path, void (*fn)(const char *path))
{
	char below[512];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(path);

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		if (lstat(below, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			each_file(below, fn);
		else
			fn(below);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(path); /* succeeds once they are gone */
}

static void
remember(const char *path)
{
	struct snap_err err = SNAP_ERR_INIT;

	if (n_files == FILES_MAX)
		return;
	(void)snprintf(
	    files[n_files].path, sizeof files[n_files].path, "%s", path);
	bytes_init(&files[n_files].whole, LIMIT);
	must(fd_slurp(path, LIMIT, &files[n_files].whole, &err));
	n_files++;
}

static void
remove_file(const char *path)
{
	(void)unlink(path);
}

static void
clean_up(void)
{
	each_file(dir, remove_file);
}

struct compare {
	struct sink sink;
	size_t off;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)m;
	(void)err;
	((struct compare *)s)->off = 0;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	if (d.len > rows.len - c->off ||
	    memcmp(rows.p + c->off, d.p, d.len) != 0)
		abort();
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t n, struct snap_err *err)
{
	(void)n;
	(void)err;
	if (((struct compare *)s)->off != rows.len)
		abort();
	return SNAP_OK;
}

static struct repo *
door(void)
{
	struct repo_opts o = {
		.is_recovery_code = true, .n_threads = 1, .cache_dir = dir
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	o.passphrase = span_str(code);
	must(repo_open(t, &o, &r, &err));
	return r;
}

static void
read_back(void)
{
	static const struct sink_ops ops = { cmp_begin, cmp_data, cmp_end };
	struct compare c = { { &ops }, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct repo_manifest *m;
	struct repo *r = door();

	must(repo_snapshots(r, &all, &err));
	if (all.n != 1)
		abort();
	must(repo_manifest(r, &all.v[0], &m, &err));
	must(repo_read(r, m, NULL, NULL, &c.sink, &err));
	repo_manifest_free(m);
	repo_snapshots_free(&all);
	repo_close(r);
}

static void
start(void)
{
	struct repo_params p = { .kdf_mem_kib = 8192 };
	struct repo_opts o = { .passphrase = span_str("pw") };
	struct repo_backup_opts bo = { .n_lanes = 1, .name = "t" };
	struct stream_meta m = {
		.kind = STREAM_RAW, .cutter = CUTTER_ROWS, .name = span_str("t")
	};
	struct snap_err err = SNAP_ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	struct repo_snapshot snap;
	struct repo_backup *b;
	struct mem_store *mem;
	uint8_t id[REPO_ID_LEN];
	struct repo *r;
	struct sink *s;

	(void)snprintf(
	    dir, sizeof dir, "%.40s/fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL || atexit(clean_up) != 0)
		abort();
	must(mem_store_new(&mem, &err));
	must(transport_open_mem(mem, &t, &err));
	must(repo_init(t, &p, &o, code, id, &err));
	bytes_init(&rows, LIMIT);
	for (unsigned i = 0; i < ROWS; i++)
		bytes_printf(&rows, "%u\tname %u\n", i, i * 2654435761u);
	r = door();
	must(repo_backup_begin(r, &bo, &b, &err));
	s = repo_backup_lane(b, 0);
	must(sink_begin(s, &m, &err));
	must(sink_data(s, bytes_span(&rows), &err));
	must(sink_end(s, 0, &err));
	must(repo_backup_commit(b, NULL, 0, &snap, &err));
	repo_snapshot_fini(&snap);
	repo_close(r);
	read_back(); /* fills it */
	each_file(dir, remember);
	if (n_files == 0)
		abort();
}

/* All files as they were, but for the changes. */
static void
write_files(const uint8_t *data, size_t size)
{
	for (size_t k = 0; k < n_files; k++) {
		struct bytes b;
		int fd;

		bytes_init(&b, LIMIT);
		bytes_put_span(&b, bytes_span(&files[k].whole));
		for (size_t i = 0; i + 5 <= size; i += 5) {
			const uint8_t *e = data + i;
			size_t at = e[1] | (size_t)e[2] << 8;

			if (e[0] % n_files != k || b.len == 0)
				continue;
			at %= b.len;
			if (e[3] % 3 == 0)
				b.p[at] ^= e[4];
			else if (e[3] % 3 == 1)
				b.len = at;
			else
				bytes_zero(&b, e[4]);
		}
		fd = open(files[k].path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || b.bad ||
		    (b.len > 0 && write(fd, b.p, b.len) != (ssize_t)b.len))
			abort();
		(void)close(fd);
		bytes_fini(&b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (t == NULL)
		start();
	write_files(data, size);
	read_back();
	return 0;
}
