/* SPDX-License-Identifier: PostgreSQL */
/* oom.c - see oom.h. */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "oom.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static _Atomic uint64_t left;
static _Atomic bool struck;

void
oom_arm(uint64_t nth)
{
	atomic_store(&struck, false);
	atomic_store(&left, nth);
}

bool
oom_disarm(void)
{
	atomic_store(&left, 0);
	return atomic_load(&struck);
}

static bool
strikes(void)
{
	uint64_t n = atomic_load(&left);

	while (n > 0)
		if (atomic_compare_exchange_weak(&left, &n, n - 1)) {
			if (n > 1)
				return false;
			atomic_store(&struck, true);
			errno = ENOMEM;
			return true;
		}
	return false;
}

void *
__wrap_malloc(size_t size)
{
	return strikes() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return strikes() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return strikes() ? NULL : __real_realloc(p, size);
}
