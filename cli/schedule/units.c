/* SPDX-License-Identifier: PostgreSQL */
/*
 * units.c - a job as a service and a timer of systemd.
 *
 * The service gets what it needs and no more (systemd.exec(5)): it may read
 * the system, write its cache, its state and repositories on disk, and talk to
 * networks.  Its passphrase is a credential, so that it need not belong to the
 * user whom it runs as.
 */
#include <string.h>

#include "schedule.h"

static const char hardened[] =
    "NoNewPrivileges=yes\n"
    "CapabilityBoundingSet=\n"
    "ProtectSystem=strict\n"
    "ProtectHome=read-only\n"
    "PrivateTmp=yes\n"
    "PrivateDevices=yes\n"
    "ProtectClock=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectHostname=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectKernelModules=yes\n"
    "ProtectKernelTunables=yes\n"
    "ProtectProc=invisible\n"
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
    "RestrictNamespaces=yes\n"
    "RestrictRealtime=yes\n"
    "RestrictSUIDSGID=yes\n"
    "LockPersonality=yes\n"
    "MemoryDenyWriteExecute=yes\n"
    "SystemCallArchitectures=native\n"
    "SystemCallFilter=@system-service\n"
    "UMask=0077\n"
    "LimitCORE=0\n";

static void
put_escaped(struct bytes *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '%')
			bytes_u8(out, '%');
		else if (*text == '\\' || *text == '"')
			bytes_u8(out, '\\');
		bytes_u8(out, (uint8_t)*text);
	}
}

static void
put_paths(const struct schedule *s, struct bytes *out)
{
	const char *p = (const char *)s->write_paths.p;
	const char *end = p + s->write_paths.len;
	char path[4096];

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)(eol - p);

		if (n < sizeof path) {
			memcpy(path, p, n);
			path[n] = '\0';
			/* It need not be there, nor mounted, when this is
			 * read. */
			bytes_put_str(out, "ReadWritePaths=\"-");
			put_escaped(out, path);
			bytes_put_str(out, "\"\n");
		}
		p = eol + 1;
	}
}

void
unit_service(
    const struct schedule *s, const struct schedule_job *j, struct bytes *out)
{
	bytes_put_str(out, SCHEDULE_MARK);
	bytes_printf(out, "[Unit]\nDescription=" SNAP_PROGRAM_NAME " %s%s",
	    j->command, s->all_profiles ? " of all profiles" : "");
	if (s->profile[0] != '\0')
		bytes_printf(out, " of profile %s", s->profile);
	bytes_put_str(out, "\nDocumentation=man:" SNAP_PROGRAM_NAME "(1)\n"
			   "Wants=network-online.target\n"
			   "After=network-online.target postgresql.service\n\n"
			   "[Service]\nType=oneshot\n");
	if (s->user != NULL)
		bytes_printf(out, "User=%s\n", s->user);
	bytes_put_str(out, "ExecStart=");
	schedule_words(s, j, false, out);
	bytes_put_str(out, "\n"
			   /* It runs already, and says so: no failure. */
			   "SuccessExitStatus=15\n"
			   "TimeoutStartSec=infinity\n"
			   "Nice=10\nIOSchedulingClass=idle\n"
			   "CacheDirectory=" SNAP_PROGRAM_NAME "\n"
			   "StateDirectory=" SNAP_PROGRAM_NAME "\n"
			   "CacheDirectoryMode=0700\nStateDirectoryMode=0700\n"
			   "Environment=SNAP_CACHE_DIR=%C/" SNAP_PROGRAM_NAME
			   " SNAP_STATE_DIR=%S/" SNAP_PROGRAM_NAME "\n");
	if (s->passphrase != NULL) {
		bytes_put_str(out, "LoadCredential=passphrase:");
		put_escaped(out, s->passphrase);
		bytes_put_str(
		    out, "\nEnvironment=SNAP_PASSPHRASE_FILE=%d/passphrase\n");
	}
	put_paths(s, out);
	bytes_put_str(out, hardened);
}

static void
put_when(const struct schedule_job *j, struct bytes *out)
{
	const char *days = j->every == EVERY_WEEK    ? "Sun *-*-*"
			   : j->every == EVERY_MONTH ? "*-*-01"
						     : "*-*-*";

	if (j->every == EVERY_HOURS)
		bytes_printf(out, "OnCalendar=*-*-* 00/%u:%02u:00\n", j->hours,
		    j->minute);
	else
		bytes_printf(out, "OnCalendar=%s %02u:%02u:00\n", days, j->hour,
		    j->minute);
}

void
unit_timer(
    const struct schedule *s, const struct schedule_job *j, struct bytes *out)
{
	bytes_put_str(out, SCHEDULE_MARK);
	bytes_put_str(out, "[Unit]\nDescription=when ");
	schedule_name(s, j, out);
	bytes_put_str(out,
	    " runs\nDocumentation=man:" SNAP_PROGRAM_NAME "(1)\n\n[Timer]\n");
	put_when(j, out);
	bytes_put_str(out, "RandomizedDelaySec=15min\nPersistent=yes\n\n"
			   "[Install]\nWantedBy=timers.target\n");
}
