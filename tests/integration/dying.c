/* SPDX-License-Identifier: PostgreSQL */
/*
 * dying.c - linked into the program: SIGKILL just before or after the n-th
 * object of a local repository gets its name.
 *
 * DIE_AT=3- dies before the third, DIE_AT=3+ after it.  Killing at random
 * moments seldom meets the few milliseconds in which a commit happens.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* What the linker's --wrap makes of linkat(). */
int __real_linkat(
    int from, const char *old, int to, const char *new, int flags);
int __wrap_linkat(
    int from, const char *old, int to, const char *new, int flags);

int
__wrap_linkat(int from, const char *old, int to, const char *new, int flags)
{
	static atomic_ulong count;
	const char *at = getenv("DIE_AT");
	char *when = NULL;
	unsigned long n = 0;
	int rc;

	if (at != NULL)
		n = strtoul(at, &when, 10);
	if (atomic_fetch_add(&count, 1) + 1 != n)
		return __real_linkat(from, old, to, new, flags);
	if (*when == '-')
		(void)raise(SIGKILL);
	rc = __real_linkat(from, old, to, new, flags);
	(void)raise(SIGKILL);
	return rc;
}
