/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_config.c - configuration files, and times as people write them.
 *
 * The first byte picks.  Of a file the first line is the profile.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "config.h"
#include "fdio.h"
#include "ui.h"

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			abort();                                               \
	} while (0)

#define EARLY_NS INT64_C(172800000000000)
#define LATE_NS INT64_C(7258000000000000000) /* 2199 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/tmp/snap-fuzz-XXXXXX";
static int file = -1;

static void
gone(void)
{
	(void)unlink(path);
}

/* What holds is whole, and there is no end of none. */
static void
try_file(char *profile, struct span text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct config_line l;
	static struct opts o;

	if (file < 0) {
		MUST((file = mkstemp(path)) >= 0 && atexit(gone) == 0);
	}
	MUST(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
	MUST(fd_write_all(file, text.p, text.len) == 0);
	memset(&o, 0, sizeof o);
	o.config = path;
	o.profile = profile;
	if (config_load(&o, &err) == SNAP_OK) {
		for (size_t i = 0; config_get(i, &l); i++) {
			MUST(l.value[0] != '\0' && l.key[0] != '\0');
			MUST(strcmp(l.file, path) == 0);
			MUST(l.profile[0] == '\0' ||
			     strcmp(l.profile, profile) == 0);
		}
		for (unsigned bit = 0; bit < 9; bit++)
			(void)!config_apply(&o, 1u << bit, &err);
		(void)config_value("", "repository", "");
		(void)config_value("from", "passphrase", "-file");
	} else {
		MUST(err.msg[0] != '\0');
	}
	config_forget();
}

/* What was read is shown, and read again, as the same time. */
static void
try_when(const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;
	int64_t at, span, again, none;
	char shown[UI_TIME_MAX];

	if (ui_when("since", text, &at, &span, &err) != SNAP_OK)
		return;
	MUST(at == 0 || span == 0);
	if (at < EARLY_NS || at > LATE_NS)
		return; /* in our zone it may be a year that is none */
	MUST(ui_when("since", ui_time(at, shown), &again, &none, &err) ==
	     SNAP_OK);
	MUST(again / 1000000000 == at / 1000000000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *end;

	if (size == 0)
		return 0;
	MUST((text = malloc(size)) != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	end = strchr(text, '\n');
	if (data[0] == 'w') {
		try_when(text);
	} else if (end != NULL) {
		*end++ = '\0';
		try_file(text, span_of(end, (size_t)(text + size - 1 - end)));
	}
	free(text);
	return 0;
}
