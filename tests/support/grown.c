/* SPDX-License-Identifier: PostgreSQL */
/* grown.c - see grown.h.  Linux remembers the largest size of a process, and
 * forgets it when told to. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grown.h"

static long begin = -1; /* KiB */

/* A line of /proc/self/status; -1: there is none. */
static long
status_kib(const char *name)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = strlen(name);
	char line[200];
	long kib = -1;

	while (f != NULL && kib < 0 && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			kib = strtol(line + n + 1, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return kib;
}

void
grown_begin(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	bool reset = fd >= 0 && write(fd, "5", 1) == 1;

	if (fd >= 0)
		(void)close(fd);
	begin = reset ? status_kib("VmRSS") : -1;
}

size_t
grown_mib(void)
{
#ifdef SNAP_SANITIZED
	return 0;
#else
	long most = status_kib("VmHWM");

	return begin < 0 || most < begin ? 0 : (size_t)(most - begin) >> 10;
#endif
}
