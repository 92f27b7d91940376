/* SPDX-License-Identifier: PostgreSQL */
/* bitfile.c - see bitfile.h. */
#include <string.h>
#include <unistd.h>

#include "bitfile.h"
#include "fdio.h"

#define UNIT 8u       /* places are multiples of it */
#define PLACE_FIRST 2 /* behind BITS_ALL */

void
bitfile_init(struct bitfile *f, const char *dir)
{
	f->fd = -1;
	f->end = 0;
	f->dir = dir;
}

void
bitfile_fini(struct bitfile *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}

static size_t
len_of(uint32_t n)
{
	return ((size_t)n + 7) / 8;
}

static uint64_t
offset_of(uint32_t set)
{
	return (uint64_t)(set - PLACE_FIRST) * UNIT;
}

enum snap_code
bitfile_get(struct bitfile *f, uint32_t set, uint32_t n, uint8_t *bitmap,
    struct snap_err *err)
{
	if (set == BITS_NONE || set == BITS_ALL) {
		memset(bitmap, 0, len_of(n));
		if (set == BITS_ALL)
			bits_set(bitmap, 0, n);
		return SNAP_OK;
	}
	if (fd_pread_exact(f->fd, bitmap, len_of(n), (off_t)offset_of(set)) !=
	    0)
		return snap_fail_errno(
		    err, SNAP_IO, "read a temporary file in %s", f->dir);
	return SNAP_OK;
}

enum snap_code
bitfile_put(struct bitfile *f, uint32_t *set, uint32_t n, const uint8_t *bitmap,
    struct snap_err *err)
{
	uint32_t count = bits_count(bitmap, n);

	if (count == 0 || count == n) {
		*set = count == 0 ? BITS_NONE : BITS_ALL;
		return SNAP_OK;
	}
	if (f->fd < 0)
		f->fd = fd_unnamed(f->dir);
	if (*set == BITS_NONE || *set == BITS_ALL) {
		if (f->end / UNIT > UINT32_MAX - PLACE_FIRST - len_of(n))
			return snap_fail(err, SNAP_NOMEM,
			    "there are too many blocks to prune");
		*set = PLACE_FIRST + (uint32_t)(f->end / UNIT);
		f->end += (len_of(n) + UNIT - 1) / UNIT * UNIT;
	}
	if (f->fd < 0 || fd_pwrite_all(f->fd, bitmap, len_of(n),
			     (off_t)offset_of(*set)) != 0) {
		(void)snap_fail_errno(
		    err, SNAP_IO, "write a temporary file in %s", f->dir);
		return snap_hint(err, "Set TMPDIR to a directory with room.");
	}
	return SNAP_OK;
}

void
bits_set(uint8_t *b, uint32_t first, uint32_t count)
{
	uint32_t end = first + count;

	for (; first < end && first % 8 != 0; first++)
		b[first / 8] |= (uint8_t)(1u << first % 8);
	for (; end - first >= 8; first += 8)
		b[first / 8] = 0xff;
	for (; first < end; first++)
		b[first / 8] |= (uint8_t)(1u << first % 8);
}

uint32_t
bits_count(const uint8_t *b, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += b[i / 8] >> i % 8 & 1;
	return count;
}

bool
bits_get(const uint8_t *b, uint32_t i)
{
	return (b[i / 8] >> i % 8 & 1) != 0;
}
