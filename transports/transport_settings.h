/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport_settings.h - the names of all settings that back-ends ask for.
 *
 * One table, from which the command line, its help and the manual page are
 * checked and made; a back-end asks for no name that is not here.
 */
#ifndef SNAP_TRANSPORT_SETTINGS_H
#define SNAP_TRANSPORT_SETTINGS_H

#include <stdbool.h>

struct transport_setting {
	const char *name; /* scheme.word; NULL ends the table */
	const char *arg;  /* what its value is, for help texts */
	bool is_secret;   /* given as NAME-file or NAME-command only */
	const char *help;
};

extern const struct transport_setting transport_settings[];

#endif
