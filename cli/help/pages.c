/* SPDX-License-Identifier: PostgreSQL */
/* pages.c - the prose of the manual pages that are of no command. */
#include "guide.h"

#define PROG SNAP_PROGRAM_NAME

/* clang-format off */
const struct section pages_conf[] = {
	{ "SYNOPSIS",
	  "\t/etc/" PROG "/" PROG ".conf\n"
	  "\t$XDG_CONFIG_HOME/" PROG "/" PROG ".conf\n" },
	{ "DESCRIPTION",
	  "A configuration says once what the options would say each time. Both "
	  "files are read, and the second beats the first, line by line; or only "
	  "the file of --config or SNAP_CONFIG is read; if that variable is empty, "
	  "none.\n"
	  "A line is KEY = VALUE. Lines that begin with # or ; are comments; behind "
	  "a value there are none. A list is one line for each member. What is yes "
	  "or no is yes or no. A key that does not exist is an error, and so is one "
	  "twice in a section. Lines in front of all sections always hold; those of "
	  "section [NAME] hold with --profile=NAME or SNAP_PROFILE=NAME, and beat "
	  "the general ones. Options beat the environment, which beats the files.\n"
	  "No secret is a value: files and commands give them. A file belongs to "
	  "its user or to root, and nobody else may write it. '" PROG " config "
	  "show' prints what holds, and where it was said.\n" },
	{ "EXAMPLES",
	  "\trepository = sftp://backup@vault.example/srv/" PROG "\n"
	  "\tpassphrase-file = /etc/" PROG "/passphrase\n"
	  "\tkeep-daily = 7\n"
	  "\tkeep-monthly = 12\n"
	  "\n"
	  "\t[shop]\n"
	  "\tdbname = shop\n"
	  "\texclude-table-data = audit.*\n"
	  "\texclude-table-data = cache.*\n" },
	{ NULL, NULL }
};

const struct section pages_urls[] = {
	{ "SYNOPSIS",
	  "\tPATH\n"
	  "\tsftp://[USER@]HOST[:PORT]/PATH\n"
	  "\ts3://BUCKET[/PATH]\n"
	  "\tb2://BUCKET[/PATH]\n" },
	{ "DESCRIPTION",
	  "A repository is a directory, on this machine or an SSH server, or a "
	  "part of a bucket. --repo names it, SNAP_REPOSITORY, or 'repository' in "
	  "a configuration. Every command is the same everywhere. '" PROG
	  " doctor' says whether a store keeps its promises, and what the "
	  "credentials may do there. No password and no key belongs in a URL; it "
	  "is refused with them.\n" },
	{ "LOCAL DIRECTORIES",
	  "A path, absolute or from the working directory. " PROG
	  " init makes it.\n"
	  "\t/srv/backup/shop\n" },
	{ "SFTP",
	  "PATH is absolute; /~/PATH begins where the server starts a session, "
	  "which mostly is the home directory. Host keys come from known_hosts; "
	  "~/.ssh/config is not read. " PROG " init makes the directory.\n"
	  "\tsftp://backup@vault.example/srv/backup/shop\n"
	  "\tsftp://backup@vault.example:2222/~/shop\n" },
	{ "S3",
	  "At AWS, or at the server of s3.endpoint. A host with a port in front of "
	  "the bucket says the same; so does the form of restic. Keys are those of "
	  "the AWS programs: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, "
	  "or what the machine is given. PATH has only letters, digits and "
	  ". _ ~ - /.\n"
	  "\ts3://bucket/shop\n"
	  "\ts3://minio.example:9000/bucket/shop\n"
	  "\ts3:https://minio.example:9000/bucket/shop\n" },
	{ "BACKBLAZE B2",
	  "By its own API. The bucket must exist and may have no lifecycle rules. "
	  "The application key is b2.key-id with b2.key-file or b2.key-command, "
	  "else B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY.\n"
	  "\tb2://bucket/shop\n" },
	{ NULL, NULL }
};

const struct section pages_exit[] = {
	{ "DESCRIPTION",
	  "Take every status that is not listed for a failure. A backup with "
	  "status 0 or 3 has made a snapshot, one with another status has not. "
	  "A restore has written everything, verified, if and only if its status "
	  "is 0; in a pipe into psql look at psql's status as well.\n"
	  "'" PROG " status' with --check, --max-age or --max-verify-age answers as a "
	  "plugin of a monitoring instead: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n"
	  "When nobody reads standard output any more ('| head') the status is 1 "
	  "without a message. The first SIGINT, SIGTERM or SIGHUP stops a command "
	  "cleanly, a second one, a second later or more, at once; neither does "
	  "harm.\n" },
	{ NULL, NULL }
};
/* clang-format on */
